// The worker: checks directories, reads files and seals, away from the page, so that a slow phone does not freeze.
// It seals only to keys that it has itself found under a root key pinned at build time.

import forces from "virtual:forces";
import { sealContact } from "./contact.ts";
import type { Opened } from "./directory.ts";
import { openDirectory } from "./directory.ts";
import type { Chosen } from "./files.ts";
import { FileChanged } from "./files.ts";
import type { ContactAnswer, Draft } from "./report.ts";
import { TooLong, encodeReport } from "./report.ts";
import type { Member } from "./seal.ts";
import { memberOf, seal, warmUp } from "./seal.ts";
import { describe, memberOfFile } from "./sources.ts";
import type { Submission } from "./submit.ts";

/** Everything of one report, before it is sealed. */
export type Parcel = {
  readonly report: Draft;
  readonly files: readonly Chosen[];
  /** Who the person is; sealed apart from the report, to officers who open it only together. */
  readonly contact: readonly ContactAnswer[] | null;
};

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

/** Progress is told once for so many bytes. */
const PROGRESS_SIZE_BYTES = 1 << 18;

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

/** Reads and hashes the files, then packs and seals everything in one stream. */
async function sealParcel(
  opened: Opened & { readonly ok: true },
  { report, files, contact }: Parcel,
  tell: Tell,
): Promise<Submission> {
  if (contact !== null && opened.contact === null) throw new Error("this force cannot take a sealed contact");
  const files_size = files.reduce((sum, { file }) => sum + file.size, 0);
  let [total, told] = [2 * files_size, 0];
  const progress = (done: number) => {
    if (done - told < PROGRESS_SIZE_BYTES && done < total) return;
    told = done;
    tell({ kind: "progress", done, total });
  };
  const described = [];
  let read = 0;
  for (const [at, chosen] of files.entries()) {
    described.push(await describe(chosen, at, (done) => progress(read + done)));
    read += chosen.file.size;
  }
  const sealed =
    contact === null || opened.contact === null ? null : await sealContact(report, contact, opened.contact);
  const { id, fingerprint } = opened.key;
  const entries = described.map(({ entry }) => entry);
  const json = encodeReport({ ...report, key: { id, fingerprint }, contact: sealed?.seal ?? null, files: entries });
  try {
    const members: Member[] = [memberOf("report.json", json), ...(sealed?.members ?? [])];
    members.push(...described.map(memberOfFile));
    return await seal(members, opened.key.recipient, (done, size) => {
      total = read + size;
      progress(read + done);
    });
  } finally {
    json.fill(0);
  }
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
      return { kind: "sealed", submission: await sealParcel(opened, request.parcel, tell) };
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
