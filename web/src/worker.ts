// The worker: checks directories, reads files and seals, away from the page, so that a slow phone does not freeze.
// It seals only to keys that it has itself found under a root key pinned at build time.

import forces from "virtual:forces";
import type { Opened } from "./directory.ts";
import { openDirectory } from "./directory.ts";
import { FileChanged } from "./files.ts";
import type { Parcel } from "./parcel.ts";
import { sealParcel } from "./parcel.ts";
import { TooLong } from "./report.ts";
import { warmUp } from "./seal.ts";
import type { Submission } from "./submit.ts";

export type Request =
  | { readonly kind: "warm" }
  | { readonly kind: "open"; readonly force: string; readonly note: Uint8Array; readonly today: string }
  | { readonly kind: "seal"; readonly force: string; readonly parcel: Parcel; readonly today: string };

export type Reply =
  | { readonly kind: "warm" }
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "sealed"; readonly submission: Submission }
  /** Not an answer yet: so many of all bytes are done. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "changed"; readonly at: number }
  | { readonly kind: "too-long" }
  | { readonly kind: "error" };

type Tell = (reply: Reply) => void;

const notes = new Map<string, Uint8Array>();

/** The directory of a force; it is forged, too, when it sends reports to a force that this page does not know. */
function open(force: string, today: string): Opened {
  const note = notes.get(force);
  const root_key = forces.find(({ id }) => id === force)?.root_key;
  if (note === undefined || root_key == null) {
    return { ok: false, why: "forged", detail: "no note, or no pinned key" };
  }
  const opened = openDirectory(note, force, root_key, today);
  if (opened.ok && opened.police_suspect !== null && !forces.some(({ id }) => id === opened.police_suspect)) {
    return { ok: false, why: "forged", detail: "it names a force that this page does not know" };
  }
  return opened;
}

/** Tells of progress when a hundredth more is done: a message for every piece would be thousands. */
function telling(tell: Tell): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    if (total === 0 || (done < total && done - told < total / 100)) return;
    told = done;
    tell({ kind: "progress", done, total });
  };
}

async function answer(request: Request, tell: Tell): Promise<Reply> {
  switch (request.kind) {
    case "warm":
      await warmUp();
      return { kind: "warm" };
    case "open":
      notes.set(request.force, request.note);
      return { kind: "opened", opened: open(request.force, request.today) };
    case "seal": {
      const opened = open(request.force, request.today);
      if (!opened.ok || request.parcel.report.force !== request.force) return { kind: "error" };
      return { kind: "sealed", submission: await sealParcel(request.parcel, opened, telling(tell)) };
    }
    default:
      return request satisfies never;
  }
}

function refused(error: unknown): Reply {
  if (error instanceof FileChanged) return { kind: "changed", at: error.at };
  return { kind: error instanceof TooLong ? "too-long" : "error" };
}

self.addEventListener("message", (event: MessageEvent<{ id: number; request: Request }>) => {
  const { id, request } = event.data;
  const tell = (reply: Reply) => {
    const transfer = reply.kind === "sealed" ? [reply.submission.body.buffer] : [];
    self.postMessage({ id, reply }, { transfer });
  };
  answer(request, tell).then(tell, (error: unknown) => tell(refused(error)));
});
