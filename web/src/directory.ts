// Checks a force's directory before anything is sealed to it: a C2SP signed note by the pinned root key
// (docs/protocol.md section 7). The signature is checked before the text is parsed. Trusts only the pinned key.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

export type IntakeKey = {
  readonly id: string;
  readonly recipient: string;
  /** The first 16 bytes of SHA-256 of the recipient, eight groups of four hex digits. */
  readonly fingerprint: string;
};

export type Opened =
  | { readonly ok: true; readonly key: IntakeKey }
  | { readonly ok: false; readonly why: "forged" | "expired"; readonly detail: string };

const NOTE_SIZE_BYTES_MAX = 1 << 20;
const FIRST_LINE = "hafan directory v1\n";

class Forged extends Error {}

/** Opens the note of `force` as of `today` (YYYY-MM-DD, UTC). Never throws. */
export function openDirectory(note: Uint8Array, force: string, root_key: string, today: string): Opened {
  let directory: Directory;
  try {
    directory = parse(verify(note, `hafan/${force}/root`, root_key), force);
  } catch (error) {
    const detail = error instanceof Forged ? error.message : "the note could not be read";
    return { ok: false, why: "forged", detail };
  }
  const { valid_from, valid_until } = directory;
  if (today < valid_from || today >= valid_until) {
    return {
      ok: false,
      why: "expired",
      detail: `valid from ${valid_from} until before ${valid_until}, today is ${today}`,
    };
  }
  const intake = directory.intake.find(({ from, until }) => from <= today && today < until);
  if (intake === undefined) {
    return { ok: false, why: "expired", detail: `no intake key holds on ${today}` };
  }
  const { id, recipient } = intake;
  return { ok: true, key: { id, recipient, fingerprint: fingerprint(recipient) } };
}

export function fingerprint(recipient: string): string {
  const hex = bytesToHex(sha256(utf8ToBytes(recipient)).subarray(0, 16));
  return (hex.match(/.{4}/g) ?? []).join(" ");
}

/** Returns the note's text, which the one signature of `name` covers. Throws `Forged`. */
function verify(note: Uint8Array, name: string, root_key: string): string {
  if (note.length > NOTE_SIZE_BYTES_MAX) throw new Forged(`the note is ${note.length} bytes`);
  const whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(note);
  const split = whole.lastIndexOf("\n\n");
  if (split < 0) throw new Forged("the note has no signature");
  const text = whole.slice(0, split + 1);
  const line = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})\n$/.exec(whole.slice(split + 2));
  if (line?.[1] !== name) throw new Forged(`want exactly one signature, by ${name}`);

  const key = parseVerifierKey(root_key, name);
  const bytes = fromBase64(line[2] ?? "");
  if (bytes.length !== 68) throw new Forged(`the signature is ${bytes.length} bytes, want 68`);
  if (bytesToHex(bytes.subarray(0, 4)) !== key.id) throw new Forged("the signature is by another key");
  if (!ed25519.verify(bytes.subarray(4), utf8ToBytes(text), key.point, { zip215: false })) {
    throw new Forged("the signature does not hold");
  }
  return text;
}

/** `name+hex key ID+base64(01 || key)`, C2SP signed-note. */
function parseVerifierKey(root_key: string, name: string): { id: string; point: Uint8Array } {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(root_key);
  const key = fromBase64(match?.[3] ?? "");
  if (match?.[1] !== name || key.length !== 33 || key[0] !== 1)
    throw new Forged(`the pinned key is not one of ${name}`);
  const id = bytesToHex(sha256(concatBytes(utf8ToBytes(`${name}\n`), key)).subarray(0, 4));
  if (id !== match[2]) throw new Forged("the pinned key does not have its own key ID");
  return { id, point: key.subarray(1) };
}

function fromBase64(text: string): Uint8Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (btoa(String.fromCharCode(...bytes)) !== text) throw new Forged("base64 is not canonical");
  return bytes;
}

type Directory = {
  valid_from: string;
  valid_until: string;
  intake: { id: string; recipient: string; from: string; until: string }[];
};

/** Parses signed text; what does not have exactly the protocol's shape is refused, signed or not. */
function parse(text: string, force: string): Directory {
  if (!text.startsWith(FIRST_LINE) || !text.endsWith("\n")) throw new Forged("the text is no directory of version 1");
  const line = text.slice(FIRST_LINE.length, -1);
  const json: unknown = JSON.parse(line);
  if (JSON.stringify(json) !== line) throw new Forged("the directory is not canonical");
  const object = record(json, "directory", MEMBERS);
  if (object["force"] !== force) throw new Forged("the directory is of another force");
  const intake = object["intake"];
  if (!Array.isArray(intake) || intake.length === 0) throw new Forged("the directory has no intake key");
  const keys = intake.map((entry: unknown) => {
    const key = record(entry, "intake key", ["id", "recipient", "from", "until"]);
    return {
      id: string(key["id"], /^\d{4}-W\d{2}$/),
      recipient: string(key["recipient"], /^age1pq1[02-9ac-hj-np-z]+$/),
      from: string(key["from"], DATE),
      until: string(key["until"], DATE),
    };
  });
  for (const [index, key] of keys.entries()) {
    const next = keys[index + 1];
    if (key.from >= key.until || (next !== undefined && next.from !== key.until)) {
      throw new Forged("the intake keys overlap or leave a gap");
    }
  }
  return {
    valid_from: string(object["valid_from"], DATE),
    valid_until: string(object["valid_until"], DATE),
    intake: keys,
  };
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MEMBERS = [
  "force",
  "sequence",
  "valid_from",
  "valid_until",
  "log",
  "intake",
  "contact",
  "replies",
  "couriers",
  "police_suspect",
];

function record(value: unknown, what: string, members: string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Object.keys(value).join() !== members.join()) {
    throw new Forged(`the ${what} does not have the members wanted`);
  }
  return value as Record<string, unknown>;
}

function string(value: unknown, shape: RegExp): string {
  if (typeof value !== "string" || !shape.test(value)) throw new Forged("a member of the directory has another shape");
  return value;
}
