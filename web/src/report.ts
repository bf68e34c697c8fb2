// Makes report.json and the members of the padded archive, byte for byte as src/report does (docs/protocol.md
// section 2; both read tests/vectors/report). Must never touch the network or the document. Trusts no text it is given.

import type { Route } from "./questions.ts";
import type { Language } from "./strings.ts";

/** Own words, the one thing chosen, or what was ticked; null when nothing was. */
export type Value = string | readonly string[] | null;

/** `answered`: something was said here or in a part. `sealed`: what was said is in contact.age. */
export type State = "answered" | "skipped" | "not-reached" | "sealed";

export type Part = {
  readonly id: string;
  readonly question: string;
  readonly answer: Value;
  /** The codes of what was chosen, one for each word of `answer`; null for own words. */
  readonly choice: Value;
  /** Counts into the report's people, from 1. */
  readonly person: number | null;
};

export type Answer = Part & { readonly state: State; readonly parts: readonly Part[] };

export type Person = {
  readonly role: "reported" | "victim" | "witness" | "other";
  readonly basis: "known" | "believed" | "told" | null;
};

/** What the person tells, before a key is chosen and the files are read. */
export type Draft = {
  readonly question_set: string;
  readonly language: Language;
  /** `addition`: to what was sent before with the same words. */
  readonly route: Route | "addition";
  readonly force: string;
  readonly promise: { readonly id: string; readonly text: string };
  /** The day on this device, YYYY-MM-DD. */
  readonly written_on: string;
  readonly answers: readonly Answer[];
  readonly people: readonly Person[];
  readonly flags: readonly string[];
  readonly wishes: readonly string[];
  /** What answers are sealed to, `age1pq1…`; null without words. */
  readonly mailbox: string | null;
  readonly thread: string;
  /** The thread of what this adds to. */
  readonly adds_to: string | null;
};

/** What report.json says of one file: of the bytes that are sent. */
export type FileEntry = {
  readonly name: string;
  readonly media_type: string;
  readonly size: number;
  readonly sha256: string;
  readonly metadata: "kept" | "removed";
};

export type Report = Draft & {
  readonly key: { readonly id: string; readonly fingerprint: string };
  readonly contact: { readonly threshold: number; readonly shares: readonly string[] } | null;
  readonly files: readonly FileEntry[];
};

/** One member of the archive: its name, and how many bytes it has. */
export type MemberSize = { readonly name: string; readonly size: number };

export const REPORT_JSON_SIZE_BYTES_MAX = 1 << 20;
export const PADDED_SIZE_BYTES_MIN = 1 << 16;
export const PADDED_SIZE_BYTES_MAX = 1 << 25;
export const BLOCK_SIZE_BYTES = 512;
export const FILES_MAX = 64;
export const CONTACT_SIZE_BYTES = 8_192;
const SPACE = 0x20;
const CLEAN_NAME_SIZE_BYTES_MAX = 200;
/** What `key`, `contact`, `mailbox` and 64 `files` can add to a draft, with room to spare. */
const SEALING_SIZE_BYTES_MAX = 1 << 16;

export class TooLong extends Error {
  constructor() {
    super("there is more than one report can carry");
  }
}

/** Whether a draft leaves room in report.json for the key, the contact and any files. */
export function fits(draft: Draft): boolean {
  const size = encode({ ...draft, key: { id: "", fingerprint: "" }, contact: null, files: [] }).fill(0).length;
  return size <= REPORT_JSON_SIZE_BYTES_MAX - SEALING_SIZE_BYTES_MAX;
}

/** report.json. Throws `TooLong` over 1 MiB. */
export function encodeReport(report: Report): Uint8Array<ArrayBuffer> {
  const json = encode(report);
  if (json.length > REPORT_JSON_SIZE_BYTES_MAX) {
    json.fill(0);
    throw new TooLong();
  }
  return json;
}

/** Members in the protocol's order, whatever order the objects have. */
function encode(report: Report): Uint8Array<ArrayBuffer> {
  return encodeJson({
    version: 1,
    question_set: report.question_set,
    language: report.language,
    route: report.route,
    force: report.force,
    key: { id: report.key.id, fingerprint: report.key.fingerprint },
    promise: { id: report.promise.id, text: report.promise.text },
    written_on: report.written_on,
    answers: report.answers.map(({ id, question, answer, choice, state, person, parts }) => ({
      ...{ id, question, answer, choice, state, person },
      parts: parts.map(partOf),
    })),
    people: report.people.map(({ role, basis }) => ({ role, basis })),
    flags: report.flags,
    wishes: report.wishes,
    contact: report.contact && { threshold: report.contact.threshold, shares: report.contact.shares },
    files: report.files.map(({ name, media_type, size, sha256, metadata }) => ({
      ...{ name, media_type, size, sha256, metadata },
    })),
    mailbox: report.mailbox,
    thread: report.thread,
    adds_to: report.adds_to,
  });
}

/** What the sealed contact says, before the spaces that hide its length. */
export type ContactAnswer = { readonly id: string; readonly question: string; readonly answer: string };

/** The plaintext of contact.age: 8,192 bytes, spaces at the end. Throws `TooLong`. */
export function encodeContact(
  { force, language }: Pick<Draft, "force" | "language">,
  answers: readonly ContactAnswer[],
): Uint8Array<ArrayBuffer> {
  const json = encodeJson({
    version: 1,
    ...{ force, language },
    answers: answers.map(({ id, question, answer }) => ({ id, question, answer })),
  });
  if (json.length > CONTACT_SIZE_BYTES) {
    json.fill(0);
    throw new TooLong();
  }
  const plain = new Uint8Array(CONTACT_SIZE_BYTES).fill(SPACE);
  plain.set(json);
  json.fill(0);
  return plain;
}

/** Whether all of these answers have room in the sealed contact. */
export function contactFits(report: Pick<Draft, "force" | "language">, answers: readonly ContactAnswer[]): boolean {
  try {
    encodeContact(report, answers).fill(0);
    return true;
  } catch (error) {
    if (error instanceof TooLong) return false;
    throw error;
  }
}

function partOf({ id, question, answer, choice, person }: Part): Part {
  return { id, question, answer, choice, person };
}

/** JSON.stringify's form as UTF-8, without a lone surrogate. */
function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "string" ? wellFormed(inner) : inner));
  return new TextEncoder().encode(text);
}

/** Lone surrogates become U+FFFD: UTF-8 cannot hold them. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\u{fffd}");
}

/** The media type as the browser said it, or `application/octet-stream` for what is none. */
export function mediaType(said: string): string {
  return /^[\x21-\x7e]{1,100}$/.test(said) ? said : "application/octet-stream";
}

/** The name as it stands in report.json: no control or direction character, no path, at most 200 bytes. */
export function cleanFileName(chosen: string): string {
  const kept = wellFormed(chosen)
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "")
    .replace(/[/\\]/g, "_");
  let name = "";
  let size = 0;
  for (const character of kept) {
    size += new TextEncoder().encode(character).length;
    if (size > CLEAN_NAME_SIZE_BYTES_MAX) break;
    name += character;
  }
  return name === "" || name === "." || name === ".." ? "file" : name;
}

/** The name as it stands in the archive: `files/NN-` and ASCII, at most 100 bytes in all. */
export function memberName(number: number, chosen: string): string {
  const plain = cleanFileName(chosen).replace(/[^A-Za-z0-9._-]/gu, "_");
  const short = plain.length > 80 ? plain.slice(0, 64) + plain.slice(-16) : plain;
  return `files/${String(number).padStart(2, "0")}-${short}`;
}

/** The smallest size class for these members: a power of two. Throws `TooLong`. */
export function paddedSize(members: readonly MemberSize[]): number {
  const size = members.reduce((sum, member) => sum + BLOCK_SIZE_BYTES + filled(member.size), 2 * BLOCK_SIZE_BYTES);
  let padded_size = PADDED_SIZE_BYTES_MIN;
  while (padded_size < size) padded_size *= 2;
  if (padded_size > PADDED_SIZE_BYTES_MAX) throw new TooLong();
  return padded_size;
}

/** A size with the zeros that fill it to whole blocks. */
export function filled(size: number): number {
  return Math.ceil(size / BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES;
}

/** One POSIX ustar header, 512 bytes, with every field that could tell of a person or machine empty. */
export function header({ name, size }: MemberSize): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_SIZE_BYTES);
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        "); // The checksum counts its own field as spaces.
  put(156, "0");
  put(257, "ustar\0");
  put(263, "00");
  put(329, "0000000\0");
  put(337, "0000000\0");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** 16 random bytes in base64url: ties later additions to this report. */
export function newThread(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}
