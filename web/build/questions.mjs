// Reads the question set, refuses what is not whole, and writes out what comes again: the pages of a loop and the rows
// of a repeated page each get ids of their own, so that the template, the script and the report know no loop.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { webDir } from "./content.mjs";
import { checkSchema } from "./schema.mjs";

export const ROUTES = ["self", "other", "witness", "work"];

/** The question set with every page written out; `strings` are those of the build. */
export function readQuestions(strings, text = readFileSync(join(webDir, "content", "questions.json"), "utf8")) {
  const set = JSON.parse(text);
  checkSchema("questions.schema.json", "questions.json", set);
  checkPages(set.pages);
  checkWords(set, strings);
  const pages = writtenOut(set).map((page) => withHints(withPanels(page), strings));
  return { set: set.set, panels: set.panels, pages };
}

function checkPages(pages) {
  const seen = new Set();
  const fields = new Set(pages.flatMap((page) => (page.fields ?? []).map(({ id }) => id)));
  for (const page of pages) {
    for (const id of [page.id, ...(page.fields ?? []).map((field) => field.id).filter((id) => id !== page.id)]) {
      if (seen.has(id)) throw new Error(`questions.json: two things are named "${id}"; each has a name of its own`);
      seen.add(id);
    }
    for (const condition of [page, ...(page.fields ?? [])].flatMap(({ when }) => conditionsOf(when))) {
      if (!fields.has(condition.field)) {
        throw new Error(`questions.json: page "${page.id}" depends on the field "${condition.field}"; there is none`);
      }
    }
  }
}

/** Every `{field, is}` inside a condition. */
export function conditionsOf(condition) {
  if (condition === undefined) return [];
  if (condition.field !== undefined) return [condition];
  return [...(condition.any ?? []), ...(condition.all ?? []), condition.not].flatMap((part) => conditionsOf(part));
}

/** Every page, and each run of a loop's pages as often as it can come, one run after the other. */
function writtenOut(set) {
  return set.pages.flatMap((page, index) => {
    if (page.loop === undefined) return [copy(page, 1)];
    if (set.pages[index - 1]?.loop === page.loop) return []; // Came with the first page of its run.
    const run = set.pages.filter(({ loop }) => loop === page.loop);
    const gate = run.at(-1);
    return Array.from({ length: set.loops[page.loop].max }, (_, number) => number + 1).flatMap((number) =>
      run.filter((of) => of !== gate || number < set.loops[page.loop].max).map((of) => copy(of, number, gate)),
    );
  });
}

/** Copy n is asked when the gate of each copy before it was answered yes. */
function copy(page, number, gate) {
  const named = (id) => (number === 1 ? id : `${id}-n${number}`);
  const before = Array.from({ length: number - 1 }, (_, index) => ({
    field: index === 0 ? gate.id : `${gate.id}-n${index + 1}`,
    is: ["yes"],
  }));
  const when = [...before, ...(page.when === undefined ? [] : [page.when])];
  const fields = (page.fields ?? []).map((field) => ({ ...field, base: field.id, id: named(field.id) }));
  return {
    ...page,
    id: named(page.id),
    base: page.id,
    ...(page.loop === undefined ? {} : { copy: number }),
    ...(when.length === 0 ? {} : { when: when.length === 1 ? when[0] : { all: when } }),
    fields: page.repeat === undefined ? fields : rows(page, fields),
  };
}

function rows(page, fields) {
  return Array.from({ length: page.repeat.max }, (_, index) => index + 1).flatMap((row) =>
    fields.map((field) => ({ ...field, id: row === 1 ? field.id : `${field.id}-r${row}`, row })),
  );
}

function withPanels(page) {
  const shown = page.fields.flatMap(({ options }) => (options ?? []).map(({ shows }) => shows));
  return { ...page, panels: [...new Set(shown.filter((name) => name !== undefined))] };
}

/** Which things have a hint is known from the words: the template and the script need not look. */
function withHints(page, strings) {
  return {
    ...page,
    hint: hasHint(`q.${page.base}`, page, strings),
    fields: page.fields.map((field) => ({
      ...field,
      hint: field.base !== page.base && hasHint(`q.${field.base}`, field, strings),
      ...(field.options === undefined
        ? {}
        : {
            options: field.options.map((option) => {
              const stem = stemOf(field.base, option);
              return { ...option, stem, hint: hasHint(stem, option, strings) };
            }),
          }),
    })),
  };
}

// ---------------------------------------------------------------- words

/** A hint is there when its string is; one that is told by route always is. */
function hasHint(stem, owner, strings) {
  return owner.by_route?.includes("hint") === true || `${stem}.hint` in strings;
}

function stemOf(field, option) {
  return option.words ? `q.common.${option.value}` : `q.${field}.${option.value}`;
}

/** Every string of a page of the set: one key a word, or one a route that is asked where the word is told by route. */
export function keysOfPage(page, strings) {
  const each = (stem, owner, words) =>
    [...words, ...(hasHint(stem, owner, strings) ? ["hint"] : [])].flatMap((word) =>
      owner.by_route?.includes(word)
        ? (page.routes ?? ROUTES).map((route) => `${stem}.${word}.${route}`)
        : [`${stem}.${word}`],
    );
  const help = page.help ? ["help.title", "help.text"] : [];
  const required = page.required ? ["required"] : [];
  return [
    ...each(`q.${page.id}`, page, ["title", ...(page.body ?? []), ...help, ...required]),
    ...(page.fields ?? []).flatMap((field) => [
      ...(field.id === page.id ? [] : each(`q.${field.id}`, field, ["label"])),
      ...(field.options ?? []).flatMap((option) => each(stemOf(field.id, option), option, ["label"])),
    ]),
  ];
}

/** Every string of a panel. */
export function keysOfPanel([name, { body }]) {
  return ["title", ...body].map((word) => `q.panel.${name}.${word}`);
}

/** Each word of the set stands in the catalogue. */
function checkWords(set, strings) {
  const want = (who, keys) => {
    const missing = keys.find((key) => !(key in strings));
    if (missing !== undefined) throw new Error(`questions.json: ${who} needs the string "${missing}"; write it`);
  };
  for (const page of set.pages) want(`page "${page.id}"`, keysOfPage(page, strings));
  for (const panel of Object.entries(set.panels)) want(`panel "${panel[0]}"`, keysOfPanel(panel));
}
