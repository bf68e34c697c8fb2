// Packs members as a stream and seals them to one hybrid recipient as an age v1 file (docs/protocol.md sections 2 to 4),
// straight into the body that is sent. The only encryption in the browser. Runs in the worker; never sees the network.
//
// Plaintext is overwritten with zeros as soon as the stream has taken it. What cannot be: the 64 KiB buffer and the
// keys inside the age library, and strings; they go when the worker is ended.

import { sha256 } from "@noble/hashes/sha2.js";
import { Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { BLOCK_SIZE_BYTES, PADDED_SIZE_BYTES_MIN, filled, header, paddedSize } from "./report.ts";
import type { MemberSize } from "./report.ts";
import type { Submission } from "./submit.ts";
import { ENVELOPE_START, beginBody, submissionOf } from "./submit.ts";

/** A member of the archive. What it reads out is given away: it may be overwritten. */
export type Member = MemberSize & { read(): AsyncIterable<Uint8Array> };

export const HEADER_SIZE_BYTES = 1627;
const NONCE_SIZE_BYTES = 16;
const CHUNK_SIZE_BYTES = 65_536;
const TAG_SIZE_BYTES = 16;
const HEADER_START = "age-encryption.org/v1\n-> mlkem768x25519 ";
/** A piece is wiped when so many later ones were asked for: the stream holds at most two that it has not copied. */
const WIPE_BEHIND = 4;

export class SealError extends Error {}

export function envelopeSize(padded_size: number): number {
  return HEADER_SIZE_BYTES + NONCE_SIZE_BYTES + padded_size + (TAG_SIZE_BYTES * padded_size) / CHUNK_SIZE_BYTES;
}

/** A member whose bytes are here already; they are wiped when they have been read. */
export function memberOf(name: string, bytes: Uint8Array<ArrayBuffer>): Member {
  return {
    name,
    size: bytes.length,
    async *read() {
      for (let at = 0; at < bytes.length; at += CHUNK_SIZE_BYTES) yield bytes.subarray(at, at + CHUNK_SIZE_BYTES);
    },
  };
}

/** Seals the archive of these members. `progress` hears how many bytes, of how many, are sealed. Throws `SealError`, `TooLong`. */
export async function seal(
  members: readonly Member[],
  recipient: string,
  progress: (sealed: number, size: number) => void,
): Promise<Submission> {
  const padded_size = paddedSize(members);
  const wanted = envelopeSize(padded_size);
  const body = beginBody(wanted);
  const digest = sha256.create();
  let at = ENVELOPE_START;
  const { stream, wipe } = streamOf(padded(members, padded_size));
  try {
    const reader = (await encrypter(recipient).encrypt(stream)).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (at + next.value.length > body.length) throw new SealError(`envelope is over ${wanted} bytes`);
      body.set(next.value, at);
      digest.update(next.value);
      at += next.value.length;
      progress(Math.min(at - ENVELOPE_START, padded_size), padded_size);
    }
  } finally {
    wipe();
  }
  if (at !== body.length) throw new SealError(`envelope is ${at - ENVELOPE_START} bytes, want ${wanted}`);
  const start = String.fromCharCode(...body.subarray(ENVELOPE_START, ENVELOPE_START + HEADER_START.length));
  if (start !== HEADER_START) throw new SealError("envelope does not begin with one hybrid stanza");
  return submissionOf(body, digest.digest());
}

/** A short plaintext as an age file to one recipient. The plaintext is overwritten with zeros, whatever happens. */
export async function sealBytes(plain: Uint8Array<ArrayBuffer>, recipient: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return (await encrypter(recipient).encrypt(plain)) as Uint8Array<ArrayBuffer>;
  } finally {
    plain.fill(0);
  }
}

/** One throw-away sealing to a throw-away key, so that the real one does not start cold on a slow phone. */
export async function warmUp(): Promise<void> {
  const recipient = await identityToRecipient(await generateHybridIdentity());
  await seal([memberOf("warm", new Uint8Array(PADDED_SIZE_BYTES_MIN / 2))], recipient, () => undefined);
}

/** The library would mix kinds of recipient in one file without a word; only the hybrid kind is right here. */
function encrypter(recipient: string): Encrypter {
  if (!/^age1pq1[02-9ac-hj-np-z]+$/.test(recipient)) throw new SealError("recipient is not an age1pq1 key");
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter;
}

/** The archive, and zeros up to its size class. */
async function* padded(members: readonly Member[], padded_size: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const member of members) {
    yield header(member);
    let size = 0;
    for await (const chunk of member.read()) {
      size += chunk.length;
      if (size > member.size) break;
      yield chunk;
    }
    if (size !== member.size) throw new SealError("a member is not of the size that was said");
    yield new Uint8Array(filled(size) - size);
    at += BLOCK_SIZE_BYTES + filled(size);
  }
  for (; at < padded_size; at += CHUNK_SIZE_BYTES) yield new Uint8Array(Math.min(CHUNK_SIZE_BYTES, padded_size - at));
}

/** A stream that asks for one piece at a time, and wipes behind itself; `wipe` wipes what is left. */
function streamOf(source: AsyncGenerator<Uint8Array>): { stream: ReadableStream<Uint8Array>; wipe: () => void } {
  const given: Uint8Array[] = [];
  const wipe = (keep: number) => {
    while (given.length > keep) given.shift()?.fill(0);
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        wipe(WIPE_BEHIND);
        let next: IteratorResult<Uint8Array, unknown>;
        do next = await source.next();
        while (next.done !== true && next.value.length === 0);
        if (next.done === true) controller.close();
        else {
          given.push(next.value);
          controller.enqueue(next.value);
        }
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, wipe: () => wipe(0) };
}
