// Saving what was written and going on with it on another device: whole but for what is never saved, replaced and deleted
// by its words alone, and nothing typed in anything that the server sees. With HAFAN_URL and HAFAN_DEMO_DIR, the last test
// runs against that server and looks at its disk.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test, { after, before, beforeEach } from "node:test";
import { load } from "../../web/test/load.mjs";
import { needlesOf } from "./leavings.mjs";
import {
  current,
  everyWidth,
  full,
  go,
  keepsNothing,
  least,
  mustSay,
  openStage,
  press,
  send,
  shown,
  tabTo,
  walk,
  wordsOf8,
  WORDS,
} from "./walk.mjs";

const { draftKeysOf, sealDraft } = await load("draft.ts");
const WRONG = "zone zone zone zone zone zone zone zone";
const FILE = '[data-section="e2"] input[type="file"]';
const { HAFAN_URL: realUrl, HAFAN_DEMO_DIR: demo } = process.env;
let stage, state;
before(async () => {
  stage = await openStage();
  ({ state } = stage);
});
after(() => stage?.close());
beforeEach(() => {
  state.draft = undefined;
  state.drafts.clear();
  state.drops.splice(0);
});

/** Everything that can be typed or chosen, but for files, as it stands on the page. */
const controls = (page) =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll("#form [data-section] :is(input, textarea)")]
        .filter(({ type, id }) => type !== "file" && id !== "draft-typed")
        .map(({ id, type, value, checked }) => [id, type === "radio" || type === "checkbox" ? checked : value]),
    ),
  );
const withoutContact = (all) => Object.fromEntries(Object.entries(all).filter(([id]) => !id.startsWith("s1-")));

/** Saves from the page in sight; gives the eight words. */
async function save(page) {
  await press(page, "save-ask");
  await shown(page, "save");
  await press(page, "save");
  await shown(page, "saved");
  return wordsOf8(page, "saved-");
}

/** A form in which free recall is written, saved and closed; gives the words. */
async function saved(lang, text = WORDS) {
  const page = await stage.openForm(lang);
  await walk(page, { fill: "least", choices: least("self"), until: "a1" });
  await page.fill("#a1", text);
  const words = await save(page);
  await page.context().close();
  return words;
}

/** Types words in the form, in a fresh profile, and presses a button there. */
async function type(lang, words, button = "load") {
  const page = await stage.openForm(lang);
  await shown(page, "g2");
  await press(page, "load-ask");
  await shown(page, "load");
  await page.fill("#draft-typed", words);
  await press(page, button);
  return page;
}

async function open(lang, words) {
  const page = await type(lang, words);
  await page.locator("#restored p").first().waitFor();
  return page;
}

const errorOf = async (page) => {
  await page.locator("#errors").waitFor();
  return page.locator("#error-text").innerText();
};

/** Every request from now on, as the server sees it. */
function listen(page) {
  const requests = [];
  page.context().on("request", (request) => requests.push(request));
  return async () =>
    Promise.all(
      requests.map(async (request) => ({
        line: `${request.method()} ${new URL(request.url()).pathname}`,
        headers: JSON.stringify(await request.allHeaders()),
        body: request.postDataBuffer() ?? Buffer.alloc(0),
      })),
    );
}

for (const [lang, other] of [
  ["en", "cy"],
  ["cy", "en"],
]) {
  test(`${lang}: half a report is saved, and is whole and sent from another profile`, async () => {
    const first = await stage.openForm(lang);
    const before = await walk(first, { choices: full("self"), until: "p3" });
    await first.fill("#p3-age", "half a");
    const written = await controls(first);
    const words = await save(first);
    assert.equal(words.split(" ").length, 8);
    assert.equal(state.drafts.size, 1);
    await everyWidth(first, "saved");
    await press(first, "hide-saved-words");
    assert.equal(await wordsOf8(first, "saved-"), "");
    assert.equal(await first.evaluate(() => document.activeElement?.tagName), "H1");
    await keepsNothing(first, "after saving");
    await first.context().close();

    // On a form that is in the other language.
    const page = await stage.openForm(other);
    await shown(page, "g2");
    await press(page, "load-ask");
    await everyWidth(page, "load");
    const [start, ...rest] = words.split(" ");
    await page.fill("#draft-typed", [`${start}q`, ...rest].join("\n").toUpperCase());
    await press(page, "load");
    await page.locator("#errors").waitFor();
    await everyWidth(page, "a slip");
    await page.locator(`[data-use="${start}"]`).click();
    assert.equal(await page.locator("#errors").isVisible(), false);
    await press(page, "load");
    await shown(page, "p3");
    await page.locator("#restored p").waitFor();
    await everyWidth(page, "restored");
    assert.equal(await page.evaluate(() => document.documentElement.lang), lang);
    assert.deepEqual(await controls(page), { ...withoutContact(written), ...contactOf(await controls(page)) });
    assert.equal(await page.inputValue("#s1-reach"), "");
    assert.equal(await page.inputValue("#draft-typed"), "");
    const after = await walk(page, { choices: full("self"), until: "check" });
    assert.equal(await page.locator("#restored p").count(), 0);
    await everyWidth(page, "check");
    await go(page);
    await send(page);
    const { report } = await stage.takeReport();
    const told = before.map((one) => (one.id === "s1" ? { ...one, button: "skip" } : one));
    mustSay(report, [...told, ...after], lang);
    await everyWidth(page, "sent, and still saved");
    await keepsNothing(page, "after sending");
    await page.context().close();
  });

  test(`${lang}: saving again takes the place of the first, under the same words, hidden or not`, async () => {
    const puts = [];
    state.draft = (method, id) => void (method === "PUT" && puts.push(id));
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    await page.fill("#a1", "first");
    const words = await save(page);
    const [first] = [...state.drafts.values()];
    await press(page, "go-on");
    assert.equal(await current(page), "a1");
    assert.equal((await page.content()).includes(words.split(" ")[0]), false);
    await page.fill("#a1", "second");
    assert.equal(await save(page), words);
    assert.equal(await page.locator("#saved-same").isVisible(), false);
    await press(page, "hide-saved-words");
    await press(page, "go-on");
    await page.fill("#a1", "third");
    await press(page, "save-ask");
    assert.ok(await page.locator("#save-again").isVisible());
    await everyWidth(page, "save again");
    await press(page, "save");
    await shown(page, "saved");
    assert.equal(await wordsOf8(page, "saved-"), "");
    assert.ok(await page.locator("#saved-same").isVisible());
    await everyWidth(page, "saved again");
    await page.context().close();
    assert.deepEqual([puts.length, new Set(puts).size, state.drafts.size], [3, 1, 1]);
    assert.notDeepEqual([...state.drafts.values()], [first]);
    const later = await open(lang, words);
    assert.equal(await later.inputValue("#a1"), "third");
    // What was opened is saved under the words that opened it.
    await later.fill("#a1", "fourth");
    assert.equal(await save(later), "");
    assert.equal(state.drafts.size, 1);
    await later.context().close();
    const last = await open(lang, words);
    assert.equal(await last.inputValue("#a1"), "fourth");
    await last.context().close();
  });

  test(`${lang}: the words delete what is saved, and only when the person says so twice`, async () => {
    const words = await saved(lang);
    const page = await type(lang, words, "delete-ask");
    await shown(page, "delete");
    await everyWidth(page, "delete");
    await press(page, "stay");
    await shown(page, "load");
    assert.equal(state.drafts.size, 1);
    await press(page, "delete-ask");
    await press(page, "delete");
    await shown(page, "deleted");
    await everyWidth(page, "deleted");
    assert.equal(state.drafts.size, 0);
    await press(page, "stay");
    await shown(page, "g2");
    await press(page, "load-ask");
    assert.equal(await page.inputValue("#draft-typed"), "");
    for (const button of ["load", "delete-ask"]) {
      await page.fill("#draft-typed", words);
      await press(page, button);
      if (button === "delete-ask") await press(page, "delete");
      await shown(page, "load");
      assert.match(await errorOf(page), lang === "en" ? /Nothing is held/ : /Does dim wedi'i gadw/);
      await everyWidth(page, "nothing under these words");
    }
    await page.context().close();
  });

  test(`${lang}: what was opened can be deleted, and what is on the page stays`, async () => {
    const page = await open(lang, await saved(lang));
    await press(page, "save-ask");
    await page.locator('#save-again [data-action="delete-ask"]').click();
    await press(page, "delete");
    await shown(page, "deleted");
    assert.equal(state.drafts.size, 0);
    await press(page, "stay");
    assert.deepEqual([await current(page), await page.inputValue("#a1")], ["a1", WORDS]);
    assert.equal((await save(page)).split(" ").length, 8, "what is saved after that has new words");
    await page.context().close();
  });

  test(`${lang}: wrong words and a damaged draft are said in words of their own, and change nothing`, async () => {
    const words = await saved(lang);
    const page = await type(lang, WRONG);
    await shown(page, "load");
    const none = await errorOf(page);
    for (const [id, draft] of state.drafts)
      state.drafts.set(id, Buffer.from(draft).fill(draft[5_000] ^ 1, 5_000, 5_001));
    await page.fill("#draft-typed", words);
    await press(page, "load");
    await shown(page, "load");
    const broken = await errorOf(page);
    await everyWidth(page, "damaged");
    state.draft = () => [200, Buffer.alloc(1 << 20, " ")];
    await press(page, "load");
    await shown(page, "load");
    assert.equal(await errorOf(page), broken);
    assert.notEqual(none, broken);
    assert.equal(await page.inputValue("#a1"), "");
    await press(page, "back");
    await shown(page, "g2");
    await page.context().close();
  });

  test(`${lang}: when the server does not answer, is full or says no, that is said, and nothing is lost`, async () => {
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    await page.fill("#a1", WORDS);
    await press(page, "save-ask");
    const said = [];
    for (const status of ["cut", 507, 422]) {
      state.draft = () => status;
      await press(page, "save");
      await shown(page, "save");
      said.push(await errorOf(page));
      await everyWidth(page, `save, ${status}`);
      assert.equal(await page.inputValue("#a1"), WORDS);
    }
    assert.equal(new Set(said).size, 3, said.join(" / "));
    assert.ok(await page.locator("#save-maybe").isVisible(), "of the one without an answer a copy may be there");
    const asked = [];
    state.draft = (method, id) => asked.push(id) && 503;
    await press(page, "save");
    await page
      .locator("#waiting")
      .getByText(lang === "en" ? "Trying again" : "cynnig arall")
      .waitFor();
    await everyWidth(page, "waiting");
    await press(page, "stop");
    await shown(page, "save");
    await page.locator('#save-maybe [data-action="delete-ask"]').click();
    await shown(page, "delete");
    await press(page, "stay");
    await shown(page, "save");
    const tried = asked.length;
    state.draft = undefined;
    await press(page, "go-on");
    assert.equal(await page.inputValue("#a1"), WORDS);
    const words = await save(page);
    assert.ok(tried >= 2 && state.drafts.has(asked[0]), "one draft, under the words that were drawn first");
    assert.equal(state.drafts.size, 1);
    state.draft = () => 503;
    const other = await type(lang, words);
    await shown(other, "load");
    assert.equal(await errorOf(other), said[0]);
    state.draft = undefined;
    await press(other, "load");
    await shown(other, "a1");
    await other.context().close();
    await page.context().close();
  });

  test(`${lang}: more than a draft can hold is said, and nothing is lost`, async () => {
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    const long = "gair ".repeat(14_000);
    await page.fill("#a1", long);
    await press(page, "save-ask");
    await press(page, "save");
    await shown(page, "save");
    assert.match(await errorOf(page), lang === "en" ? /more than can be saved/ : /yn fwy nag y gellir/);
    assert.deepEqual([await page.inputValue("#a1"), state.drafts.size], [long, 0]);
    await page.context().close();
  });

  test(`${lang}: files and the sealed contact are not saved, and stay on the page where they are`, async () => {
    const page = await stage.openForm(lang);
    await walk(page, { choices: full("self"), until: "e2" });
    await page.setInputFiles(FILE, { name: "nodyn.txt", mimeType: "text/plain", buffer: Buffer.from("nodyn\n") });
    await page.getByText("nodyn.txt").first().waitFor();
    const contact = contactOf(await controls(page));
    assert.match(contact["s1-reach"], /Diwrnod hir/);
    const words = await save(page);
    await press(page, "go-on");
    assert.ok(await page.getByText("nodyn.txt").first().isVisible());
    assert.deepEqual(contactOf(await controls(page)), contact);
    await page.context().close();
    const later = await open(lang, words);
    assert.equal(await current(later), "e2");
    assert.equal(await later.getByText("nodyn.txt").count(), 0);
    assert.deepEqual(Object.values(contactOf(await controls(later))).join(""), "");
    assert.match(await later.locator("#restored").innerText(), lang === "en" ? /files/ : /ffeiliau/);
    await later.context().close();
  });

  test(`${lang}: a draft of another question set is opened as far as it fits`, async () => {
    const keys = await draftKeysOf(WRONG);
    const given = new Map([
      ["r1", "self"],
      ["r2", "atlantis"],
      ["a1", WORDS],
      ["a2", ["gone"]],
      ["q9-new", "words of a question that is not asked here"],
    ]);
    const draft = { language: lang, saved_on: "2026-11-20", section: "q9", visited: ["g2", "q9", "r1", "a1"], given };
    state.drafts.set(keys.name.id, Buffer.from(await sealDraft(draft, keys.recipient)));
    const page = await open(other, WRONG);
    assert.equal(await current(page), "a1");
    assert.equal(await page.inputValue("#a1"), WORDS);
    assert.equal(await page.locator("#restored p").count(), 2);
    await everyWidth(page, "left out");
    assert.deepEqual(await page.locator('[name="r2"]:checked').count(), 0);
    await page.context().close();
  });

  test(`${lang}: after sending it says what is still saved, deletes it only when asked, and the words are others`, async () => {
    const asked = [];
    state.draft = (method) => void asked.push(method);
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    await page.fill("#a1", WORDS);
    const draftWords = await save(page);
    await press(page, "go-on");
    await walk(page, { fill: "least", choices: least("self") });
    await send(page);
    const words = await wordsOf8(page);
    assert.notEqual(words, draftWords);
    assert.equal(words.split(" ").length, 8);
    assert.ok(!state.drafts.has((await draftKeysOf(words)).name.id), "a report's words give another id");
    assert.ok(state.drafts.has((await draftKeysOf(draftWords)).name.id));
    assert.ok(!(await page.content()).includes(draftWords.split(" ").join("</li><li>")));
    assert.deepEqual([asked, state.drafts.size], [["PUT"], 1]);
    assert.match(await page.locator("#sent-until").innerText(), /20\d\d/);
    await page.locator('#sent-saved [data-action="delete-ask"]').click();
    await press(page, "stay");
    await shown(page, "sent");
    assert.equal(await wordsOf8(page), words);
    await page.locator('#sent-saved [data-action="delete-ask"]').click();
    await press(page, "delete");
    await shown(page, "deleted");
    await press(page, "stay");
    await shown(page, "sent");
    assert.equal(await page.locator("#sent-saved").isVisible(), false);
    assert.equal(await wordsOf8(page), words);
    assert.deepEqual([asked, state.drafts.size], [["PUT", "DELETE"], 0]);
    await page.context().close();
  });

  test(`${lang}: saving and opening by keyboard alone, and the focus is on each heading`, async () => {
    const page = await stage.openForm(lang, { width: 320, height: 568 });
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    await page.fill("#a1", WORDS);
    await page.focus('[data-testid="continue"]');
    const pressByKey = async (on, selector) => {
      await tabTo(on, selector);
      await on.keyboard.press("Enter");
    };
    const isOnHeading = async (on, section) => {
      await shown(on, section);
      assert.equal(await on.evaluate(() => document.activeElement?.tagName), "H1", section);
    };
    await pressByKey(page, '[data-testid="save-ask"]');
    await isOnHeading(page, "save");
    await pressByKey(page, '[data-testid="save"]');
    await isOnHeading(page, "saved");
    const words = await wordsOf8(page, "saved-");
    await pressByKey(page, '[data-testid="go-on"]');
    await isOnHeading(page, "a1");
    await page.context().close();
    const later = await stage.openForm(lang, { width: 320, height: 568 });
    await shown(later, "g2");
    await pressByKey(later, '[data-testid="load-ask"]');
    await isOnHeading(later, "load");
    await later.keyboard.press("Tab");
    await later.keyboard.type(words);
    await pressByKey(later, '[data-testid="load"]');
    await isOnHeading(later, "a1");
    await later.context().close();
  });
}

const contactOf = (all) => Object.fromEntries(Object.entries(all).filter(([id]) => id.startsWith("s1-")));

test("nothing typed and no word is in anything that the server sees, and what it keeps is of one size", async () => {
  const canary = "dirgelwch-7f3a91c2d4";
  const page = await stage.openForm("en");
  await page.waitForLoadState("networkidle");
  const requests = listen(page);
  await walk(page, { fill: "least", choices: least("self"), until: "a1" });
  await page.fill("#a1", canary.repeat(40));
  const words = await save(page);
  const seen = await requests();
  await page.context().close();
  const later = await stage.openForm("en");
  await later.waitForLoadState("networkidle");
  const more = listen(later);
  await shown(later, "g2");
  await press(later, "load-ask");
  await later.fill("#draft-typed", words);
  await press(later, "load");
  await shown(later, "a1");
  assert.equal(await later.inputValue("#a1"), canary.repeat(40));
  await save(later);
  seen.push(...(await more()));
  await later.context().close();

  const [id] = state.drafts.keys();
  assert.deepEqual(
    seen.map(({ line, body }) => [line, body.length]),
    [
      [`PUT /v1/drafts/${id}`, 67_227],
      [`GET /v1/drafts/${id}`, 0],
      [`PUT /v1/drafts/${id}`, 67_227],
    ],
  );
  assert.equal(state.drafts.get(id).length, 67_195);
  for (const { headers } of seen) assert.doesNotMatch(headers, /cookie|referer|authorization/i);
  const whole = Buffer.concat(
    seen.flatMap(({ line, headers, body }) => [Buffer.from(line + headers), body]).concat(...state.drafts.values()),
  );
  for (const text of [canary, "saved_on", '"given"', ...words.split(" ").filter((word) => word.length > 5)]) {
    for (const needle of needlesOf(text)) assert.ok(!whole.includes(needle), text);
  }
});

test("right and wrong words ask for one draft, the same way", async () => {
  const words = await saved("en");
  const captures = [];
  for (const typed of [words, WRONG]) {
    const page = await stage.openForm("en");
    await page.waitForLoadState("networkidle");
    await shown(page, "g2");
    await press(page, "load-ask");
    const requests = listen(page);
    await page.fill("#draft-typed", typed);
    await press(page, "load");
    await page.locator("#restored p, #errors:visible").first().waitFor();
    const seen = await requests();
    captures.push(seen.map(({ line, headers, body }) => [line.replace(/[0-9a-f]{64}$/, "{id}"), headers, body.length]));
    await page.context().close();
  }
  assert.equal(captures[0].length, 1);
  assert.match(captures[0][0][0], /^GET \/v1\/drafts\/\{id\}$/);
  assert.deepEqual(captures[0], captures[1]);
});

test("leaving and a quarter of an hour alone wipe words, shown and typed, as they wipe answers", async () => {
  const words = await saved("en");
  const shownIn = async (page) =>
    (await page.content()) +
    (await page.evaluate(() => [...document.querySelectorAll("input, textarea")].map(({ value }) => value).join(" ")));
  const left = await stage.openForm("en");
  await walk(left, { fill: "least", choices: least("self"), until: "a1" });
  await left.fill("#a1", WORDS);
  const drawn = await save(left);
  const gone = left.waitForURL((url) => !url.pathname.includes("/report/"));
  await press(left, "leave");
  await gone;
  await left.goBack().catch(() => null); // There may be nothing to go back to, which is as good.
  assert.ok(!(await shownIn(left)).includes(drawn.split(" ").slice(0, 2).join("</li><li>")));
  await left.goto(`${stage.site.url}/btp/en/support/`);
  await keepsNothing(left, "after leaving");
  await left.context().close();

  const idle = await stage.openForm("en", { hasClock: true });
  await shown(idle, "g2");
  await press(idle, "load-ask");
  await idle.fill("#draft-typed", words);
  await idle.clock.runFor(15 * 60_000 + 1_000);
  assert.ok(await idle.locator("dialog[open]").isVisible());
  await idle.clock.runFor(3 * 60_000);
  assert.equal(await idle.locator("#form").count(), 0);
  assert.ok(!(await shownIn(idle)).includes(words));
  await keepsNothing(idle, "after a quarter of an hour");
  await idle.context().close();
});

test(
  "against the real server a draft is kept, replaced, opened and deleted",
  { skip: realUrl === undefined },
  async () => {
    const url = realUrl.replace(/\/$/, "");
    const statuses = [];
    const listenTo = (page) =>
      page.context().on("response", (response) => {
        if (response.url().includes("/v1/drafts/"))
          statuses.push(`${response.request().method()} ${response.status()}`);
      });
    const page = await stage.openForm("cy", { url });
    listenTo(page);
    await walk(page, { fill: "least", choices: least("self"), until: "a1" });
    await page.fill("#a1", "cyntaf");
    const words = await save(page);
    await press(page, "go-on");
    await page.fill("#a1", WORDS);
    assert.equal(await save(page), words);
    await page.context().close();

    const { id } = (await draftKeysOf(words)).name;
    const kept = () => readdirSync(join(demo, "drafts"), { recursive: true }).filter((name) => name.endsWith(id));
    const [path] = kept();
    assert.match(path, /^20\d\d-\d\d-\d\d\/[0-9a-f]{64}$/);
    assert.equal(readFileSync(join(demo, "drafts", path)).length, 67_195);

    const later = await stage.openForm("en", { url });
    listenTo(later);
    await shown(later, "g2");
    await press(later, "load-ask");
    await later.fill("#draft-typed", WRONG);
    await press(later, "load");
    await errorOf(later);
    await later.fill("#draft-typed", words);
    await press(later, "load");
    await shown(later, "a1");
    assert.equal(await later.inputValue("#a1"), WORDS);
    await press(later, "save-ask");
    await later.locator('#save-again [data-action="delete-ask"]').click();
    await press(later, "delete");
    await shown(later, "deleted");
    assert.deepEqual(kept(), []);
    assert.deepEqual(statuses, ["PUT 201", "PUT 200", "GET 404", "GET 200", "DELETE 204"]);
    await later.context().close();
  },
);
