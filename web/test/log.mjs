// A force's public log made by other code than the site's: notes by Node's own Ed25519, roots by RFC 6962's own words, tiles
// as C2SP tlog-tiles names them. Tests look through it.

import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";

export const sha256 = (...parts) =>
  createHash("sha256")
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest();

/**
 * An Ed25519 key under a C2SP name: `vkey`, `note(text)` signed, the same key `as` another name, and `cosign(checkpoint)`: a
 * log's own note with a line more (C2SP tlog-cosignature).
 */
export function signer(name) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  return named(name, Buffer.concat([Buffer.from([1]), raw]), privateKey);
}

function named(name, key, privateKey) {
  const id = sha256(`${name}\n`, key).subarray(0, 4);
  const vkey = `${name}+${id.toString("hex")}+${key.toString("base64")}`;
  const note = (text) => {
    const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString("base64");
    return Buffer.from(`${text}\n\u2014 ${name} ${signature}\n`);
  };
  const cosign = (checkpoint, time_s) => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(time_s));
    const text = checkpoint.toString().slice(0, checkpoint.toString().lastIndexOf("\n\n") + 1);
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time_s}\n${text}`), privateKey);
    const id = sha256(`${name}\n`, [4], key.subarray(1)).subarray(0, 4);
    const line = `\u2014 ${name} ${Buffer.concat([id, time, signature]).toString("base64")}\n`;
    return Buffer.concat([checkpoint, Buffer.from(line)]);
  };
  return { name, vkey, note, cosign, as: (other) => named(other, key, privateKey) };
}

/** The checkpoint of a log with these entries; `by` is the log's signer, under the log name. */
export function checkpointOf(by, { force = "btp", year = 2026, entries = [] }) {
  const origin = `${by.name}/${force}/${year}`;
  const root = mth(entries.map((entry) => sha256([0], entry))).toString("base64");
  return by.as(origin).note(`${origin}\n${entries.length}\n${root}\n`);
}

/** RFC 6962 section 2.1: split at the largest power of two below the size. */
function mth(leaves) {
  if (leaves.length === 0) return sha256("");
  if (leaves.length === 1) return leaves[0];
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256([1], mth(leaves.slice(0, split)), mth(leaves.slice(split)));
}

/** The entry of a submission with this h (32 bytes) and τ (32 bytes). */
export function entryOf(h, tau) {
  return Buffer.concat([Buffer.from([1, 0]), h, sha256("hafan/tag/v1\0", tau)]);
}

/** An entry that was sent with the words whose key of τ this is. */
export function entryWith(tag, h) {
  return entryOf(h, createHmac("sha256", tag).update(h).digest());
}

/** An entry that nobody's words find; the same for the same number. */
export const strangersEntry = (number) => entryOf(sha256(`h ${number}`), sha256(`tau ${number}`));

/** The files of a log by their addresses; `by` is the log's signer, under the log name. */
export function makeLog(by, { force = "btp", year = 2026, entries }) {
  const leaves = entries.map((entry) => sha256([0], entry));
  const at = `/log/${force}/${year}`;
  const files = new Map([[`${at}/checkpoint`, checkpointOf(by, { force, year, entries })]]);
  const put = (level, pieces) => {
    for (let from = 0; from < pieces.length; from += 256) {
      const piece = pieces.slice(from, from + 256);
      const number = String(from / 256).padStart(3, "0");
      if (number.length > 3) throw new Error("this log is larger than its tiles can be named here");
      files.set(
        `${at}/tile/${level}/${number}${piece.length === 256 ? "" : `.p/${piece.length}`}`,
        Buffer.concat(piece),
      );
    }
  };
  const prefixed = entries.map((entry) => Buffer.concat([Buffer.from([0, entry.length]), entry]));
  put("entries", prefixed);
  put(
    1,
    Array.from({ length: Math.floor(entries.length / 256) }, (_, tile) =>
      mth(leaves.slice(tile * 256, (tile + 1) * 256)),
    ),
  );
  return files;
}
