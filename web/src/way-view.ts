// The eight words on the page: shown once, copied if the person asks, and taken away again.

import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { byId, showList } from "./view.ts";

/** Where words are shown: after sending, or after saving. The beginning of the ids there. */
export type WordsPlace = "" | "saved-";

/** The words in their order, or nothing at all. */
export function showWords(words: string, place: WordsPlace = ""): void {
  showList(`${place}words`, words === "" ? [] : words.split(" "));
  byId(`${place}words-copied`).textContent = "";
  byId(`${place}way`).hidden = words === "";
}

/** The clipboard is the person's choice: other programs may read it. Says whether it came about. */
export async function copyWords(language: Language, place: WordsPlace = ""): Promise<void> {
  const words = [...byId(`${place}words`).children].map(({ textContent }) => textContent).join(" ");
  const isCopied = await navigator.clipboard.writeText(words).then(
    () => true,
    () => false,
  );
  const key = isCopied ? "form.way.copied" : "form.way.not_copied";
  byId(`${place}words-copied`).dataset["t"] = key;
  byId(`${place}words-copied`).textContent = text(language, key);
}
