// The way back with eight words, in a real browser: shown once after sending, typed on another device, and what the page
// says of a log that is whole, that has nothing of hers, and that somebody changed.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { entryOf, makeLog, strangersEntry } from "../../web/test/log.mjs";
import { everyWidth, go, keepsNothing, least, openStage, press, send, shown, walk, wordsOf8 } from "./walk.mjs";

const WRONG = "zone zone zone zone zone zone zone zone";
const YEAR = new Date().getUTCFullYear();
let stage, state;
before(async () => {
  stage = await openStage();
  ({ state } = stage);
});
after(() => stage?.close());

/** Sends a report with words; gives the words and the entry of its leaf. */
async function sent(lang) {
  const page = await stage.openForm(lang);
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  await go(page);
  await send(page);
  const words = await wordsOf8(page);
  const [[, body]] = state.drops;
  const { report } = await stage.takeReport();
  const { createHash } = await import("node:crypto");
  const digest = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const h = digest(Buffer.from("hafan/blob/v1\0"), body.subarray(0, 16), digest(body.subarray(48)));
  return { page, words, report, entry: entryOf(h, body.subarray(16, 48)) };
}

/** A log of strangers' leaves with these entries among them. */
function publish(...entries) {
  const strangers = Array.from({ length: 600 }, (_, index) => strangersEntry(index));
  strangers.splice(300, entries.length, ...entries);
  state.log = makeLog(stage.forces.btp.log, { year: YEAR, entries: strangers });
  state.log.set("/log/btp/beat", Buffer.from("300 8\n"));
}

async function look(page, words, section) {
  await page.fill("#words", words);
  await press(page, "look");
  await shown(page, section);
}

for (const lang of ["en", "cy"]) {
  test(`${lang}: the words that were shown find the report again, in a fresh profile`, async () => {
    const { page: form, words, report, entry } = await sent(lang);
    assert.equal(words.split(" ").length, 8);
    assert.match(report.mailbox, /^age1pq1/);
    await everyWidth(form, "sent with words");
    await press(form, "hide-words");
    assert.equal(await form.getByTestId("way").isVisible(), false);
    assert.equal((await form.content()).includes(words.split(" ").slice(0, 3).join("</li><li>")), false);
    await form.context().close();

    publish(entry);
    const page = await stage.openBack(lang);
    await everyWidth(page, "ask");
    await look(page, ` ${words.toUpperCase().replaceAll(" ", ",\n")} `, "found");
    await everyWidth(page, "found");
    await keepsNothing(page, "after it was found");

    await press(page, "back");
    await look(page, WRONG, "none");
    await everyWidth(page, "none");
    await page.context().close();
  });

  test(`${lang}: a slip of one letter is told with the word it was, and one press mends it`, async () => {
    const { page: form, words, entry } = await sent(lang);
    await form.context().close();
    publish(entry);
    const page = await stage.openBack(lang);
    await page.fill("#words", "zone zone zone");
    await press(page, "look");
    await page.locator("#errors").waitFor();
    assert.match(await page.locator("#error-text").innerText(), /\b3\b/);
    await everyWidth(page, "three words");

    const [first, ...rest] = words.split(" ");
    await page.fill("#words", [`${first}q`, ...rest].join(" "));
    await press(page, "look");
    await page.locator("#errors").waitFor();
    await everyWidth(page, "a slip");
    await page.locator(`[data-use="${first}"]`).click();
    assert.equal(await page.inputValue("#words"), words);
    assert.equal(await page.locator("#errors").isVisible(), false);
    await press(page, "look");
    await shown(page, "found");
    await page.context().close();
  });

  test(`${lang}: each thing that a server can do to the list is said in its own words`, async () => {
    const { page: form, words, entry } = await sent(lang);
    await form.context().close();
    const page = await stage.openBack(lang);
    const said = new Set();
    const altered = (address) => state.log.set(address, Buffer.from(state.log.get(address)).fill(0, 10, 20));
    for (const change of [
      () => altered(`/log/btp/${YEAR}/tile/entries/001`),
      () => state.log.set(`/log/btp/${YEAR}/checkpoint`, Buffer.from("nobody signed this\n")),
      () => state.log.clear(),
      () => (state.directory = (id) => stage.forces[id].forged),
      () => (state.directory = (id) => stage.forces[id].expired),
    ]) {
      publish(entry);
      change();
      await look(page, words, "fault");
      said.add(await page.locator("#fault-text").innerText());
      await press(page, "back");
      await shown(page, "ask");
      state.directory = (id) => stage.forces[id].good;
    }
    assert.equal(said.size, 5, "five faults, each with words of its own");
    publish(entry);
    altered(`/log/btp/${YEAR}/tile/entries/001`);
    await look(page, words, "fault");
    await everyWidth(page, "fault");
    publish(entry);
    await press(page, "again");
    await shown(page, "found");
    await page.context().close();
  });
}

test("right words and wrong words make the same requests in the same order, and no word is in any", async () => {
  const { page: form, words, entry } = await sent("en");
  await form.context().close();
  publish(entry);
  const captures = [];
  for (const [typed, section] of [
    [words, "found"],
    [WRONG, "none"],
  ]) {
    const page = await stage.openBack("en");
    await page.waitForLoadState("networkidle");
    const requests = [];
    page.context().on("request", (request) => requests.push(request));
    await look(page, typed, section);
    const capture = await Promise.all(
      requests.map(
        async (request) =>
          `${request.method()} ${request.url()} ${JSON.stringify(await request.allHeaders())} ${request.postData()}`,
      ),
    );
    assert.ok(capture.length >= 6, `${capture.length} requests`);
    for (const word of typed.split(" ")) assert.ok(!capture.some((line) => line.includes(word)), word);
    captures.push(capture);
    await page.context().close();
  }
  assert.deepEqual(captures[0], captures[1]);
});

test("a report can be sent without words, and has then no way back", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  await go(page);
  await press(page, "send-plain");
  await page.getByTestId("sent").waitFor();
  assert.equal(await page.getByTestId("way").isVisible(), false);
  const { report } = await stage.takeReport();
  assert.equal(report.mailbox, null);
  await page.context().close();
});

test("the words can be copied, and leaving the page takes them away", async () => {
  const { page, words } = await sent("en");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await press(page, "copy-words");
  await page.locator("#words-copied:not(:empty)").waitFor();
  // The site's own policy forbids reading the clipboard: another page does it.
  const other = await page.context().newPage();
  await other.goto("about:blank");
  await other.setContent("<textarea></textarea>").catch(() => undefined);
  await other.locator("textarea").focus();
  await other.keyboard.press("Control+V");
  assert.equal(await other.inputValue("textarea"), words);
  await other.close();
  await press(page, "leave");
  await page.waitForURL("**/404.html");
  await page.goBack();
  assert.equal((await page.content()).includes(words.split(" ")[0]), false);
  await page.context().close();
});

test("stopping ends the work, and the page can look again", async () => {
  const { page: form, words, entry } = await sent("en");
  await form.context().close();
  publish(entry);
  const page = await stage.openBack("en");
  const { log } = state;
  state.log = new Map();
  state.log.get = () => "cut";
  await page.fill("#words", words);
  await press(page, "look");
  await shown(page, "looking");
  await everyWidth(page, "looking");
  await press(page, "stop");
  await shown(page, "ask");
  state.log = log;
  await press(page, "look");
  await shown(page, "found");
  await page.context().close();
});

test("without JavaScript the page says kindly that it needs it, and shows the other ways", async () => {
  const page = await stage.openBack("en", { javaScriptEnabled: false });
  const said = await page.locator("main").innerText();
  assert.match(said, /Coming back with words needs JavaScript/);
  for (const what of [/is held/, /read an answer/, /add something/]) assert.match(said, what);
  assert.equal(await page.locator("#form").isVisible(), false);
  assert.ok(await page.locator("#help a[href^='tel:']").first().isVisible());
  await page.context().close();
});
