// What the return page shows of a visit: where each thing that was sent stands, what was answered, and what is wrong among the
// answers. Text reaches the document through textContent only: an answer is words, never markup.

import { dayInWords } from "./dates.ts";
import { element } from "./file-card.ts";
import type { Place, Span } from "./look.ts";
import type { Mail, MailFault } from "./mail.ts";
import type { Message } from "./message.ts";
import type { Force } from "./questions.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { byId, showList } from "./view.ts";

/** What a visit found. */
export type Found = { readonly places: readonly Place[]; readonly mail: Mail; readonly span: Span };

export const NOTHING: Found = {
  places: [],
  mail: { messages: [], faults: [], hasEarlier: false, seen_on: null, isAnswering: true },
  span: "recent",
};

/** What there is to say besides the faults themselves: messages that are counted, and not here. */
type Told = MailFault | "before" | "gap";
/** What is wrong with the list itself; the others are about the answers. */
const ABOUT_LIST: readonly Told[] = ["unseen", "stale", "fork"];
/** What nobody needs to be told of. */
const HARMLESS: readonly Told[] = ["line", "replayed", "before"];
/** What may keep a message from the page: then it is not known that there is none. */
const HIDES: readonly Told[] = [
  ...(["line", "index", "missing", "altered", "unreadable"] as const),
  ...(["unseen", "stale", "fork", "before", "gap"] as const),
];

/** Fills the sections `found` and `none`. */
export function showFound(language: Language, force: Force, found: Found): void {
  const { places, mail, span } = found;
  const isOlder = places.length === 0;
  const holes = {
    force: force.name[language],
    number: String(places.length),
    hours: String(force.collected_every_hours),
  };
  // Of a list that is not the force's own nothing is promised.
  const isFork = mail.faults.includes("fork");
  const answers = mail.messages.filter((message) => message.state === "replied");
  // Only what was not looked through can be longer ago.
  const isElsewhere = isFork || span === "all";
  const [title, words] = isOlder
    ? ["back.found_older", isElsewhere ? "back.found_other_text" : "back.found_older_text"]
    : isFork
      ? ["back.found_fork", "back.found_fork_text"]
      : ["back.found", places.length === 1 ? "back.found_one" : "back.found_more"];
  byId("found-title").textContent = text(language, title);
  byId("found-text").textContent = text(language, words, holes);
  byId("none-text").textContent = text(language, isFork ? "back.none_fork" : "back.none_text", holes);
  byId("found-answers").hidden = answers.length === 0;
  byId("found-answers").textContent = text(language, "back.found_answers", { number: String(answers.length) });
  byId("found-checked").hidden = isOlder || isFork;
  byId("found-places").hidden = isOlder;
  const { seen_on } = mail;
  byId("found-seen").hidden = isOlder || seen_on === null;
  byId("found-seen").textContent =
    seen_on === null ? "" : text(language, "back.found_seen", { ...holes, date: dayInWords(seen_on, language) });
  showList(
    "places",
    places.map((place) => placeLine(language, place)),
  );
  const isKnown = mail.isAnswering && !mail.hasEarlier && !toldOf(found).some((fault) => HIDES.includes(fault));
  showStates(language, force, found, {
    known: isFork ? "back.state_fork" : "back.state_held",
    other: isElsewhere ? "back.state_other" : "back.state_older",
    waiting: isKnown ? "back.state_waiting" : null,
  });
  byId("answers").replaceChildren(...answers.map((answer, at) => article(language, force, answer, at + 1)));
  byId("answers-none").hidden = answers.length > 0;
  const none = !mail.isAnswering ? "back.answers_never" : isKnown ? "back.answers_none" : "back.answers_unsure";
  byId("answers-none-text").textContent = text(language, none, holes);
  byId("answers-ahead").hidden = !mail.isAnswering;
  byId("answers-expect").textContent = text(language, "back.answers_expect", holes);
  byId("earlier").hidden = !mail.hasEarlier;
  showFaults(language, force, found);
}

/** Takes everything of a visit off the page. */
export function emptyFound(): void {
  for (const id of ["found-title", "found-text", "found-answers", "found-seen", "none-text", "answers-none-text"])
    byId(id).textContent = "";
  for (const id of ["places", "states", "answers"]) byId(id).replaceChildren();
  for (const block of document.querySelectorAll<HTMLElement>("[data-faults]")) {
    block.hidden = true;
    for (const part of block.querySelectorAll("ul, [data-tell]")) part.replaceChildren();
  }
}

function placeLine(language: Language, { year, index }: Place): string {
  return text(language, "back.place_line", { year: String(year), index: String(index + 1) });
}

/** Each thing that was sent, in the order of the log, and then what messages are about that the log did not show. */
function showStates(
  language: Language,
  force: Force,
  { places, mail: { messages } }: Found,
  keys: { readonly known: string; readonly other: string; readonly waiting: string | null },
): void {
  const known = new Set(places.map(({ h }) => h));
  const others = new Set(messages.map(({ report }) => report).filter((report) => !known.has(report)));
  const items = [...places.map(({ h }) => h), ...others].map((report) => {
    const told = messages.filter((message) => message.report === report);
    const lines = [text(language, known.has(report) ? keys.known : keys.other)];
    if (told.length === 0 && keys.waiting !== null)
      lines.push(text(language, keys.waiting, { force: force.name[language] }));
    for (const state of ["collected", "read", "replied"] as const) {
      const last = told.filter((message) => message.state === state).at(-1);
      if (last === undefined) continue;
      lines.push(
        text(language, `back.state_${state}`, { force: force.name[language], date: dayInWords(last.on, language) }),
      );
    }
    const item = element("li", "");
    item.append(...lines.map((line, at) => paragraph(line, at === 0 ? "govuk-!-font-weight-bold" : "")));
    return item;
  });
  byId("states").classList.toggle("govuk-list--number", items.length > 1);
  byId("states").replaceChildren(...items);
}

/** One answer: when, what, and from whom. Its words are in the language that it was written in. */
function article(
  language: Language,
  force: Force,
  answer: Message & { state: "replied" },
  number: number,
): HTMLElement {
  const title = element("h3", "govuk-heading-s");
  title.id = `answer-${number}`;
  title.textContent = text(language, "back.answer_title", { date: dayInWords(answer.on, language) });
  const words = element("div", "app-message__words");
  words.lang = answer.language;
  words.translate = false;
  words.append(
    ...answer.text
      .split(/[\r\n\u0085\u2028\u2029]+/)
      .filter((line) => line.trim() !== "")
      .map((line) => paragraph(line, "govuk-body")),
  );
  for (const line of words.children) line.setAttribute("dir", "auto");
  const whole = element("article", "app-message");
  whole.setAttribute("aria-labelledby", title.id);
  const from = text(language, "back.answer_from", { force: force.name[language] });
  whole.append(title, words, paragraph(from, "govuk-body-s"));
  return whole;
}

/** In both sections: with words that find nothing a page can be missing too. */
function showFaults(language: Language, force: Force, found: Found): void {
  const all = toldOf(found);
  const holes = { force: force.name[language] };
  for (const block of document.querySelectorAll<HTMLElement>("[data-faults]")) {
    const isList = block.dataset["faults"] === "list";
    const told = all.filter((fault) => ABOUT_LIST.includes(fault) === isList);
    block.hidden = told.length === 0;
    const items = told.map((fault) => {
      const item = element("li", "");
      item.dataset["fault"] = fault;
      item.textContent = text(language, `back.mail_${fault}`, holes);
      return item;
    });
    block.querySelector("ul")?.replaceChildren(...items);
    const tell = block.querySelector<HTMLElement>("[data-tell]");
    if (tell === null) continue;
    tell.hidden = told.every((fault) => HARMLESS.includes(fault));
    tell.textContent = text(language, "back.mail_tell", holes);
  }
}

function toldOf({ mail, span }: Found): Told[] {
  return [...mail.faults, ...gapOf(mail, span)];
}

/** Messages are counted from 1: what is not here is longer ago, or was never given. Where a reason is said, it is said once. */
function gapOf({ messages, faults, hasEarlier }: Mail, span: Span): Told[] {
  const numbers = new Set(messages.map(({ number }) => number));
  const isWhole = numbers.size === (messages.at(-1)?.number ?? 0);
  if (isWhole || hasEarlier || faults.some((fault) => fault !== "replayed" && fault !== "conflict")) return [];
  return [span === "recent" ? "before" : "gap"];
}

function paragraph(words: string, classes: string): HTMLElement {
  const made = element("p", classes);
  made.textContent = words;
  return made;
}
