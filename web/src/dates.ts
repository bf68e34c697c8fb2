// Dates of which a person may know only a part: day, month and year, each of which may be missing.
// Pure: knows no document.

import type { Language } from "./strings.ts";
import { text } from "./strings.ts";

/** As it stands in the three controls, joined by slashes: `14/3/2009`, `/3/2009`, `//2009`. */
export type Written = string;

const YEAR_MIN = 1900;
const YEAR_MAX = 2999;
/** A leap year, for a day and month whose year is not known. */
const ANY_YEAR = 2000;

export function isEmpty(written: Written): boolean {
  return written.split("/").every((part) => part.trim() === "");
}

type Parts = { readonly day: number | null; readonly month: number | null; readonly year: number | null };

/** Null when it is no date: a day without a month, or one that the calendar does not have. */
function parse(written: Written): Parts | null {
  const numbers = written.split("/").map((part) => part.trim());
  if (numbers.some((part) => !/^[0-9]{0,4}$/.test(part))) return null;
  const [day, month, year] = numbers.map((part) => (part === "" ? null : Number(part)));
  if (day === undefined || month === undefined || year === undefined) return null;
  if (day === null && month === null && year === null) return null;
  if (day !== null && month === null) return null;
  if (month !== null && (month < 1 || month > 12)) return null;
  if (year !== null && (year < YEAR_MIN || year > YEAR_MAX)) return null;
  if (day !== null && month !== null) {
    const last = new Date(Date.UTC(year ?? ANY_YEAR, month, 0)).getUTCDate();
    if (day < 1 || day > last) return null;
  }
  return { day, month, year };
}

export function isDate(written: Written): boolean {
  return parse(written) !== null;
}

/** In words: "14 March 2009", "March 2009", "2009". What is no date is given back as it was written. */
export function dateInWords(written: Written, language: Language): string {
  const parts = parse(written);
  if (parts === null) return written;
  const { day, month, year } = parts;
  if (month === null) return String(year);
  // Not by the browser's own names: few browsers know the Welsh ones.
  const name = text(language, `form.month.${month}`);
  return [day, name, year].filter((part) => part !== null).join(" ");
}

/** The day on this device, as the person would say it: YYYY-MM-DD. */
export function localDate(now = new Date()): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** A whole date, YYYY-MM-DD, in words. */
export function dayInWords(date: string, language: Language): string {
  return dateInWords(date.split("-").map(Number).reverse().join("/"), language);
}

/** The day on this device, in words. */
export function todayInWords(language: Language, now = new Date()): string {
  return dayInWords(localDate(now), language);
}
