// What the form's document shows: one section at a time, its buttons, its errors, its words.
// Text reaches the document through textContent only. Knows nothing of keys or of the network.

import type { Language } from "./strings.ts";
import { localise, text } from "./strings.ts";
import type { Force, Route } from "./questions.ts";

export type Action = "continue" | "skip" | "send" | "again" | "to-answers" | "return";

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
  for (const button of document.querySelectorAll<HTMLElement>("#actions [data-action]")) {
    button.hidden = !actions.some((action) => action === button.dataset["action"]);
  }
  byId("back-bar").hidden = !hasBack;
  const heading = document.querySelector<HTMLElement>(`[data-section="${name}"] h1`);
  if (heading === null) throw new Error(`section ${name} has no heading`);
  heading.tabIndex = -1;
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
  // At 400 % zoom the top of the page fills the window: go on to the heading, just below the leave button.
  if (heading.getBoundingClientRect().bottom > window.innerHeight) heading.scrollIntoView({ block: "start" });
}

/** The other ways to be heard: of one force, or of all while none is chosen. */
export function showHelp(isShown: boolean, force: Force | null): void {
  byId("help").hidden = !isShown;
  for (const ways of document.querySelectorAll<HTMLElement>("[data-ways]")) {
    ways.hidden = force !== null && ways.dataset["ways"] !== force.id;
  }
}

/** Puts the whole document into a language, with the words of this route and this force. */
export function speak(language: Language, route: Route, force: Force, triage: Force): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>("[data-by-route]")) {
    element.dataset["t"] = `${element.dataset["byRoute"] ?? ""}.${route}`;
  }
  localise(document, language);
  for (const element of document.querySelectorAll<HTMLElement>("[data-triage]")) {
    element.textContent = text(language, element.dataset["t"] ?? "", { force: triage.name[language] });
  }
  fill("force", force.name[language]);
  fill("promise", force.promise[language]);
  document.title = text(language, "form.title");
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

/** GOV.UK's error summary, and the message at the question itself. The title stays: history keeps titles. */
export function showError(language: Language, id: string, key: string): void {
  clearError();
  byId("error-text").textContent = text(language, key);
  byId("error-text").dataset["t"] = key;
  byId("error-link").dataset["target"] = id;
  byId("errors").hidden = false;

  const control = byId(id);
  const message = document.createElement("p");
  message.id = `${id}-error`;
  message.className = "govuk-error-message";
  const prefix = document.createElement("span");
  prefix.className = "govuk-visually-hidden";
  prefix.dataset["t"] = "form.error";
  prefix.textContent = text(language, "form.error");
  const words = document.createElement("span");
  words.dataset["t"] = key;
  words.textContent = text(language, key);
  message.append(prefix, " ", words);

  const group = control.closest(".govuk-form-group");
  group?.classList.add("govuk-form-group--error");
  const isRadio = control instanceof HTMLInputElement && control.type === "radio";
  const before = isRadio ? control.closest(".govuk-radios") : control;
  before?.before(message);
  if (!isRadio)
    control.classList.add(control instanceof HTMLTextAreaElement ? "govuk-textarea--error" : "govuk-input--error");
  describe(isRadio ? control.closest("fieldset") : control, message.id, true);
  window.scrollTo(0, 0);
  byId("errors").focus();
}

export function clearError(): void {
  byId("errors").hidden = true;
  for (const message of document.querySelectorAll(".govuk-error-message")) {
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

export type Row = { readonly id: string; readonly question: string; readonly answer: string | null };

/** The answers as a summary list, each with its way back to the question. */
export function showAnswers(language: Language, rows: readonly Row[], isHidden: boolean): void {
  const items = rows.map(({ id, question, answer }) => {
    const row = document.createElement("div");
    row.className = "govuk-summary-list__row";
    const key = document.createElement("dt");
    key.className = "govuk-summary-list__key";
    key.textContent = question;
    const value = document.createElement("dd");
    value.className = "govuk-summary-list__value app-answer";
    value.dataset["answer"] = id;
    const shown = isHidden ? text(language, "form.check.hidden") : answer;
    value.textContent = answer === null ? text(language, "form.check.empty") : shown;
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
  });
  byId("answers").replaceChildren(...items);
}
