// The form's words in both languages. A key without words is a fault of the build, not of the person: it throws.

import strings from "virtual:strings";

export type Language = "en" | "cy";

export function text(language: Language, key: string, holes: Record<string, string> = {}): string {
  const both = strings[key];
  if (both === undefined) throw new Error(`no string "${key}"`);
  const words = language === "en" ? both[0] : both[1];
  return words.replace(/\{(\w+)\}/g, (_, name: string) => holes[name] ?? "");
}

/** Puts every marked word of the document into `language`: `data-t` keys, and `data-en`/`data-cy` twins. */
export function localise(root: ParentNode, language: Language): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-t]")) {
    const key = element.dataset["t"];
    if (key !== undefined && element.dataset["holes"] === undefined) element.textContent = text(language, key);
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-en]")) {
    element.textContent = element.dataset[language] ?? "";
  }
}
