// Journeys through the form in a real browser. Alone: `npm test --workspace tests/browser`, against a stand-in server.
// With HAFAN_URL, the journeys that need no fault run against that server; HAFAN_CHROMIUM names the browser.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Decrypter } from "age-encryption";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const realUrl = process.env.HAFAN_URL?.replace(/\/$/, "");
const words = 'Diwrnod hir. "Quoted" <b>not bold</b> 🌧 Ŵŷ \u0645\u0631\u062d\u0628\u0627\nsecond line';
let browser, siteDir, forces, site;
const state = { directory: (id) => forces[id].good, drop: undefined, drops: [] };

before(async () => {
  siteDir = mkdtempSync(join(tmpdir(), "hafan-browser-"));
  forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
  await build({
    out: siteDir,
    roots: Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key])),
  });
  site = await serve(siteDir, {
    directory: (id) => state.directory(id),
    drop: (id, body) => {
      const status = state.drop?.(body) ?? 201;
      if (status === 201) state.drops.push([id, body]);
      return status;
    },
  });
  browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
});
after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(siteDir, { recursive: true, force: true });
});

async function openForm(lang, { url = site.url, width = 1280, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, bypassCSP: false, ...options });
  const page = await context.newPage();
  await page.goto(`${url}/btp/${lang}/report/`);
  return page;
}

const step = (page, id) => page.getByTestId(id).click();
const section = (page, name) => page.locator(`[data-section="${name}"] h1`).waitFor();

async function answer(page, route, { upTo = "before" } = {}) {
  await section(page, "r1");
  await page.check(`[name="r1"][value="${route}"]`);
  await step(page, "continue");
  await section(page, "r2");
  await page.check("#r2");
  await step(page, "continue");
  await section(page, "c1");
  await page.check("#c1");
  await step(page, "continue");
  await section(page, "a1");
  await page.fill("#a1", words);
  if (upTo === "a1") return;
  await step(page, "continue");
  await section(page, "check");
  await step(page, "continue");
  await section(page, "before");
}

async function openDrop([force, body]) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(forces[force].identity);
  const padded = Buffer.from(await decrypter.decrypt(new Uint8Array(body.subarray(48))));
  const size = Number.parseInt(padded.subarray(124, 135).toString(), 8);
  return JSON.parse(padded.subarray(512, 512 + size).toString());
}

for (const lang of ["en", "cy"]) {
  for (const [value, route] of [
    ["self", "self"],
    ["other-unaware", "other"],
    ["witness", "witness"],
  ]) {
    test(`${lang}: ${value} is sent and reads back as typed`, async () => {
      state.drops = [];
      const page = await openForm(lang);
      await answer(page, value);
      await step(page, "send");
      await page.getByTestId("sent").waitFor();
      assert.equal(await page.locator("#a1").inputValue(), "");
      const report = await openDrop(state.drops[0]);
      assert.equal(report.route, route);
      assert.equal(report.language, lang);
      assert.equal(report.answers.find(({ id }) => id === "a1").answer, words);
      await page.context().close();
    });
  }
}

test("sections change neither address, title nor history, and ask the network for nothing", async () => {
  const page = await openForm("en");
  await section(page, "r1");
  await page.waitForLoadState("networkidle");
  const look = () => page.evaluate(() => [location.href, document.title, history.length].join(" "));
  const first = await look();
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await answer(page, "self");
  await step(page, "support");
  await step(page, "return");
  await step(page, "back");
  assert.equal(await look(), first);
  assert.deepEqual(requests, []);
  const kept = await page.evaluate(async () => ({
    local: localStorage.length,
    session: sessionStorage.length,
    cookie: document.cookie,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
  }));
  assert.deepEqual(kept, { local: 0, session: 0, cookie: "", databases: 0, caches: 0 });
  await page.context().close();
});

test("the language changes in place and keeps what was typed", async () => {
  const page = await openForm("en");
  await answer(page, "witness", { upTo: "a1" });
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.click('[data-language="cy"]');
  assert.equal(await page.locator("html").getAttribute("lang"), "cy");
  assert.match(await page.locator('[data-section="a1"] h1').textContent(), /Dywedwch wrthym beth welsoch/);
  assert.equal(await page.locator("#a1").inputValue(), words);
  assert.deepEqual(requests, []);
  await page.context().close();
});

test("a dropped line is tried again with the very same submission", async () => {
  state.drops = [];
  const seen = [];
  // Chromium itself repeats a request once whose kept-open connection was cut: cut more often than that.
  state.drop = (body) => (seen.push(body.toString("hex")) <= 3 ? "cut" : 201);
  const page = await openForm("en");
  await answer(page, "self");
  await step(page, "send");
  await page.getByTestId("sent").waitFor();
  state.drop = undefined;
  assert.equal(seen.length, 4);
  assert.equal(new Set(seen).size, 1);
  await page.context().close();
});

test("a refusal is said plainly, and the words are still there", async () => {
  state.drop = () => 422;
  const page = await openForm("en");
  await answer(page, "self");
  await step(page, "send");
  await page.getByTestId("failed").waitFor();
  state.drop = undefined;
  assert.equal(await page.locator("#a1").inputValue(), words);
  await page.context().close();
});

for (const [kind, said] of [
  ["expired", /out of date/],
  ["forged", /did not sign/],
]) {
  test(`a directory that is ${kind} is refused with clear words`, async () => {
    state.directory = (id) => (id === "btp" ? forces[id][kind] : forces[id].good);
    const page = await openForm("en");
    await section(page, "r1");
    await page.waitForLoadState("networkidle");
    await page.check("#r1");
    await step(page, "continue");
    await page.check("#r2");
    await step(page, "continue");
    await page.getByTestId("blocked").waitFor();
    assert.match(await page.getByTestId("blocked").textContent(), said);
    state.directory = (id) => forces[id].good;
    await page.context().close();
  });
}

for (const way of ["button", "shift"]) {
  test(`leaving by ${way} wipes first, and Back does not return to the words`, async () => {
    const page = await openForm("en");
    await answer(page, "self", { upTo: "a1" });
    const gone = page.waitForURL((url) => !url.pathname.includes("/report/"));
    if (way === "button") await step(page, "leave").catch(() => page.locator(".govuk-exit-this-page__button").click());
    else for (let press = 0; press < 3; press += 1) await page.keyboard.press("Shift");
    await gone;
    await page.goBack().catch(() => null);
    assert.ok(!(await page.content()).includes("Diwrnod hir"));
    await page.context().close();
  });
}

test("without JavaScript nothing can be typed or posted, and the other ways are shown", async () => {
  const page = await openForm("en", { javaScriptEnabled: false });
  assert.equal(await page.locator("#form").isVisible(), false);
  assert.equal(await page.locator("form").getAttribute("action"), null);
  assert.ok(await page.getByText("61016").first().isVisible());
  await page.context().close();
});

for (const width of [320, 1280]) {
  for (const lang of ["en", "cy"]) {
    test(`axe finds nothing and nothing is cut off: ${lang} at ${width} px`, async () => {
      const page = await openForm(lang, { width });
      const look = async (where) => {
        const result = await page.evaluate(
          `(async () => { const module = undefined; ${axeSource}; return axe.run(); })()`,
        );
        const found = result.violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0].html}`);
        assert.deepEqual(found, []);
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
          `${where} is too wide`,
        );
      };
      await section(page, "r1");
      await look("r1");
      await step(page, "continue");
      await look("r1 error");
      await answer(page, "self");
      await look("before");
      await step(page, "back");
      await look("check");
      await step(page, "support");
      await look("support section");
      await step(page, "return");
      await step(page, "continue");
      await section(page, "before");
      await step(page, "send");
      await page.getByTestId("sent").waitFor();
      await look("sent");
      for (const path of [
        "/",
        ...["", "support/", "what-happens/", "stay-safe/", "privacy/", "accessibility/"].map(
          (p) => `/btp/${lang}/${p}`,
        ),
      ]) {
        await page.goto(site.url + path);
        await look(path);
      }
      await page.context().close();
    });
  }
}

test("against the real server, a report is sent and held", { skip: realUrl === undefined }, async () => {
  for (const lang of ["en", "cy"]) {
    const page = await openForm(lang, { url: realUrl });
    await answer(page, "self");
    await step(page, "send");
    await page.getByTestId("sent").waitFor({ timeout: 60_000 });
    await page.context().close();
  }
});
