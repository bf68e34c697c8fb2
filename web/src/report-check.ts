// Refuses a report that an officer's reader would refuse (src/report/src/check.rs and answer.rs have the same rules), so
// that nothing is sealed that nobody could read. What it finds is a fault of the page or its questions, never the person's.

import type { Answer, Part, Report, Value } from "./report.ts";
import { FILES_MAX } from "./report.ts";

const CODE = /^[a-z][a-z0-9-]{0,31}$/;
const ANSWERS_MAX = 256;
const PARTS_MAX = 64;
const PEOPLE_MAX = 64;
const CODES_MAX = 32;

/** Names where the report is wrong, and nothing that the person wrote. */
export class Unreadable extends Error {}

/** Throws `Unreadable`. Dates, names of files and digests are made by this site's own code and not looked at again. */
export function check(report: Report): void {
  code(report.question_set, "question_set");
  if ((report.adds_to !== null) !== (report.route === "addition")) {
    throw new Unreadable("adds_to: an addition has it, and nothing else");
  }
  few(report.answers, ANSWERS_MAX, "answers");
  few(report.people, PEOPLE_MAX, "people");
  few(report.files, FILES_MAX, "files");
  for (const [index, answer] of report.answers.entries()) {
    checkAnswer(answer, report.people.length, `answer ${index + 1}`);
  }
  for (const [codes, what] of [
    [report.flags, "flags"],
    [report.wishes, "wishes"],
  ] as const) {
    few(codes, CODES_MAX, what);
    for (const one of codes) code(one, what);
    if (new Set(codes).size !== codes.length) throw new Unreadable(`${what}: one stands there twice`);
  }
}

function checkAnswer(answer: Answer, people: number, what: string): void {
  checkPart(answer, people, what);
  few(answer.parts, PARTS_MAX, what);
  for (const part of answer.parts) checkPart(part, people, what);
  const says = [answer, ...answer.parts].some((part) => part.answer !== null);
  if (says !== (answer.state === "answered")) throw new Unreadable(`${what}: it does not say what its state says`);
  const hasParts = answer.state === "answered" || answer.state === "skipped";
  if (!hasParts && answer.parts.length > 0) throw new Unreadable(`${what}: it has parts and was not shown`);
}

function checkPart({ id, answer, choice, person }: Part, people: number, what: string): void {
  code(id, what);
  if (Array.isArray(answer) && answer.length === 0) throw new Unreadable(`${what}: want null for nothing`);
  if (choice !== null && !isBeside(choice, answer)) throw new Unreadable(`${what}: the choice does not fit the answer`);
  for (const one of [choice ?? []].flat()) code(one, what);
  if (person !== null && !(Number.isInteger(person) && person >= 1 && person <= people)) {
    throw new Unreadable(`${what}: there is no such person`);
  }
}

function isBeside(choice: Value, answer: Value): boolean {
  if (typeof choice === "string" || typeof answer === "string") return typeof choice === typeof answer;
  return choice !== null && answer !== null && choice.length === answer.length;
}

function code(text: string, what: string): void {
  if (!CODE.test(text)) throw new Unreadable(`${what}: a code is not one`);
}

function few(list: readonly unknown[], most: number, what: string): void {
  if (list.length > most) throw new Unreadable(`${what}: ${list.length}, at most ${most} wanted`);
}
