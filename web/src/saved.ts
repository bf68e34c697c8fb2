// What a draft holds (docs/protocol.md section 15): where somebody was and what stood in the controls, in one encoding;
// and what of it the questions still allow. Pure: knows no key, no network and no document. Trusts no draft: whoever
// has the words can make one.

import type { Field, Force, Given, Page } from "./questions.ts";
import type { Language } from "./strings.ts";

/** `given` never has files, nor what is written for the sealed contact. A date stands in it as its three parts. */
export type Saved = {
  readonly language: Language;
  /** The day on this device, UTC, YYYY-MM-DD. */
  readonly saved_on: string;
  /** The page that was shown: the id of one of the questions, or `check`. */
  readonly section: string;
  readonly visited: readonly string[];
  readonly given: Given;
};

/** One chunk of an age file, and so the first size class: every draft is of this size. */
export const SAVED_SIZE_BYTES = 1 << 16;
const VISITED_MAX = 256;
const GIVEN_MAX = 1_024;
const VALUES_MAX = 64;
const ID = /^[a-z][a-z0-9-]{0,31}$/;
const SPACE = 0x20;

export class TooLongToSave extends Error {
  constructor() {
    super("there is more than one draft can hold");
  }
}

/** It names what is wrong, and nothing that somebody wrote. */
export class NotSaved extends Error {}

/** JSON and then spaces. Throws `TooLongToSave`. */
export function encodeSaved(saved: Saved): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SAVED_SIZE_BYTES).fill(SPACE);
  const text = jsonOf(saved);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  if (read === text.length) return bytes;
  bytes.fill(0);
  throw new TooLongToSave();
}

function jsonOf({ language, saved_on, section, visited, given }: Saved): string {
  return JSON.stringify({ version: 1, language, saved_on, section, visited, given: Object.fromEntries(given) });
}

/** Throws `NotSaved` for whatever `encodeSaved` does not write. */
export function parseSaved(bytes: Uint8Array): Saved {
  if (bytes.length !== SAVED_SIZE_BYTES) throw new NotSaved(`${bytes.length} bytes`);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/ +$/, "");
    value = JSON.parse(text);
  } catch {
    throw new NotSaved("no JSON");
  }
  const saved = savedOf(value);
  // A member too many, another order, white space, an id twice: it would be written otherwise.
  if (jsonOf(saved) !== text) throw new NotSaved("not as it would be written");
  return saved;
}

function savedOf(value: unknown): Saved {
  if (typeof value !== "object" || value === null) throw new NotSaved("no object");
  const { version, language, saved_on, section, visited, given } = value as Record<string, unknown>;
  if (version !== 1) throw new NotSaved("another version");
  if (language !== "en" && language !== "cy") throw new NotSaved("language");
  if (typeof saved_on !== "string" || !isDay(saved_on)) throw new NotSaved("saved_on");
  if (!isId(section)) throw new NotSaved("section");
  if (!Array.isArray(visited) || visited.length > VISITED_MAX || !visited.every(isId)) throw new NotSaved("visited");
  if (typeof given !== "object" || given === null) throw new NotSaved("given");
  const entries = Object.entries(given);
  if (entries.length > GIVEN_MAX || !entries.every(([id, one]) => isId(id) && isValue(one)))
    throw new NotSaved("given");
  return { language, saved_on, section, visited, given: new Map(entries as [string, string | string[]][]) };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

function isValue(value: unknown): boolean {
  const isText = (one: unknown) => typeof one === "string";
  return isText(value) || (Array.isArray(value) && value.length <= VALUES_MAX && value.every(isText));
}

/** What a draft keeps of a field, if anything. */
export function isKept({ kind, sealed }: Field): boolean {
  return kind !== "files" && sealed !== true;
}

export type Fitting = Pick<Saved, "visited" | "given"> & { readonly isWhole: boolean };

/** What of a draft these questions still ask and allow. */
export function fitting(pages: readonly Page[], forces: readonly Force[], { visited, given }: Saved): Fitting {
  const fields = new Map(pages.flatMap(({ fields }) => fields.filter(isKept).map((field) => [field.id, field])));
  const fit = new Map<string, string | readonly string[]>();
  let isWhole = true;
  for (const [id, value] of given) {
    const field = fields.get(id);
    const allowed = field === undefined ? null : allowedIn(field, value, forces);
    if (allowed !== null) fit.set(id, allowed);
    isWhole &&= allowed !== null && allowed.length === value.length;
  }
  return { visited: visited.filter((id) => pages.some((page) => page.id === id)), given: fit, isWhole };
}

/** A value as the field could hold it; null when it could not. */
function allowedIn(field: Field, value: string | readonly string[], forces: readonly Force[]) {
  const options = field.options ?? [];
  const isOption = (code: string) => options.some((option) => option.value === code);
  switch (field.kind) {
    case "text":
    case "textarea":
      return typeof value === "string" ? value : null;
    case "radios":
      return typeof value === "string" && isOption(value) ? value : null;
    case "forces":
      return typeof value === "string" && (isOption(value) || forces.some(({ id }) => id === value)) ? value : null;
    case "date":
      return typeof value !== "string" && value.length === 3 ? value : null;
    case "checkboxes": {
      if (typeof value === "string") return null;
      const codes = options.map((option) => option.value).filter((code) => value.includes(code));
      const isAlone = codes.length < 2 || !options.some((one) => one.exclusive === true && codes.includes(one.value));
      return codes.length > 0 && isAlone ? codes : null;
    }
    case "files":
      return null;
    default:
      return field.kind satisfies never;
  }
}
