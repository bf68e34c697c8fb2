// Reads the question set, refuses what is not whole, and writes out what comes again: the pages of a loop and the rows
// of a repeated page each get ids of their own, so that the template, the script and the report know no loop.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { webDir } from "./content.mjs";
import { checkSchema } from "./schema.mjs";

export const ROUTES = ["self", "other", "witness", "work"];

/** The question set with every page written out; `strings` and `forces` are those of the build. */
export function readQuestions(strings, text = readFileSync(join(webDir, "content", "questions.json"), "utf8")) {
  const set = JSON.parse(text);
  checkSchema("questions.schema.json", "questions.json", set);
  const pages = writtenOut(set).map((page) => withPanels(page));
  checkPages(set.pages);
  checkWords(pages, set.panels, strings);
  return { set: set.set, panels: set.panels, pages: pages.map((page) => withHints(page, strings)) };
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
function conditionsOf(condition) {
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
  const has = (stem, owner) => owner.by_route?.includes("hint") === true || `${stem}.hint` in strings;
  return {
    ...page,
    hint: has(`q.${page.base}`, page),
    fields: page.fields.map((field) => ({
      ...field,
      hint: field.base !== page.base && has(`q.${field.base}`, field),
      ...(field.options === undefined
        ? {}
        : {
            options: field.options.map((option) => {
              const stem = option.words ? `q.common.${option.value}` : `q.${field.base}.${option.value}`;
              return { ...option, stem, hint: has(stem, option) };
            }),
          }),
    })),
  };
}

/** Each word that a page needs stands in the catalogue, for every route that the page is asked on. */
function checkWords(pages, panels, strings) {
  const want = (key, who) => {
    if (!(key in strings)) throw new Error(`questions.json: ${who} needs the string "${key}"; write it`);
  };
  for (const page of pages) {
    const routes = page.routes ?? ROUTES;
    const each = (stem, word, owner) => {
      const keys = owner.by_route?.includes(word)
        ? routes.map((route) => `${stem}.${word}.${route}`)
        : [`${stem}.${word}`];
      for (const key of keys) want(key, `page "${page.id}"`);
    };
    const stem = `q.${page.base}`;
    for (const word of ["title", ...(page.body ?? []), ...(page.help ? ["help.title", "help.text"] : [])]) {
      each(stem, word, page);
    }
    if (page.required) each(stem, "required", page);
    for (const field of page.fields) {
      if (field.base !== page.base) each(`q.${field.base}`, "label", field);
      for (const option of field.options ?? []) {
        each(option.words ? `q.common.${option.value}` : `q.${field.base}.${option.value}`, "label", option);
      }
    }
  }
  for (const [name, { body }] of Object.entries(panels)) {
    for (const word of ["title", ...body]) want(`q.panel.${name}.${word}`, `panel "${name}"`);
  }
}
