// One record opened: an age file to the words' own key, and in it a note that a force signed (docs/protocol.md section 14).
// Trusts the reply keys of the force's directory, and nothing that only opens: anyone who has a mailbox can seal to it.

import { Decrypter } from "age-encryption";
import { Forged, openNote } from "./note.ts";
import type { VerifierKey } from "./note.ts";
import { TAG_SIZE_BYTES } from "./reply-page.ts";
import { canonical, date, integer, matching, record, string } from "./shape.ts";
import type { Language } from "./strings.ts";

/** What a force tells: that something was collected or read, or an answer in words. */
export type Message = {
  /** Counts the messages of a thread, from 1. */
  readonly number: number;
  /** `h` of what was sent and this is about, 64 hex. */
  readonly report: string;
  readonly on: string;
} & (
  | { readonly state: "collected" | "read" }
  | { readonly state: "replied"; readonly language: Language; readonly text: string }
);

/** Why what opens is not shown. */
export type Refusal =
  /** Not signed by a key of this force. */
  | "forged"
  /** Signed, and not a message as this page knows them. */
  | "unreadable"
  /** Signed by this force, and in it another force is said to tell it. */
  | "other-force"
  /** About what somebody else sent. */
  | "other-thread";

export type OpenedRecord =
  | { readonly kind: "message"; readonly message: Message; readonly text: string }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Who reads, and whom she believes. */
export type Reader = {
  readonly force: string;
  readonly identity: string;
  readonly thread: string;
  readonly keys: readonly VerifierKey[];
};

const PLAIN_SIZE_BYTES = 2_435;
const FIRST_LINE = "hafan message v1\n";
const MEMBERS = ["force", "thread", "number", "report", "state", "on", "language", "text"];

/** Null when the record is not hers: its tag is one by chance, and nothing is to be said of it. */
export async function openRecord(record: Uint8Array, reader: Reader): Promise<OpenedRecord | null> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(reader.identity);
  // Whatever does not open is somebody else's: the library throws, and cannot say more.
  const plain = await decrypter.decrypt(record.slice(TAG_SIZE_BYTES)).catch(() => null);
  if (plain === null) return null;
  try {
    const text = signedText(plain, reader.keys);
    return text === null ? { kind: "refused", refusal: "forged" } : messageOf(text, reader);
  } finally {
    plain.fill(0);
  }
}

/** The text of the note, when one of the keys signed it and only zeros are behind it. */
function signedText(plain: Uint8Array, keys: readonly VerifierKey[]): string | null {
  const end = plain.indexOf(0);
  const note = end < 0 ? plain : plain.subarray(0, end);
  if (plain.length !== PLAIN_SIZE_BYTES || plain.subarray(note.length).some((byte) => byte !== 0)) return null;
  for (const key of keys) {
    try {
      return openNote(note, key, PLAIN_SIZE_BYTES);
    } catch {
      continue; // Not by this key, or no note at all.
    }
  }
  return null;
}

function messageOf(text: string, { force, thread }: Reader): OpenedRecord {
  let told: Told;
  try {
    told = parse(text);
  } catch {
    return { kind: "refused", refusal: "unreadable" };
  }
  if (told.force !== force) return { kind: "refused", refusal: "other-force" };
  if (told.thread !== thread) return { kind: "refused", refusal: "other-thread" };
  return { kind: "message", message: told.message, text };
}

type Told = { readonly force: string; readonly thread: string; readonly message: Message };

/** Throws for signed text that has not exactly the protocol's shape. */
function parse(text: string): Told {
  if (!text.startsWith(FIRST_LINE) || !text.endsWith("\n")) throw new Forged("the text is no message of version 1");
  const object = record(canonical(text.slice(FIRST_LINE.length, -1)), "message", MEMBERS);
  const force = string(object["force"]);
  const thread = matching(object["thread"], /^[A-Za-z0-9_-]{22}$/);
  const number = integer(object["number"], Number.MAX_SAFE_INTEGER);
  if (number === 0) throw new Forged("messages are counted from 1");
  const about = { number, report: matching(object["report"], /^[0-9a-f]{64}$/), on: date(object["on"]) };
  const { state, language, text: words } = object;
  switch (state) {
    case "collected":
    case "read":
      if (language !== null || words !== null) throw new Forged("only an answer has words");
      return { force, thread, message: { ...about, state } };
    case "replied":
      if (language !== "en" && language !== "cy") throw new Forged("an answer is in English or in Welsh");
      return {
        force,
        thread,
        message: { ...about, state, language, text: matching(words, /^(?!\s*$)\P{Surrogate}+$/u) },
      };
    default:
      throw new Forged("there is no such state");
  }
}
