// What the eight words become (docs/protocol.md sections 13 and 15): by Argon2id and HKDF, keys that only they give. Runs in a
// worker; keeps nothing.

import { x25519 } from "@noble/curves/ed25519.js";
import { argon2id } from "@noble/hashes/argon2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { shake256 } from "@noble/hashes/sha3.js";
import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { base64urlnopad, bech32 } from "@scure/base";
import { identityToRecipient } from "age-encryption";

/** The cost of one guess. The same on every device, or the same words would give other keys. */
export const ARGON2ID = { m: 12_288, t: 3, p: 1, dkLen: 32 } as const;

/** What the words give. All but `recipient` and `thread` is secret. */
export type Way = {
  /** 32 bytes: the key of τ, by which the writer knows her own submissions in the log. */
  readonly tag: Uint8Array;
  /** 32 bytes: the key that draws pages of answers to ask for in the place of those that are not hers. */
  readonly pages: Uint8Array;
  /** The X25519 half of the identity, and its point: by it she knows her records among all. */
  readonly mail: { readonly secret: Uint8Array; readonly point: Uint8Array };
  /** What opens answers, as age writes it: `AGE-SECRET-KEY-PQ-1…`. */
  readonly identity: string;
  /** What answers are sealed to: `age1pq1…`. Stands in the report. */
  readonly recipient: string;
  /** What additions name the report by: 16 bytes in base64url. */
  readonly thread: string;
};

/** `words` are eight, in small letters, with one space between. `progress` hears how far it is, 0 to 1. */
export async function wayOf(
  words: string,
  force: string,
  progress: (fraction: number) => void = () => undefined,
): Promise<Way> {
  const root = rootOf(words, `hafan/words/v1/${force}`, progress);
  const key = (label: string, size: number) => keyOf(root, `hafan/words/v1/${label}`, size);
  const seed = key("mail", 32);
  try {
    const identity = identityOf(seed);
    return {
      tag: key("tag", 32),
      pages: key("pages", 32),
      mail: mailOf(seed),
      identity,
      recipient: await identityToRecipient(identity),
      thread: base64urlnopad.encode(key("thread", 16)),
    };
  } finally {
    root.fill(0);
    seed.fill(0);
  }
}

/** What all keys of one use come from; `use` makes the same words another secret for each. The caller wipes it. */
export function rootOf(words: string, use: string, progress: (fraction: number) => void = () => undefined): Uint8Array {
  const salt = sha256(utf8ToBytes(use)).subarray(0, 16);
  return argon2id(utf8ToBytes(words), salt, { ...ARGON2ID, onProgress: progress });
}

/** One key of a root. */
export function keyOf(root: Uint8Array, label: string, size: number): Uint8Array {
  return hkdf(sha256, root, undefined, utf8ToBytes(label), size);
}

/** A seed of 32 bytes as age writes a hybrid identity. */
export function identityOf(seed: Uint8Array): string {
  return bech32.encode("age-secret-key-pq-", bech32.toWords(seed), false).toUpperCase();
}

/** As the hybrid identity itself is made of its seed (C2SP age): 64 bytes for ML-KEM-768, 32 for X25519. */
function mailOf(seed: Uint8Array): Way["mail"] {
  const expanded = shake256(seed, { dkLen: 96 });
  const secret = expanded.slice(64);
  expanded.fill(0);
  return { secret, point: x25519.getPublicKey(secret) };
}

/** Overwrites what can be: the identity's text is a string of the language, and goes with the worker. */
export function wipeWay({ tag, pages, mail }: Pick<Way, "tag" | "pages" | "mail">): void {
  for (const secret of [tag, pages, mail.secret]) secret.fill(0);
}

/** τ of a submission: 32 bytes that nobody without the words can tell from random ones. */
export function tagOf({ tag }: Pick<Way, "tag">, h: string): Uint8Array {
  return hmac(sha256, tag, hexToBytes(h));
}

/** The log's half of it: `t`, what the leaf says. */
export function tagDigest(tau: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8ToBytes("hafan/tag/v1\0"), tau));
}
