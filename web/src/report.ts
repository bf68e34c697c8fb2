// Makes report.json and the padded archive, byte for byte as src/report does (docs/protocol.md section 2;
// both read tests/vectors/report). Must never touch the network or the document. Trusts no text it is given.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Route } from "./questions.ts";
import type { Language } from "./strings.ts";

export type Answer = {
  readonly id: string;
  readonly question: string;
  readonly answer: string | readonly string[] | null;
  readonly skipped: boolean;
};

export type Attachment = {
  readonly chosen_name: string;
  readonly media_type: string;
  readonly metadata: "kept" | "removed";
  readonly data: Uint8Array;
};

export type Report = {
  readonly question_set: string;
  readonly language: Language;
  readonly route: Route;
  readonly force: string;
  readonly promise: { readonly id: string; readonly text: string };
  readonly written_on: string;
  readonly answers: readonly Answer[];
  readonly flags: readonly string[];
  readonly thread: string;
  readonly adds_to: string | null;
};

export const REPORT_JSON_SIZE_BYTES_MAX = 1 << 20;
export const PADDED_SIZE_BYTES_MIN = 1 << 16;
export const PADDED_SIZE_BYTES_MAX = 1 << 25;
export const FILES_MAX = 64;
const BLOCK_SIZE_BYTES = 512;
const CLEAN_NAME_SIZE_BYTES_MAX = 200;

export class TooLong extends Error {
  constructor(size: number) {
    super(`the report is ${size} bytes, more than one report can carry`);
  }
}

/** Packs a report and its files: ustar, zeros up to the smallest size class. Throws `TooLong`. */
export function pack(report: Report, attachments: readonly Attachment[] = []): Uint8Array<ArrayBuffer> {
  if (attachments.length > FILES_MAX) throw new TooLong(attachments.length);
  const json = encodeReport(report, attachments);
  if (json.length > REPORT_JSON_SIZE_BYTES_MAX) throw new TooLong(json.length);
  const members: [string, Uint8Array][] = [["report.json", json]];
  attachments.forEach((file, index) => members.push([memberName(index + 1, file.chosen_name), file.data]));

  const blocks = (size: number) => Math.ceil(size / BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES;
  const size = members.reduce((sum, [, data]) => sum + BLOCK_SIZE_BYTES + blocks(data.length), 2 * BLOCK_SIZE_BYTES);
  let padded_size = PADDED_SIZE_BYTES_MIN;
  while (padded_size < size) padded_size *= 2;
  if (padded_size > PADDED_SIZE_BYTES_MAX) throw new TooLong(size);

  const padded = new Uint8Array(padded_size);
  let offset = 0;
  for (const [name, data] of members) {
    padded.set(header(name, data.length), offset);
    padded.set(data, offset + BLOCK_SIZE_BYTES);
    offset += BLOCK_SIZE_BYTES + blocks(data.length);
  }
  json.fill(0);
  return padded;
}

/** report.json: members in the protocol's order, escaped as JSON.stringify does, no lone surrogate. */
export function encodeReport(report: Report, attachments: readonly Attachment[] = []): Uint8Array {
  const text = JSON.stringify(
    {
      version: 1,
      question_set: report.question_set,
      language: report.language,
      route: report.route,
      force: report.force,
      promise: { id: report.promise.id, text: report.promise.text },
      written_on: report.written_on,
      answers: report.answers.map(({ id, question, answer, skipped }) => ({ id, question, answer, skipped })),
      people: [],
      flags: report.flags,
      wishes: [],
      files: attachments.map((file) => ({
        name: cleanFileName(file.chosen_name),
        media_type: /^[\x21-\x7e]{1,100}$/.test(file.media_type) ? file.media_type : "application/octet-stream",
        size: file.data.length,
        sha256: bytesToHex(sha256(file.data)),
        metadata: file.metadata,
      })),
      mailbox: null,
      thread: report.thread,
      adds_to: report.adds_to,
    },
    (_, value: unknown) => (typeof value === "string" ? wellFormed(value) : value),
  );
  return new TextEncoder().encode(text);
}

/** Lone surrogates become U+FFFD: UTF-8 cannot hold them. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\u{fffd}");
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

/** One POSIX ustar header, 512 bytes, with every field that could tell of a person or machine empty. */
function header(name: string, size: number): Uint8Array {
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
