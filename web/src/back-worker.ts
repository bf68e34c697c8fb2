// The worker of the return page: derives what the words give, asks the server for the public log and for answers, looks for
// what is hers in them, and seals what she adds. The words go no further than here; what is asked for does not depend on
// them but for which pages of answers, always as many.

import forces from "virtual:forces";
import type { Tell } from "./answering.ts";
import { listen, telling } from "./answering.ts";
import type { Common } from "./asker.ts";
import { FileChanged } from "./files.ts";
import type { Chosen } from "./files.ts";
import type { Fault, Span } from "./look.ts";
import type { Mail } from "./mail.ts";
import { TooLong } from "./report.ts";
import type { Submission } from "./submit.ts";
import { Visit } from "./visit.ts";
import type { Addition, KeyOf, Visited } from "./visit.ts";
import { wayOf } from "./way.ts";
import { work } from "./work.ts";
import type { WorkReply, WorkRequest } from "./work-asked.ts";

export type Request =
  | {
      readonly kind: "look";
      readonly force: string;
      readonly words: string;
      readonly span: Span;
      readonly today: string;
    }
  /** Four other pages of answers, with the words of the last look. */
  | { readonly kind: "earlier" }
  /** The key that an addition would be sealed to. */
  | { readonly kind: "key"; readonly today: string }
  | {
      readonly kind: "seal";
      readonly addition: Addition;
      readonly files: readonly Chosen[];
      readonly today: string;
    }
  /** The words are not needed any more. */
  | { readonly kind: "forget" }
  | WorkRequest;

export type Reply =
  | Visited
  /** No answer came, several times. */
  | { readonly kind: "line" }
  | { readonly kind: "mail"; readonly mail: Mail }
  | { readonly kind: "key"; readonly key: Pick<KeyOf, "id" | "fingerprint"> }
  | { readonly kind: "fault"; readonly fault: Fault }
  | { readonly kind: "sealed"; readonly submission: Submission }
  | { readonly kind: "changed"; readonly at: number }
  | { readonly kind: "too-long" }
  | { readonly kind: "forgotten" }
  | WorkReply;

class NoAnswer extends Error {}

/** Pauses before another try, in milliseconds. */
const PAUSES_MS = [500, 2_000, 5_000];

/** Of the progress, so much is the keys; the rest is the visit. */
const KEYS = 0.1;

let visit: Visit | null = null;

async function get(address: string): Promise<Uint8Array | null> {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(address, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: "error",
    })
      .then(async (response) => {
        if (response.status === 404) return { bytes: null };
        return response.ok ? { bytes: new Uint8Array(await response.arrayBuffer()) } : null;
      })
      .catch(() => null); // The line dropped, before the answer or in the midst of it.
    if (answer !== null) return answer.bytes;
    const pause = PAUSES_MS[attempt];
    if (pause === undefined) throw new NoAnswer();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function forget(): void {
  visit?.end();
  visit = null;
}

/** A visit that found nothing to go on with is not kept. */
async function looked(begun: Visit, span: Span, today: string, progress: (fraction: number) => void): Promise<Visited> {
  visit = begun;
  let isKept = false;
  try {
    const visited = await begun.look(span, today, progress);
    isKept = visited.kind === "looked";
    return visited;
  } finally {
    if (!isKept) forget();
  }
}

async function answer(request: Request, tell: Tell<Reply>): Promise<Reply | Common> {
  switch (request.kind) {
    case "look": {
      forget();
      const { force, words, span, today } = request;
      const root_key = forces.find(({ id }) => id === force)?.root_key;
      if (root_key == null) return { kind: "fault", fault: "directory" };
      const step = telling(tell);
      const way = await wayOf(words, force, (fraction) => step(KEYS * fraction, 1));
      const visit = new Visit(get, force, root_key, way);
      return looked(visit, span, today, (fraction) => step(KEYS + (1 - KEYS) * fraction, 1));
    }
    case "earlier": {
      const mail = await visit?.earlier();
      return mail == null ? { kind: "error" } : { kind: "mail", mail };
    }
    case "key": {
      const opened = await visit?.key(request.today);
      if (opened === undefined) return { kind: "error" };
      if (!opened.ok) return { kind: "fault", fault: opened.why === "expired" ? "expired" : "directory" };
      return { kind: "key", key: { id: opened.key.id, fingerprint: opened.key.fingerprint } };
    }
    case "seal": {
      if (visit === null) return { kind: "error" };
      const submission = await visit.seal(request.addition, request.files, request.today, telling(tell));
      return { kind: "sealed", submission };
    }
    case "forget":
      forget();
      return { kind: "forgotten" };
    case "work":
      return {
        kind: "worked",
        proof: work(request.asked, request.h, (done, total) => tell({ kind: "progress", done, total })),
      };
    default:
      return request satisfies never;
  }
}

function refused(error: unknown): Reply | Common {
  if (error instanceof FileChanged) return { kind: "changed", at: error.at };
  if (error instanceof NoAnswer) return { kind: "line" };
  return { kind: error instanceof TooLong ? "too-long" : "error" };
}

listen<Request, Reply>(answer, refused);
