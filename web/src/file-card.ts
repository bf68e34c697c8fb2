// One chosen file as the list shows it: name, size, the choice about its hidden details, a button that takes it off.
// Never a preview: nothing of the file's content is looked at here. Text reaches the document through textContent only.

import type { Chosen, Removal } from "./files.ts";
import { cleanFileName } from "./report.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

type Events = { readonly removed: () => void; readonly changed: () => void };

/** Words that change with the language: where they stand, and which. */
type Words = { readonly at: HTMLElement; readonly key: string; readonly holes: Record<string, string> };

export class FileCard {
  readonly file: File;
  readonly name: string;
  readonly element = element("li", "govuk-summary-card");
  #removal: Removal | null = null;
  #metadata: Chosen["metadata"] = "kept";
  #isChanged = false;
  readonly #words: Words[] = [];
  readonly #size = element("p", "govuk-body");
  readonly #changed = element("p", "govuk-error-message");
  readonly #note = element("p", "govuk-body");
  readonly #choice = element("fieldset", "govuk-fieldset");

  /** `id` is the card's own in the document. */
  constructor(file: File, id: string, events: Events) {
    this.file = file;
    this.name = cleanFileName(file.name);
    this.#changed.append(this.#say(element("span", "govuk-visually-hidden"), "form.error"), " ");
    this.#changed.append(this.#say(element("span", ""), "form.files.error.changed"));
    const content = element("div", "govuk-summary-card__content");
    content.append(this.#size, this.#changed, this.#note, this.#choice);
    this.element.append(this.#head(events.removed), content);
    this.#fillChoice(id, events.changed);
  }

  get chosen(): Chosen {
    return { file: this.file, metadata: this.#metadata };
  }

  /** Whether its hidden details can be taken out is not known yet. */
  get isWaiting(): boolean {
    return this.#removal === null;
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** It is known now; where they can be taken out, they are, unless the person keeps them. */
  judge(removal: Removal): void {
    this.#removal = removal;
    this.#metadata = removal === "yes" ? "removed" : "kept";
  }

  /** It could not be read as it was chosen. */
  markChanged(): void {
    this.#isChanged = true;
  }

  focus(): void {
    this.element.querySelector("button")?.focus();
  }

  speak(language: Language): void {
    for (const { at, key, holes } of this.#words) at.textContent = text(language, key, holes);
    this.#size.textContent = sizeWords(language, this.file.size);
    this.#changed.hidden = !this.#isChanged;
    this.#choice.hidden = this.#removal !== "yes";
    this.#note.hidden = !this.#choice.hidden;
    this.#note.textContent = this.#note.hidden ? "" : text(language, `form.files.note.${this.#removal ?? "wait"}`);
    for (const input of this.#choice.querySelectorAll("input")) input.checked = input.value === this.#metadata;
  }

  #say(at: HTMLElement, key: string, holes: Record<string, string> = {}): HTMLElement {
    this.#words.push({ at, key, holes });
    return at;
  }

  #head(removed: () => void): HTMLElement {
    const name = element("span", "");
    name.textContent = this.name;
    name.translate = false;
    name.dir = "auto";
    const title = element("h2", "govuk-summary-card__title");
    title.append(name);
    const remove = element("button", "app-link-button");
    remove.type = "button";
    remove.dataset["testid"] = "files-remove";
    remove.addEventListener("click", removed);
    remove.append(this.#say(element("span", ""), "form.files.remove.word"), " ");
    remove.append(this.#say(element("span", "govuk-visually-hidden"), "form.files.remove.which", { name: this.name }));
    const actions = element("div", "govuk-summary-card__actions");
    actions.append(remove);
    const head = element("div", "govuk-summary-card__title-wrapper");
    head.append(title, actions);
    return head;
  }

  #fillChoice(id: string, changed: () => void): void {
    const legend = element("legend", "govuk-fieldset__legend govuk-fieldset__legend--s");
    legend.append(this.#say(element("span", ""), "form.files.details.title"), " ");
    legend.append(this.#say(element("span", "govuk-visually-hidden"), "form.files.details.which", { name: this.name }));
    const radios = element("div", "govuk-radios govuk-radios--small");
    for (const metadata of ["removed", "kept"] as const) {
      const input = element("input", "govuk-radios__input");
      Object.assign(input, { type: "radio", id: `${id}-${metadata}`, name: id, value: metadata, autocomplete: "off" });
      input.dataset["testid"] = metadata === "removed" ? "files-take" : "files-keep";
      input.addEventListener("change", () => {
        this.#metadata = metadata;
        changed();
      });
      const label = element("label", "govuk-label govuk-radios__label");
      label.htmlFor = input.id;
      const item = element("div", "govuk-radios__item");
      item.append(input, this.#say(label, `form.files.details.${metadata}`));
      radios.append(item);
    }
    this.#choice.append(legend, radios);
  }
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  classes: string,
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (classes !== "") made.className = classes;
  return made;
}

/** A size as a person says it: whole kilobytes, or megabytes with one decimal. */
function sizeWords(language: Language, size: number): string {
  const isSmall = size < 1 << 20;
  const number = isSmall ? Math.max(1, Math.round(size / 1024)) : Math.round((size / (1 << 20)) * 10) / 10;
  const shown = new Intl.NumberFormat(language === "cy" ? "cy-GB" : "en-GB").format(number);
  return text(language, isSmall ? "form.files.kilobytes" : "form.files.megabytes", { number: shown });
}
