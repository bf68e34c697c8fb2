// The worker: checks directories and seals, away from the page, so that a slow phone does not freeze.
// It seals only to a key that it has itself found under a root key pinned at build time.

import forces from "virtual:forces";
import type { Opened } from "./directory.ts";
import { openDirectory } from "./directory.ts";
import type { Submission } from "./submit.ts";
import { submission } from "./submit.ts";
import { seal, warmUp } from "./seal.ts";

export type Request =
  | { readonly kind: "warm" }
  | { readonly kind: "open"; readonly force: string; readonly note: Uint8Array; readonly today: string }
  | { readonly kind: "seal"; readonly force: string; readonly padded: Uint8Array; readonly today: string };

export type Reply =
  | { readonly kind: "warm" }
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "sealed"; readonly submission: Submission }
  | { readonly kind: "error" };

const notes = new Map<string, Uint8Array>();

function open(force: string, today: string): Opened {
  const note = notes.get(force);
  const root_key = forces.find(({ id }) => id === force)?.root_key;
  if (note === undefined || root_key == null) {
    return { ok: false, why: "forged", detail: "no note, or no pinned key" };
  }
  return openDirectory(note, force, root_key, today);
}

async function answer(request: Request): Promise<Reply> {
  switch (request.kind) {
    case "warm":
      await warmUp();
      return { kind: "warm" };
    case "open":
      notes.set(request.force, request.note);
      return { kind: "opened", opened: open(request.force, request.today) };
    case "seal": {
      const opened = open(request.force, request.today);
      if (!opened.ok) return { kind: "error" };
      return { kind: "sealed", submission: submission(await seal(request.padded, opened.key.recipient)) };
    }
    default:
      return request satisfies never;
  }
}

self.addEventListener("message", (event: MessageEvent<{ id: number; request: Request }>) => {
  const { id, request } = event.data;
  answer(request).then(
    (reply) => {
      const transfer = reply.kind === "sealed" ? [reply.submission.body.buffer] : [];
      self.postMessage({ id, reply }, { transfer });
    },
    () => {
      self.postMessage({ id, reply: { kind: "error" } satisfies Reply });
    },
  );
});
