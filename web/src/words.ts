// The eight words of a way back: drawing them, and reading what somebody types from memory or from a note.
// The list is the EFF's large one, checked against its digest when the site is built, without those that nobody
// who was hurt is to be given (content/words-not-drawn.txt). Never touches the network, the document or the device's storage.

import list from "virtual:words";

/** Eight of 7,352 are 102.8 bits: enough, though what the log shows of them can be guessed at without asking anybody. */
export const WORDS = 8;

const all = unpacked(list);
const known = new Set(all);

/** What build/content.mjs packed: of each word how many letters it has in common with the one before, and the rest. */
function unpacked(packed: string): string[] {
  let before = "";
  return [...packed.matchAll(/([0-9])([^0-9]+)/g)].map(([, common = "", rest = ""]) => {
    before = before.slice(0, Number(common)) + rest;
    return before;
  });
}

/** Eight words, each drawn by the browser's own randomness and all of the list equally likely. */
export function drawWords(random: (to: Uint32Array<ArrayBuffer>) => void = (to) => crypto.getRandomValues(to)): string {
  const drawn: string[] = [];
  const fair = Math.floor(2 ** 32 / all.length) * all.length;
  while (drawn.length < WORDS) {
    const [number = fair] = random32(random);
    // What lies behind the last whole run of the list would make its first words a little likelier.
    if (number < fair) drawn.push(all[number % all.length] ?? "");
  }
  return drawn.join(" ");
}

function random32(random: (to: Uint32Array<ArrayBuffer>) => void): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(1);
  random(to);
  return to;
}

/** A word that the list does not have: which of those typed, from 1, and what it may have been meant to be. */
export type Unknown = { readonly at: number; readonly typed: string; readonly near: readonly string[] };

export type Read =
  | { readonly kind: "words"; readonly words: string }
  | { readonly kind: "count"; readonly found: number }
  | { readonly kind: "unknown"; readonly unknown: readonly Unknown[] };

/** Capitals, spaces, line ends, numbers and marks between the words do not matter; their order does. */
export function readWords(typed: string): Read {
  const words = typed
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u2010-\u2015\u2212]/g, "-")
    .split(/[^\p{L}-]+/u)
    .map((word) => word.replace(/^-+|-+$/g, ""))
    .filter((word) => word !== "");
  const joined = words.length > WORDS ? withHyphens(words) : words;
  if (joined.length !== WORDS) return { kind: "count", found: joined.length };
  const unknown = joined
    .map((word, index) => ({ at: index + 1, typed: word }))
    .filter((word) => !known.has(word.typed))
    .map((word) => ({ ...word, near: nearWords(word.typed) }));
  return unknown.length > 0 ? { kind: "unknown", unknown } : { kind: "words", words: joined.join(" ") };
}

/** Four words of the list have a hyphen, which somebody may have written as a space. */
function withHyphens(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    const both = `${before ?? ""}-${word}`;
    if (before !== undefined && known.has(both)) joined.splice(-1, 1, both);
    else joined.push(word);
  }
  return joined;
}

/** The words of the list that are one slip away: a letter too many, too few or another, or two that changed places. */
export function nearWords(typed: string): string[] {
  return all.filter((word) => isOneSlip(typed, word)).slice(0, 5);
}

function isOneSlip(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || a === b) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}
