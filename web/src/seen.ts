// What a force's officers saw of their log (docs/protocol.md section 14): a checkpoint that they cosigned, in every page of
// answers. The reader has no memory of the log; theirs keeps a server from showing her an old one, or one of her own.

import { Altered, isSame, openCheckpoint, rootAt } from "./log.ts";
import type { Get, ReadLog } from "./log.ts";
import type { VerifierKey } from "./note.ts";
import { Forged, openCosignature } from "./note.ts";

/** What was shown of the force's logs, and the keys that say who signed what. */
export type Shown = {
  readonly force: string;
  /** The key of the server's logs, under the log name. */
  readonly log: VerifierKey;
  /** The keys that the force's answers are signed with. */
  readonly replies: readonly VerifierKey[];
  /** The logs that were read. */
  readonly logs: readonly ReadLog[];
  /** YYYY-MM-DD, UTC. */
  readonly today: string;
};

export type Seen =
  /** `on`: the day on which they saw the log that is shown here, YYYY-MM-DD. */
  | { readonly kind: "same"; readonly on: string }
  /** Nobody of the force cosigned what stands there. */
  | { readonly kind: "unseen" }
  /** What they saw is older than their rhythm, or in a log before the ones that were looked through. */
  | { readonly kind: "stale" }
  /** They saw another log than the one that is shown here. */
  | { readonly kind: "fork" };

/** Officers bring answers, or pages of nothing, at least once a week; with a few days to spare. */
const STALE_DAYS = 10;
const DAY_S = 86_400;

/** Throws only when the server gives no answer. */
export async function compare(get: Get, note: Uint8Array, shown: Shown): Promise<Seen> {
  const { force, log, replies, logs, today } = shown;
  try {
    const cosigned = openCosignature(note, replies);
    const origin = new TextDecoder().decode(cosigned.note).split("\n")[0] ?? "";
    const year = Number(/\/(\d{4})$/.exec(origin)?.[1] ?? Number.NaN);
    const seen = openCheckpoint(cosigned.note, force, year, log);
    const read = logs.find(({ checkpoint }) => checkpoint.year === year);
    // What was not looked through cannot be compared: a newer list than that one is not vouched for.
    if (read === undefined) return { kind: "stale" };
    if (!isSame(await rootAt(get, read, seen.size), seen.root)) return { kind: "fork" };
    if (Date.parse(today) / 1000 - cosigned.time_s > STALE_DAYS * DAY_S) return { kind: "stale" };
    return { kind: "same", on: new Date(cosigned.time_s * 1000).toISOString().slice(0, 10) };
  } catch (error) {
    if (error instanceof Altered) return { kind: "fork" };
    if (error instanceof Forged) return { kind: "unseen" };
    throw error;
  }
}
