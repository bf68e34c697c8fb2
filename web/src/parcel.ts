// Everything of one report, and how it becomes what is sent: files are read and described, the contact is sealed to
// the officers, report.json is written, and all of it is packed and sealed in one stream. Runs in the worker.

import { sealContact } from "./contact.ts";
import type { Contact, IntakeKey } from "./directory.ts";
import type { Chosen } from "./files.ts";
import type { ContactAnswer, Draft } from "./report.ts";
import { encodeReport } from "./report.ts";
import { check } from "./report-check.ts";
import { memberOf, seal } from "./seal.ts";
import type { Described } from "./sources.ts";
import { describe, memberOfFile } from "./sources.ts";
import type { Submission } from "./submit.ts";
import { setTag } from "./submit.ts";
import type { Way } from "./way.ts";
import { tagOf } from "./way.ts";

export type Parcel = {
  readonly report: Draft;
  readonly files: readonly Chosen[];
  /** Who the person is; sealed apart from the report, to officers who open it only together. */
  readonly contact: readonly ContactAnswer[] | null;
};

/** What of a directory a parcel is sealed to, and the way back that its writer has, if any. */
export type Recipients = { readonly key: IntakeKey; readonly contact: Contact | null };

/**
 * With a way back the report says where answers go and is known again in the log. `progress` hears how far it is, in bytes of the files: `total` is what they have together. Half of the way is reading
 * them, half is sealing. Throws `FileChanged`, `TooLong`, and what else is a fault of the page.
 */
export async function sealParcel(
  { report, files, contact }: Parcel,
  to: Recipients,
  way: Way | null,
  progress: (done: number, total: number) => void,
): Promise<Submission> {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const described: Described[] = [];
  let read = 0;
  for (const [at, chosen] of files.entries()) {
    described.push(await describe(chosen, at, (done) => progress((read + done) / 2, total)));
    read += chosen.file.size;
  }
  const { id, fingerprint, recipient } = to.key;
  const sealed = contact === null ? null : await sealContact(report, contact, officers(to));
  const entries = described.map(({ entry }) => entry);
  const back = way && { mailbox: way.recipient, thread: report.adds_to === null ? way.thread : report.thread };
  const whole = { ...report, ...back, key: { id, fingerprint }, contact: sealed?.seal ?? null, files: entries };
  check(whole);
  const json = encodeReport(whole);
  try {
    const members = [memberOf("report.json", json), ...(sealed?.members ?? []), ...described.map(memberOfFile)];
    const submission = await seal(members, recipient, (done, size) =>
      progress((total + (total * done) / size) / 2, total),
    );
    if (way !== null) setTag(submission, tagOf(way, submission.h));
    return submission;
  } finally {
    json.fill(0);
  }
}

function officers({ contact }: Recipients): Contact {
  if (contact === null) throw new Error("this force cannot take a sealed contact");
  return contact;
}
