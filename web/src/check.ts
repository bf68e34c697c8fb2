// What the check page says: the answers by part, what of them tells who somebody is, and how large it is.
// Pure but for the sizes of files.

import type { Telling } from "./answers.ts";
import { said } from "./answers.ts";
import type { FileList } from "./files-view.ts";
import type { Page, Route } from "./questions.ts";
import { isAnswered, isReachable, labelOf, routeOf, shownFields, titleOf } from "./questions.ts";
import { text } from "./strings.ts";
import type { Group, Line, Row } from "./view.ts";

export type Summary = {
  readonly groups: readonly Group[];
  /** What of the answers can tell who wrote them. */
  readonly identifying: readonly string[];
  /** Contact was asked for, and there is no way to it. */
  readonly isUnreachable: boolean;
  readonly size: string;
};

const MEGABYTE = 1 << 20;

export function summaryOf(path: readonly Page[], telling: Telling, files: readonly FileList[]): Summary {
  const { given, language, questions, visited } = telling;
  const route = routeOf(questions.pages, given);
  const shown = path.filter((page) => page.kind === "question" && (visited.has(page.id) || isAnswered(page, given)));
  const parts = [...new Set(shown.map(({ part }) => part))];
  const groups = parts.map((part) => ({
    heading: text(language, `form.part.${part}`),
    rows: shown.filter((page) => page.part === part).map((page) => rowOf(page, telling, route)),
  }));
  const naming = shown
    .filter((page) => page.names === true && isAnswered(page, given))
    .map((page) => text(language, "form.check.names", { question: titleOf(page, route, language) }));
  const chosen = files.flatMap((list) => list.chosen());
  const kept = chosen
    .filter(({ metadata }) => metadata === "kept")
    .map(({ file }) => text(language, "form.check.keeps", { name: file.name }));
  const size = chosen.reduce((sum, { file }) => sum + file.size, 0);
  const isWanted = given.get("c1") === "contact" || given.get("c1") === "supporter";
  return {
    groups,
    identifying: [...naming, ...kept],
    isUnreachable: isWanted && !isReachable(questions.pages, given),
    size:
      chosen.length === 0
        ? text(language, "form.check.size_none")
        : text(language, "form.check.size", {
            files: String(chosen.length),
            size: (Math.ceil((size / MEGABYTE) * 10) / 10).toLocaleString("en-GB"),
          }),
  };
}

function rowOf(page: Page, telling: Telling, route: Route): Row {
  const { given, language } = telling;
  const lines = shownFields(page, given).flatMap((field): Line[] => {
    const { answer } = said(field, telling, route);
    if (answer === null) return [];
    const label = field.base === page.base ? null : `${labelOf(page, field, route, language)}:`;
    return [answer].flat().map((one, index) => ({ label: index === 0 ? label : null, answer: one }));
  });
  const turn = page.copy === undefined || page.copy === 1 ? "" : ` (${page.copy})`;
  return { id: page.id, question: titleOf(page, route, language) + turn, lines };
}
