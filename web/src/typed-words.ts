// Eight words as somebody types them, on the form and on the way back: what is wrong with them, said at their box, and
// below it what a word may have been meant to be. Knows no list of words; they live in the box only.

import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { byId, clearError, showError } from "./view.ts";
import type { Read, Unknown } from "./words.ts";

export class TypedWords {
  readonly #box: HTMLTextAreaElement;
  readonly #near: HTMLElement;
  #unknown: readonly Unknown[] = [];
  #language: Language = "en";

  /** `box` and `near` are the ids of the box and of the list below it. */
  constructor(box: string, near: string) {
    this.#box = byId(box) as HTMLTextAreaElement;
    this.#near = byId(near);
    this.#box.addEventListener("input", () => {
      this.#unknown = [];
      this.#show();
    });
    this.#near.addEventListener("click", ({ target }) => {
      const use = target instanceof Element ? target.closest<HTMLElement>("[data-use]") : null;
      if (use !== null) this.#use(use.dataset["for"] ?? "", use.dataset["use"] ?? "");
    });
  }

  get value(): string {
    return this.#box.value;
  }

  wipe(): void {
    this.#box.value = "";
    this.#unknown = [];
    this.#near.replaceChildren();
  }

  speak(language: Language): void {
    this.#language = language;
    this.#show();
  }

  /** The words, or null when it has said what is wrong with what was typed. */
  take(read: Read): string | null {
    this.#unknown = read.kind === "unknown" ? read.unknown : [];
    this.#show();
    switch (read.kind) {
      case "words":
        return read.words;
      case "unknown":
        showError(this.#language, "back.words_unknown", this.#box.id);
        return null;
      case "count": {
        const key = read.found === 0 ? "back.words_empty" : "back.words_count";
        showError(this.#language, key, this.#box.id, this.#box.id, { number: String(read.found) });
        return null;
      }
      default:
        return read satisfies never;
    }
  }

  /** Each word that is none of the list, and what it may have been. */
  #show(): void {
    const items = this.#unknown.map(({ at, typed, near }) => {
      const item = document.createElement("li");
      const said = document.createElement("span");
      said.textContent = text(this.#language, "back.near", { number: String(at), typed });
      item.append(said, " ");
      if (near.length === 0) item.append(text(this.#language, "back.near_none"));
      for (const word of near) {
        const use = document.createElement("button");
        use.type = "button";
        use.className = "app-link-button";
        use.dataset["use"] = word;
        use.dataset["for"] = typed;
        use.textContent = text(this.#language, "back.near_use", { word });
        item.append(use, " ");
      }
      return item;
    });
    this.#near.replaceChildren(...items);
  }

  /** Puts a word in the place of the one that was typed, wherever that stands by itself. */
  #use(typed: string, word: string): void {
    const parts = this.#box.value.split(/([^\p{L}-]+)/u);
    const same = (part: string) => part.normalize("NFKC").toLowerCase() === typed;
    this.#box.value = parts.map((part) => (same(part) ? word : part)).join("");
    this.#unknown = this.#unknown.filter((unknown) => unknown.typed !== typed);
    if (this.#unknown.length === 0) clearError();
    this.#show();
    this.#box.focus();
  }
}
