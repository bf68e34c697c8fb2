// Pages of answers made by other code than the site's: records sealed by the age library, tags by Node's own X25519, digests
// by Node's own SHA-256. Tests look for what is hers in them.

import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from "node:crypto";
import { Encrypter } from "age-encryption";
import { sha256 } from "./log.mjs";

const PLAIN_SIZE_BYTES = 2_435;
const RECORDS = 64;

/** A message of a force, signed: `by` is one of its reply keys. */
export function message(by, { force = "btp", text = null, language = text === null ? null : "en", ...told }) {
  const { thread, number, report, state = text === null ? "read" : "replied", on = "2026-11-24" } = told;
  const line = JSON.stringify({ force, thread, number, report, state, on, language, text });
  return by.note(`hafan message v1\n${line}\n`);
}

const pkcs8 = (secret) => Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), Buffer.from(secret)]);
const spki = (point) => Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), Buffer.from(point)]);

/** The tag of a record, as its reader finds it. */
export function tagOf({ secret, point }, ct_x) {
  const shared = diffieHellman({
    privateKey: createPrivateKey({ key: pkcs8(secret), format: "der", type: "pkcs8" }),
    publicKey: createPublicKey({ key: spki(ct_x), format: "der", type: "spki" }),
  });
  return sha256("hafan/view-tag/v1\0", shared, ct_x, point).subarray(0, 2);
}

const ENC_START = 2 + "age-encryption.org/v1\n-> mlkem768x25519 ".length;
const ctOf = (record) =>
  Buffer.from(record.subarray(ENC_START, ENC_START + 1_494).toString(), "base64").subarray(1_088);

/** A record for whoever has the way: 4,096 bytes. `tagged` is whose tag it gets, hers unless another's is wanted. */
export async function record(way, note, { tagged = way } = {}) {
  const plain = new Uint8Array(PLAIN_SIZE_BYTES);
  plain.set(note);
  const encrypter = new Encrypter();
  encrypter.addRecipient(way.recipient);
  const sealed = Buffer.concat([Buffer.alloc(2), await encrypter.encrypt(plain)]);
  if (sealed.length !== 4_096) throw new Error(`a record is ${sealed.length} bytes`);
  tagOf(tagged.mail, ctOf(sealed)).copy(sealed);
  return sealed;
}

/** What has the structure of a record, and is nobody's. `tagged`: with the tag that this way's owner would look for. */
export function decoy({ tagged } = {}) {
  const base64 = (size) => randomBytes(size).toString("base64").replace(/=+$/, "");
  const header = `age-encryption.org/v1\n-> mlkem768x25519 ${base64(1_120)}\n${base64(32)}\n--- ${base64(32)}\n`;
  const whole = Buffer.concat([randomBytes(2), Buffer.from(header), randomBytes(4_096 - 2 - header.length)]);
  if (tagged !== undefined) tagOf(tagged.mail, ctOf(whole)).copy(whole);
  return whole;
}

/** What makes pages that end with this cosigned checkpoint: of records among decoys, or of exactly 64. */
export function pagesWith(seen) {
  return {
    page: (...records) =>
      pageOf([...Array.from({ length: RECORDS - records.length }, () => decoy()), ...records], seen),
    pageOf: (records) => pageOf(records, seen),
  };
}

/** Its bytes, its index part, and the entry of its leaf. */
function pageOf(records, seen) {
  const bytes = Buffer.concat([...records, seen, Buffer.alloc(1_024 - seen.length)]);
  const part = Buffer.concat(records.map((one) => Buffer.concat([ctOf(one), one.subarray(0, 2)])));
  const entry = Buffer.concat([
    Buffer.from([1, 5]),
    sha256("hafan/reply-page/v1\0", bytes),
    sha256("hafan/reply-index/v1\0", part),
  ]);
  return { bytes, part, entry };
}

/** What stands below `replies/` beside the log whose pages these are, by leaf: files by their addresses. */
export function replyFiles(pages, { force = "btp", year = 2026, size }) {
  const at = `/log/${force}/${year}/replies`;
  const files = new Map();
  for (let number = 0; number * 16_384 < size; number += 1) {
    const here = [...pages].filter(([leaf]) => Math.floor(leaf / 16_384) === number).sort(([a], [b]) => a - b);
    files.set(`${at}/index/${number}`, Buffer.concat(here.map(([, { part }]) => part)));
  }
  for (const [leaf, { bytes }] of pages) files.set(`${at}/page/${leaf}`, bytes);
  return files;
}
