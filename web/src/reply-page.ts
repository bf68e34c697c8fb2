// Pages of answers by their bytes (docs/protocol.md section 14): 64 records of one size, what the officers saw of the log,
// and the index part that says of each record by which tag its reader finds it. Pure: knows no key.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { base64nopad } from "@scure/base";

/** What the index says of one record. */
export type IndexEntry = { readonly ct_x: Uint8Array; readonly tag: Uint8Array };

export const RECORDS = 64;
export const RECORD_SIZE_BYTES = 4_096;
/** Behind the records: what the officers saw of the log, and zeros. */
const SEEN_SIZE_BYTES = 1_024;
export const PAGE_SIZE_BYTES = RECORDS * RECORD_SIZE_BYTES + SEEN_SIZE_BYTES;
export const TAG_SIZE_BYTES = 2;
const CT_X_SIZE_BYTES = 32;
const ENTRY_SIZE_BYTES = CT_X_SIZE_BYTES + TAG_SIZE_BYTES;
export const PART_SIZE_BYTES = RECORDS * ENTRY_SIZE_BYTES;
/** Leaves of a log whose pages share one index. A span is rounded down to it. */
export const INDEX_LEAVES = 16_384;

const HEADER_START = utf8ToBytes("age-encryption.org/v1\n-> mlkem768x25519 ");
const ENC_CHARACTERS = 1_494;
const ENC_SIZE_BYTES = 1_120;

/** `h` of the leaf of a page. */
export function pageDigest(page: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8ToBytes("hafan/reply-page/v1\0"), page));
}

/** `t` of the leaf of a page with this index part. */
export function partDigest(part: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8ToBytes("hafan/reply-index/v1\0"), part));
}

/** The 64 records of a page, in order. */
export function recordsOf(page: Uint8Array): Uint8Array[] {
  return Array.from({ length: RECORDS }, (_, at) =>
    page.subarray(at * RECORD_SIZE_BYTES, (at + 1) * RECORD_SIZE_BYTES),
  );
}

/** The cosigned checkpoint that a page ends with. */
export function seenOf(page: Uint8Array): Uint8Array {
  const seen = page.subarray(RECORDS * RECORD_SIZE_BYTES);
  const end = seen.indexOf(0);
  return end < 0 ? seen : seen.subarray(0, end);
}

/** What an index part says of the 64 records of its page, in order. */
export function indexEntriesOf(part: Uint8Array): IndexEntry[] {
  return Array.from({ length: RECORDS }, (_, at) => {
    const entry = part.subarray(at * ENTRY_SIZE_BYTES, (at + 1) * ENTRY_SIZE_BYTES);
    return { ct_x: entry.subarray(0, CT_X_SIZE_BYTES), tag: entry.subarray(CT_X_SIZE_BYTES) };
  });
}

/** The index part of a page; null when a record does not begin as an age file with one hybrid stanza does. */
export function partOf(page: Uint8Array): Uint8Array | null {
  const part = new Uint8Array(PART_SIZE_BYTES);
  for (const [at, record] of recordsOf(page).entries()) {
    const ct_x = ctX(record);
    if (ct_x === null) return null;
    part.set(ct_x, at * ENTRY_SIZE_BYTES);
    part.set(record.subarray(0, TAG_SIZE_BYTES), at * ENTRY_SIZE_BYTES + CT_X_SIZE_BYTES);
  }
  return part;
}

/** The X25519 half of the stanza's encapsulated key. */
function ctX(record: Uint8Array): Uint8Array | null {
  const header = record.subarray(TAG_SIZE_BYTES);
  if (HEADER_START.some((byte, at) => header[at] !== byte)) return null;
  const enc = header.subarray(HEADER_START.length, HEADER_START.length + ENC_CHARACTERS);
  try {
    const bytes = base64nopad.decode(String.fromCharCode(...enc));
    return bytes.length === ENC_SIZE_BYTES ? bytes.subarray(-CT_X_SIZE_BYTES) : null;
  } catch {
    return null; // Not base64.
  }
}
