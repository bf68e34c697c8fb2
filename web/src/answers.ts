// From what stands in the controls to what the report says: answers with their questions as they were shown, people,
// flags, wishes, and what goes into the sealed contact. Pure: knows no document.

import { dateInWords, isEmpty } from "./dates.ts";
import type { Field, Force, Given, Option, Page, QuestionSet, Route } from "./questions.ts";
import {
  asked,
  chosenOptions,
  isAnswered,
  isGiven,
  keyOf,
  labelOf,
  routeOf,
  shownFields,
  titleOf,
} from "./questions.ts";
import type { Answer, ContactAnswer, Draft, Part, Person, Value } from "./report.ts";
import { contactFits, fits } from "./report.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

/** Everything that an answer's words depend on. */
export type Telling = {
  readonly questions: QuestionSet;
  readonly forces: readonly Force[];
  readonly given: Given;
  readonly language: Language;
  /** The pages that were shown and left. */
  readonly visited: ReadonlySet<string>;
};

type Said = { readonly answer: Value; readonly choice: Value };
const NOTHING: Said = { answer: null, choice: null };

/** What was answered in one field, in the words that were shown, and the codes of what was chosen. */
export function said(field: Field, { given, forces, language }: Telling, route: Route): Said {
  const value = given.get(field.id);
  if (value === undefined || !isGiven(given, field.id)) return NOTHING;
  switch (field.kind) {
    case "text":
    case "textarea":
      return { answer: String(value), choice: null };
    case "date":
      return isEmpty(String(value)) ? NOTHING : { answer: dateInWords(String(value), language), choice: null };
    case "files":
      return { answer: [value].flat(), choice: null };
    case "radios":
    case "forces":
      return { answer: wordsOf(field, String(value), forces, language, route), choice: String(value) };
    case "checkboxes": {
      const codes = [value].flat();
      return { answer: codes.map((code) => wordsOf(field, code, forces, language, route)), choice: codes };
    }
    default:
      return field.kind satisfies never;
  }
}

function wordsOf(field: Field, code: string, forces: readonly Force[], language: Language, route: Route): string {
  const option = field.options?.find(({ value }) => value === code);
  if (option !== undefined) return optionWords(option, language, route);
  return forces.find(({ id }) => id === code)?.place[language] ?? code;
}

function optionWords(option: Option, language: Language, route: Route): string {
  return text(language, keyOf(option.stem, "label", option, route));
}

/** The people whom answers speak of, numbered as they first appear. */
class People {
  readonly list: Person[] = [];
  readonly #numbers = new Map<string, number>();

  /** The number of who is known under `key`, who is added when new. */
  number(key: string, person: () => Person): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.list.push(person());
      this.#numbers.set(key, number);
    }
    return number;
  }
}

function basisOf(pages: readonly Page[], telling: Telling): Person["basis"] {
  for (const page of pages) {
    for (const field of shownFields(page, telling.given)) {
      const value = telling.given.get(field.id);
      if (field.basis === true && (value === "known" || value === "believed" || value === "told")) return value;
    }
  }
  return null;
}

export function draftOf(telling: Telling, force: Force, thread: string, written_on: string): Draft {
  const { questions, given, language } = telling;
  const route = routeOf(questions.pages, given);
  const pages = asked(questions.pages, given, false).filter(({ kind }) => kind === "question");
  const people = new People();
  const answers = pages.map((page) => answerOf(page, pages, telling, route, people));
  const options = pages.flatMap((page) => chosenOptions(page, given));
  const each = (codes: (string | undefined)[]) => [...new Set(codes.filter((code) => code !== undefined))];
  return {
    question_set: questions.set,
    language,
    route,
    force: force.id,
    promise: { id: force.promise.id, text: force.promise[language] },
    written_on,
    answers,
    people: people.list,
    flags: each(options.map(({ flag }) => flag)),
    wishes: each(options.map(({ wish }) => wish)),
    mailbox: null,
    thread,
    adds_to: null,
  };
}

function answerOf(page: Page, pages: readonly Page[], telling: Telling, route: Route, people: People): Answer {
  const { given, language, visited } = telling;
  const bare = { id: page.base, question: titleOf(page, route, language), ...NOTHING, person: null };
  if (!isAnswered(page, given)) {
    if (!visited.has(page.id)) return { ...bare, state: "not-reached", parts: [] };
    return { ...bare, state: "skipped", parts: partsOf(page, telling, route, () => null) };
  }
  const fields = shownFields(page, given);
  if (fields.every(({ sealed }) => sealed === true)) return { ...bare, state: "sealed", parts: [] };
  const person = page.repeat === undefined ? personOf(page, pages, telling, people) : null;
  const main = fields.find(({ base }) => base === page.base);
  const parts = partsOf(page, telling, route, (field) => {
    const isRow = page.repeat !== undefined && page.role !== undefined;
    if (!isRow || !rowIsGiven(page, field.row, given)) return null;
    const role = page.role;
    return people.number(`${page.id} row ${field.row}`, () => ({ role, basis: null }));
  });
  return { ...bare, ...(main === undefined ? NOTHING : said(main, telling, route)), state: "answered", person, parts };
}

/** Whom a page is about: all pages of one turn of a loop are about the same. */
function personOf(page: Page, pages: readonly Page[], telling: Telling, people: People): number | null {
  const role = page.role;
  if (role === undefined) return null;
  const isSame = (other: Page) => other.loop === page.loop && other.copy === page.copy;
  const about = page.loop === undefined ? [page] : pages.filter(isSame);
  const key = page.loop === undefined ? page.id : `${page.loop} ${page.copy}`;
  return people.number(key, () => ({ role, basis: basisOf(about, telling) }));
}

function partsOf(page: Page, telling: Telling, route: Route, person: (field: Field) => number | null): Part[] {
  const { given, language } = telling;
  return shownFields(page, given)
    .filter((field) => field.base !== page.base && field.sealed !== true)
    .filter((field) => field.row === undefined || field.row === 1 || rowIsGiven(page, field.row, given))
    .map((field) => ({
      id: field.base,
      question: labelOf(page, field, route, language),
      ...said(field, telling, route),
      person: person(field),
    }));
}

function rowIsGiven(page: Page, row: number | undefined, given: Given): boolean {
  return page.fields.some((field) => field.row === row && isGiven(given, field.id));
}

/** What goes into the sealed contact, or null when nothing was said for it. */
export function contactOf(telling: Telling): ContactAnswer[] | null {
  const { questions, given, language } = telling;
  const route = routeOf(questions.pages, given);
  const answers = asked(questions.pages, given, false).flatMap((page) =>
    shownFields(page, given)
      .filter((field) => field.sealed === true && isGiven(given, field.id))
      .map((field) => ({
        id: field.base,
        question: labelOf(page, field, route, language),
        answer: String(said(field, telling, route).answer),
      })),
  );
  return answers.length === 0 ? null : answers;
}

/** Whether report and sealed contact have room for what was written. */
export function hasRoom(telling: Telling, force: Force, thread: string, written_on: string): boolean {
  const draft = draftOf(telling, force, thread, written_on);
  const contact = contactOf(telling);
  return fits(draft) && (contact === null || contactFits(draft, contact));
}
