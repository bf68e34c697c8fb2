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

const blockedWords = {
  expired: [/out of date/, /wedi dyddio/],
  forged: [/did not sign/, /nad yw'r heddlu wedi'i llofnodi/],
  "other force's": [/did not sign/, /nad yw'r heddlu wedi'i llofnodi/],
};
for (const [kind, said] of Object.entries(blockedWords)) {
  for (const [index, lang] of ["en", "cy"].entries()) {
    test(`${lang}: a directory that is ${kind} is refused with clear words, and "Try again" takes a good one`, async () => {
      const wrong = (id) => forces[id][kind] ?? forces.merseyside.good;
      state.directory = (id) => (id === "btp" ? wrong(id) : forces[id].good);
      const page = await openForm(lang);
      await section(page, "r1");
      await page.waitForLoadState("networkidle");
      await page.check("#r1");
      await step(page, "continue");
      await page.check("#r2");
      await step(page, "continue");
      await page.getByTestId("blocked").waitFor();
      assert.match(await page.getByTestId("blocked").textContent(), said[index]);
      // The page fetches on its own beat, and not because a button was pressed.
      const fetched = page.waitForResponse((response) => response.url().endsWith("/leicestershire/directory"));
      state.directory = (id) => forces[id].good;
      await fetched;
      await step(page, "again");
      await section(page, "c1");
      await page.context().close();
    });
  }
}

for (const [lang, said] of [
  ["en", /Nothing is lost/],
  ["cy", /Does dim byd wedi'i golli/],
]) {
  test(`${lang}: when every attempt fails it says so, nothing is lost, and "Try again" sends the very same`, async () => {
    state.drops = [];
    const seen = [];
    state.drop = (body) => (seen.push(body.toString("hex")), 503);
    const page = await openForm(lang);
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1_000);
    await answer(page, "self");
    await step(page, "send");
    const failed = page.getByTestId("failed");
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      while (seen.length < attempt) await page.waitForTimeout(20);
      while (!(await failed.isVisible()) && seen.length === attempt) await page.clock.runFor(5_000);
    }
    await failed.waitFor();
    assert.match(await failed.textContent(), said);
    assert.equal(await page.locator("#a1").inputValue(), words);
    assert.equal(seen.length, 6);
    state.drop = undefined;
    await step(page, "again");
    await page.getByTestId("sent").waitFor();
    assert.equal(new Set([...seen, ...state.drops.map(([, body]) => body.toString("hex"))]).size, 1);
    assert.equal((await openDrop(state.drops[0])).answers.find(({ id }) => id === "a1").answer, words);
    await page.context().close();
  });
}

test("Back after sending shows nothing of what was written", async () => {
  const page = await openForm("en");
  await answer(page, "self");
  await step(page, "send");
  await page.getByTestId("sent").waitFor();
  await page.goto(`${site.url}/btp/en/support/`);
  await page.goBack();
  await section(page, "r1");
  assert.ok(!(await page.content()).includes("Diwrnod hir"));
  assert.equal(await page.locator("#a1").inputValue(), "");
  await page.context().close();
});

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

for (const lang of ["en", "cy"]) {
  test(`${lang}: without JavaScript nothing can be typed or posted, help is there, and leaving works`, async () => {
    const page = await openForm(lang, { javaScriptEnabled: false });
    const headings = await page.getByRole("heading", { level: 1 }).allTextContents();
    assert.equal(headings.length, 1);
    assert.match(headings[0], lang === "en" ? /cannot lock a report/ : /Ni all y ddyfais hon gloi/);
    assert.equal(await page.locator("#form").isVisible(), false);
    assert.equal(await page.locator("form").getAttribute("action"), null);
    assert.equal(await page.locator("input:visible, textarea:visible").count(), 0);
    assert.ok(await page.getByText("61016").first().isVisible());
    assert.ok(await page.locator(`.app-bar a[href="/btp/${lang}/support/"]`).isVisible());
    await step(page, "leave");
    await page.waitForURL((url) => !url.pathname.includes("/report/"));
    await page.context().close();
  });
}

const plainPages = ["", "support/", "what-happens/", "stay-safe/", "privacy/", "accessibility/"];
for (const width of [320, 1280]) {
  for (const lang of ["en", "cy"]) {
    test(`axe finds nothing and nothing is cut off in any section: ${lang} at ${width} px`, async () => {
      const page = await openForm(lang, { width });
      const look = (where) => lookAt(page, where);
      const next = async (id) => {
        await step(page, "continue");
        await section(page, id);
      };
      await section(page, "r1");
      await look("r1");
      await step(page, "continue");
      await look("r1 error");
      await page.check("#r1-other-unaware");
      await next("r2");
      await look("r2");
      await page.check("#r2");
      await next("c1");
      await look("c1");
      await page.check("#c1-contact");
      await next("a1");
      await page.locator('[data-section="a1"] summary').click();
      await look("a1");
      await step(page, "continue");
      await look("a1 error");
      await page.fill("#a1", words);
      await next("n2");
      await look("n2");
      await page.fill("#n2", "Sam");
      await next("n3");
      await look("n3");
      await next("check");
      await look("check");
      await page.locator('[data-action="hide"]').click();
      await look("check hidden");
      await next("before");
      await page.locator('[data-section="before"] summary').click();
      await look("before");
      await step(page, "support");
      await look("support section");
      await step(page, "return");
      state.drop = () => 422;
      await step(page, "send");
      await page.getByTestId("failed").waitFor();
      state.drop = undefined;
      await look("failed");
      await step(page, "again");
      await page.getByTestId("sent").waitFor();
      await look("sent");
      state.directory = (id) => forces[id].expired;
      await page.reload();
      await section(page, "r1");
      await page.waitForLoadState("networkidle");
      await page.check("#r1");
      await step(page, "continue");
      await page.check("#r2");
      await step(page, "continue");
      await page.getByTestId("blocked").waitFor();
      await look("blocked");
      state.directory = (id) => forces[id].good;
      for (const path of ["/", "/404.html", ...plainPages.map((name) => `/btp/${lang}/${name}`)]) {
        await page.goto(site.url + path);
        await look(path);
      }
      await page.context().close();
    });
  }
}

async function lookAt(page, where) {
  const result = await page.evaluate(`(async () => { const module = undefined; ${axeSource}; return axe.run(); })()`);
  const found = result.violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0].html}`);
  assert.deepEqual(found, []);
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(isWide, false, `${where} is too wide`);
  assert.ok(await page.getByTestId("leave").isVisible(), `${where} has no way to leave`);
}

test("at 400 % zoom each section begins with its heading in sight, below the leave button", async () => {
  const page = await openForm("en", { width: 320 });
  await page.setViewportSize({ width: 320, height: 256 });
  for (const id of ["r1", "r2", "c1"]) {
    await section(page, id);
    await page.check(`#${id}`);
    await step(page, "continue");
  }
  await section(page, "a1");
  const { top, bottom, leave, height } = await page.evaluate(() => {
    const heading = document.querySelector('[data-section="a1"] h1').getBoundingClientRect();
    const leave = document.querySelector(".govuk-exit-this-page").getBoundingClientRect().bottom;
    return { top: heading.top, bottom: heading.bottom, leave, height: innerHeight };
  });
  assert.ok(leave <= top && bottom <= height, `heading at ${top} to ${bottom}, leave button to ${leave} of ${height}`);
  await page.context().close();
});

test("the whole form can be sent by keyboard alone, and the focus is never under the leave button", async () => {
  const page = await openForm("en", { width: 320 });
  await section(page, "r1");
  const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  const tabTo = async (selector) => {
    for (let count = 0; count < 30; count += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(isCovered)) assert.fail(`the focus is under the leave button before ${selector}`);
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    }
    assert.fail(`Tab does not reach ${selector}`);
  };
  for (const id of ["r1", "r2", "c1"]) {
    await section(page, id);
    await tabTo(`[name="${id}"]`);
    await press("Space");
    await tabTo('[data-testid="continue"]');
    await press("Enter");
  }
  await section(page, "a1");
  await tabTo("#a1");
  await page.keyboard.type("typed by keyboard");
  await tabTo('[data-testid="continue"]');
  await press("Enter");
  await section(page, "check");
  await tabTo('[data-testid="continue"]');
  await press("Enter");
  await section(page, "before");
  await tabTo('[data-testid="send"]');
  await press("Enter");
  await page.getByTestId("sent").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
  await page.context().close();
});

/** In the page: is the middle of what has the focus hidden by the leave control? */
function isCovered() {
  const active = document.activeElement;
  if (active === null || active.closest(".govuk-exit-this-page") !== null) return false;
  const { top, left, width, height } = active.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  return over?.closest(".govuk-exit-this-page") != null;
}

for (const lang of ["en", "cy"]) {
  for (const value of ["self", "other-agrees", "witness"]) {
    test(`${lang}: against the real server, ${value} is sent and held`, { skip: realUrl === undefined }, async () => {
      const page = await openForm(lang, { url: realUrl });
      const statuses = [];
      page.on("response", (response) => {
        if (response.request().method() === "PUT") statuses.push(response.status());
      });
      await answer(page, value);
      await step(page, "send");
      await page.getByTestId("sent").waitFor({ timeout: 60_000 });
      assert.deepEqual(statuses, [201]);
      assert.equal(await page.locator("#a1").inputValue(), "");
      await page.context().close();
    });
  }
}

test("the real server's site asks it for its own files and keys alone", { skip: realUrl === undefined }, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  for (const name of [...plainPages, "report/"]) await page.goto(`${realUrl}/btp/en/${name}`);
  await section(page, "r1");
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(`${realUrl}/`)),
    [],
  );
  assert.deepEqual(await context.cookies(), []);
  await context.close();
});
