// The eight words on the page: shown once, copied if the person asks, and taken away again.

import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { byId, showList } from "./view.ts";

/** The words in their order, or nothing at all. */
export function showWords(words: string): void {
  showList("words", words === "" ? [] : words.split(" "));
  byId("words-copied").textContent = "";
  byId("way").hidden = words === "";
}

/** The clipboard is the person's choice: other programs may read it. Says whether it came about. */
export async function copyWords(language: Language): Promise<void> {
  const words = [...byId("words").children].map(({ textContent }) => textContent).join(" ");
  const isCopied = await navigator.clipboard.writeText(words).then(
    () => true,
    () => false,
  );
  const key = isCopied ? "form.way.copied" : "form.way.not_copied";
  byId("words-copied").dataset["t"] = key;
  byId("words-copied").textContent = text(language, key);
}
