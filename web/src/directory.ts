// Checks a force's directory before anything is sealed to it: a C2SP signed note by the pinned root key
// (docs/protocol.md section 7). The signature is checked before the text is parsed. Trusts only the pinned key.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";
import type { VerifierKey } from "./note.ts";
import { Forged, openNote, parseVerifierKey } from "./note.ts";
import { canonical, date, integer, list, record, string } from "./shape.ts";

export type IntakeKey = {
  readonly id: string;
  readonly recipient: string;
  /** The first 16 bytes of SHA-256 of the recipient, eight groups of four hex digits. */
  readonly fingerprint: string;
};

/** The officers who together can open a sealed contact: `threshold` of them, 2 to all of 2 to 20. */
export type Contact = { readonly threshold: number; readonly recipients: readonly string[] };

export type Opened =
  | {
      readonly ok: true;
      readonly key: IntakeKey;
      /** Null when there are too few officers, or one could open alone: then a contact cannot be sealed. */
      readonly contact: Contact | null;
      /** The force that reads reports which involve this force's own people. */
      readonly police_suspect: string | null;
      /** The key of the server's logs, under the log name. */
      readonly log: VerifierKey;
      /** The keys that answers are signed with; none when the force does not answer. */
      readonly replies: readonly VerifierKey[];
    }
  | { readonly ok: false; readonly why: "forged" | "expired"; readonly detail: string };

/** As src/directory has it: about 120 weeks of intake keys. */
const NOTE_SIZE_BYTES_MAX = 1 << 18;
const FIRST_LINE = "hafan directory v1\n";

/** Opens the note of `force` as of `today` (YYYY-MM-DD, UTC). Never throws. */
export function openDirectory(note: Uint8Array, force: string, root_key: string, today: string): Opened {
  let directory: Directory;
  try {
    directory = parse(openNote(note, rootKey(force, root_key), NOTE_SIZE_BYTES_MAX), force);
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
  const { contact, police_suspect, log, replies } = directory;
  const isOffered = contact.threshold >= 2 && contact.recipients.length <= SHARES_MAX;
  const key = { id, recipient, fingerprint: fingerprint(recipient) };
  return { ok: true, key, contact: isOffered ? contact : null, police_suspect, log, replies };
}

/** The pinned key, which must be named as the root of this force. */
function rootKey(force: string, text: string): VerifierKey {
  const key = parseVerifierKey(text);
  if (key.name !== `hafan/${force}/root`) throw new Forged(`the pinned key is not one of hafan/${force}/root`);
  return key;
}

export function fingerprint(recipient: string): string {
  const hex = bytesToHex(sha256(utf8ToBytes(recipient)).subarray(0, 16));
  return (hex.match(/.{4}/g) ?? []).join(" ");
}

type Directory = {
  readonly log: VerifierKey;
  readonly replies: readonly VerifierKey[];
  readonly valid_from: string;
  readonly valid_until: string;
  readonly intake: readonly Intake[];
  readonly contact: Contact;
  readonly police_suspect: string | null;
};

type Intake = { readonly id: string; readonly recipient: string; readonly from: string; readonly until: string };

/** Parses signed text; what does not have exactly the protocol's shape is refused, signed or not. */
function parse(text: string, force: string): Directory {
  if (!text.startsWith(FIRST_LINE) || !text.endsWith("\n")) throw new Forged("the text is no directory of version 1");
  const object = record(canonical(text.slice(FIRST_LINE.length, -1)), "directory", MEMBERS);
  if (object["force"] !== force) throw new Forged("the directory is of another force");
  integer(object["sequence"], Number.MAX_SAFE_INTEGER);
  const valid_from = date(object["valid_from"]);
  const valid_until = date(object["valid_until"]);
  if (valid_from >= valid_until) throw new Forged("the directory ends before it begins");
  const log = parseVerifierKey(string(object["log"]));
  if (!/^[^/]+\/hafan$/.test(log.name)) throw new Forged("the log's key is not named as a log");
  const contact = parseContact(object["contact"]);
  const officers = verifierKeys(object["officers"], `hafan/${force}/officer-`);
  const replies = parseReplies(object["replies"], force);
  const couriers = verifierKeys(object["couriers"], `hafan/${force}/courier-`);
  if (officers.length !== contact.recipients.length) throw new Forged("want one officer for each recipient");
  checkOwn([log, ...officers, ...replies, ...couriers]);
  const police_suspect = parsePoliceSuspect(object["police_suspect"], force);
  return { valid_from, valid_until, intake: parseIntake(object["intake"]), contact, police_suspect, log, replies };
}

/** Null says that this force does not answer; a list has one key at least. */
function parseReplies(value: unknown, force: string): VerifierKey[] {
  if (value === null) return [];
  const keys = verifierKeys(value, `hafan/${force}/replies-`);
  if (keys.length === 0 || keys.length > REPLY_KEYS_MAX)
    throw new Forged("want 1 to 8 keys that answers are signed with");
  return keys;
}

/** Another force, by the grammar of its id. Whether the page knows it is the worker's to see. */
function parsePoliceSuspect(value: unknown, force: string): string | null {
  if (value === null) return null;
  const other = string(value);
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(other) || other === force) {
    throw new Forged("reports on the force's own people would go to no other force");
  }
  return other;
}

/** One key a week, Monday to Monday, named by its ISO week, without gap, each with a recipient of its own. */
function parseIntake(value: unknown): Intake[] {
  const keys = list(value).map((entry) => {
    const key = record(entry, "intake key", ["id", "recipient", "from", "until"]);
    const from = date(key["from"]);
    const until = date(key["until"]);
    if (daysOf(from) % 7 !== MONDAY || daysOf(until) - daysOf(from) !== 7)
      throw new Forged("an intake key is not of one week");
    if (key["id"] !== isoWeek(from)) throw new Forged("the id of an intake key is not its ISO week");
    return { id: isoWeek(from), recipient: recipient(key["recipient"]), from, until };
  });
  if (keys.length === 0) throw new Forged("the directory has no intake key");
  if (keys.some(({ from }, index) => index > 0 && keys[index - 1]?.until !== from)) {
    throw new Forged("the intake keys overlap or leave a gap");
  }
  if (new Set(keys.map((key) => key.recipient)).size !== keys.length) throw new Forged("two weeks have one recipient");
  return keys;
}

function parseContact(value: unknown): Contact {
  const contact = record(value, "contact", ["threshold", "recipients"]);
  const recipients = list(contact["recipients"]).map(recipient);
  const threshold = integer(contact["threshold"], recipients.length);
  if ((threshold === 0) !== (recipients.length === 0)) throw new Forged("the contact's threshold is 0");
  if (new Set(recipients).size !== recipients.length) throw new Forged("one officer stands twice in the contact");
  return { threshold, recipients };
}

/** Keys named `prefix` and a number from 1, without leading zeros. */
function verifierKeys(value: unknown, prefix: string): VerifierKey[] {
  const keys = list(value).map((entry) => parseVerifierKey(string(entry)));
  for (const { name } of keys) {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (!/^[1-9][0-9]{0,4}$/.test(number) || Number(number) > KEY_NUMBER_MAX) {
      throw new Forged("a key is not named as one of this force's");
    }
  }
  return keys;
}

/** Each has a name and a key that no other has. */
function checkOwn(keys: readonly VerifierKey[]): void {
  const names = new Set(keys.map(({ name }) => name));
  const points = new Set(keys.map(({ point }) => bytesToHex(point)));
  if (names.size !== keys.length || points.size !== keys.length) throw new Forged("two keys are not two");
}

const KEY_NUMBER_MAX = 65_535;
const REPLY_KEYS_MAX = 8;
/** As src/report has it. */
const SHARES_MAX = 20;
const DAY_MS = 86_400_000;
/** The first day of 1970 was a Thursday: days since then that leave 4 when divided by 7 are Mondays. */
const MONDAY = 4;
const MEMBERS = [
  "force",
  "sequence",
  "valid_from",
  "valid_until",
  "log",
  "intake",
  "contact",
  "officers",
  "replies",
  "couriers",
  "police_suspect",
];

function daysOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY_MS;
}

/** ISO 8601: the week belongs to the year of its Thursday. */
function isoWeek(monday: string): string {
  const thursday = new Date((daysOf(monday) + 3) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${String(year).padStart(4, "0")}-W${String(week).padStart(2, "0")}`;
}

/** A hybrid recipient in the one form that its key has (C2SP age): lower-case Bech32 of 1,216 bytes. */
function recipient(value: unknown): string {
  const text = string(value);
  if (text.length !== RECIPIENT_LENGTH || !text.startsWith("age1pq1"))
    throw new Forged("a recipient is not an age1pq1 key");
  const { prefix, words } = bech32.decode(text as `${string}1${string}`, false);
  if (prefix !== "age1pq" || bech32.encode(prefix, bech32.toWords(bech32.fromWords(words)), false) !== text) {
    throw new Forged("a recipient is not in the one form that it has");
  }
  return text;
}

/** `age1pq1`, 1,216 bytes in characters of five bits, six of checksum. */
const RECIPIENT_LENGTH = 7 + Math.ceil((1216 * 8) / 5) + 6;
