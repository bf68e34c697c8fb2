// Answers on the return page, in a real browser: what was collected and read, answers in their language, what is wrong among
// them by its own words, earlier ones when the person says so; and what is the same for right words and wrong ones.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { load } from "../../web/test/load.mjs";
import { checkpointOf, entryWith, makeLog, sha256, signer, strangersEntry } from "../../web/test/log.mjs";
import { decoy, message, pagesWith, record, replyFiles } from "../../web/test/reply.mjs";
import { everyWidth, keepsNothing, openStage, press, shown } from "./walk.mjs";

const HERS = "abacus abdomen zoom zone yo-yo t-shirt wrinkly drop-down";
const WRONG = "zone zone zone zone zone zone zone zone";
const YEAR = new Date().getUTCFullYear();
const SIZE = 600;
const HELD = { en: "Your report is held", cy: "Mae eich adroddiad yn cael ei gadw" };
const NAME = { en: "British Transport Police", cy: "Heddlu Trafnidiaeth Prydain" };
const { wayOf } = await load("way.ts");
const [hers, strangers] = [await wayOf(HERS, "btp"), await wayOf(WRONG, "btp")];
const report = sha256("h of her report").toString("hex");
const addition = sha256("h of her addition").toString("hex");
const EN = "Thank you for writing to us.\nWe have read <b>all</b> of it.\n\nYou can add something & take your time.";
const CY = "Diolch am ysgrifennu atom.\n\nRydym wedi darllen y cyfan \u{1f33f}";

const TODAY_S = Math.floor(Date.now() / 86_400_000) * 86_400;

let stage, state, signs, pageWith;
before(async () => {
  stage = await openStage();
  ({ state } = stage);
  signs = stage.forces.btp.replies;
  pageWith = seenAs(signs);
});
after(() => stage?.close());

/** What makes pages that end with a checkpoint of the log's first leaves, cosigned so many days ago. */
function seenAs(by, { days = 0, entries = [] } = {}) {
  const seen = checkpointOf(stage.forces.btp.log, { year: YEAR, entries });
  return pagesWith(by.cosign(seen, TODAY_S - days * 86_400)).page;
}

const told = (number, more = {}) => message(more.by ?? signs, { thread: hers.thread, number, report, ...more });
const sealed = (number, more) => record(hers, told(number, more));

/** A log with what was sent at these leaves (h by leaf) and these pages; `change` may spoil its files. */
function publish(pages, { sent = { 300: report }, change = () => undefined } = {}) {
  const entries = Array.from({ length: SIZE }, (_, index) => pages.get(index)?.entry ?? strangersEntry(index));
  for (const [leaf, h] of Object.entries(sent)) entries[leaf] = entryWith(hers.tag, Buffer.from(h, "hex"));
  state.log = new Map([
    ...makeLog(stage.forces.btp.log, { year: YEAR, entries }),
    ...replyFiles(pages, { year: YEAR, size: SIZE }),
    ["/log/btp/beat", Buffer.from("300 8\n")],
  ]);
  change(state.log);
}

async function look(page, words, section) {
  await page.fill("#words", words);
  await press(page, "look");
  await shown(page, section);
}

const texts = (page, selector) => page.locator(selector).allInnerTexts();
const faultsOf = (page) =>
  page.locator("[data-section]:visible [data-fault]").evaluateAll((items) => items.map(({ dataset }) => dataset.fault));

for (const lang of ["en", "cy"]) {
  test(`${lang}: what was collected and read, and answers in order, each in its own language and as words only`, async () => {
    const pages = new Map([
      [10, pageWith(await sealed(1, { state: "collected", on: "2026-11-03" }))],
      [20, pageWith(await sealed(3, { text: EN, on: "2026-11-05" }), await sealed(2, { on: "2026-11-04" }))],
      [500, pageWith(await sealed(4, { text: CY, language: "cy", on: "2026-11-20", report: addition }))],
    ]);
    publish(pages, { sent: { 5: report, 400: addition } });
    const page = await stage.openBack(lang);
    await look(page, HERS, "found");
    const found = page.getByTestId("found");
    const [first, second] = await texts(page, "#states li");
    const month = lang === "en" ? "November" : "Tachwedd";
    for (const day of [3, 4, 5]) assert.ok(first.includes(`${day} ${month} 2026`), first);
    assert.ok(second.includes(`20 ${month} 2026`) && !second.includes(`4 ${month}`), second);
    const articles = found.locator("article");
    assert.equal(await articles.count(), 2);
    const words = (at) => articles.nth(at).locator("[lang]");
    assert.deepEqual(
      [await words(0).getAttribute("lang"), await words(1).getAttribute("lang")],
      ["en", "cy"],
      "the newest is last",
    );
    assert.deepEqual(
      await words(0).locator("p").allInnerTexts(),
      EN.split(/\n+/),
      "each line is a paragraph, and markup is words",
    );
    assert.deepEqual(await words(1).locator("p").allInnerTexts(), CY.split(/\n+/));
    assert.ok((await articles.nth(1).innerText()).includes(NAME[lang]));
    assert.deepEqual(await faultsOf(page), []);
    assert.ok(await page.locator("#found-seen").isVisible(), "the officers saw the same list");
    assert.equal(await page.locator("#answers-none").isVisible(), false);
    await everyWidth(page, "found with answers");
    await keepsNothing(page, "with answers");

    await page.click(`[data-language]:not([aria-current])`);
    assert.equal(await words(1).getAttribute("lang"), "cy", "an answer keeps its language");
    assert.equal(await page.locator("html").getAttribute("lang"), lang === "en" ? "cy" : "en");
    await press(page, "back");
    assert.equal((await page.content()).includes("Diolch am ysgrifennu atom"), false);
    await page.context().close();
  });

  test(`${lang}: no answer yet says what to expect; one is found though her report is longer ago`, async () => {
    publish(new Map([[20, pageWith()]]));
    const page = await stage.openBack(lang);
    await look(page, HERS, "found");
    assert.ok(await page.locator("#answers-none").isVisible());
    assert.match(await page.locator("#answers-expect").innerText(), /\b24\b/);
    assert.equal(await page.locator("#states p").count(), 2);
    await everyWidth(page, "nothing yet");
    const heading = await page.locator("#found-title").innerText();
    await press(page, "back");

    publish(new Map([[20, pageWith(await sealed(2, { text: EN }))]]), { sent: {} });
    await look(page, HERS, "found");
    assert.notEqual(await page.locator("#found-title").innerText(), heading);
    assert.equal(await page.locator("article").count(), 1);
    // The first message of this thread is longer ago too: that is said, and nobody has to be phoned about it.
    assert.deepEqual(await faultsOf(page), ["before"]);
    assert.equal(await page.locator("[data-tell]:visible").count(), 0);
    assert.equal(await page.locator("#found-checked").isVisible(), false);
    await everyWidth(page, "longer ago");
    await page.context().close();
  });

  test(`${lang}: everything that can be wrong among the answers is said in its own words, beside what is right`, async () => {
    const good = await sealed(1, { text: EN });
    const other = await sealed(2, { text: "again" });
    const at = (name) => `/log/btp/${YEAR}/replies/${name}`;
    const spoil = (address) => (log) => log.set(address, Buffer.from(log.get(address)).fill(0, 30, 40));
    const own = async (...notes) => [
      [20, pageWith(good, ...(await Promise.all(notes.map((one) => record(hers, one)))))],
    ];
    const thief = signer("hafan/btp/replies-1");
    const cases = {
      index: [[[20, pageWith(good)]], spoil(at("index/0"))],
      missing: [[...(await own()), [30, pageWith(other)]], (log) => log.delete(at("page/30"))],
      altered: [[...(await own()), [30, pageWith(other)]], spoil(at("page/30"))],
      forged: [await own(told(2, { text: "false", by: thief }))],
      unreadable: [await own(signs.note("hafan message v2\n{}\n"))],
      "other-force": [await own(told(2, { text: "theirs", force: "merseyside" }))],
      "other-thread": [await own(told(2, { text: "theirs", thread: strangers.thread }))],
      replayed: [[...(await own()), [30, pageWith(other)], [40, pageWith(other)]]],
      conflict: [await own(told(2, { text: "one" }), told(2, { text: "another" }))],
      unseen: [[[20, seenAs(thief)(good)]]],
      stale: [[[20, seenAs(signs, { days: 11 })(good)]]],
      fork: [[[20, seenAs(signs, { entries: [strangersEntry("another log")] })(good)]]],
    };
    const page = await stage.openBack(lang);
    const said = new Set();
    for (const [fault, [pages, change]] of Object.entries(cases)) {
      publish(new Map(pages), { change });
      await look(page, HERS, "found");
      assert.deepEqual(await faultsOf(page), [fault]);
      const [words] = await texts(page, `[data-section="found"] [data-fault]`);
      said.add(words);
      const shownTexts = (await texts(page, "article")).join("\n");
      assert.ok(shownTexts.includes("Thank you for writing to us."), `${fault} hides the good one`);
      assert.equal(shownTexts.includes("false") || shownTexts.includes("theirs"), false, fault);
      assert.equal(shownTexts.includes("another"), fault === "conflict");
      assert.equal((await texts(page, "#states li")).length, 1, `${fault} hides the receipt`);
      const isHarmless = fault === "replayed";
      assert.equal(await page.locator("[data-tell]:visible").count(), isHarmless ? 0 : 1, fault);
      const isFork = fault === "fork";
      assert.equal(await page.locator("#found-checked").isVisible(), !isFork, "of another list nothing is promised");
      const held = [await page.locator("#found-title").innerText(), ...(await texts(page, "#states p:first-child"))];
      assert.equal(held.includes(HELD[lang]), !isFork, held.join());
      if (fault === "forged" || fault === "replayed") await everyWidth(page, fault);
      await press(page, "back");
    }
    assert.equal(said.size, Object.keys(cases).length);

    // Words that find nothing in another list than the force's: hers may be in theirs.
    publish(new Map(cases.fork[0]), { sent: {} });
    await look(page, WRONG, "none");
    assert.deepEqual(await faultsOf(page), ["fork"]);
    assert.ok((await page.locator("#none-text").innerText()).includes(NAME[lang]));
    await everyWidth(page, "nothing found in another list");
    await press(page, "back");

    // A line that drops is not the force's fault: the page offers to look again.
    publish(new Map([[20, pageWith(good)]]), { change: (log) => log.set(at("page/20"), "cut") });
    await page.fill("#words", HERS);
    await press(page, "look");
    await page.locator('[data-section="found"] h1').waitFor({ timeout: 60_000 });
    assert.deepEqual(await faultsOf(page), ["line"]);
    await everyWidth(page, "line");
    publish(new Map([[20, pageWith(good)]]));
    await press(page, "again");
    await page.locator("article").waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await page.context().close();
  });

  test(`${lang}: that there is no answer is said where it is known, and nowhere else`, async () => {
    const at = (name) => `/log/btp/${YEAR}/replies/${name}`;
    const page = await stage.openBack(lang);
    const none = () => page.locator("#answers-none-text").innerText();
    const waits = async () => (await texts(page, "#states p")).length > 1;
    publish(new Map([[20, pageWith()]]));
    await look(page, HERS, "found");
    const known = await none();
    assert.equal(await waits(), true, "there is no word yet");
    await press(page, "back");

    const unsure = new Set();
    const unreadable = await record(hers, signs.note("hafan message v2\n{}\n"));
    for (const [fault, [bytes, change]] of Object.entries({
      index: [pageWith(), (log) => log.set(at("index/0"), Buffer.from("cut short"))],
      missing: [pageWith(), (log) => log.delete(at("page/20"))],
      altered: [pageWith(), (log) => log.set(at("page/20"), Buffer.from("another"))],
      unreadable: [pageWith(unreadable)],
      unseen: [seenAs(signer("hafan/btp/replies-1"))()],
      stale: [seenAs(signs, { days: 11 })()],
      fork: [seenAs(signs, { entries: [strangersEntry("another log")] })()],
    })) {
      publish(new Map([[20, bytes]]), { change });
      await look(page, HERS, "found");
      assert.deepEqual(await faultsOf(page), [fault]);
      unsure.add(await none());
      assert.equal(await waits(), false, fault);
      await press(page, "back");
    }
    assert.equal(unsure.size, 1);
    assert.ok(!unsure.has(known));
    await look(page, HERS, "found");
    await everyWidth(page, "it is not known whether there is an answer");
    await press(page, "back");

    // What the answer is about is in no log that there is: that is not said to be longer ago.
    publish(new Map([[20, pageWith(await sealed(1, { text: EN }))]]), { sent: {} });
    await look(page, HERS, "found");
    const older = [await page.locator("#found-text").innerText(), ...(await texts(page, "#states p:first-child"))];
    await press(page, "back");
    await page.check('[name="span"][value="all"]');
    await look(page, HERS, "found");
    const other = [await page.locator("#found-text").innerText(), ...(await texts(page, "#states p:first-child"))];
    assert.equal(new Set([...older, ...other]).size, 4, "words of their own");
    await press(page, "back");
    await page.check('[name="span"][value="recent"]');

    publish(new Map());
    state.directory = (id) => stage.forces[id].silent;
    await look(page, HERS, "found");
    assert.ok((await none()).includes(NAME[lang]));
    assert.equal(await page.locator("#answers-ahead").isVisible(), false);
    assert.equal(await waits(), false);
    await everyWidth(page, "a force that does not answer");
    state.directory = (id) => stage.forces[id].good;
    await press(page, "back");
    for (const id of ["found-title", "found-text", "found-answers", "none-text", "answers-none-text", "states"]) {
      assert.equal(await page.locator(`#${id}`).textContent(), "", `${id} is left on the page`);
    }
    await page.context().close();
  });

  test(`${lang}: when the line drops at earlier answers, that is said, and they can be asked for again`, async () => {
    const pages = new Map();
    for (const leaf of [50, 400, 410, 420, 430]) pages.set(leaf, pageWith());
    for (const leaf of [60, 70, 80, 90]) pages.set(leaf, pageWith(await sealed(leaf / 10 - 5, { text: `${leaf}` })));
    publish(pages, { change: (log) => log.set(`/log/btp/${YEAR}/replies/page/60`, "cut") });
    const page = await stage.openBack(lang);
    await look(page, HERS, "found");
    assert.equal(await page.locator("article").count(), 3);
    assert.equal(await page.getByTestId("again").isVisible(), false);
    await press(page, "earlier");
    const said = page.locator("#earlier-said");
    await said.getByText(lang === "en" ? "did not give all" : "Ni roddodd y wefan").waitFor({ timeout: 60_000 });
    assert.ok(await page.getByTestId("again").isVisible());
    assert.ok(await page.getByTestId("earlier").isVisible());
    assert.deepEqual(await faultsOf(page), ["line"]);
    await everyWidth(page, "earlier, and the line dropped");
    publish(pages);
    await press(page, "earlier");
    await page.locator("article").nth(3).waitFor();
    assert.deepEqual(await faultsOf(page), []);
    assert.equal(await page.getByTestId("again").isVisible(), false);
    await page.context().close();
  });

  test(`${lang}: earlier answers come when they are asked for, four pages at a time`, async () => {
    const pages = new Map();
    for (let number = 1; number <= 5; number += 1) {
      pages.set(number * 50, pageWith(await sealed(number, { text: `Answer number ${number}.` })));
    }
    for (const leaf of [400, 410, 420, 430]) pages.set(leaf, pageWith());
    publish(pages);
    const page = await stage.openBack(lang);
    await look(page, HERS, "found");
    const answers = async () => (await texts(page, "article p:first-child")).map((one) => one.match(/\d/)?.[0]);
    assert.deepEqual(await answers(), ["3", "4", "5"]);
    assert.deepEqual(await faultsOf(page), []);
    await everyWidth(page, "earlier");
    const asked = [];
    page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
    await press(page, "earlier");
    await page.locator("article").nth(4).waitFor();
    assert.deepEqual(await answers(), ["1", "2", "3", "4", "5"]);
    assert.equal(asked.length, 4);
    assert.equal(await page.getByTestId("earlier").isVisible(), false);
    assert.match(await page.locator("#earlier-said").innerText(), /2/);
    assert.equal(await page.evaluate(() => document.activeElement?.id), "answers-title");
    await everyWidth(page, "after earlier");
    await page.context().close();
  });
}

test("right words and wrong words make the same requests in the same order, but for which four pages", async () => {
  const pages = new Map();
  for (const leaf of [10, 20, 30, 40, 256, 300, 599]) pages.set(leaf, pageWith());
  pages.set(40, pageWith(await sealed(1, { text: EN })));
  publish(pages, { sent: { 100: report } });
  const captures = [];
  for (const [words, section] of [
    [HERS, "found"],
    [WRONG, "none"],
    [HERS, "found"],
  ]) {
    const page = await stage.openBack("en");
    await page.waitForLoadState("networkidle");
    const requests = [];
    page.context().on("request", (request) => requests.push(request));
    await look(page, words, section);
    const capture = await Promise.all(
      requests.map(
        async (request) =>
          `${request.method()} ${request.url()} ${JSON.stringify(await request.allHeaders())} ${request.postData()}`,
      ),
    );
    for (const word of words.split(" ")) assert.ok(!capture.some((line) => line.includes(word)), word);
    captures.push(capture);
    await page.context().close();
  }
  const [right, wrong, again] = captures;
  assert.deepEqual(again, right, "the same words ask for the same again");
  const number = /\/replies\/page\/(\d+) /;
  const blind = (capture) => capture.map((line) => line.replace(number, "/replies/page/N "));
  assert.deepEqual(blind(right), blind(wrong));
  for (const capture of captures) {
    const leaves = capture.flatMap((line) => line.match(number)?.[1] ?? []).map(Number);
    assert.equal(leaves.length, 4);
    assert.deepEqual(
      leaves,
      leaves.toSorted((a, b) => a - b),
    );
  }
  assert.ok(right.some((line) => line.includes("/replies/page/40 ")));
});

test("a stranger's record that has her tag by chance changes nothing that is shown", async () => {
  const html = [];
  for (const extra of [
    [],
    [decoy({ tagged: hers }), await record(strangers, told(7, { text: "no" }), { tagged: hers })],
  ]) {
    publish(
      new Map([
        [20, pageWith(await sealed(1, { text: EN }))],
        [30, pageWith(...extra)],
      ]),
    );
    const page = await stage.openBack("en");
    await look(page, HERS, "found");
    html.push(await page.getByTestId("found").innerHTML());
    await page.context().close();
  }
  assert.equal(html[0], html[1]);
});

test("with words that find nothing, a page that was not given is said too", async () => {
  publish(new Map([[20, pageWith()]]), { change: (log) => log.delete(`/log/btp/${YEAR}/replies/page/20`) });
  const page = await stage.openBack("en");
  await look(page, WRONG, "none");
  assert.deepEqual(await faultsOf(page), ["missing"]);
  await everyWidth(page, "none, and a page is missing");
  await page.context().close();
});

test("leaving the page takes answers away", async () => {
  publish(new Map([[20, pageWith(await sealed(1, { text: EN }))]]));
  const page = await stage.openBack("en");
  await look(page, HERS, "found");
  assert.ok((await page.content()).includes("Thank you for writing to us."));
  await press(page, "leave");
  await page.waitForURL("**/404.html");
  await page.goBack();
  assert.equal((await page.content()).includes("Thank you for writing to us."), false);
  await page.context().close();
});
