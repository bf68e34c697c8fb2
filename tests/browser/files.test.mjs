// Files in a real browser, under the site's own headers: chosen, listed, judged, sealed in the worker, sent, opened.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Decrypter } from "age-encryption";
import { chromium } from "playwright-core";
import { readStrings, scriptStrings, webDir } from "../../web/build/content.mjs";
import { bundle } from "../../web/build/scripts.mjs";
import { buildStyles } from "../../web/build/styles.mjs";
import { CANARY, pictures } from "../../web/test/pictures.mjs";
import { makeForce, serve } from "./mock.mjs";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const vectorsDir = join(webDir, "..", "tests", "vectors", "report");
const {
  key: _key,
  contact: _contact,
  files: _files,
  ...draft
} = JSON.parse(readFileSync(join(vectorsDir, "plain.json"), "utf8")).report;
const { "moving.webp": moving, "progressive.jpg": photo, "chunks.png": png } = pictures(6);
const file = (name, buffer, mimeType = "application/octet-stream") => ({ name, mimeType, buffer });
const JPEG = file("llun \u0175.jpg", photo.hidden, "image/jpeg");
const PNG = file("screen.png", png.hidden, "image/png");
const WEBP = file("moving.webp", moving.hidden, "image/webp");
const TEXT = file("note.txt", Buffer.from("a note"), "text/plain");
let siteDir, browser, btp, site;
const requests = [];
const faults = [];
const state = { drops: [] };

before(async () => {
  siteDir = mkdtempSync(join(tmpdir(), "hafan-files-"));
  btp = await makeForce("btp");
  const root = (id) => ({ id, root_key: btp.root_key });
  const data = {
    strings: scriptStrings(readStrings(), ["form.", "q."]),
    forces: [root("btp"), root("merseyside")],
    questions: {},
  };
  const page = (lang) => `<!doctype html><html lang="${lang}" class="govuk-template"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Files</title><link rel="stylesheet" href="/assets/site.css">
<body class="govuk-template__body"><main class="govuk-width-container"><h1 class="govuk-heading-l">Files</h1>
<div class="govuk-form-group"><div id="files" data-files="e2"></div></div></main>
<script type="module" src="/assets/files.js"></script></body></html>`;
  const written = {
    "/en/index.html": page("en"),
    "/cy/index.html": page("cy"),
    "/404.html": page("en"),
    "/assets/site.css": buildStyles(),
    "/assets/seal.js": await bundle("worker.ts", data, {}),
    "/assets/files.js": await bundle("../../tests/browser/files-page.mjs", data, { WORKER_URL: '"/assets/seal.js"' }),
  };
  const types = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript; charset=utf-8" };
  const files = {};
  for (const [path, bytes] of Object.entries(written)) {
    mkdirSync(join(siteDir, path, ".."), { recursive: true });
    writeFileSync(join(siteDir, path), bytes);
    files[path.replace("index.html", "")] = { content_type: types[path.split(".").at(-1)] };
  }
  const headers = JSON.parse(readFileSync(join(webDir, "headers.json"), "utf8"));
  writeFileSync(join(siteDir, "manifest.json"), JSON.stringify({ headers, files }));
  site = await serve(siteDir, { directory: () => btp.good, drop: (_, body) => (state.drops.push(body), 201) });
  browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
});
after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(siteDir, { recursive: true, force: true });
});

async function open(lang = "en", width = 1280) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, bypassCSP: false });
  const page = await context.newPage();
  page.on("request", (request) => requests.push(request));
  page.on("pageerror", (error) => faults.push(error));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(`${site.url}/${lang}/`);
  await page.locator("#e2").waitFor();
  return page;
}

/** Chooses files and waits until each was looked at. */
async function choose(page, ...files) {
  await page.getByTestId("files-input").setInputFiles(files);
  await page.waitForFunction(() => window.changes.length > 0 && window.list.error() === null);
}

const rows = (page) => page.locator("li.govuk-summary-card");

async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () =>
    (await window.axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`),
  );
  assert.deepEqual(found, []);
}

test("names, sizes and one choice a file; nothing is shown of what is in it", async () => {
  const page = await open();
  await choose(page, JPEG, PNG, WEBP, TEXT);
  assert.equal(await rows(page).count(), 4);
  const checked = await page.evaluate(() => list.chosen().map(({ file, metadata }) => [file.name, metadata]));
  assert.deepEqual(checked, [
    ["llun \u0175.jpg", "removed"],
    ["screen.png", "removed"],
    ["moving.webp", "removed"],
    ["note.txt", "kept"],
  ]);
  assert.ok(
    await rows(page)
      .nth(0)
      .getByRole("radio", { name: /^Remove them/ })
      .isChecked(),
  );
  assert.equal(await rows(page).nth(3).getByRole("radio").count(), 0);
  await rows(page).nth(3).getByText("We cannot remove hidden details from this kind of file").waitFor();
  assert.equal(await page.locator("img, picture, video, audio, object, embed, iframe, canvas").count(), 0);
  await rows(page)
    .nth(1)
    .getByRole("radio", { name: /^Keep them/ })
    .check();
  assert.equal(await page.evaluate(() => list.chosen()[1].metadata), "kept");
  assert.deepEqual(await page.evaluate(() => list.names()), [
    "llun \u0175.jpg",
    "screen.png",
    "moving.webp",
    "note.txt",
  ]);
  assert.equal(await page.getByTestId("files-input").evaluate((input) => input.value), "", "no path is kept");
});

test("a file is removed by keyboard, and the focus goes to the next", async () => {
  const page = await open();
  await choose(page, JPEG, TEXT);
  await page.getByRole("button", { name: "Remove llun \u0175.jpg from the list" }).focus();
  await page.keyboard.press("Enter");
  assert.deepEqual(await page.evaluate(() => list.names()), ["note.txt"]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Remove note.txt from the list");
  await page.getByRole("status").getByText("llun \u0175.jpg is no longer on the list").waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "e2");
});

test("each kind of file that cannot be taken is said in both languages, and the others stay", async () => {
  const page = await open();
  await choose(page, TEXT, file("empty.txt", Buffer.alloc(0)));
  await page.getByText("empty.txt is empty. Choose another file").waitFor();
  await page.evaluate(() => list.speak("cy"));
  await page.getByText("Mae empty.txt yn wag. Dewiswch ffeil arall").waitFor();
  await page.evaluate(() => list.speak("en"));
  assert.equal(await rows(page).count(), 1);
  await axe(page);
  if (process.env.HAFAN_LOOK !== undefined) {
    await page.screenshot({ path: join(process.env.HAFAN_LOOK, "files-refused.png"), fullPage: true });
  }

  await choose(page, file("large.mp4", Buffer.alloc((25 << 20) - 5)));
  await page.getByText("There is no room for large.mp4. All files together can be up to 25 MB").waitFor();
  assert.equal(await rows(page).count(), 1);

  const many = Array.from({ length: 64 }, (_, index) => file(`${index}.txt`, Buffer.from("x")));
  await choose(page, ...many);
  await page.getByText("There is no room for 63.txt. You can send up to 64 files").waitFor();
  assert.equal(await rows(page).count(), 64);
});

test("a file that is gone before it is chosen or sent is named", async () => {
  const page = await open();
  const path = join(siteDir, "gone.txt");
  writeFileSync(path, "x".repeat(100_000));
  await choose(page, path);
  await page.evaluate(() => state());
  writeFileSync(path, "another content");
  const at = await page.evaluate(
    (report) =>
      send(report, null).then(
        () => null,
        (error) => error.at,
      ),
    draft,
  );
  assert.equal(at, 0);
  await page.evaluate(() => list.changed(0));
  await page.getByText("A file has changed or is gone since you chose it").waitFor();
  assert.equal(await page.evaluate(() => list.error()), "form.files.error.changed");
  await page.getByTestId("files-remove").click();
  assert.equal(await page.evaluate(() => list.error()), null);

  await page.evaluate(() => {
    File.prototype.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("", "NotReadableError")) });
  });
  await page.getByTestId("files-input").setInputFiles(path);
  await page.getByText("We could not read gone.txt").waitFor();
});

test("a picture that is cut says that its details cannot be removed", async () => {
  const page = await open();
  await choose(page, file("cut.jpg", photo.plain.subarray(0, 300), "image/jpeg"));
  await page.getByText("We cannot remove hidden details from this picture").waitFor();
  assert.equal(await page.evaluate(() => list.chosen()[0].metadata), "kept");
});

for (const [lang, word] of [
  ["en", "Choose files"],
  ["cy", "Dewis ffeiliau"],
]) {
  for (const width of [320, 1280]) {
    test(`the list holds axe's rules and its width: ${lang}, ${width} px`, async () => {
      const page = await open(lang, width);
      assert.equal(await page.locator("#e2").textContent(), word);
      await axe(page);
      const long = file(`${"a-very-long-name-without-a-space".repeat(5)}.jpg`, photo.hidden, "image/jpeg");
      await choose(page, JPEG, TEXT, file("cut.png", png.plain.subarray(0, 60), "image/png"), long);
      await axe(page);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
      if (process.env.HAFAN_LOOK !== undefined) {
        await page.screenshot({ path: join(process.env.HAFAN_LOOK, `files-${lang}-${width}.png`), fullPage: true });
      }
    });
  }
}

/** The members of what the force opens. */
async function opened(body) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(btp.identity);
  const padded = Buffer.from(await decrypter.decrypt(new Uint8Array(body.subarray(48))));
  const members = [];
  for (let at = 0; padded[at] !== 0;) {
    const size = Number.parseInt(padded.subarray(at + 124, at + 135).toString(), 8);
    members.push(padded.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

test("what is chosen is sealed in the worker, sent, and opened by the force", async () => {
  const page = await open();
  const keys = await page.evaluate(() => state());
  assert.deepEqual(keys.contact, { threshold: 2, officers: 3 });
  assert.deepEqual([keys.kind, keys.police_suspect], ["ready", "merseyside"]);
  const clip = file("clip.mp4", randomBytes(2_000_000), "video/mp4");
  await choose(page, JPEG, clip, TEXT);
  const contact = [{ id: "n2", question: "Name", answer: "A. Name" }];
  const { outcome, told, size } = await page.evaluate(([report, who]) => send(report, who), [draft, contact]);
  assert.deepEqual(outcome, { kind: "held" });
  const body = state.drops.at(-1);
  assert.equal(body.length, size);
  const [json, ...members] = await opened(body);
  const { files, key, contact: seal } = JSON.parse(json.toString());
  assert.deepEqual(key, keys.key);
  assert.equal(seal.shares.length, 3);
  assert.deepEqual(members.slice(5), [clip.buffer, TEXT.buffer]);
  assert.deepEqual(
    files.map((one) => [one.name, one.media_type, one.metadata, one.size, one.sha256]),
    [members[4], clip.buffer, TEXT.buffer].map((bytes, index) => [
      ["llun \u0175.jpg", "clip.mp4", "note.txt"][index],
      ["image/jpeg", "video/mp4", "text/plain"][index],
      ["removed", "kept", "kept"][index],
      bytes.length,
      sha256(bytes),
    ]),
  );
  assert.ok(JPEG.buffer.includes(CANARY) && !members[4].includes(CANARY));
  assert.ok(told.sealing.length > 10 && told.sealing.every(([done, total]) => done <= total));
  assert.equal(told.sending[0][0], "sending");
  assert.ok(told.sending.some(([, fraction]) => fraction === 1));
});

test("25 MiB are sealed and sent whole", async () => {
  const page = await open();
  await page.evaluate(() => state());
  const large = file("large.mp4", randomBytes(25 << 20), "video/mp4");
  await choose(page, large);
  const { outcome, told } = await page.evaluate((report) => send(report, null), draft);
  assert.deepEqual(outcome, { kind: "held" });
  const [, member] = await opened(state.drops.at(-1));
  assert.equal(sha256(member), sha256(large.buffer));
  const words = await page.evaluate(() => [progressWords("en", 3 << 20, 12 << 20), progressWords("cy", 1, 100)]);
  assert.deepEqual(words, ["3 of 12 MB", null]);
  assert.deepEqual(told.sending.at(-1), ["sending", 1]);
});

test("on a slow line it is told how much has gone, and it only grows", async () => {
  const page = await open();
  await page.evaluate(() => state());
  await choose(page, file("clip.mp4", randomBytes(1 << 20), "video/mp4"));
  const line = await page.context().newCDPSession(page);
  const slow = { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 1 << 20 };
  await line.send("Network.emulateNetworkConditions", slow);
  const { outcome, told } = await page.evaluate((report) => send(report, null), draft);
  assert.deepEqual(outcome, { kind: "held" });
  const fractions = told.sending.slice(1).map(([, fraction]) => fraction);
  assert.ok(fractions.length >= 3, `${fractions.length} times`);
  assert.deepEqual(fractions, fractions.toSorted());
  assert.equal(fractions.at(-1), 1);
});

test("the request of a submission has the shape that fetch would give it", async () => {
  const sent = requests.findLast((request) => request.method() === "PUT");
  const headers = await sent.allHeaders();
  const { "content-length": length, ...rest } = headers;
  assert.ok(Number(length) > 0);
  assert.equal(rest["content-type"], "application/vnd.hafan.submission");
  for (const name of ["cookie", "referer", "authorization", "if-none-match"]) assert.equal(rest[name], undefined, name);
});

test("a redirection to a page that answers is not taken for the server's word", async () => {
  const page = await open();
  await page.evaluate(() => state());
  await choose(page, TEXT);
  let count = 0;
  await page.route("**/drops/*", (route) => {
    count += 1;
    return count === 1 ? route.fulfill({ status: 302, headers: { location: "/en/" } }) : route.continue();
  });
  const { outcome, told } = await page.evaluate((report) => send(report, null), draft);
  assert.deepEqual(outcome, { kind: "held" });
  assert.ok(told.sending.some(([step]) => step === "again"));
  assert.equal(count, 2);
});

test("leaving while it is sealed ends the worker, and nothing is sent", async () => {
  const page = await open();
  await page.evaluate(() => state());
  await choose(page, file("large.mp4", Buffer.alloc(20 << 20), "video/mp4"));
  const before_leaving = state.drops.length;
  const outcome = await page.evaluate(
    (report) =>
      Promise.race([
        send(report, null),
        new Promise((resolve) => setTimeout(() => (leave(), setTimeout(() => resolve("left"), 500)), 50)),
      ]),
    draft,
  );
  assert.equal(outcome, "left");
  assert.equal(state.drops.length, before_leaving);
  assert.equal(await rows(page).count(), 0);
  assert.deepEqual(await page.evaluate(() => list.chosen()), []);
});

test("no script failed, and the site's policies were kept", () => assert.deepEqual(faults, []));
