// The worker of the return page: derives what the words give, asks the server for the public log, and looks for what is
// hers in it. The words go no further than here; what is asked for does not depend on them.

import forces from "virtual:forces";
import type { Common } from "./asker.ts";
import { look } from "./look.ts";
import type { Looked, Span } from "./look.ts";
import { wayOf } from "./way.ts";

export type Request = {
  readonly kind: "look";
  readonly force: string;
  readonly words: string;
  readonly span: Span;
  readonly today: string;
};

/** `line`: no answer came, several times. */
export type Reply = Looked | { readonly kind: "line" };

class NoAnswer extends Error {}

/** Pauses before another try, in milliseconds. */
const PAUSES_MS = [500, 2_000, 5_000];

async function get(address: string): Promise<Uint8Array | null> {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(address, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: "error",
    }).then(
      async (response) => {
        if (response.status === 404) return { bytes: null };
        return response.ok ? { bytes: new Uint8Array(await response.arrayBuffer()) } : null;
      },
      () => null,
    );
    if (answer !== null) return answer.bytes;
    const pause = PAUSES_MS[attempt];
    if (pause === undefined) throw new NoAnswer();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function answer(
  { force, words, span, today }: Request,
  progress: (done: number, total: number) => void,
): Promise<Reply> {
  const root_key = forces.find(({ id }) => id === force)?.root_key;
  if (root_key == null) return { kind: "fault", fault: "directory" };
  const way = await wayOf(words, force);
  try {
    return await look(get, { force, root_key, today, span }, way, progress);
  } catch (error) {
    if (error instanceof NoAnswer) return { kind: "line" };
    throw error;
  } finally {
    way.tag.fill(0);
  }
}

self.addEventListener("message", (event: MessageEvent<{ id: number; request: Request }>) => {
  const { id, request } = event.data;
  const tell = (reply: Reply | Common) => self.postMessage({ id, reply });
  let told = 0;
  const progress = (done: number, total: number) => {
    if (done < total && done - told < total / 100) return; // A message for every bundle would be thousands.
    told = done;
    tell({ kind: "progress", done, total });
  };
  answer(request, progress).then(tell, () => tell({ kind: "error" }));
});
