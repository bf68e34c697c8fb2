// Reads a force's public log as anybody can (docs/protocol.md section 5; C2SP tlog-tiles, tlog-checkpoint, RFC 6962), and
// believes nothing of it that its signed checkpoint does not cover. What is asked for depends on the checkpoint and on
// the span alone, never on what is looked for.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { Forged, fromBase64, openNote } from "./note.ts";
import type { VerifierKey } from "./note.ts";

/** The bytes at an address of this site; null where nothing is. Throws when no answer comes. */
export type Get = (address: string) => Promise<Uint8Array | null>;

export type Checkpoint = {
  readonly force: string;
  readonly year: number;
  readonly size: number;
  readonly root: Uint8Array;
};

/** What the log shows does not agree with itself: something was changed, left out or taken away. */
export class Altered extends Error {}

const ENTRY_SIZE_BYTES = 66;
/** In a bundle each entry has its length before it, as u16 (C2SP tlog-tiles). */
const PREFIX_SIZE_BYTES = 2;
const PREFIXED_SIZE_BYTES = PREFIX_SIZE_BYTES + ENTRY_SIZE_BYTES;
const TILE_WIDTH = 256;
const HASH_SIZE_BYTES = 32;
const NOTE_SIZE_BYTES_MAX = 1 << 16;
/** A log of a year cannot grow beyond this: 256 leaves a second. */
const SIZE_MAX = 2 ** 33;
/** So many bundles are on their way at once. */
const AHEAD = 4;

/** The newest checkpoint of a year's log; null when there is no such log. Throws `Forged`. */
export async function readCheckpoint(
  get: Get,
  force: string,
  year: number,
  log: VerifierKey,
): Promise<Checkpoint | null> {
  const note = await get(`/log/${force}/${year}/checkpoint`);
  return note === null ? null : openCheckpoint(note, force, year, log);
}

export function openCheckpoint(note: Uint8Array, force: string, year: number, log: VerifierKey): Checkpoint {
  const origin = `${log.name}/${force}/${year}`;
  const lines = openNote(note, { name: origin, point: log.point }, NOTE_SIZE_BYTES_MAX).split("\n");
  const [name, size_text = "", root_text = "", end] = lines;
  const size = Number(size_text);
  if (lines.length !== 4 || name !== origin || end !== "") throw new Forged("the checkpoint is of another log");
  if (!/^(0|[1-9][0-9]*)$/.test(size_text) || size > SIZE_MAX) throw new Forged("the checkpoint's size is none");
  const root = fromBase64(root_text);
  if (root.length !== HASH_SIZE_BYTES) throw new Forged("the checkpoint's root is no hash");
  return { force, year, size, root };
}

/** A log that was read: its checkpoint, and under its root the hash of each whole bundle. */
export type ReadLog = { readonly checkpoint: Checkpoint; readonly hashes: readonly Uint8Array[] };

/**
 * Gives every entry (66 bytes) from `first` to the end to `visit`, after the bundle that it stands in was found under
 * the checkpoint's root. `first` is rounded down to a whole bundle. Throws `Altered`.
 */
export async function readEntries(
  get: Get,
  checkpoint: Checkpoint,
  first: number,
  visit: (index: number, entry: Uint8Array) => void,
  progress: (done: number, total: number) => void,
): Promise<ReadLog> {
  const { size } = checkpoint;
  const whole = Math.floor(size / TILE_WIDTH);
  const from = Math.min(Math.floor(first / TILE_WIDTH), whole);
  const all = Math.ceil(size / TILE_WIDTH);
  const at = addressesOf(checkpoint);
  const hashes: Uint8Array[] = [];
  for (let tile = 0; tile * TILE_WIDTH < whole; tile += 1) {
    const wanted = Math.min(whole - tile * TILE_WIDTH, TILE_WIDTH);
    hashes.push(...pieces(await piece(get, at(1, tile, wanted), wanted * HASH_SIZE_BYTES), HASH_SIZE_BYTES));
  }
  const widthOf = (bundle: number) => (bundle < whole ? TILE_WIDTH : size % TILE_WIDTH);
  const load = (bundle: number) =>
    piece(get, at("entries", bundle, widthOf(bundle)), widthOf(bundle) * PREFIXED_SIZE_BYTES);
  // The last bundle, which no tile has a hash of, comes first: with it the root is known before anything is believed.
  const rest = size % TILE_WIDTH === 0 ? null : await load(whole);
  const behind = rest === null ? [] : [rootOf(leavesOf(entriesOf(rest)))];
  if (!isSame(rootOf([...hashes, ...behind]), checkpoint.root))
    throw new Altered("the tiles do not have the checkpoint's root");

  const loading: Promise<Uint8Array>[] = [];
  const ask = (bundle: number) => {
    if (bundle >= whole) return;
    const asked = load(bundle);
    asked.catch(() => undefined); // It is thrown where its turn comes.
    loading[bundle] = asked;
  };
  for (let ahead = 0; ahead < AHEAD; ahead += 1) ask(from + ahead);
  for (let bundle = from; bundle < all; bundle += 1) {
    const bytes = bundle < whole ? await loading[bundle] : rest;
    delete loading[bundle];
    ask(bundle + AHEAD);
    if (bytes == null) throw new Altered(`bundle ${bundle} is missing`);
    const entries = entriesOf(bytes);
    const expected = hashes[bundle];
    if (bundle < whole && (expected === undefined || !isSame(rootOf(leavesOf(entries)), expected))) {
      throw new Altered(`bundle ${bundle} is not the one under the root`);
    }
    for (const [index, entry] of entries.entries()) visit(bundle * TILE_WIDTH + index, entry);
    progress(bundle + 1 - from, all - from);
  }
  return { checkpoint, hashes };
}

/**
 * The root that a log had when it had `size` leaves, at most as many as it was read with. Asks for one bundle when it
 * ended within one. Throws `Altered`.
 */
export async function rootAt(get: Get, { checkpoint, hashes }: ReadLog, size: number): Promise<Uint8Array> {
  const whole = Math.floor(size / TILE_WIDTH);
  if (size > checkpoint.size) throw new Altered(`the log has ${checkpoint.size} leaves, want ${size}`);
  if (size % TILE_WIDTH === 0) return rootOf(hashes.slice(0, whole));
  const width = Math.min(checkpoint.size - whole * TILE_WIDTH, TILE_WIDTH);
  const bytes = await piece(get, addressesOf(checkpoint)("entries", whole, width), width * PREFIXED_SIZE_BYTES);
  const leaves = leavesOf(entriesOf(bytes));
  // Under the root that was read: what is given now must be what was given before.
  const expected = hashes[whole];
  const found = expected === undefined ? rootOf([...hashes, rootOf(leaves)]) : rootOf(leaves);
  if (!isSame(found, expected ?? checkpoint.root)) throw new Altered(`bundle ${whole} is not the one under the root`);
  return rootOf([...hashes.slice(0, whole), rootOf(leaves.slice(0, size % TILE_WIDTH))]);
}

/** C2SP tlog-tiles: `tile/L/N` and, where it is not full, `tile/L/N.p/W`; N in groups of three digits. */
function addressesOf({ force, year }: Checkpoint) {
  return (level: number | "entries", number: number, width: number) => {
    const digits = String(number);
    const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
    const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
    return `/log/${force}/${year}/tile/${level}/${path}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
  };
}

/** What must be there, and be so many bytes. */
async function piece(get: Get, address: string, size: number): Promise<Uint8Array> {
  const bytes = await get(address);
  if (bytes === null) throw new Altered(`${address} is missing`);
  if (bytes.length !== size) throw new Altered(`${address} is ${bytes.length} bytes, want ${size}`);
  return bytes;
}

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function entriesOf(bundle: Uint8Array): Uint8Array[] {
  return pieces(bundle, PREFIXED_SIZE_BYTES).map((prefixed) => {
    if (prefixed[0] !== 0 || prefixed[1] !== ENTRY_SIZE_BYTES) throw new Altered("an entry has another length");
    return prefixed.subarray(PREFIX_SIZE_BYTES);
  });
}

function leavesOf(entries: readonly Uint8Array[]): Uint8Array[] {
  return entries.map((entry) => sha256(concatBytes(LEAF, entry)));
}

/** RFC 6962 section 2.1, over hashes of subtrees that are all full but the last: pair by pair, an odd one goes up as it is. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  let row = [...hashes];
  while (row.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < row.length; at += 2) {
      const [left, right] = [row[at], row[at + 1]];
      if (left === undefined) break;
      above.push(right === undefined ? left : sha256(concatBytes(NODE, left, right)));
    }
    row = above;
  }
  return row[0] ?? sha256(new Uint8Array(0));
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
