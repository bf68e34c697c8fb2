// Work that a busy server asks for before it takes a submission (docs/protocol.md section 17): many small searches for a
// number, each of which takes a device some tenths of a second. Runs in a worker. What is asked for is the same for everybody.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** What the server asked for: `bits` are the zero bits that each part of the work must show. */
export type Asked = { readonly span: number; readonly bits: number; readonly challenge: string };

const PARTS = 16;
/** More than this a server never asks for; who asks for more wants to keep this device busy. */
const BITS_MAX = 17;
const SEED_SIZE_BYTES = 32;
const PART_SIZE_BYTES = 4;
const NONCE_SIZE_BYTES = 4;
const NONCES = 2 ** 32;

/** Reads what a busy server asks for in its answer; null when it asks for no work, or for too much. */
export function askedOf(body: string): Asked | null {
  try {
    const { type, span, bits, challenge } = JSON.parse(body) as Record<string, unknown>;
    if (type !== "/problems/work" || !isCount(span) || !isCount(bits) || bits > BITS_MAX) return null;
    if (typeof challenge !== "string" || !/^[0-9a-f]{64}$/.test(challenge)) return null;
    return { span, bits, challenge };
  } catch {
    return null; // An answer of a proxy, perhaps: the server is busy, and that is all.
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < NONCES;
}

/** Does the work for the submission `h`; the value of the field `Hafan-Work`. `progress` hears parts done, of how many. */
export function work(asked: Asked, h: string, progress: (done: number, total: number) => void): string {
  const seed = sha256(concatBytes(utf8ToBytes("hafan/work/v1\0"), hexToBytes(asked.challenge), hexToBytes(h)));
  const nonces = new Uint8Array(PARTS * NONCE_SIZE_BYTES);
  for (let part = 0; part < PARTS; part += 1) {
    nonces.set(search(seed, part, asked.bits), part * NONCE_SIZE_BYTES);
    progress(part + 1, PARTS);
  }
  return `${asked.span}.${asked.bits}.${base64url(nonces)}`;
}

/** The first number with which a part's digest begins with so many zero bits. */
function search(seed: Uint8Array, part: number, bits: number): Uint8Array {
  const tried = new Uint8Array(SEED_SIZE_BYTES + PART_SIZE_BYTES + NONCE_SIZE_BYTES);
  tried.set(seed);
  const view = new DataView(tried.buffer);
  view.setUint32(SEED_SIZE_BYTES, part);
  for (let nonce = 0; nonce < NONCES; nonce += 1) {
    view.setUint32(SEED_SIZE_BYTES + PART_SIZE_BYTES, nonce);
    if (Math.clz32(firstWord(sha256(tried))) >= bits) return tried.slice(SEED_SIZE_BYTES + PART_SIZE_BYTES);
  }
  throw new Error("no number does it");
}

function firstWord(digest: Uint8Array): number {
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
