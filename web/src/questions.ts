// The question set as data: which questions there are, when they are asked, and what an answer means.
// Pure: knows no document. A new question is an entry of content/questions.json and its strings.

import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

export type Route = "self" | "other" | "witness" | "work";

export type Force = {
  readonly id: string;
  readonly name: Record<Language, string>;
  readonly triage: boolean;
  readonly promise: { readonly id: string; readonly en: string; readonly cy: string };
  readonly numbers: { readonly phone: string; readonly text: string; readonly relay: string };
  readonly collected_every_hours: number;
  readonly root_key: string | null;
};

export type Option = { readonly value: string; readonly route?: Route };

export type Question = {
  readonly id: string;
  readonly kind: "radios" | "textarea" | "text";
  readonly required: boolean;
  readonly by_route?: boolean;
  readonly options?: readonly Option[] | "forces";
  readonly when?: { readonly question: string; readonly is: readonly string[] };
};

export type QuestionSet = { readonly set: string; readonly questions: readonly Question[] };

/** What was answered: the value of the chosen option, or the text. A skipped question is in `skipped`. */
export type Answers = { readonly given: ReadonlyMap<string, string>; readonly skipped: ReadonlySet<string> };

export function isAnswered(answers: Answers, id: string): boolean {
  return (answers.given.get(id) ?? "").trim() !== "";
}

/** The questions that are asked, in order, with these answers. */
export function asked(questions: readonly Question[], answers: Answers): Question[] {
  return questions.filter(({ when }) => when === undefined || when.is.includes(answers.given.get(when.question) ?? ""));
}

export function routeOf(questions: readonly Question[], answers: Answers): Route {
  for (const { id, options } of questions) {
    if (options === undefined || options === "forces") continue;
    const route = options.find(({ value }) => value === answers.given.get(id))?.route;
    if (route !== undefined) return route;
  }
  return "self";
}

/** The force that reads the report: the chosen one, or the one that reads for those who are not sure. */
export function forceOf(forces: readonly Force[], questions: readonly Question[], answers: Answers): Force | null {
  const question = questions.find(({ options }) => options === "forces");
  const value = question === undefined ? undefined : answers.given.get(question.id);
  if (value === undefined) return null;
  return forces.find(({ id, triage }) => (value === "unsure" ? triage : id === value)) ?? null;
}

export function titleOf(question: Question, route: Route, language: Language): string {
  const key = `q.${question.id}.title`;
  return text(language, question.by_route === true ? `${key}.${route}` : key);
}
