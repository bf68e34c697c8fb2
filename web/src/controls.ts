// The controls of the questions: what stands in them, which of them are shown, and that nothing is left in them.
// Answers live here and nowhere else. Knows no order of pages, no keys and no network.

import { FileList } from "./files-view.ts";
import type { Field, Given, Page } from "./questions.ts";
import { chosenOptions, holds } from "./questions.ts";
import { isKept } from "./saved.ts";
import type { Language } from "./strings.ts";
import { byId } from "./view.ts";

type Control = HTMLInputElement | HTMLTextAreaElement;
const DATE_PARTS = ["day", "month", "year"];

export class Controls {
  readonly #pages: readonly Page[];
  readonly #files = new Map<string, FileList>();
  /** The controls of each field: they are read at every key, and the document has thousands of elements. */
  readonly #controls = new Map<string, readonly Control[]>();

  /** `changed` is called after each change that a person makes. */
  constructor(pages: readonly Page[], changed: () => void) {
    this.#pages = pages;
    for (const field of pages.flatMap(({ fields }) => fields)) {
      this.#controls.set(field.id, controlsOf(field));
      if (field.kind !== "files") continue;
      const container = wrapper(field).querySelector<HTMLElement>("[data-files]");
      if (container === null) throw new Error(`field ${field.id} has no place for files`);
      this.#files.set(field.id, new FileList(container, changed));
    }
    byId("form").addEventListener("change", (event) => {
      this.#untickOthers(event.target);
      changed();
    });
    // Words count while they are typed: were it when the field is left, what appears or goes then would move the button
    // from under the pointer that is pressing it.
    byId("form").addEventListener("input", changed);
  }

  read(): Given {
    const given = new Map<string, string | readonly string[]>();
    for (const field of this.#pages.flatMap(({ fields }) => fields)) {
      const value = this.#value(field);
      if (value.length > 0) given.set(field.id, value);
    }
    return given;
  }

  #value(field: Field): string | readonly string[] {
    const controls = this.#controls.get(field.id) ?? [];
    switch (field.kind) {
      case "radios":
      case "forces":
        return ticked(controls)[0] ?? "";
      case "checkboxes":
        return ticked(controls);
      case "date":
        return controls.every(({ value }) => value === "") ? "" : controls.map(({ value }) => value).join("/");
      case "files":
        return this.#files.get(field.id)?.names() ?? [];
      case "text":
      case "textarea":
        return controls[0]?.value ?? "";
      default:
        return field.kind satisfies never;
    }
  }

  /** What a draft holds: what stands in every field that it keeps; a date as its parts, as they were typed. */
  kept(): Given {
    const given = new Map<string, string | readonly string[]>();
    for (const field of this.#keptFields()) {
      const isDate = field.kind === "date" && this.#value(field) !== "";
      const value = isDate ? controlsOf(field).map((control) => control.value) : this.#value(field);
      if (value.length > 0) given.set(field.id, value);
    }
    return given;
  }

  /** Puts what a draft holds in the place of what stands there; files and the sealed contact stay. */
  restore(given: Given): void {
    for (const field of this.#keptFields()) {
      const values = [given.get(field.id) ?? []].flat();
      for (const [index, control] of controlsOf(field).entries()) {
        if (isTicked(control)) control.checked = values.includes(control.value);
        else control.value = values[index] ?? "";
      }
    }
    for (const page of this.#pages) {
      const isFilled = (row: number) => fieldsOf(page, row).some(({ id }) => given.has(id));
      const last = rowsOf(page).findLastIndex((_, index) => isFilled(index + 1));
      for (const [index, row] of rowsOf(page).entries()) row.hidden = index > Math.max(last, 0);
    }
  }

  #keptFields(): Field[] {
    return this.#pages.flatMap(({ fields }) => fields).filter(isKept);
  }

  /** The chosen files of all pages. */
  files(): FileList[] {
    return [...this.#files.values()];
  }

  fileError(page: Page): { readonly id: string; readonly key: string } | null {
    for (const { id } of page.fields) {
      const key = this.#files.get(id)?.error() ?? null;
      if (key !== null) return { id, key };
    }
    return null;
  }

  /** Empties a page and takes its rows but the first away. */
  clear(page: Page): void {
    for (const field of page.fields) {
      for (const control of controlsOf(field)) empty(control);
      this.#files.get(field.id)?.wipe();
    }
    for (const row of rowsOf(page).slice(1)) row.hidden = true;
  }

  wipe(): void {
    for (const page of this.#pages) this.clear(page);
    // Whatever else a person could have typed into goes too.
    for (const control of document.querySelectorAll<Control>("#form input, #form textarea")) empty(control);
  }

  /** Shows the fields whose condition holds, and the help that the chosen options of this page bring. */
  refresh(page: Page, given: Given): void {
    for (const field of page.fields) wrapper(field).hidden = !holds(field.when, given);
    const shown = new Set(chosenOptions(page, given).map(({ shows }) => shows));
    for (const panel of document.querySelectorAll<HTMLElement>(`[data-section="${page.id}"] [data-panel]`)) {
      panel.hidden = !shown.has(panel.dataset["panel"]);
    }
    const rows = rowsOf(page);
    const add = document.querySelector<HTMLElement>(`[data-section="${page.id}"] [data-action="add-row"]`);
    if (add !== null) add.hidden = rows.every((row) => !row.hidden);
  }

  /** Shows the next row of a repeated page and moves the focus into it. */
  addRow(page: Page): void {
    const row = rowsOf(page).find(({ hidden }) => hidden);
    if (row === undefined) return;
    row.hidden = false;
    row.querySelector<HTMLElement>("input, textarea")?.focus();
  }

  /** Empties a row and hides it; those behind it move up, so that no gap is left. */
  removeRow(page: Page, number: number): void {
    const rows = rowsOf(page).filter(({ hidden }) => !hidden);
    for (let at = number; at < rows.length; at += 1) move(fieldsOf(page, at + 1), fieldsOf(page, at));
    for (const field of fieldsOf(page, rows.length)) controlsOf(field).forEach(empty);
    const last = rows.at(-1);
    if (last !== undefined && rows.length > 1) last.hidden = true;
    const before = rows[Math.max(0, number - 2)];
    before?.querySelector<HTMLElement>("input, textarea")?.focus();
  }

  speak(language: Language): void {
    for (const list of this.#files.values()) list.speak(language);
  }

  /** One of these and the others cannot both be true: "None of these" unticks the rest, and the rest untick it. */
  #untickOthers(target: EventTarget | null): void {
    if (!(target instanceof HTMLInputElement) || target.type !== "checkbox" || !target.checked) return;
    const field = this.#pages.flatMap(({ fields }) => fields).find(({ id }) => id === target.name);
    if (field === undefined) return;
    const isExclusive = (value: string) => field.options?.find((option) => option.value === value)?.exclusive === true;
    for (const other of controlsOf(field)) {
      const isOther = other instanceof HTMLInputElement && other !== target;
      if (isOther && (isExclusive(target.value) || isExclusive(other.value))) other.checked = false;
    }
  }
}

function wrapper({ id }: Field): HTMLElement {
  const element = document.querySelector<HTMLElement>(`[data-field="${id}"]`);
  if (element === null) throw new Error(`the document has no field ${id}`);
  return element;
}

function controlsOf(field: Field): Control[] {
  if (field.kind === "files") return [];
  if (field.kind === "date") return DATE_PARTS.map((part) => byId(`${field.id}-${part}`) as HTMLInputElement);
  return [...wrapper(field).querySelectorAll<Control>(`[name="${field.id}"]`)];
}

/** The control that an error leads to. */
export function firstControl(page: Page, id: string): string {
  const field = page.fields.find((one) => one.id === id);
  return field?.kind === "date" ? `${id}-day` : id;
}

function ticked(controls: readonly Control[]): string[] {
  return controls.filter((control) => control instanceof HTMLInputElement && control.checked).map(({ value }) => value);
}

function empty(control: Control): void {
  if (isTicked(control)) control.checked = false;
  else control.value = "";
}

/** Whether it is chosen and not written in. */
function isTicked(control: Control): control is HTMLInputElement {
  return control instanceof HTMLInputElement && (control.type === "radio" || control.type === "checkbox");
}

function rowsOf({ id }: Page): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`[data-section="${id}"] [data-row]`)];
}

function fieldsOf(page: Page, row: number): Field[] {
  return page.fields.filter((field) => field.row === row);
}

/** Rows hold text only. */
function move(from: readonly Field[], to: readonly Field[]): void {
  for (const [index, field] of from.entries()) {
    const target = to[index];
    const [source] = controlsOf(field);
    const [place] = target === undefined ? [] : controlsOf(target);
    if (source === undefined || place === undefined) continue;
    place.value = source.value;
    source.value = "";
  }
}
