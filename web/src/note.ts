// C2SP signed notes with one Ed25519 signature: directories and checkpoints. The signature is checked before the text is
// looked at. Trusts only the key that it is given.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** What was signed by nobody, by somebody else, or is not what it should be. */
export class Forged extends Error {}

export type VerifierKey = { readonly name: string; readonly point: Uint8Array };

/** Returns the text, which the one signature by this key covers. Throws `Forged`. */
export function openNote(note: Uint8Array, key: VerifierKey, size_bytes_max: number): string {
  if (note.length > size_bytes_max) throw new Forged(`the note is ${note.length} bytes`);
  const whole = textOf(note);
  const split = whole.lastIndexOf("\n\n");
  if (split < 0) throw new Forged("the note has no signature");
  const text = whole.slice(0, split + 1);
  const line = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})\n$/.exec(whole.slice(split + 2));
  if (line?.[1] !== key.name) throw new Forged(`want exactly one signature, by ${key.name}`);
  const bytes = fromBase64(line[2] ?? "");
  if (bytes.length !== 68) throw new Forged(`the signature is ${bytes.length} bytes, want 68`);
  if (bytesToHex(bytes.subarray(0, 4)) !== keyId(key)) throw new Forged("the signature is by another key");
  if (!ed25519.verify(bytes.subarray(4), utf8ToBytes(text), key.point, { zip215: false })) {
    throw new Forged("the signature does not hold");
  }
  return text;
}

/** `name+hex key ID+base64(01 || key)`, C2SP signed-note. Throws `Forged`. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text);
  const name = match?.[1] ?? "";
  const bytes = fromBase64(match?.[3] ?? "");
  if (bytes.length !== 33 || bytes[0] !== 1) throw new Forged("a verifier key is not an Ed25519 one");
  const key = { name, point: bytes.subarray(1) };
  if (keyId(key) !== match?.[2]) throw new Forged("a verifier key does not have its own key ID");
  return key;
}

/** `kind` is 1 for notes and 4 for cosignatures. */
function keyId({ name, point }: VerifierKey, kind = 1): string {
  return bytesToHex(sha256(concatBytes(utf8ToBytes(`${name}\n`), Uint8Array.of(kind), point)).subarray(0, 4));
}

const DAY_S = 86_400n;

/** What somebody cosigned: the note that they saw, and the beginning of the day, in seconds since 1970. */
export type Cosigned = { readonly note: Uint8Array; readonly time_s: number };

/**
 * Opens the last line of a cosigned checkpoint (C2SP tlog-cosignature, `cosignature/v1`) by one of these keys; the note
 * before it is its log's, and still to be opened. Throws `Forged`.
 */
export function openCosignature(cosigned: Uint8Array, keys: readonly VerifierKey[]): Cosigned {
  const whole = textOf(cosigned);
  const line = /^([^]*\n)\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})\n$/.exec(whole);
  const [, note = "", name = "", base64 = ""] = line ?? [];
  const bytes = fromBase64(base64);
  if (bytes.length !== 76) throw new Forged(`the cosignature is ${bytes.length} bytes, want 76`);
  const id = bytesToHex(bytes.subarray(0, 4));
  const key = keys.find((one) => one.name === name && keyId(one, 4) === id);
  if (key === undefined) throw new Forged("want a cosignature by a key asked for");
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(4);
  const text = note.slice(0, note.lastIndexOf("\n\n") + 1);
  const signed = utf8ToBytes(`cosignature/v1\ntime ${time}\n${text}`);
  if (!ed25519.verify(bytes.subarray(12), signed, key.point, { zip215: false })) {
    throw new Forged("the cosignature does not hold");
  }
  if (time % DAY_S !== 0n) throw new Forged("the cosignature's time is not a day's beginning");
  return { note: utf8ToBytes(note), time_s: Number(time) };
}

/** Throws `Forged` for what is no UTF-8. */
function textOf(note: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(note);
  } catch {
    throw new Forged("the note is not UTF-8");
  }
}

/** Throws `Forged` for text that is none, or that would be written otherwise. */
export function fromBase64(text: string): Uint8Array {
  const bytes = Uint8Array.from(binaryOf(text), (character) => character.charCodeAt(0));
  if (btoa(String.fromCharCode(...bytes)) !== text) throw new Forged("base64 is not canonical");
  return bytes;
}

function binaryOf(text: string): string {
  try {
    return atob(text);
  } catch {
    throw new Forged("this is not base64");
  }
}
