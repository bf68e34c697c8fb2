// Seals who the person is, so that only enough officers together can open it (docs/protocol.md section 2, sealed
// contact): to an identity made for this report alone, whose secret is shared among the officers. Runs in the worker.
//
// The identity's text is a string of the language and cannot be overwritten; its bytes and the shares are.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { split } from "shamir-secret-sharing";
import type { Contact } from "./directory.ts";
import type { ContactAnswer, Draft } from "./report.ts";
import { encodeContact } from "./report.ts";
import type { Member } from "./seal.ts";
import { memberOf, sealBytes } from "./seal.ts";

export type SealedContact = {
  /** `contact` of report.json. */
  readonly seal: { readonly threshold: number; readonly shares: readonly string[] };
  /** contact.age and the shares, in the order of the archive. */
  readonly members: readonly Member[];
};

/** Seals the answers to the officers of a directory. Throws `TooLong`, `SealError`. */
export async function sealContact(
  report: Pick<Draft, "force" | "language">,
  answers: readonly ContactAnswer[],
  { threshold, recipients }: Contact,
): Promise<SealedContact> {
  const plain = encodeContact(report, answers);
  const identity = await generateHybridIdentity();
  const members = [memberOf("contact.age", await sealBytes(plain, await identityToRecipient(identity)))];
  const secret = utf8ToBytes(identity);
  const shares = await split(secret, recipients.length, threshold);
  secret.fill(0);
  const digests = shares.map((share) => bytesToHex(sha256(share)));
  for (const [index, recipient] of recipients.entries()) {
    const sealed = await sealBytes(Uint8Array.from(shares[index] ?? []), recipient);
    shares[index]?.fill(0);
    members.push(memberOf(`contact-shares/${String(index + 1).padStart(2, "0")}.age`, sealed));
  }
  return { seal: { threshold, shares: digests }, members };
}
