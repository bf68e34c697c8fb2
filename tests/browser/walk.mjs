// Drives the reporter's form as a person does, for every test of this folder: a stage (stand-in server, built site,
// browser), steps by the form's own buttons, and what was shown and typed on each page beside what was sealed of it.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decrypter } from "age-encryption";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const questions = JSON.parse(readFileSync(new URL("../../web/content/questions.json", import.meta.url), "utf8"));
const fields = questions.pages.flatMap((page) => page.fields ?? []);
/** Options that stand alone: ticking one takes the others away. */
const exclusive = new Set(
  fields.flatMap(({ id, options = [] }) => options.filter((one) => one.exclusive).map(({ value }) => `${id} ${value}`)),
);

/** Words that break what handles text carelessly: quotes, markup, emoji, marks, right-to-left, a second line. */
export const WORDS = 'Diwrnod hir. "Quoted" <b>not bold</b> 🌧 Ŵŷ \u0645\u0631\u062d\u0628\u0627\nsecond line';

/** A stand-in server with a built site, and a browser. `state` steers what the server answers; `drops` is what it took. */
export async function openStage() {
  const siteDir = mkdtempSync(join(tmpdir(), "hafan-browser-"));
  const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
  const roots = Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key]));
  await build({ out: siteDir, roots });
  const state = {
    directory: (id) => forces[id].good,
    log: new Map(),
    drop: undefined,
    drops: [],
    draft: undefined,
    drafts: new Map(),
  };
  const site = await serve(siteDir, {
    drafts: state.drafts,
    draft: (...request) => state.draft?.(...request),
    directory: (id) => state.directory(id),
    log: (address) => state.log.get(address),
    drop: (id, body, headers) => {
      const status = state.drop?.(body, headers) ?? 201;
      if (status === 201) state.drops.push([id, body]);
      return status;
    },
  });
  const browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
  return {
    forces,
    state,
    site,
    browser,
    /** A fresh profile with the form of British Transport Police; closed by the test through its context. */
    async openForm(lang, { url = site.url, width = 1280, height = 800, hasClock = false, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, ...options });
      const page = await context.newPage();
      // Before the page, or its first timers would be the browser's own.
      if (hasClock) await page.clock.install();
      await page.goto(`${url}/btp/${lang}/report/`);
      return page;
    },
    /** A fresh profile with the way back of British Transport Police. */
    async openBack(lang, { width = 1280, height = 800, url = site.url, hasClock = false, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, ...options });
      const page = await context.newPage();
      if (hasClock) await page.clock.install();
      await page.goto(`${url}/btp/${lang}/return/`);
      return page;
    },
    /** The one submission that was taken since the last call: who it was sealed to, and its report. */
    async takeReport() {
      assert.equal(state.drops.length, 1, "one submission is held");
      const [[force, body]] = state.drops.splice(0);
      return { force, ...(await openDrop(forces[force].identity, body)) };
    },
    async close() {
      await browser.close();
      await site.close();
      rmSync(siteDir, { recursive: true, force: true });
    },
  };
}

/** What a submission holds: `report` (JSON) and every member of the padded by its path. */
export async function openDrop(identity, body) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const padded = Buffer.from(await decrypter.decrypt(new Uint8Array(body.subarray(48))));
  const members = new Map();
  for (let at = 0; padded[at] !== 0 && at < padded.length;) {
    const name = padded
      .subarray(at, at + 100)
      .toString()
      .replace(/\0.*$/s, "");
    const size = Number.parseInt(padded.subarray(at + 124, at + 135).toString(), 8);
    members.set(name, padded.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return { report: JSON.parse(members.get("report.json").toString()), members };
}

// ---------------------------------------------------------------- steps

export const press = (page, id) => page.getByTestId(id).click();

/** The section that is shown: the id of a page of the question set, or check, before, sending, failed, blocked, sent. */
export const current = (page) => page.locator("[data-section]:visible").getAttribute("data-section");

export const shown = (page, section) => page.locator(`[data-section="${section}"] h1`).waitFor();

/** The eight words that are shown once a report is held, or with `saved-` once a draft is. */
export const wordsOf8 = async (page, place = "") => (await page.locator(`#${place}words li`).allInnerTexts()).join(" ");

/** Presses a button and waits until another section is shown; gives its id. */
export async function go(page, id = "continue") {
  const before = await current(page);
  await press(page, id);
  await page
    .locator(`[data-section="${before}"]`)
    .waitFor({ state: "hidden", timeout: 10_000 })
    .catch(async () => {
      assert.fail(`${before} does not go on: ${await page.locator("#errors").innerText()}`);
    });
  return current(page);
}

/** Chooses one option of a field. */
export const choose = (page, name, value) => page.check(`[name="${name}"][value="${value}"]`);

/**
 * Answers everything that the page in sight asks: `choices[name]`, or else its `first` or `last` option, every box that
 * does not stand alone, words in every field, and March 2009 where a date is asked. Again while an answer asks more.
 */
export async function answerAll(page, { choices = {}, which = "first", words = (id) => `${WORDS} ${id}` } = {}) {
  const section = page.locator("[data-section]:visible");
  const done = new Set();
  for (let isMore = true; isMore;) {
    isMore = false;
    for (const input of await section.locator("input:visible, textarea:visible").all()) {
      const { id, name, type, value } = await input.evaluate(({ id, name, type, value }) => ({
        id,
        name,
        type,
        value,
      }));
      const isChoice = type === "radio" || type === "checkbox";
      const key = type === "radio" ? name : id;
      if (done.has(key) || type === "file") continue;
      isMore = true;
      done.add(key);
      if (type === "radio") {
        const wanted = choices[baseOf(name)];
        const all = section.locator(`[name="${name}"]:visible`);
        if (wanted !== undefined) await choose(page, name, wanted);
        else await (which === "last" ? all.last() : all.first()).check();
      } else if (type === "checkbox") {
        const isAlone = exclusive.has(`${baseOf(name)} ${value}`);
        if (isAlone === (which === "last")) await input.check();
      } else if (!isChoice) {
        const date = /-(day|month|year)$/.exec(id);
        const isDate = date !== null && (await input.evaluate((one) => one.closest(".govuk-date-input") !== null));
        await input.fill(isDate ? { day: "", month: "3", year: "2009" }[date[1]] : oneLine(words(id), type));
      }
    }
  }
}

const oneLine = (text, type) => (type === "textarea" ? text : text.replaceAll("\n", " "));

/** What stands on the page in sight, as the person reads it: its heading, and each field's label and answer. */
export function readPage(page) {
  return page.evaluate(() => {
    const section = document.querySelector("[data-section]:not([hidden])");
    const said = (element) => element?.innerText.trim().replace(/\s+/g, " ") ?? "";
    const fields = [...section.querySelectorAll("[data-field]")].filter((field) => field.offsetParent !== null);
    return {
      id: section.dataset.section,
      kind: section.dataset.kind,
      heading: said(section.querySelector("h1")),
      fields: fields.flatMap((field) => {
        const inputs = [...field.querySelectorAll("input, textarea")].filter(({ type }) => type !== "file");
        if (inputs.length === 0) return [];
        const label = said(field.querySelector("legend") ?? field.querySelector("label"));
        const isChoice = ["radio", "checkbox"].includes(inputs[0].type);
        const ticked = inputs.filter(({ checked }) => checked).map(({ labels }) => said(labels[0]));
        const typed = inputs.map(({ value }) => value).filter((value) => value !== "");
        const type = field.querySelector(".govuk-date-input") === null ? inputs[0].type : "date";
        return [{ id: field.dataset.field, label, answer: isChoice ? ticked : typed, type }];
      }),
    };
  });
}

/**
 * From the page in sight to `until`, answering each (`fill`: all, or least: only what `choices` and `words` say, and
 * everything else skipped). Gives what stood on each page when it was left.
 */
export async function walk(page, { fill = "all", until = "before", visit = async () => {}, ...how } = {}) {
  const pages = [];
  await page.locator("#form").waitFor();
  for (let id = await current(page); id !== until;) {
    assert.ok(!["blocked", "failed", "sent"].includes(id), `${until} was wanted, ${id} is shown`);
    const choice = how.choices?.[id];
    let button = "continue";
    if (fill === "all") await answerAll(page, how);
    else if (choice !== undefined) await choose(page, id, choice);
    else if (id === "a1") await page.fill("#a1", how.words ?? WORDS);
    else if (await page.getByTestId("skip").isVisible()) button = "skip";
    await visit(id);
    pages.push({ ...(await readPage(page)), button });
    id = await go(page, button);
  }
  return pages;
}

/** The choices of the shortest way for a route. */
export const least = (r1) => ({ r1, r2: "btp", c1: "none", length: "short" });

/** The choices that ask a route everything, of one person; `more` takes the place of some. */
export const full = (r1, more = {}) => ({
  r1,
  r2: "btp",
  r3: "no",
  c1: "none",
  length: "full",
  "p-more": "no",
  ...more,
});

export async function send(page) {
  await press(page, "send");
  await page.getByTestId("sent").waitFor();
}

// ---------------------------------------------------------------- comparing

/** What a report must say of the pages as they were left: the same questions, the same answers, in their order. */
export function mustSay(report, pages, lang) {
  const asked = pages.filter(({ kind }) => kind === "question");
  const reached = report.answers.filter(({ state }) => state !== "not-reached");
  assert.deepEqual(
    reached.map(({ id, question, state }) => [id, question, state]),
    asked.map((page) => [baseOf(page.id), page.heading.replace(/ \(\d\)$/, ""), stateOf(page)]),
  );
  for (const [index, page] of asked.entries()) {
    const { answer, parts, state } = reached[index];
    if (state !== "answered") {
      assert.equal(answer, null);
      for (const part of parts) assert.equal(part.answer, null);
      continue;
    }
    const [main, rest] = [
      page.fields.filter(({ id }) => id === page.id),
      page.fields.filter(({ id }) => id !== page.id),
    ];
    assert.deepEqual([answer], main.length === 0 ? [null] : main.map((field) => wordsOf(field, lang)), page.id);
    assert.deepEqual(
      parts.map(({ question, answer }) => [question, answer]),
      rest.map((field) => [field.label, wordsOf(field, lang)]),
      page.id,
    );
  }
}

/** A page's id without the number of its turn: p2-n3 is p2 again. */
const baseOf = (id) => id.replace(/-n\d$/, "");

function stateOf({ id, button, fields }) {
  if (button === "skip" || fields.every(({ answer }) => answer.length === 0)) return "skipped";
  return id === "s1" ? "sealed" : "answered";
}

function wordsOf({ answer, type }, lang) {
  if (type === "checkbox") return answer;
  if (answer.length === 0) return null;
  if (type !== "date") return answer[0];
  const [month, year] = answer.map(Number);
  return new Intl.DateTimeFormat(lang === "cy" ? "cy-GB" : "en-GB", { month: "long", year: "numeric" }).format(
    new Date(year, month - 1, 1),
  );
}

// ---------------------------------------------------------------- looking

/** axe finds nothing on the page as it is, nothing is wider than the window, and there is a way to leave. */
export async function lookAt(page, where) {
  // As one expression: the page's policy lets no other script in.
  const result = await page.evaluate(`(async () => { const module = undefined; ${axeSource}; return axe.run(); })()`);
  const found = result.violations.map(({ id, nodes }) => `${where}: ${id} ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, []);
  await fitsIn(page, where);
  assert.ok(await page.getByTestId("leave").isVisible(), `${where} has no way to leave`);
}

/** axe finds nothing and nothing is too wide, in a narrow window and in a wide one. */
export async function everyWidth(page, where) {
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await lookAt(page, `${where} at ${width} px`);
  }
}

/** Moves on by Tab until the focus is on what the selector names; `each` looks at every stop on the way. */
export async function tabTo(page, selector, each = async () => undefined) {
  for (let count = 0; count < 80; count += 1) {
    await page.keyboard.press("Tab");
    await each();
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
  }
  assert.fail(`Tab does not reach ${selector}`);
}

/** Nothing is wider than the window. */
export async function fitsIn(page, where) {
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(isWide, false, `${where} is too wide`);
}

/** That the browser keeps nothing for the site: no storage, cookie, database, cache, worker or private file. */
export async function keepsNothing(page, where) {
  const { files, ...kept } = await page.evaluate(async () => ({
    local: localStorage.length,
    session: sessionStorage.length,
    cookie: document.cookie,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    files: await navigator.storage
      .getDirectory()
      .then(async (directory) => (await Array.fromAsync(directory.keys())).length)
      .catch((error) => error.name), // Not given to this page, and so empty.
  }));
  assert.deepEqual(kept, { local: 0, session: 0, cookie: "", databases: 0, caches: 0, workers: 0 }, where);
  assert.ok(files === 0 || typeof files === "string", `${where}: ${files} private files`);
  assert.deepEqual(await page.context().cookies(), [], where);
}
