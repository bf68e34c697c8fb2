// Builds the pages of the gateway, the door without JavaScript: the same questions as one plain form, what its program
// needs to read that form, and the style sheet that shows what belongs to the answers so far. docs/decisions/0002.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicForce, webDir } from "./content.mjs";
import { buildPages } from "./pages.mjs";
import { ROUTES } from "./questions.mjs";

/** Not in the plain form: what is sealed to several officers is sealed by the writer's own device or not at all, and there
 * is no short way through a form that is one page. */
const LEFT_OUT = ["s1", "length"];
/** Why nothing was sent, or perhaps not: a page each. The program knows the same names (src/gateway/src/sealing.rs). */
export const REFUSALS = ["choices", "nothing", "long", "files", "changed", "busy", "away", "closed", "maybe", "setup"];

/** Words of this door stand in the place of the form's: `plain.q.e2.hint` for `q.e2.hint`. */
export function plainStrings(strings) {
  const own = Object.entries(strings)
    .filter(([key]) => key.startsWith("plain."))
    .map(([key, twins]) => [key.slice("plain.".length), twins]);
  const stray = own.find(([key]) => !(key in strings));
  if (stray !== undefined) throw new Error(`the string "plain.${stray[0]}" stands in for none`);
  return { ...strings, ...Object.fromEntries(own) };
}

/** Writes everything but the manifest into `stageDir`. */
export async function buildGateway({ stageDir, strings, forces, questions, support, kind, style, put }) {
  const words = plainStrings(strings);
  const pages = questions.pages.filter(({ base }) => !LEFT_OUT.includes(base));
  const asked = { ...questions, pages: pages.map((page) => ({ ...page, isSent: isSent(page, questions.pages) })) };
  const plain = put("plain.css", plainStyles(asked));
  await buildPages({
    stageDir,
    input: "gateway",
    isPlain: true,
    strings: words,
    forces,
    questions: asked,
    support,
    kind,
    assets: { style, plain },
    more: { refusals: REFUSALS },
  });
  mkdirSync(stageDir, { recursive: true });
  writeFileSync(join(stageDir, "form.json"), `${JSON.stringify(formData(words, forces, questions, pages))}\n`);
}

export function gatewayHeaders() {
  return JSON.parse(readFileSync(join(webDir, "gateway-headers.json"), "utf8"));
}

/** What is chosen in a gate is sent only when other questions hang on it. */
function isSent({ kind, fields }, pages) {
  if (kind !== "gate") return true;
  const conditions = JSON.stringify(pages.flatMap(({ when, fields }) => [when, ...fields.map((field) => field.when)]));
  return fields.some(({ id }) => conditions.includes(`"field":"${id}"`));
}

// ---------------------------------------------------------------- what the program reads

const FIELD_MEMBERS = ["id", "base", "kind", "when", "by_route", "basis", "row", "sealed"];
const PAGE_MEMBERS = ["id", "base", "kind", "part", "routes", "required", "by_route", "when", "role", "loop", "copy"];
const OPTION_MEMBERS = ["value", "stem", "route", "flag", "wish", "by_route"];

export function formData(strings, forces, questions, shown) {
  const pick = (from, members) =>
    Object.fromEntries(members.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
  const isShown = new Set(shown.map(({ id }) => id));
  const isWord = (key) => /^q\..*\.(title|label)(\.|$)/.test(key) || /^form\.(month|date)\./.test(key);
  return {
    version: 1,
    set: questions.set,
    forces: forces.map(publicForce).map(({ id, place, promise, triage }) => ({ id, place, promise, triage })),
    pages: questions.pages.map((page) => ({
      ...pick(page, PAGE_MEMBERS),
      repeats: page.repeat !== undefined,
      shown: isShown.has(page.id),
      fields: page.fields.map((field) => ({
        ...pick(field, FIELD_MEMBERS),
        options: (field.options ?? []).map((option) => pick(option, OPTION_MEMBERS)),
      })),
    })),
    strings: Object.fromEntries(
      Object.entries(strings)
        .filter(([key]) => isWord(key) && !key.startsWith("plain."))
        .map(([key, { en, cy }]) => [key, [en, cy]]),
    ),
  };
}

// ---------------------------------------------------------------- what is shown when

/** A browser that does not know `:has` shows every question, and the words of every route one after the other. */
export function plainStyles({ pages }) {
  const rules = [".app-route { display: none; }"];
  const show = (what, whens, display) => {
    rules.push(`${what} { display: none; }`);
    rules.push(`${whens.map((when) => `.app-plain${when} ${what}`).join(",\n")} { display: ${display}; }`);
  };
  for (const route of ROUTES) {
    rules.push(`${whenRoutes(pages, [route]).map((w) => `.app-plain${w} .app-route--${route}`)} { display: inline; }`);
  }
  for (const page of pages) {
    const routes = page.routes === undefined ? [""] : whenRoutes(pages, page.routes);
    const when = page.when === undefined ? [""] : whenHolds(page.when);
    const both = product(routes, when);
    if (both.join("") !== "") show(`[data-page="${page.id}"]`, both, "block");
    for (const field of page.fields) {
      if (field.when !== undefined) show(`[data-field="${field.id}"]`, whenHolds(field.when), "block");
    }
    for (const panel of page.panels) {
      const whens = page.fields.flatMap(({ id, options = [] }) => {
        const is = options.filter(({ shows }) => shows === panel).map(({ value }) => value);
        return is.length === 0 ? [] : whenHolds({ field: id, is });
      });
      show(`[data-page="${page.id}"] [data-panel="${panel}"]`, whens, "block");
    }
  }
  return `@supports selector(:has(*)) {\n${rules.join("\n")}\n}\n${errorStyles(pages)}`;
}

/** After somebody tried to send: the browser itself keeps back a form that lacks a choice, and these say what. */
function errorStyles(pages) {
  const missing = ({ id }) => `.app-plain:has([name="${id}"]:user-invalid)`;
  const fields = pages.filter(({ required }) => required).flatMap((page) => page.fields);
  const shown = fields.flatMap((field) => [
    `${missing(field)} [data-missing="${field.id}"] { display: block; }`,
    `${missing(field)} .app-plain__errors { display: block; }`,
  ]);
  return `.app-plain__errors, [data-missing] { display: none; }\n${shown.join("\n")}\n`;
}

function chosen({ field, is }) {
  return `:has([name="${field}"]:is(${is.map((value) => `[value="${value}"]`).join(", ")}):checked)`;
}

/** The ways in which a condition holds: each is what stands behind `.app-plain`. */
export function whenHolds(condition) {
  if (condition.any !== undefined) return condition.any.flatMap(whenHolds);
  if (condition.all !== undefined) return condition.all.map(whenHolds).reduce(product);
  if (condition.not !== undefined) return whenNot(condition.not);
  return [chosen(condition)];
}

function whenNot(condition) {
  if (condition.any !== undefined) return condition.any.map(whenNot).reduce(product);
  if (condition.all !== undefined) return condition.all.flatMap(whenNot);
  if (condition.not !== undefined) return whenHolds(condition.not);
  return [`:not(${chosen(condition)})`];
}

function product(first, second) {
  return first.flatMap((one) => second.map((other) => one + other));
}

/** Until something is chosen the route is the first, as in src/questions.ts. */
function whenRoutes(pages, routes) {
  const [{ id, options }] = pages
    .flatMap(({ fields }) => fields)
    .filter((field) => field.options?.some(({ route }) => route !== undefined));
  const of = (isWanted) => options.filter(({ route }) => isWanted(routes.includes(route))).map(({ value }) => value);
  if (!routes.includes(ROUTES[0])) return [chosen({ field: id, is: of((isIn) => isIn) })];
  const others = of((isIn) => !isIn);
  return others.length === 0 ? [""] : [`:not(${chosen({ field: id, is: others })})`];
}
