// Adding to what was sent, in a real browser: words and files from the return page to what an officer opens, failures and
// another try, and that nothing of it is left behind.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test, { after, before } from "node:test";
import { load } from "../../web/test/load.mjs";
import { entryOf, entryWith, makeLog, sha256, strangersEntry } from "../../web/test/log.mjs";
import { everyWidth, keepsNothing, openDrop, openStage, press, shown, tabTo, WORDS } from "./walk.mjs";

const HERS = "abacus abdomen zoom zone yo-yo t-shirt wrinkly drop-down";
const YEAR = new Date().getUTCFullYear();
const FORCE = "merseyside";
const { wayOf } = await load("way.ts");
const hers = await wayOf(HERS, FORCE);
const report = entryWith(hers.tag, sha256("h of her report"));
const FILE = { name: "nodiadau \u0175.txt", mimeType: "text/plain", buffer: Buffer.from("what she wrote down") };

let stage, state;
before(async () => {
  stage = await openStage();
  ({ state } = stage);
});
after(() => stage?.close());

function publish(...own) {
  const entries = [...Array.from({ length: 300 }, (_, index) => strangersEntry(index)), ...own];
  state.log = makeLog(stage.forces[FORCE].log, { force: FORCE, year: YEAR, entries });
  state.log.set(`/log/${FORCE}/beat`, Buffer.from("300 8\n"));
}

/** A fresh profile that has found the report and stands before the words to add. */
async function adding(lang, options) {
  publish(report);
  const page = await stage.openBack(lang, options);
  await toAdd(page);
  return page;
}

/** What was written goes as far as the look before sending. */
async function toConfirm(page, words) {
  await page.fill("#add", words);
  await press(page, "continue");
  await shown(page, "confirm");
}

async function toAdd(page) {
  await page.check(`[name="force"][value="${FORCE}"]`);
  await page.fill("#words", HERS);
  await press(page, "look");
  await shown(page, "found");
  await press(page, "add");
  await shown(page, "add");
}

/** The one submission that was taken, and what it holds. */
async function taken() {
  assert.equal(state.drops.length, 1);
  const [[force, body]] = state.drops.splice(0);
  assert.equal(force, FORCE, "it goes to the force that was looked at");
  return { body, ...(await openDrop(stage.forces[FORCE].identity, body)) };
}

/** The entry of its leaf. */
function leafOf(body) {
  const h = sha256("hafan/blob/v1\0", body.subarray(0, 16), createHash("sha256").update(body.subarray(48)).digest());
  return entryOf(h, body.subarray(16, 48));
}

for (const lang of ["en", "cy"]) {
  test(`${lang}: words and a file are added, opened by an officer, and found again with the same words`, async () => {
    const page = await adding(lang);
    await everyWidth(page, "add");
    const question = await page.locator('[data-section="add"] h1').innerText();
    await page.fill("#add", WORDS);
    await page.setInputFiles('[data-testid="files-input"]', FILE);
    await page.getByTestId("files-remove").waitFor();
    await everyWidth(page, "add with a file");
    await page.click(`[data-language]:not([aria-current])`);
    assert.equal(await page.inputValue("#add"), WORDS, "a change of language keeps what was written");
    await page.click(`[data-language]:not([aria-current])`);

    await press(page, "continue");
    await shown(page, "confirm");
    assert.equal(await page.locator("#confirm-words").innerText(), WORDS);
    assert.match(await page.locator("#confirm-files").innerText(), /nodiadau/);
    assert.match(await page.getByTestId("fingerprint").textContent(), /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
    await page.locator('[data-section="confirm"] summary').click();
    await everyWidth(page, "confirm");
    await press(page, "back");
    await shown(page, "add");
    await press(page, "continue");
    await shown(page, "confirm");
    await press(page, "send");
    await page.getByTestId("added").waitFor();
    await everyWidth(page, "added");
    await keepsNothing(page, "after adding");

    const { body, report: sent, members } = await taken();
    const { id, text } = sent.promise;
    assert.equal(await page.locator('[data-section="confirm"] [data-slot="promise"]').textContent(), text);
    assert.equal(id, `${FORCE}-1`);
    const { key, promise: _promise, written_on: _day, thread, files, ...rest } = sent;
    assert.match(key.id, /^\d{4}-W\d{2}$/);
    assert.deepEqual(rest, {
      ...{ version: 1, question_set: "add-1", language: lang, route: "addition", force: FORCE },
      answers: [...[{ id: "add", question, answer: WORDS, choice: null, state: "answered", person: null, parts: [] }]],
      ...{ people: [], flags: [], wishes: [], contact: null, mailbox: hers.recipient, adds_to: hers.thread },
    });
    assert.match(thread, /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(thread, hers.thread);
    assert.deepEqual(
      files.map(({ name, size, metadata }) => [name, size, metadata]),
      [[FILE.name, FILE.buffer.length, "kept"]],
    );
    assert.deepEqual([...members.keys()].length, 2);
    assert.deepEqual(members.get([...members.keys()][1]), FILE.buffer);

    for (const selector of ["#add", "#words"]) assert.equal(await page.inputValue(selector), "");
    const html = await page.content();
    for (const left of [WORDS.split("\n")[1], "nodiadau", HERS.split(" ")[0], hers.thread]) {
      assert.equal(html.includes(left), false, left);
    }
    publish(report, leafOf(body));
    await press(page, "back");
    await page.fill("#words", HERS);
    await press(page, "look");
    await shown(page, "found");
    assert.equal(await page.locator("#states li").count(), 2);
    await press(page, "add");
    assert.equal(await page.inputValue("#add"), "");
    await page.context().close();
  });

  test(`${lang}: what is missing, a line that drops and a server that says no are said, and nothing is lost`, async () => {
    const page = await adding(lang);
    await press(page, "continue");
    await page.locator("#errors").waitFor();
    await everyWidth(page, "nothing written");
    await page.fill("#add", "x".repeat((1 << 20) + 1));
    await press(page, "continue");
    await page.locator("#errors").waitFor();
    assert.equal(await page.locator('[data-section="add"]').isVisible(), true);
    await toConfirm(page, WORDS);

    const bodies = [];
    state.drop = (body) => {
      bodies.push(body);
      return 422;
    };
    await press(page, "send");
    await page.getByTestId("failed").waitFor();
    assert.equal(await page.locator("#failed-maybe").isVisible(), false);
    await everyWidth(page, "refused");
    const refused = await page.locator("#failed-why").innerText();
    assert.match(refused, lang === "en" ? /fault of the website/ : /Bai'r wefan/);
    await press(page, "to-answers");
    assert.equal(await page.inputValue("#add"), WORDS);
    await press(page, "continue");
    await shown(page, "confirm");

    // A server that is busy three times is tried again, with the same bytes.
    state.drop = (body) => {
      bodies.push(body);
      return bodies.length < 4 ? 503 : 201;
    };
    await press(page, "send");
    await page.getByTestId("added").waitFor({ timeout: 30_000 });
    state.drop = undefined;
    assert.equal(bodies.length, 4);
    assert.notDeepEqual(bodies[0], bodies[1], "what was refused is sealed anew");
    assert.deepEqual(bodies[1], bodies[3], "what did not arrive is sent again as it is");
    assert.equal((await taken()).report.answers[0].answer, WORDS);
    await page.context().close();
  });
}

test("a line that stays down says that it may have arrived, and the same bytes go when it is tried again", async () => {
  const page = await adding("en", { hasClock: true });
  await toConfirm(page, WORDS);
  const bodies = [];
  state.drop = (body) => {
    bodies.push(body);
    return "cut";
  };
  await press(page, "send");
  for (let wait = 0; wait < 60 && !(await page.getByTestId("failed").isVisible()); wait += 1) {
    await page.clock.runFor(5_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await page.getByTestId("failed").waitFor();
  assert.ok(await page.locator("#failed-maybe").isVisible());
  state.drop = undefined;
  await press(page, "again");
  await page.getByTestId("added").waitFor();
  const { body } = await taken();
  assert.ok(bodies.length >= 6 && bodies.every((one) => one.equals(body)));
  await page.context().close();
});

test("files alone can be added, and hidden details are taken out of a picture unless they are kept", async () => {
  const page = await adding("en");
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  await page.setInputFiles('[data-testid="files-input"]', { name: "llun.png", mimeType: "image/png", buffer: png });
  await page.getByTestId("files-take").waitFor();
  await press(page, "continue");
  await shown(page, "confirm");
  await press(page, "send");
  await page.getByTestId("added").waitFor();
  const { report: sent } = await taken();
  assert.deepEqual([sent.answers[0].answer, sent.answers[0].state], [null, "skipped"]);
  assert.deepEqual(
    sent.files.map(({ name, metadata }) => [name, metadata]),
    [["llun.png", "removed"]],
  );
  await page.context().close();
});

test("while somebody writes, nothing is asked for; what goes is one submission", async () => {
  const page = await adding("en");
  await page.waitForLoadState("networkidle");
  const requests = [];
  page.context().on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const before = await page.evaluate(() => [location.href, history.length, document.title]);
  await toConfirm(page, WORDS);
  assert.deepEqual(requests, []);
  await press(page, "send");
  await page.getByTestId("added").waitFor();
  assert.equal(requests.length, 1);
  assert.match(requests[0], new RegExp(`^PUT /v1/forces/${FORCE}/drops/[0-9a-f]{64}$`));
  assert.deepEqual(await page.evaluate(() => [location.href, history.length, document.title]), before);
  state.drops.splice(0);
  await page.context().close();
});

test("looking again for answers keeps what was written; stopping it does not, since other words may follow", async () => {
  const index = `/log/${FORCE}/${YEAR}/replies/index/0`;
  publish(report);
  state.log.set(index, "cut");
  const page = await stage.openBack("en");
  await page.check(`[name="force"][value="${FORCE}"]`);
  await page.fill("#words", HERS);
  await press(page, "look");
  await page.locator('[data-section="found"] h1').waitFor({ timeout: 60_000 });
  await press(page, "add");
  await page.fill("#add", WORDS);
  await press(page, "back");
  state.log.delete(index);
  await press(page, "again");
  await shown(page, "found");
  assert.equal(await page.locator('[data-fault="line"]').count(), 0);
  await press(page, "add");
  assert.equal(await page.inputValue("#add"), WORDS);
  await press(page, "back");
  await press(page, "back");
  await shown(page, "ask");
  assert.equal(await page.inputValue("#add"), "");

  state.log.set(index, "cut");
  await press(page, "look");
  await page.locator('[data-section="found"] h1').waitFor({ timeout: 60_000 });
  await press(page, "add");
  await page.fill("#add", WORDS);
  await press(page, "back");
  await press(page, "again");
  await shown(page, "looking");
  await press(page, "stop");
  await shown(page, "ask");
  assert.equal(await page.inputValue("#add"), "");
  assert.equal(await page.locator("#states").textContent(), "");
  await page.context().close();
});

test("leaving, being idle and other words each take away what was written", async () => {
  const gone = async (page, where) => assert.equal((await page.content()).includes("nodiadau"), false, where);
  const page = await adding("en", { hasClock: true });
  const write = async () => {
    await page.fill("#add", WORDS);
    await page.setInputFiles('[data-testid="files-input"]', FILE);
    await page.getByTestId("files-remove").waitFor();
    await press(page, "continue");
    await shown(page, "confirm");
  };
  await write();
  await press(page, "back");
  await press(page, "back");
  await shown(page, "found");
  await press(page, "add");
  assert.equal(await page.inputValue("#add"), WORDS, "back to what was found keeps it");
  await press(page, "back");
  await press(page, "back");
  await shown(page, "ask");
  assert.equal(await page.inputValue("#add"), "", "other words do not");
  await gone(page, "other words");

  await press(page, "look");
  await shown(page, "found");
  await press(page, "add");
  await write();
  await page.clock.runFor(18 * 60_000);
  await page.getByTestId("ended").waitFor();
  await gone(page, "idle");
  assert.equal((await page.content()).includes(WORDS.split("\n")[1]), false);
  await page.context().close();

  const other = await adding("en");
  await toConfirm(other, WORDS);
  await other.keyboard.press("Shift");
  await other.keyboard.press("Shift");
  await other.keyboard.press("Shift");
  await other.waitForURL("**/404.html");
  await keepsNothing(other, "after leaving");
  await other.goBack();
  assert.equal((await other.content()).includes(WORDS.split("\n")[1]), false);
  await other.context().close();
});

test("everything from the words to what is added can be done by keyboard alone, at 320 px", async () => {
  publish(report);
  const page = await stage.openBack("cy", { width: 320, height: 568 });
  await shown(page, "ask");
  const onHeading = async (section) => {
    await shown(page, section);
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", section);
  };
  await tabTo(page, "#words");
  await page.keyboard.type(HERS);
  await tabTo(page, '[name="force"]');
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.isChecked(`[name="force"][value="${FORCE}"]`));
  await page.keyboard.press("Enter");
  await onHeading("found");
  await tabTo(page, '[data-testid="add"]');
  await page.keyboard.press("Enter");
  await onHeading("add");
  await tabTo(page, "#add");
  await page.keyboard.type("Geiriau");
  await tabTo(page, '[data-testid="continue"]');
  await page.keyboard.press("Enter");
  await onHeading("confirm");
  await tabTo(page, '[data-testid="send"]');
  await page.keyboard.press("Enter");
  await page.getByTestId("added").waitFor();
  await onHeading("added");
  assert.equal((await taken()).report.answers[0].answer, "Geiriau");
  await page.context().close();
});
