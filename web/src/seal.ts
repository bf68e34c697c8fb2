// Seals a padded to one hybrid recipient as an age v1 file (docs/protocol.md section 3) and checks what came out.
// The only encryption in the browser. Runs in the worker; never sees the network.

import { Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { PADDED_SIZE_BYTES_MAX, PADDED_SIZE_BYTES_MIN } from "./report.ts";

declare const sealed: unique symbol;
/** Ciphertext: the bytes of one age file that holds one padded. */
export type Envelope = Uint8Array<ArrayBuffer> & { readonly [sealed]: true };

export const HEADER_SIZE_BYTES = 1627;
const NONCE_SIZE_BYTES = 16;
const CHUNK_SIZE_BYTES = 65536;
const TAG_SIZE_BYTES = 16;
const HEADER_START = "age-encryption.org/v1\n-> mlkem768x25519 ";

export class SealError extends Error {}

export function envelopeSize(padded_size: number): number {
  return HEADER_SIZE_BYTES + NONCE_SIZE_BYTES + padded_size + (TAG_SIZE_BYTES * padded_size) / CHUNK_SIZE_BYTES;
}

/** Seals; the padded is overwritten with zeros, whatever happens. Throws `SealError`. */
export async function seal(padded: Uint8Array, recipient: string): Promise<Envelope> {
  try {
    return checked(await encrypt(padded, recipient), padded.length);
  } finally {
    padded.fill(0);
  }
}

async function encrypt(padded: Uint8Array, recipient: string): Promise<Uint8Array> {
  const size = padded.length;
  const isClass = size >= PADDED_SIZE_BYTES_MIN && size <= PADDED_SIZE_BYTES_MAX && (size & (size - 1)) === 0;
  if (!isClass) throw new SealError(`padded is ${size} bytes, which is no size class`);
  // The library would mix kinds of recipient in one file without a word; only the hybrid kind is right here.
  if (!/^age1pq1[02-9ac-hj-np-z]+$/.test(recipient)) throw new SealError("recipient is not an age1pq1 key");
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(padded);
}

function checked(file: Uint8Array, padded_size: number): Envelope {
  const wanted = envelopeSize(padded_size);
  if (file.length !== wanted) throw new SealError(`envelope is ${file.length} bytes, want ${wanted}`);
  const start = String.fromCharCode(...file.subarray(0, HEADER_START.length));
  if (start !== HEADER_START) throw new SealError("envelope does not begin with one hybrid stanza");
  return file as Envelope;
}

/** One throw-away sealing to a throw-away key, so that the real one does not start cold on a slow phone. */
export async function warmUp(): Promise<void> {
  const recipient = await identityToRecipient(await generateHybridIdentity());
  await seal(new Uint8Array(PADDED_SIZE_BYTES_MIN), recipient);
}
