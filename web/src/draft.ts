// A draft as it is held (docs/protocol.md section 15): the keys that eight words give it, and sealing and opening it.
// Runs in the worker. Must never see the network: the server learns neither the words nor what the draft is sealed to.
//
// Plaintext and keys are overwritten with zeros once they were used. What cannot be: strings, and what is inside the
// age library; they go when the worker is ended.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { Decrypter, identityToRecipient } from "age-encryption";
import type { Saved } from "./saved.ts";
import { NotSaved, encodeSaved, parseSaved } from "./saved.ts";
import { SealError, envelopeSize, sealBytes } from "./seal.ts";
import { identityOf, keyOf, rootOf } from "./way.ts";

export const DRAFT_SIZE_BYTES = envelopeSize(1 << 16);

/** What the server knows a draft by: `id` stands in addresses, and who shows its `key` may replace and delete it. */
export type Name = { readonly id: string; readonly key: Uint8Array };

/** What words give; `identity` opens the draft, and only `recipient` is needed to seal another in its place. */
export type DraftKeys = { readonly name: Name; readonly identity: string; readonly recipient: string };

/** `words` are eight, in small letters, with one space between. They are not for one force: nothing is known of it yet. */
export async function draftKeysOf(words: string): Promise<DraftKeys> {
  const root = rootOf(words, "hafan/draft/v1");
  const seed = keyOf(root, "hafan/draft/v1/seal", 32);
  const key = keyOf(root, "hafan/draft/v1/name", 32);
  try {
    const identity = identityOf(seed);
    const id = bytesToHex(sha256(concatBytes(utf8ToBytes("hafan/draft-id/v1\0"), key)));
    return { name: { id, key }, identity, recipient: await identityToRecipient(identity) };
  } finally {
    root.fill(0);
    seed.fill(0);
  }
}

/** An age file of `DRAFT_SIZE_BYTES`. Throws `TooLongToSave`, `SealError`. */
export async function sealDraft(saved: Saved, recipient: string): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = await sealBytes(encodeSaved(saved), recipient);
  if (sealed.length !== DRAFT_SIZE_BYTES) throw new SealError(`draft is ${sealed.length} bytes`);
  return sealed;
}

/** Throws `NotSaved` when it is none, or not one of these words. */
export async function openDraft(sealed: Uint8Array, identity: string): Promise<Saved> {
  if (sealed.length !== DRAFT_SIZE_BYTES) throw new NotSaved(`draft is ${sealed.length} bytes`);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const plain = await decrypter.decrypt(sealed).catch(() => {
    throw new NotSaved("it does not open");
  });
  try {
    return parseSaved(plain);
  } finally {
    plain.fill(0);
  }
}
