// What a journey shows to whoever watches the line, and what it leaves in the browser's own stores: one origin, the same
// requests whatever is answered, nothing kept, nothing behind Back, and a warning and a wipe after 15 minutes.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { current, full, go, keepsNothing, least, openStage, press, send, shown, walk, WORDS } from "./walk.mjs";

let stage;
before(async () => {
  stage = await openStage();
});
after(() => stage?.close());

/** Every request of a page: method, path without what is random in it, and the size of what was sent. */
function listen(page, origin) {
  const requests = [];
  page.context().on("request", (request) => {
    const url = new URL(request.url());
    assert.equal(url.origin, origin, `${request.url()} is another origin`);
    const path = url.pathname.replace(/[0-9a-f]{64}$/, "{h}") + url.search;
    requests.push(`${request.method()} ${path} ${request.postDataBuffer()?.length ?? 0}`);
  });
  return requests;
}

/** From the force's start page to the end of the form, and away. */
async function visit(lang, choices, how) {
  const page = await (await stage.browser.newContext()).newPage();
  const requests = listen(page, stage.site.url);
  await page.goto(`${stage.site.url}/btp/en/`);
  await page.goto(`${stage.site.url}/btp/en/report/`);
  await shown(page, "g2");
  await page.waitForLoadState("networkidle");
  if (lang === "cy") await page.click('[data-language="cy"]');
  await walk(page, { choices, ...how });
  await send(page);
  await press(page, "support");
  await press(page, "return");
  return { page: page, requests };
}

test("one origin, and the same requests whatever is answered, in whichever language and however much", async () => {
  const all = [];
  for (const [lang, choices, how] of [
    ["en", least("self"), { fill: "least" }],
    ["cy", full("witness", { c1: "contact", "p-more": "yes" }), {}],
    ["en", full("work", { c1: "supporter" }), { which: "last" }],
  ]) {
    const { page, requests } = await visit(lang, choices, how);
    stage.state.drops.splice(0);
    all.push(requests.toSorted());
    await page.context().close();
  }
  const [first, ...others] = all;
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(first.filter((request) => request.startsWith("PUT ")).length, 1);
});

test("where somebody else reads it, only the path of the submission says so", async () => {
  const { page, requests } = await visit("en", { ...least("self"), r3: "yes" }, { fill: "least" });
  stage.state.drops.splice(0);
  const put = requests.filter((request) => request.startsWith("PUT "));
  assert.match(put.join(), /^PUT \/v1\/forces\/merseyside\/drops\/\{h\} \d+$/);
  await page.context().close();
});

for (const way of ["button", "shift", "sent"]) {
  test(`after leaving (${way}) history, storage, caches and cookies hold nothing of the form`, async () => {
    const page = await stage.openForm("en");
    const before = await page.evaluate(() => history.length);
    await walk(page, { fill: "least", choices: least("self"), until: way === "sent" ? "before" : "check" });
    if (way === "sent") await send(page);
    stage.state.drops.splice(0);
    const gone = page.waitForURL((url) => !url.pathname.includes("/report/"));
    if (way === "shift") for (let count = 0; count < 3; count += 1) await page.keyboard.press("Shift");
    else await page.click(".govuk-exit-this-page__button");
    await gone;
    assert.equal(await page.evaluate(() => history.length), before, "the form's place in the history is taken");
    await page.goto(`${stage.site.url}/btp/en/support/`);
    await keepsNothing(page, way);
    for (let count = 0; count < 3; count += 1) {
      await page.goBack().catch(() => null); // There may be nothing to go back to, which is as good.
      const seen = await page.evaluate(
        () =>
          document.documentElement.outerHTML +
          [...document.querySelectorAll("input, textarea")].map(({ value }) => value).join(" "),
      );
      assert.ok(!seen.includes("Diwrnod hir"), "Back shows what was typed");
    }
    await page.context().close();
  });
}

test("a page that comes back from the browser's memory is started anew", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  const again = page.waitForEvent("load");
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await again;
  await shown(page, "g2");
  assert.equal(await page.locator("#a1").inputValue(), "");
  await page.context().close();
});

test("after 15 minutes without a key it warns, then wipes; a key keeps what was typed", async () => {
  const page = await stage.openForm("en", { hasClock: true });
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  const isWarned = () => page.locator("dialog[open]").isVisible();
  await page.clock.runFor(14 * 60_000);
  assert.equal(await isWarned(), false);
  await page.clock.runFor(61_000);
  assert.ok(await isWarned(), "it warns after 15 minutes");
  await page.locator("dialog[open] button").first().click();
  assert.equal(await isWarned(), false);
  assert.equal(await page.locator("#a1").inputValue(), WORDS);
  assert.equal(await current(page), "check");
  await page.clock.runFor(15 * 60_000 + 1_000);
  assert.ok(await isWarned());
  await page.clock.runFor(3 * 60_000);
  assert.equal(await page.locator("#form").count(), 0, "the whole form is gone");
  assert.ok(!(await page.content()).includes("Diwrnod hir"));
  await page.context().close();
});

test("the form sends nothing while it is filled in", async () => {
  const page = await stage.openForm("en");
  await shown(page, "g2");
  await page.waitForLoadState("networkidle");
  const requests = listen(page, stage.site.url);
  await walk(page, { choices: full("self"), until: "check" });
  await go(page);
  assert.deepEqual(requests, []);
  await page.context().close();
});
