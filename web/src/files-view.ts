// The list of chosen files: names and sizes, never a preview; one choice a file about its hidden details. Builds its
// own part of the document, through textContent only. The browser's file control is read and emptied at once, so that
// it keeps no path; its own words, which are in the device's language, are not shown.
//
// Contract with the template and the tests: the container has data-files="<field>"; the button that chooses gets that
// id, so that an error can lead to it. data-testid: files-input, files-choose, files-remove, files-keep, files-take.

import type { Chosen, Refusal, Removal } from "./files.ts";
import { cleanNames, refusal, removal } from "./files.ts";
import { cleanFileName } from "./report.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

type Row = {
  readonly file: File;
  /** Null while it is being looked at. */
  removal: Removal | null;
  metadata: "kept" | "removed";
  isChanged: boolean;
  readonly element: HTMLLIElement;
  /** Puts its words into a language. */
  speak(): void;
};

type Words = { readonly element: HTMLElement; readonly key: string; readonly holes: Record<string, string> };

export class FileList {
  readonly #on_change: () => void;
  readonly #input = document.createElement("input");
  readonly #choose = document.createElement("button");
  readonly #list = document.createElement("ul");
  readonly #problem = document.createElement("p");
  readonly #status = document.createElement("p");
  readonly #field: string;
  #rows: Row[] = [];
  #refused: { readonly name: string; readonly why: Refusal }[] = [];
  #said: { readonly key: string; readonly holes: Record<string, string> } | null = null;
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #count = 0;
  /** Grows with each wipe: what was read before it is not added after it. */
  #age = 0;

  constructor(container: HTMLElement, on_change: () => void) {
    this.#on_change = on_change;
    this.#field = container.dataset["files"] ?? "files";
    this.#input.type = "file";
    this.#input.multiple = true;
    this.#input.hidden = true;
    this.#input.autocomplete = "off";
    this.#input.dataset["testid"] = "files-input";
    this.#input.addEventListener("change", () => void this.#add());
    this.#choose.type = "button";
    this.#choose.id = this.#field;
    this.#choose.className = "govuk-button govuk-button--secondary";
    this.#choose.dataset["testid"] = "files-choose";
    this.#choose.addEventListener("click", () => this.#input.click());
    this.#problem.className = "govuk-error-message";
    this.#problem.hidden = true;
    this.#problem.tabIndex = -1;
    this.#status.className = "govuk-visually-hidden";
    this.#status.setAttribute("role", "status");
    this.#list.className = "govuk-list govuk-list--spaced";
    container.replaceChildren(this.#problem, this.#choose, this.#input, this.#status, this.#list);
    this.speak(this.#language);
  }

  /** What was chosen, in the order that it is shown. */
  chosen(): readonly Chosen[] {
    return this.#rows.map(({ file, metadata }) => ({ file, metadata }));
  }

  /** The names as they will stand in the report. */
  names(): string[] {
    return cleanNames(this.chosen());
  }

  /** What stands in the way of going on: the key of its words, or null. */
  error(): string | null {
    if (this.#rows.some(({ isChanged }) => isChanged)) return "form.files.error.changed";
    return this.#rows.some((row) => row.removal === null) ? "form.files.error.wait" : null;
  }

  /** Marks a file that could not be read any more when it was to be sealed; `at` counts from 0. */
  changed(at: number): void {
    const row = this.#rows[at];
    if (row === undefined) return;
    row.isChanged = true;
    row.speak();
  }

  /** Puts all words into a language; nothing chosen is lost. */
  speak(language: Language): void {
    this.#language = language;
    this.#choose.textContent = text(language, this.#rows.length === 0 ? "form.files.choose" : "form.files.more");
    this.#list.hidden = this.#rows.length === 0;
    this.#speakProblem();
    this.#status.textContent = this.#said === null ? "" : text(language, this.#said.key, this.#said.holes);
    for (const row of this.#rows) row.speak();
  }

  /** Forgets every file. */
  wipe(): void {
    this.#age += 1;
    this.#input.value = "";
    this.#rows = [];
    this.#refused = [];
    this.#said = null;
    this.#list.replaceChildren();
    this.speak(this.#language);
  }

  async #add(): Promise<void> {
    const age = this.#age;
    const picked = [...(this.#input.files ?? [])];
    this.#input.value = "";
    this.#refused = [];
    let added = 0;
    for (const file of picked) {
      const files = this.#rows.map((row) => row.file);
      const why = await refusal(files, file);
      if (age !== this.#age) return; // Wiped meanwhile.
      if (why !== null) {
        this.#refused.push({ name: cleanFileName(file.name), why });
        continue;
      }
      added += 1;
      const row = this.#row(file);
      this.#rows.push(row);
      this.#list.append(row.element);
      void this.#look(row);
    }
    this.#say("form.files.said.added", { number: String(added) });
    this.speak(this.#language);
    if (this.#refused.length > 0) this.#problem.focus();
    this.#on_change();
  }

  async #look(row: Row): Promise<void> {
    const found = await removal(row.file);
    row.removal = found;
    row.metadata = found === "yes" ? "removed" : "kept";
    row.speak();
    this.#on_change();
  }

  #remove(row: Row): void {
    const at = this.#rows.indexOf(row);
    this.#rows.splice(at, 1);
    row.element.remove();
    this.#refused = [];
    this.#say("form.files.said.removed", { name: cleanFileName(row.file.name) });
    this.speak(this.#language);
    const next = this.#rows[Math.min(at, this.#rows.length - 1)];
    (next?.element.querySelector("button") ?? this.#choose).focus();
    this.#on_change();
  }

  #say(key: string, holes: Record<string, string>): void {
    this.#said = { key, holes };
  }

  #speakProblem(): void {
    this.#problem.hidden = this.#refused.length === 0;
    const lines = this.#refused.map(({ name, why }) => text(this.#language, `form.files.error.${why}`, { name }));
    this.#problem.replaceChildren(
      ...lines.map((line) => {
        const span = element("span", "govuk-!-display-block");
        span.textContent = line;
        return span;
      }),
    );
  }

  // -------------------------------------------------------------- one file

  #row(file: File): Row {
    this.#count += 1;
    const id = `${this.#field}-file-${this.#count}`;
    const name = cleanFileName(file.name);
    const words: Words[] = [];
    const say = (wanted: HTMLElement, key: string, holes: Record<string, string> = {}) => {
      words.push({ element: wanted, key, holes });
      return wanted;
    };
    const size = element("p", "govuk-body");
    const changed = say(element("p", "govuk-error-message"), "form.files.error.changed");
    const note = element("p", "govuk-body");
    const choice = element("fieldset", "govuk-fieldset");
    const row: Row = {
      file,
      removal: null,
      metadata: "kept",
      isChanged: false,
      element: document.createElement("li"),
      speak: () => {
        for (const { element: wanted, key, holes } of words) wanted.textContent = text(this.#language, key, holes);
        size.textContent = sizeWords(this.#language, file.size);
        changed.hidden = !row.isChanged;
        choice.hidden = row.removal !== "yes";
        note.hidden = row.removal === "yes";
        note.textContent = text(this.#language, `form.files.note.${row.removal ?? "wait"}`);
        const wanted = choice.querySelector<HTMLInputElement>(`[value="${row.metadata}"]`);
        if (wanted !== null) wanted.checked = true;
      },
    };

    const title = element("h2", "govuk-summary-card__title");
    const shown = element("span", "");
    shown.textContent = name;
    shown.translate = false;
    shown.dir = "auto";
    title.append(shown);
    const remove = element("button", "app-link-button");
    remove.type = "button";
    remove.dataset["testid"] = "files-remove";
    remove.addEventListener("click", () => this.#remove(row));
    const hidden = say(element("span", "govuk-visually-hidden"), "form.files.remove.which", { name });
    remove.append(say(element("span", ""), "form.files.remove.word"), " ", hidden);
    const actions = element("div", "govuk-summary-card__actions");
    actions.append(remove);
    const head = element("div", "govuk-summary-card__title-wrapper");
    head.append(title, actions);

    const legend = element("legend", "govuk-fieldset__legend govuk-fieldset__legend--s");
    legend.append(say(element("span", ""), "form.files.details.title"), " ");
    legend.append(say(element("span", "govuk-visually-hidden"), "form.files.details.which", { name }));
    const radios = element("div", "govuk-radios govuk-radios--small");
    for (const [metadata, testid] of [
      ["removed", "files-take"],
      ["kept", "files-keep"],
    ] as const) {
      radios.append(this.#radio(row, `${id}-${metadata}`, id, metadata, testid, say));
    }
    choice.append(legend, radios);
    const content = element("div", "govuk-summary-card__content");
    content.append(size, changed, note, choice);
    row.element.className = "govuk-summary-card";
    row.element.append(head, content);
    row.speak();
    return row;
  }

  #radio(
    row: Row,
    id: string,
    group: string,
    metadata: "kept" | "removed",
    testid: string,
    say: (wanted: HTMLElement, key: string) => HTMLElement,
  ): HTMLElement {
    const item = element("div", "govuk-radios__item");
    const input = element("input", "govuk-radios__input");
    input.type = "radio";
    input.id = id;
    input.name = group;
    input.value = metadata;
    input.autocomplete = "off";
    input.dataset["testid"] = testid;
    input.addEventListener("change", () => {
      row.metadata = metadata;
      this.#on_change();
    });
    const label = element("label", "govuk-label govuk-radios__label");
    label.htmlFor = id;
    item.append(input, say(label, `form.files.details.${metadata}`));
    return item;
  }
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, classes: string): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (classes !== "") made.className = classes;
  return made;
}

/** A size as a person says it: whole kilobytes, or megabytes with one decimal. */
export function sizeWords(language: Language, size: number): string {
  const isSmall = size < 1 << 20;
  const number = isSmall ? Math.max(1, Math.round(size / 1024)) : Math.round((size / (1 << 20)) * 10) / 10;
  const shown = new Intl.NumberFormat(language === "cy" ? "cy-GB" : "en-GB").format(number);
  return text(language, isSmall ? "form.files.kilobytes" : "form.files.megabytes", { number: shown });
}

/** How far something is, by bytes: "3 of 12 MB". Null when it is too short to tell of. */
export function progressWords(language: Language, done: number, total: number): string | null {
  if (total < PROGRESS_SIZE_BYTES_MIN) return null;
  const whole = (size: number) => String(Math.round(size / (1 << 20)));
  return text(language, "form.files.progress", { done: whole(done), total: whole(total) });
}

const PROGRESS_SIZE_BYTES_MIN = 2 << 20;
