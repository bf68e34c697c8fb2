// The worker: checks directories, reads files and seals, away from the page, so that a slow phone does not freeze.
// It seals reports only to keys that it has itself found under a root key pinned at build time, and drafts only to keys
// that come from their words; those are sent from here, so that their keys never reach the page.

import forces from "virtual:forces";
import type { Tell } from "./answering.ts";
import { listen, telling } from "./answering.ts";
import type { Common } from "./asker.ts";
import type { Opened } from "./directory.ts";
import { openDirectory } from "./directory.ts";
import { ATTEMPTS } from "./draft-requests.ts";
import type { DraftReply, DraftRequest } from "./drafts.ts";
import { Drafts } from "./drafts.ts";
import { FileChanged } from "./files.ts";
import type { Parcel } from "./parcel.ts";
import { sealParcel } from "./parcel.ts";
import { TooLong } from "./report.ts";
import { warmUp } from "./seal.ts";
import type { Submission } from "./submit.ts";
import type { Way } from "./way.ts";
import { wayOf, wipeWay } from "./way.ts";
import type { Read } from "./words.ts";
import { drawWords, readWords } from "./words.ts";
import { work } from "./work.ts";
import type { WorkReply, WorkRequest } from "./work-asked.ts";

export type Request =
  | { readonly kind: "warm" }
  | { readonly kind: "open"; readonly force: string; readonly note: Uint8Array; readonly today: string }
  /** Eight words for a way back to what is sent to this force. */
  | { readonly kind: "words"; readonly force: string }
  | {
      readonly kind: "seal";
      readonly force: string;
      readonly parcel: Parcel;
      readonly today: string;
      /** With the words that were drawn last for this force, or without any. */
      readonly hasWords: boolean;
    }
  /** What words were drawn is not needed any more. */
  | { readonly kind: "forget" }
  /** Reads eight words as somebody typed them: their list is here, and not in the page's script. */
  | { readonly kind: "read"; readonly typed: string }
  | DraftRequest
  | WorkRequest;

export type Reply =
  | { readonly kind: "warm" }
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "words"; readonly words: string }
  | { readonly kind: "sealed"; readonly submission: Submission }
  | { readonly kind: "changed"; readonly at: number }
  | { readonly kind: "too-long" }
  | { readonly kind: "read"; readonly read: Read }
  | { readonly kind: "forgotten" }
  | WorkReply
  | DraftReply;

const notes = new Map<string, Uint8Array>();
/** What the words drawn for each force give. */
const ways = new Map<string, Way>();
const drafts = new Drafts();

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

/** Overwrites what the words drawn for a force gave. */
function forget(force: string): void {
  const way = ways.get(force);
  if (way !== undefined) wipeWay(way);
  ways.delete(force);
}

async function answer(request: Request, tell: Tell<Reply>): Promise<Reply | Common> {
  switch (request.kind) {
    case "warm":
      await warmUp();
      return { kind: "warm" };
    case "open":
      notes.set(request.force, request.note);
      return { kind: "opened", opened: open(request.force, request.today) };
    case "words": {
      const words = drawWords();
      const way = await wayOf(words, request.force);
      forget(request.force);
      ways.set(request.force, way);
      return { kind: "words", words };
    }
    case "forget":
      for (const force of [...ways.keys()]) forget(force);
      return { kind: "forgotten" };
    case "seal": {
      const opened = open(request.force, request.today);
      const way = request.hasWords ? ways.get(request.force) : null;
      if (!opened.ok || request.parcel.report.force !== request.force || way === undefined) return { kind: "error" };
      return { kind: "sealed", submission: await sealParcel(request.parcel, opened, way, telling(tell)) };
    }
    case "read":
      return { kind: "read", read: readWords(request.typed) };
    case "draft-words":
    case "draft-save":
    case "draft-open":
    case "draft-keep":
    case "draft-delete":
    case "draft-stop":
      return drafts.answer(request, (attempt) => tell({ kind: "progress", done: attempt, total: ATTEMPTS }));
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
  return { kind: error instanceof TooLong ? "too-long" : "error" };
}

listen<Request, Reply>(answer, refused);
