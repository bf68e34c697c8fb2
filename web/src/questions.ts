// The question set as data: which pages there are, when they are asked, and what an answer means.
// Pure: knows no document. A new page is an entry of content/questions.json and its strings; build/questions.mjs writes
// out what comes again.

import { isDate } from "./dates.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

export type Route = "self" | "other" | "witness" | "work";

export type Force = {
  readonly id: string;
  readonly name: Record<Language, string>;
  readonly place: Record<Language, string>;
  readonly triage: boolean;
  readonly promise: { readonly id: string; readonly en: string; readonly cy: string };
  readonly numbers: { readonly phone: string; readonly text: string; readonly relay: string };
  readonly collected_every_hours: number;
  readonly root_key: string | null;
};

export type Condition =
  | { readonly field: string; readonly is: readonly string[] }
  | { readonly any: readonly Condition[] }
  | { readonly all: readonly Condition[] }
  | { readonly not: Condition };

export type Option = {
  readonly value: string;
  /** Where its words stand: `<stem>.label`. */
  readonly stem: string;
  readonly route?: Route;
  readonly flag?: string;
  readonly wish?: string;
  readonly exclusive?: boolean;
  readonly shows?: string;
  readonly by_route?: readonly string[];
};

export type Field = {
  readonly id: string;
  /** Its name in the report: copies of a loop and rows of a repeated page share it. */
  readonly base: string;
  readonly kind: "radios" | "checkboxes" | "text" | "textarea" | "date" | "files" | "forces";
  readonly options?: readonly Option[];
  readonly when?: Condition;
  readonly by_route?: readonly string[];
  readonly sealed?: boolean;
  /** A way to the person who asked for contact. */
  readonly reaches?: boolean;
  readonly basis?: boolean;
  readonly row?: number;
};

export type Page = {
  readonly id: string;
  readonly base: string;
  /** A gate chooses what help is shown next, and is never in the report; information asks nothing. */
  readonly kind: "question" | "gate" | "info";
  readonly part: string;
  readonly routes?: readonly Route[];
  readonly short?: boolean;
  readonly required?: boolean;
  readonly by_route?: readonly string[];
  readonly when?: Condition;
  readonly fields: readonly Field[];
  readonly repeat?: { readonly max: number };
  /** What stands on it tells who writes, or how to find them. */
  readonly names?: boolean;
  readonly role?: "reported" | "victim" | "witness" | "other";
  readonly loop?: string;
  readonly copy?: number;
  readonly panels: readonly string[];
};

export type QuestionSet = { readonly set: string; readonly pages: readonly Page[] };

/** What stands in the controls, by field: own words, a code, the codes that are ticked, names of files, or a date. */
export type Given = ReadonlyMap<string, string | readonly string[]>;

export function holds(condition: Condition | undefined, given: Given): boolean {
  if (condition === undefined) return true;
  if ("any" in condition) return condition.any.some((part) => holds(part, given));
  if ("all" in condition) return condition.all.every((part) => holds(part, given));
  if ("not" in condition) return !holds(condition.not, given);
  const value = given.get(condition.field) ?? [];
  return [value].flat().some((code) => condition.is.includes(code));
}

/** Whether something stands in a field; white space alone is nothing. */
export function isGiven(given: Given, id: string): boolean {
  const value = given.get(id) ?? "";
  return typeof value === "string" ? value.trim() !== "" : value.length > 0;
}

/** The fields of a page that are shown with these answers. */
export function shownFields(page: Page, given: Given): Field[] {
  return page.fields.filter(({ when }) => holds(when, given));
}

export function isAnswered(page: Page, given: Given): boolean {
  return shownFields(page, given).some(({ id }) => isGiven(given, id));
}

/** The pages that are asked, in order, with these answers: all of them, or those of the short way. */
export function asked(pages: readonly Page[], given: Given, isShort: boolean): Page[] {
  const route = routeOf(pages, given);
  return pages.filter(
    (page) =>
      (page.routes === undefined || page.routes.includes(route)) &&
      (!isShort || page.short === true) &&
      holds(page.when, given),
  );
}

/** Whether a page is asked only because of what was chosen on another. */
export function dependsOn(page: Page, other: Page): boolean {
  const names = JSON.stringify([page.when ?? null, page.routes ?? null]);
  const hasRoute = page.routes !== undefined && other.fields.some(({ options }) => options?.some(({ route }) => route));
  return hasRoute || other.fields.some(({ id }) => names.includes(`"field":"${id}"`));
}

/** What keeps a page from being left with what is on it: the field that it is about, and what to say there. */
export function wrongOn(page: Page, given: Given): { readonly id: string; readonly key: string } | null {
  if (page.required === true && !isAnswered(page, given)) return { id: page.id, key: `q.${page.base}.required` };
  const date = shownFields(page, given).find(
    ({ id, kind }) => kind === "date" && isGiven(given, id) && !isDate(String(given.get(id))),
  );
  return date === undefined ? null : { id: date.id, key: "form.wrong.date" };
}

/** The options of a page that are chosen, in order of asking. */
export function chosenOptions(page: Page, given: Given): Option[] {
  return shownFields(page, given).flatMap(({ id, options }) => {
    const values = [given.get(id) ?? []].flat();
    return (options ?? []).filter(({ value }) => values.includes(value));
  });
}

export function routeOf(pages: readonly Page[], given: Given): Route {
  for (const page of pages) {
    for (const { route } of chosenOptions(page, given)) if (route !== undefined) return route;
  }
  return "self";
}

/** The force of the place that was chosen, or the one that reads for those who are not sure. Null until then. */
export function forceOf(forces: readonly Force[], pages: readonly Page[], given: Given): Force | null {
  const field = pages.flatMap(({ fields }) => fields).find(({ kind }) => kind === "forces");
  const value = field === undefined ? undefined : given.get(field.id);
  if (value === undefined) return null;
  return forces.find(({ id }) => id === value) ?? forces.find(({ triage }) => triage) ?? null;
}

/** The force that reads for those who are not sure. */
export function triageOf(forces: readonly Force[]): Force {
  const force = forces.find(({ triage }) => triage);
  if (force === undefined) throw new Error("no force reads for those who are not sure");
  return force;
}

/** What the report is about: anything but the questions that only say where it goes and what becomes of it. */
export function hasSubstance(pages: readonly Page[], given: Given): boolean {
  return pages.some(({ kind, part, fields }) => {
    if (kind !== "question" || part === "before" || part === "start") return false;
    return fields.some((field) => holds(field.when, given) && isGiven(given, field.id));
  });
}

/** The key of words that may differ by route: `q.a1.title`, or `q.a1.title.witness`. */
export function keyOf(
  stem: string,
  word: string,
  owner: { readonly by_route?: readonly string[] },
  route: Route,
): string {
  return owner.by_route?.includes(word) === true ? `${stem}.${word}.${route}` : `${stem}.${word}`;
}

export function titleOf(page: Page, route: Route, language: Language): string {
  return text(language, keyOf(`q.${page.base}`, "title", page, route));
}

/** Whether there is a way to whoever asked for contact. */
export function isReachable(pages: readonly Page[], given: Given): boolean {
  return asked(pages, given, false).some((page) =>
    shownFields(page, given).some(({ id, reaches }) => reaches === true && isGiven(given, id)),
  );
}

/** A field's label; that of a page's main field is the page's title. */
export function labelOf(page: Page, field: Field, route: Route, language: Language): string {
  if (field.base === page.base) return titleOf(page, route, language);
  return text(language, keyOf(`q.${field.base}`, "label", field, route));
}
