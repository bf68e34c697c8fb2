// A whole conversation with the real server and the real programs: sent with words, found again in a fresh profile, collected,
// read and answered in Welsh, added to with a file, and shown to the officer as one thread. And what whoever runs the server
// can make of it: with every byte at rest and every request in hand, nothing that ties a report, a visit and an answer together.
// Needs a demonstration: `cargo xtask test` gives it.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Stick, demo, officer, references, skip, url } from "./office.mjs";
import { go, least, openStage, press, shown, walk, wordsOf8 } from "./walk.mjs";

const ANSWER = "Diolch am ysgrifennu atom.\n\nRydym wedi darllen y cyfan, ac nid oes brys.";
const ADDED = "There is one more thing that I remember: the green door.";
const FILE = { name: "door.txt", mimeType: "text/plain", buffer: Buffer.from("a green door, drawn in letters") };
const WRONG = "zone zone zone zone zone zone zone zone";
const WAIT_MS_MAX = 60_000;

let stage, stick;
before(async () => {
  stage = await openStage();
  stick = new Stick();
});
after(async () => {
  await stage?.close();
  stick?.end();
});

/** A fresh profile that has looked with these words; and every request that it made after the page was there. */
async function visit(words, section) {
  const page = await stage.openBack("cy", { url });
  await page.waitForLoadState("networkidle");
  const requests = [];
  page.context().on("request", (request) => requests.push(request));
  await page.fill("#words", words);
  await press(page, "look");
  await page.locator(`[data-section="${section}"] h1`).waitFor({ timeout: WAIT_MS_MAX });
  const asked = await Promise.all(
    requests.map(async (one) => ({
      line: `${one.method()} ${new URL(one.url()).pathname}${new URL(one.url()).search}`,
      rest: `${JSON.stringify(await one.allHeaders())} ${one.postData()}`,
    })),
  );
  return { page, asked };
}

const told = (page) => page.locator("#states li").allInnerTexts();

test("sent, found, collected, read, answered in Welsh, added to, and read as one thread", { skip }, async () => {
  const known = references();
  const form = await stage.openForm("cy", { url });
  await walk(form, { fill: "least", choices: least("self"), until: "check" });
  await go(form);
  await press(form, "send");
  await form.getByTestId("sent").waitFor({ timeout: WAIT_MS_MAX });
  const words = await wordsOf8(form);
  await form.context().close();
  const reference = await stick.carry(known);

  const held = await visit(words, "found");
  assert.equal((await told(held.page)).length, 1);
  await held.page.context().close();

  officer("read", reference, "--reason", "exercise");
  stick.reply(reference, "cy", ANSWER);
  const pages = await stick.bring();
  assert.equal(pages.length, 1);

  const answered = await visit(words, "found");
  const { page } = answered;
  assert.equal(await page.locator("article").count(), 1);
  assert.equal(await page.locator("article [lang]").getAttribute("lang"), "cy");
  assert.deepEqual(await page.locator("article [lang] p").allInnerTexts(), ANSWER.split(/\n+/));
  const [state] = await told(page);
  assert.equal(state.trim().split(/\n+/).length, 4, "held, collected, read and answered, a line each");
  assert.deepEqual(await page.locator("[data-section]:visible [data-fault]").count(), 0);
  assert.ok(await page.locator("#found-seen").isVisible(), "the officers saw the same log");

  await press(page, "add");
  await shown(page, "add");
  await page.fill("#add", ADDED);
  await page.setInputFiles('[data-testid="files-input"]', FILE);
  await page.getByTestId("files-remove").waitFor();
  await press(page, "continue");
  await shown(page, "confirm");
  await press(page, "send");
  await page.getByTestId("added").waitFor({ timeout: WAIT_MS_MAX });
  await page.context().close();

  const addition = await stick.carry([...known, reference]);
  assert.notEqual(addition, reference);
  const thread = officer("thread", reference, "--reason", "exercise");
  const places = ["green door", "Diolch am ysgrifennu", reference, addition].map((part) => thread.indexOf(part));
  assert.ok(
    places.every((place) => place >= 0),
    thread,
  );
  const list = JSON.parse(officer("list", "--json")).reports;
  assert.ok(list.some((report) => report.reference === addition && JSON.stringify(report).includes(reference)));

  seenByTheOperator({ words, visits: [held.asked, answered.asked] });
  const wrong = await visit(WRONG, "none");
  await wrong.page.context().close();
  const again = await visit(words, "found");
  assert.equal((await told(again.page)).length, 2, "the addition is hers too");
  await again.page.context().close();
  // The log may have grown between two visits: what is asked for of it follows its size, and nothing else.
  const shape = ({ asked }) =>
    asked.map(({ line }) => line.replace(/\/tile\/.*$/, "/tile").replace(/\/page\/\d+$/, "/page"));
  assert.deepEqual([...new Set(shape(again))], [...new Set(shape(wrong))]);
  const pagesOf = ({ asked }) => asked.filter(({ line }) => line.includes("/page/")).length;
  assert.equal(pagesOf(again), pagesOf(wrong));
});

/** Everything below a folder, by path. */
function filesBelow(dir) {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile());
}

/** The operator has every file and every request, and looks for what ties them. */
function seenByTheOperator({ words, visits }) {
  const stored = ["store", "pinned", "drafts"].flatMap((name) => filesBelow(join(demo, name)));
  const bytes = stored.map((path) => readFileSync(path));
  const isStored = (needle) => bytes.some((file) => file.includes(needle));
  assert.ok(isStored(Buffer.from("age-encryption.org/v1")), "the search sees what is there");
  for (const plain of [words, words.split(" ")[0] + " " + words.split(" ")[1], "Diolch am ysgrifennu", "green door"]) {
    for (const encoding of ["utf8", "utf16le"]) assert.equal(isStored(Buffer.from(plain, encoding)), false, plain);
  }
  // Each request is one of a closed list, without query, body, cookie or referrer: there is nowhere that words could hide.
  const year = "\\d{4}";
  const closed = new RegExp(
    `^GET (/v1/forces/btp/directory|/log/btp/(beat|${year}/(checkpoint|tile/(1|entries)/[x/0-9]+(\\.p/\\d+)?|replies/(index|page)/\\d+)))$`,
  );
  for (const { line, rest } of visits.flat()) {
    assert.match(line, closed);
    assert.ok(rest.endsWith(" null"), "no body");
    assert.doesNotMatch(rest, /cookie|referer|authorization/i);
  }
  // Records and submissions share no run of bytes but the header that every one has: nothing of a report is on a page.
  const segments = filesBelow(join(demo, "store", "segments")).map((path) => readFileSync(path));
  const [submissions, records] = [[], []];
  for (const segment of segments) {
    for (let at = 0; segment.subarray(at, at + 4).toString() === "hfn1";) {
      const size = Number(segment.readBigUInt64BE(at + 8));
      const payload = segment.subarray(at + 20, at + 20 + size);
      if (segment[at + 4] === 1) submissions.push(payload);
      if (segment[at + 4] === 3) records.push(payload);
      at += Math.ceil((20 + size + 4) / 8) * 8;
    }
  }
  assert.ok(submissions.length > 0 && records.length > 0);
  const seen = new Set();
  const step = 8;
  for (const payload of submissions) {
    for (let at = 0; at + step <= payload.length; at += 1) {
      if (at % step === 0) seen.add(payload.toString("latin1", at, at + step));
    }
  }
  const header = Buffer.from("age-encryption.org/v1\n-> mlkem768x25519 ");
  let shared = 0;
  for (const payload of records) {
    for (let at = 0; at + 2 * step <= payload.length; at += 1) {
      const run = payload.toString("latin1", at, at + step);
      if (seen.has(run) && !header.includes(Buffer.from(run, "latin1")) && !/^\0+$/.test(run)) shared += 1;
    }
  }
  assert.equal(shared, 0, "a run of eight bytes of a submission stands on a page of answers");
}
