// The list of chosen files: what can be added, removed, and what stands in the way. Builds its own part of the document.
// The browser's file control is read and emptied at once, so that it keeps no path; its own words, which are in the
// device's language, are not shown.
//
// Contract with the template and the tests: the container has data-files="<field>"; the button that chooses gets that
// id, so that an error can lead to it. data-testid: files-input, files-choose; a file's: files-remove, files-take,
// files-keep.

import { FileCard, element } from "./file-card.ts";
import type { Chosen, Refusal } from "./files.ts";
import { cleanNames, refusal, removal } from "./files.ts";
import { cleanFileName } from "./report.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

export class FileList {
  readonly #on_change: () => void;
  readonly #input = element("input", "");
  readonly #choose = element("button", "govuk-button govuk-button--secondary");
  readonly #list = element("ul", "govuk-list govuk-list--spaced");
  readonly #problem = element("div", "");
  readonly #status = element("p", "govuk-visually-hidden");
  readonly #field: string;
  #cards: FileCard[] = [];
  #refused: { readonly name: string; readonly why: Refusal }[] = [];
  #said: { readonly key: string; readonly holes: Record<string, string> } | null = null;
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #count = 0;
  /** Grows with each wipe: what was read before it is not added after it. */
  #age = 0;

  constructor(container: HTMLElement, on_change: () => void) {
    this.#on_change = on_change;
    this.#field = container.dataset["files"] ?? "files";
    // Without autocomplete off a browser may keep the path of a chosen file with its session.
    Object.assign(this.#input, { type: "file", multiple: true, hidden: true, autocomplete: "off" });
    this.#input.dataset["testid"] = "files-input";
    this.#input.addEventListener("change", () => void this.#add());
    Object.assign(this.#choose, { type: "button", id: this.#field });
    this.#choose.dataset["testid"] = "files-choose";
    this.#choose.addEventListener("click", () => this.#input.click());
    this.#problem.tabIndex = -1;
    this.#status.setAttribute("role", "status");
    container.replaceChildren(this.#problem, this.#choose, this.#input, this.#status, this.#list);
    this.speak(this.#language);
  }

  /** What was chosen, in the order that it is shown. */
  chosen(): readonly Chosen[] {
    return this.#cards.map(({ chosen }) => chosen);
  }

  /** The names as they will stand in the report. */
  names(): string[] {
    return cleanNames(this.chosen());
  }

  /** What stands in the way of going on: the key of its words, or null. */
  error(): string | null {
    if (this.#cards.some(({ isChanged }) => isChanged)) return "form.files.error.changed";
    return this.#cards.some(({ isWaiting }) => isWaiting) ? "form.files.error.wait" : null;
  }

  /** Marks a file that could not be read any more when it was to be sealed; `at` counts from 0. */
  changed(at: number): void {
    this.#cards[at]?.markChanged();
    this.#cards[at]?.speak(this.#language);
  }

  /** Puts all words into a language; nothing chosen is lost. */
  speak(language: Language): void {
    this.#language = language;
    this.#choose.textContent = text(language, this.#cards.length === 0 ? "form.files.choose" : "form.files.more");
    this.#list.hidden = this.#cards.length === 0;
    this.#status.textContent = this.#said === null ? "" : text(language, this.#said.key, this.#said.holes);
    this.#speakProblem();
    for (const card of this.#cards) card.speak(language);
  }

  /** Forgets every file. */
  wipe(): void {
    this.#age += 1;
    this.#input.value = "";
    this.#cards = [];
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
      const before = this.#cards.map((card) => card.file);
      const why = await refusal(before, file);
      if (age !== this.#age) return; // Wiped meanwhile.
      if (why === null) {
        this.#append(file);
        added += 1;
      } else this.#refused.push({ name: cleanFileName(file.name), why });
    }
    this.#said = { key: "form.files.said.added", holes: { number: String(added) } };
    this.speak(this.#language);
    if (this.#refused.length > 0) this.#problem.focus();
    this.#on_change();
  }

  #append(file: File): void {
    this.#count += 1;
    const removed = () => this.#remove(card);
    const card = new FileCard(file, `${this.#field}-file-${this.#count}`, { removed, changed: this.#on_change });
    this.#cards.push(card);
    this.#list.append(card.element);
    void this.#judge(card);
  }

  async #judge(card: FileCard): Promise<void> {
    card.judge(await removal(card.file));
    card.speak(this.#language);
    this.#on_change();
  }

  #remove(card: FileCard): void {
    const at = this.#cards.indexOf(card);
    this.#cards.splice(at, 1);
    card.element.remove();
    this.#refused = [];
    this.#said = { key: "form.files.said.removed", holes: { name: card.name } };
    this.speak(this.#language);
    (this.#cards[Math.min(at, this.#cards.length - 1)] ?? this.#choose).focus();
    this.#on_change();
  }

  #speakProblem(): void {
    const hasProblem = this.#refused.length > 0;
    this.#problem.hidden = !hasProblem;
    this.#problem.closest(".govuk-form-group")?.classList.toggle("govuk-form-group--error", hasProblem);
    const lines = this.#refused.map(({ name, why }) => {
      const prefix = element("span", "govuk-visually-hidden");
      prefix.textContent = text(this.#language, "form.error");
      const line = element("p", "govuk-error-message");
      line.append(prefix, " ", text(this.#language, `form.files.error.${why}`, { name }));
      return line;
    });
    this.#problem.replaceChildren(...lines);
  }
}

/** How far something is, by bytes: "3 of 12 MB". Null when it is too short to tell of. */
export function progressWords(language: Language, done: number, total: number): string | null {
  if (total < PROGRESS_SIZE_BYTES_MIN) return null;
  const whole = (size: number) => String(Math.round(size / (1 << 20)));
  return text(language, "form.files.progress", { done: whole(done), total: whole(total) });
}

const PROGRESS_SIZE_BYTES_MIN = 2 << 20;
