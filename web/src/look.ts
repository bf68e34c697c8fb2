// Looks for what was sent with eight words, in the public log (docs/protocol.md section 13), and for where answers stand
// in it. Asks the server for the same things, in the same order, whatever the words are: they never leave this device.
// Runs in a worker.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { openDirectory } from "./directory.ts";
import { Altered, readCheckpoint, readEntries } from "./log.ts";
import type { Checkpoint, Get, ReadLog } from "./log.ts";
import type { PageLeaf, Post } from "./mail.ts";
import { Forged } from "./note.ts";
import { INDEX_LEAVES } from "./reply-page.ts";
import { tagDigest } from "./way.ts";
import type { Way } from "./way.ts";

/** Four weeks back, or every log there is. */
export type Span = "recent" | "all";

/** A place in the public log, and the digest (64 hex) of what stands there. */
export type Place = { readonly year: number; readonly index: number; readonly h: string };

/** What stands in the way: each has words of its own on the page. */
export type Fault =
  /** The force's keys did not come, are not signed by it, or do not hold today. */
  | "directory"
  | "expired"
  /** The log's checkpoint is not signed by the server that the force named. */
  | "forged"
  /** What the server gave is not what its checkpoint says: changed, left out or taken away. */
  | "altered"
  /** There is no log. */
  | "no-log";

export type Looked =
  | {
      readonly kind: "looked";
      readonly places: readonly Place[];
      readonly leaves: number;
      readonly post: Post;
      /** The directory that all of it was checked against. */
      readonly note: Uint8Array;
    }
  | { readonly kind: "fault"; readonly fault: Fault };

const RECENT_S = 28 * 86_400;
/** Logs of so many years are looked through at most. */
const YEARS_MAX = 5;
const ENTRY_VERSION = 1;
const KIND_DROP = 0;
const KIND_PAGE = 5;
const H_START = 2;
const T_START = 34;

/** Throws only when the server gives no answer. `progress` hears how many bundles of how many were looked through. */
export async function look(
  get: Get,
  { force, root_key, today, span }: { force: string; root_key: string; today: string; span: Span },
  way: Pick<Way, "tag">,
  progress: (done: number, total: number) => void,
): Promise<Looked> {
  const note = await get(`/v1/forces/${force}/directory`);
  if (note === null) return { kind: "fault", fault: "directory" };
  const directory = openDirectory(note, force, root_key, today);
  if (!directory.ok) return { kind: "fault", fault: directory.why === "expired" ? "expired" : "directory" };
  const beat = parseBeat(await get(`/log/${force}/beat`));
  const isHers = matcher(way);
  const places: Place[] = [];
  const pages: PageLeaf[] = [];
  let logs: Part[] = [];
  const read: ReadLog[] = [];
  let leaves = 0;
  try {
    logs = await logsOf(get, force, Number(today.slice(0, 4)), directory.log, span, beat);
    if (logs.length === 0) return { kind: "fault", fault: "no-log" };
    const total = logs.reduce((sum, { checkpoint, first }) => sum + checkpoint.size - first, 0);
    for (const { checkpoint, first } of logs) {
      const before = leaves;
      const visit = (index: number, entry: Uint8Array) => {
        leaves += 1;
        const { year } = checkpoint;
        if (isHers(entry)) places.push({ year, index, h: bytesToHex(entry.subarray(H_START, T_START)) });
        else if (isOf(entry, KIND_PAGE)) {
          pages.push({ year, index, h: entry.slice(H_START, T_START), t: entry.slice(T_START) });
        }
      };
      const done = (part: number, of: number) => progress(before + ((checkpoint.size - first) * part) / of, total);
      read.push(await readEntries(get, checkpoint, first, visit, done));
    }
  } catch (error) {
    if (error instanceof Forged) return { kind: "fault", fault: "forged" };
    if (error instanceof Altered) return { kind: "fault", fault: "altered" };
    throw error;
  }
  const byLeaf = (a: Omit<Place, "h">, b: Omit<Place, "h">) => a.year - b.year || a.index - b.index;
  const spans = logs.map(({ checkpoint: { year, size }, first }) => ({ year, first, size }));
  return {
    kind: "looked",
    places: places.sort(byLeaf),
    leaves,
    post: {
      shown: { force, log: directory.log, replies: directory.replies, logs: read, today },
      logs: spans.reverse(),
      pages: pages.sort(byLeaf),
    },
    note,
  };
}

type Part = { readonly checkpoint: Checkpoint; readonly first: number };

/** The newest log first; and where in each the span begins, rounded down so that it begins with an index. */
async function logsOf(
  get: Get,
  force: string,
  this_year: number,
  log: Parameters<typeof readCheckpoint>[3],
  span: Span,
  beat: Beat,
): Promise<Part[]> {
  const parts: Part[] = [];
  let wanted = span === "all" ? Number.POSITIVE_INFINITY : Math.ceil(RECENT_S / beat.epoch_s) * beat.leaves;
  for (let year = this_year; year > this_year - YEARS_MAX && wanted > 0; year -= 1) {
    const checkpoint = await readCheckpoint(get, force, year, log);
    // In the first days of a year its log may not have begun.
    if (checkpoint === null && (parts.length > 0 || year < this_year)) break;
    if (checkpoint === null) continue;
    const begin = Math.max(0, checkpoint.size - wanted);
    parts.push({ checkpoint, first: begin - (begin % INDEX_LEAVES) });
    wanted -= checkpoint.size;
  }
  return parts;
}

type Beat = { readonly epoch_s: number; readonly leaves: number };

/** `300 8`: seconds of an epoch, and leaves. The server's word; a false one makes the span another, and nothing else. */
function parseBeat(bytes: Uint8Array | null): Beat {
  const match = /^([1-9][0-9]{0,4}) ([1-9][0-9]{0,2})\n$/.exec(new TextDecoder().decode(bytes ?? new Uint8Array(0)));
  const [epoch_s, leaves] = [Number(match?.[1] ?? 300), Number(match?.[2] ?? 8)];
  return { epoch_s, leaves };
}

/** Whether an entry's `t` is that of the words: τ = HMAC(tag, h), t = SHA-256 of it. */
function matcher({ tag }: Pick<Way, "tag">): (entry: Uint8Array) => boolean {
  const keyed = hmac.create(sha256, tag);
  return (entry) => {
    if (!isOf(entry, KIND_DROP)) return false;
    const tau = keyed.clone().update(entry.subarray(H_START, T_START)).digest();
    return tagDigest(tau).every((byte, at) => byte === entry[T_START + at]);
  };
}

function isOf(entry: Uint8Array, kind: number): boolean {
  return entry[0] === ENTRY_VERSION && entry[1] === kind;
}
