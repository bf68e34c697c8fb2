// What signed text says, member by member: each of these gives a value of one shape. Throws `Forged` for any other,
// signed or not.

import { Forged } from "./note.ts";

/** The JSON of one line, in the one form that it has: no white space, nothing twice. */
export function canonical(line: string): unknown {
  const json: unknown = JSON.parse(line);
  if (JSON.stringify(json) !== line) throw new Forged("the JSON is not canonical");
  return json;
}

/** An object with exactly these members, in this order. */
export function record(value: unknown, what: string, members: readonly string[]): Record<string, unknown> {
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) ||
    Object.keys(value).join() !== members.join()
  ) {
    throw new Forged(`the ${what} does not have the members wanted`);
  }
  return value as Record<string, unknown>;
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Forged("a member is not a list");
  return value;
}

export function string(value: unknown): string {
  if (typeof value !== "string") throw new Forged("a member is not text");
  return value;
}

/** Text that matches the whole of a pattern. */
export function matching(value: unknown, pattern: RegExp): string {
  const text = string(value);
  if (!pattern.test(text)) throw new Forged("a member is not of its grammar");
  return text;
}

export function integer(value: unknown, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new Forged("a number is out of range");
  }
  return value;
}

/** YYYY-MM-DD, a day that there is. */
export function date(value: unknown): string {
  const text = string(value);
  const day =
    /^\d{4}-\d{2}-\d{2}$/.test(text) && !text.startsWith("0000") ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== text) throw new Forged("a date is not one");
  return text;
}
