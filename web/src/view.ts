// What the form's document shows: one section at a time, its buttons, its errors, its words.
// Text reaches the document through textContent only. Knows nothing of keys or of the network.

import type { Language } from "./strings.ts";
import { localise, text } from "./strings.ts";
import type { Force, Route } from "./questions.ts";

export type Action =
  | "continue"
  | "skip"
  | "send"
  | "send-plain"
  | "look"
  | "stop"
  | "again"
  | "to-answers"
  | "return"
  | "more"
  | "save"
  | "go-on"
  | "load"
  | "delete-ask"
  | "delete"
  | "stay";

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the document has no #${id}`);
  return element;
}

function slots(name: string): NodeListOf<HTMLElement> {
  return document.querySelectorAll<HTMLElement>(`[data-slot="${name}"]`);
}

export function fill(name: string, words: string): void {
  for (const slot of slots(name)) slot.textContent = words;
}

/** Shows one section and exactly these buttons, and moves the focus to its heading. */
export function showSection(name: string, actions: readonly Action[], hasBack: boolean): void {
  clearError();
  for (const section of document.querySelectorAll<HTMLElement>("[data-section]")) {
    section.hidden = section.dataset["section"] !== name;
  }
  showActions(actions);
  byId("back-bar").hidden = !hasBack;
  const heading = document.querySelector<HTMLElement>(`[data-section="${name}"] h1`);
  if (heading === null) throw new Error(`section ${name} has no heading`);
  heading.tabIndex = -1;
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
  // At 400 % zoom the top of the page fills the window: go on to the heading, just below the leave button.
  if (heading.getBoundingClientRect().bottom > window.innerHeight) heading.scrollIntoView({ block: "start" });
}

/** Exactly these buttons. */
export function showActions(actions: readonly Action[]): void {
  for (const button of document.querySelectorAll<HTMLElement>("#actions [data-action]")) {
    button.hidden = !actions.some((action) => action === button.dataset["action"]);
  }
}

/** The other ways to be heard: of one force, or of all while none is chosen. */
export function showHelp(isShown: boolean, force: Force | null): void {
  byId("help").hidden = !isShown;
  for (const ways of document.querySelectorAll<HTMLElement>("[data-ways]")) {
    ways.hidden = force !== null && ways.dataset["ways"] !== force.id;
  }
}

/** What the words of the document depend on besides the language. */
export type Setting = {
  readonly route: Route;
  /** The force that reads the report. */
  readonly force: Force;
  readonly triage: Force;
  /** How many officers open a sealed contact together. */
  readonly threshold: number;
};

/** Puts the whole document into a language, with the words of this route and this force. */
export function speak(language: Language, { route, force, triage, threshold }: Setting): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-by-route]")) {
    // A page that is not asked on this route has no words for it, and is not shown.
    if (element.dataset["routes"]?.split(" ").includes(route) === false) continue;
    element.dataset["t"] = `${element.dataset["byRoute"] ?? ""}.${route}`;
  }
  speakWords(language, "form.title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-holes]")) {
    const holes = { force: triage.name[language], threshold: String(threshold) };
    element.textContent = text(language, element.dataset["t"] ?? "", holes);
  }
  fill("force", force.name[language]);
  fill("promise", force.promise[language]);
  fill("promise-id", force.promise.id);
}

/** Puts the words of a document, its title and its leave control into a language. */
export function speakWords(language: Language, title: string): void {
  document.documentElement.lang = language;
  localise(document, language);
  document.title = text(language, title);
  const leave = document.querySelector<HTMLElement>(".govuk-exit-this-page");
  if (leave !== null) {
    leave.dataset["i18n.activated"] = text(language, "form.leave.loading");
    leave.dataset["i18n.timedOut"] = text(language, "form.leave.expired");
    leave.dataset["i18n.pressTwoMoreTimes"] = text(language, "form.leave.two");
    leave.dataset["i18n.pressOneMoreTime"] = text(language, "form.leave.one");
  }
  showLanguage(language);
}

/** Moves "you are here" in the language navigation; its links never navigate in this document. */
function showLanguage(language: Language): void {
  for (const item of document.querySelectorAll<HTMLElement>("[data-language]")) {
    const isCurrent = item.dataset["language"] === language;
    if (isCurrent === item.hasAttribute("aria-current")) continue;
    const other = document.createElement(isCurrent ? "span" : "a");
    const name = item.dataset["language"] === "en" ? "English" : "Cymraeg";
    other.textContent = name;
    other.lang = item.dataset["language"] ?? "";
    other.dataset["language"] = item.dataset["language"] ?? "";
    other.className = isCurrent ? "govuk-language-navigation__text" : "govuk-language-navigation__link";
    if (isCurrent) other.setAttribute("aria-current", "true");
    else {
      other.setAttribute("href", "#");
      other.setAttribute("rel", "alternate");
      other.setAttribute("hreflang", other.lang);
    }
    item.replaceWith(other);
  }
}

/**
 * GOV.UK's error summary, and the message at the field itself: `field` is what it is about, `control` what the summary
 * leads to. The title stays: history keeps titles.
 */
export function showError(
  language: Language,
  key: string,
  field: string,
  control = field,
  holes: Record<string, string> = {},
): void {
  clearError();
  byId("error-text").textContent = text(language, key, holes);
  byId("error-text").dataset["t"] = key;
  byId("error-link").dataset["target"] = control;
  byId("errors").hidden = false;
  const group = document.querySelector<HTMLElement>(`[data-field="${field}"] .govuk-form-group`);
  if (group !== null) placeMessage(language, key, holes, group, byId(control));
  window.scrollTo(0, 0);
  byId("errors").focus();
}

/** An error of no single field: the summary alone, leading to the page's heading or a button. */
export function showProblem(language: Language, key: string, target: string): void {
  showError(language, key, "", target);
}

function placeMessage(
  language: Language,
  key: string,
  holes: Record<string, string>,
  group: HTMLElement,
  control: HTMLElement,
): void {
  const message = document.createElement("p");
  message.id = `${control.id}-error`;
  message.className = "govuk-error-message";
  message.dataset["error"] = "";
  const prefix = document.createElement("span");
  prefix.className = "govuk-visually-hidden";
  prefix.dataset["t"] = "form.error";
  prefix.textContent = text(language, "form.error");
  const words = document.createElement("span");
  words.dataset["t"] = key;
  words.textContent = text(language, key, holes);
  message.append(prefix, " ", words);
  group.classList.add("govuk-form-group--error");
  const choices = group.querySelector<HTMLElement>(".govuk-radios, .govuk-checkboxes, .govuk-date-input");
  (choices ?? control).before(message);
  if (choices === null || choices.classList.contains("govuk-date-input")) {
    const kind = control instanceof HTMLTextAreaElement ? "govuk-textarea--error" : "govuk-input--error";
    for (const input of choices?.querySelectorAll("input") ?? [control]) input.classList.add(kind);
  }
  describe(choices?.closest("fieldset") ?? control, message.id, true);
}

export function clearError(): void {
  byId("errors").hidden = true;
  for (const message of document.querySelectorAll("[data-error]")) {
    describe(document.querySelector(`[aria-describedby~="${message.id}"]`), message.id, false);
    message.remove();
  }
  for (const name of ["govuk-form-group--error", "govuk-textarea--error", "govuk-input--error"]) {
    for (const element of document.querySelectorAll(`.${name}`)) element.classList.remove(name);
  }
}

function describe(element: Element | null | undefined, id: string, isOn: boolean): void {
  if (element == null) return;
  const ids = (element.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .filter((other) => other !== "" && other !== id);
  if (isOn) ids.push(id);
  element.setAttribute("aria-describedby", ids.join(" "));
}

export type Line = { readonly label: string | null; readonly answer: string };
/** One question of the summary; no lines when nothing was said. */
export type Row = { readonly id: string; readonly question: string; readonly lines: readonly Line[] };
export type Group = { readonly heading: string; readonly rows: readonly Row[] };

/** The answers by part as summary lists, each with its way back to the question. */
export function showAnswers(language: Language, groups: readonly Group[], isHidden: boolean): void {
  const lists = groups.flatMap(({ heading, rows }) => {
    const title = document.createElement("h2");
    title.className = "govuk-heading-m";
    title.textContent = heading;
    const list = document.createElement("dl");
    list.className = "govuk-summary-list";
    list.append(...rows.map((row) => summaryRow(language, row, isHidden)));
    return [title, list];
  });
  byId("answers").replaceChildren(...lists);
}

function summaryRow(language: Language, { id, question, lines }: Row, isHidden: boolean): HTMLElement {
  const row = document.createElement("div");
  row.className = "govuk-summary-list__row";
  const key = document.createElement("dt");
  key.className = "govuk-summary-list__key";
  key.textContent = question;
  const value = document.createElement("dd");
  value.className = "govuk-summary-list__value app-answer";
  value.dataset["answer"] = id;
  if (lines.length === 0) value.textContent = text(language, "form.check.empty");
  else if (isHidden) value.textContent = text(language, "form.check.hidden");
  else value.append(...lines.map(summaryLine));
  const action = document.createElement("dd");
  action.className = "govuk-summary-list__actions";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "app-link-button";
  button.dataset["change"] = id;
  const about = document.createElement("span");
  about.className = "govuk-visually-hidden";
  about.textContent = `: ${question}`;
  button.append(text(language, "form.change"), about);
  action.append(button);
  row.append(key, value, action);
  return row;
}

function summaryLine({ label, answer }: Line): HTMLElement {
  const line = document.createElement("div");
  if (label !== null) {
    line.className = "app-answer__part";
    const name = document.createElement("span");
    name.className = "app-answer__label";
    name.textContent = label;
    line.append(name);
  }
  line.append(answer);
  return line;
}

/** A list of plain lines, or nothing at all. */
export function showList(id: string, lines: readonly string[]): void {
  const items = lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  });
  byId(id).replaceChildren(...items);
}
