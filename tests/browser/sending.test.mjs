// What happens when the line, the server or a key does not do what it should, and when the person leaves. Alone:
// `npm test --workspace tests/browser`, against a stand-in server. With HAFAN_URL, the last tests run against that one.

import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { choose, current, go, least, openStage, press, send, shown, walk, WORDS } from "./walk.mjs";

const realUrl = process.env.HAFAN_URL?.replace(/\/$/, "");
let stage, state, forces;
before(async () => {
  stage = await openStage();
  ({ state, forces } = stage);
});
after(() => stage?.close());
// What one test asked of the server is nothing to the next, also when it failed.
beforeEach(() => {
  state.drop = undefined;
  state.directory = (id) => forces[id].good;
  state.drops.splice(0);
});

const written = (page) => page.locator("#a1").inputValue();
/** The form with the least answered, at the page before sending. */
async function ready(lang = "en", options = {}) {
  const page = await stage.openForm(lang, options);
  await walk(page, { fill: "least", choices: least("self") });
  return page;
}
/** Waits for a section, with the page's clock going fifty times as fast: long enough pauses pass, 15 minutes do not. */
async function hurry(page, id) {
  const section = page.getByTestId(id);
  for (let count = 0; !(await section.isVisible()); count += 1) {
    assert.ok(count < 170, `${id} is not shown`);
    await page.clock.runFor(5_000);
    await page.waitForTimeout(100);
  }
  return section;
}
/** Lets every submission be answered by `answer(count)`; gives the bytes of each. */
function refuse(answer) {
  const seen = [];
  state.drop = (body) => answer(seen.push(body.toString("hex")));
  return seen;
}

test("a dropped line is tried again with the very same submission", async () => {
  // Chromium itself repeats a request once whose kept-open connection was cut: cut more often than that.
  const seen = refuse((count) => (count <= 3 ? "cut" : 201));
  const page = await ready();
  await send(page);
  state.drop = undefined;
  assert.deepEqual([seen.length, new Set(seen).size, state.drops.splice(0).length], [4, 1, 1]);
  await page.context().close();
});

test("a refusal is said plainly, and the words are still there", async () => {
  refuse(() => 422);
  const page = await ready();
  await press(page, "send");
  await page.getByTestId("failed").waitFor();
  state.drop = undefined;
  assert.equal(await written(page), WORDS);
  await go(page, "to-answers");
  assert.ok((await page.locator("#answers").innerText()).includes("second line"));
  await page.context().close();
});

for (const [lang, said] of [
  ["en", /Nothing is lost/],
  ["cy", /Does dim byd wedi'i golli/],
]) {
  test(`${lang}: when every attempt fails it says so, nothing is lost, and "Try again" sends the very same`, async () => {
    const seen = refuse(() => 503);
    const page = await ready(lang);
    await page.clock.install();
    await press(page, "send");
    const failed = await hurry(page, "failed");
    assert.match(await failed.textContent(), said);
    assert.equal(await written(page), WORDS);
    assert.equal(seen.length, 6);
    state.drop = undefined;
    await press(page, "again");
    await page.getByTestId("sent").waitFor();
    assert.equal(new Set([...seen, ...state.drops.map(([, body]) => body.toString("hex"))]).size, 1);
    const { report } = await stage.takeReport();
    assert.equal(report.answers.find(({ id }) => id === "a1").answer, WORDS);
    await page.context().close();
  });

  test(`${lang}: offline at the moment of sending: nothing is lost, and it is sent when the line is back`, async () => {
    const page = await ready(lang);
    await page.clock.install();
    await page.context().setOffline(true);
    await press(page, "send");
    const failed = await hurry(page, "failed");
    assert.match(await failed.textContent(), said);
    assert.equal(state.drops.length, 0);
    assert.equal(await written(page), WORDS);
    await page.context().setOffline(false);
    await press(page, "again");
    await hurry(page, "sent");
    assert.equal((await stage.takeReport()).report.language, lang);
    await page.context().close();
  });
}

for (const [lang, said] of [
  ["en", /asks your device to do some sums.*nobody anything about you/s],
  ["cy", /gofyn i'ch dyfais wneud ychydig o symiau.*dim amdanoch chi wrth neb/s],
]) {
  test(`${lang}: a server under load is worked for, which the page says, and the very same submission goes with it`, async () => {
    const asked = { span: 3, bits: 16, challenge: "5a".repeat(32) };
    const problem = JSON.stringify({ type: "/problems/work", title: "The server is busy", status: 503, ...asked });
    const seen = [];
    const proofs = [];
    state.drop = (body, headers) => {
      seen.push(body.toString("hex"));
      proofs.push(headers["hafan-work"]);
      return proofs.at(-1) === undefined ? [503, problem] : 201;
    };
    const page = await ready(lang);
    await press(page, "send");
    await page.locator("#progress", { hasText: said }).waitFor();
    if (process.env.HAFAN_SCREENSHOTS !== undefined) {
      for (const width of [320, 1280]) {
        await page.setViewportSize({ width, height: 720 });
        await page.screenshot({ path: `${process.env.HAFAN_SCREENSHOTS}/work-${lang}-${width}.png` });
      }
    }
    await page.getByTestId("sent").waitFor();
    state.drop = undefined;
    assert.deepEqual([seen.length, new Set(seen).size, proofs[0]], [2, 1, undefined]);
    assert.match(proofs[1], /^3\.16\.[A-Za-z0-9_-]{86}$/);
    await page.context().close();
  });
}

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
      const page = await stage.openForm(lang);
      await walk(page, { fill: "least", choices: least("self"), until: "r2" });
      await page.waitForLoadState("networkidle");
      await choose(page, "r2", "btp");
      assert.equal(await go(page), "blocked");
      assert.match(await page.getByTestId("blocked").textContent(), said[index]);
      // The page fetches on its own beat, and not because a button was pressed.
      const fetched = page.waitForResponse((response) => response.url().endsWith("/leicestershire/directory"));
      state.directory = (id) => forces[id].good;
      await fetched;
      assert.notEqual(await go(page, "again"), "blocked");
      await page.context().close();
    });
  }
}

test("Back after sending shows nothing of what was written", async () => {
  const page = await ready();
  await send(page);
  assert.equal(await written(page), "");
  await page.goto(`${stage.site.url}/btp/en/support/`);
  await page.goBack();
  await shown(page, "g2");
  assert.ok(!(await page.content()).includes("Diwrnod hir"));
  assert.equal(await written(page), "");
  state.drops.splice(0);
  await page.context().close();
});

for (const way of ["button", "shift"]) {
  test(`leaving by ${way} wipes first, and Back does not return to the words`, async () => {
    const page = await stage.openForm("en");
    await walk(page, { fill: "least", choices: least("self"), until: "check" });
    const gone = page.waitForURL((url) => !url.pathname.includes("/report/"));
    if (way === "button") await press(page, "leave");
    else for (let count = 0; count < 3; count += 1) await page.keyboard.press("Shift");
    await gone;
    await page.goBack().catch(() => null); // There may be nothing to go back to, which is as good.
    assert.ok(!(await page.content()).includes("Diwrnod hir"));
    await page.context().close();
  });
}

for (const lang of ["en", "cy"]) {
  test(`${lang}: without JavaScript nothing can be typed or posted, help is there, and leaving works`, async () => {
    const page = await stage.openForm(lang, { javaScriptEnabled: false });
    const headings = await page.getByRole("heading", { level: 1 }).allTextContents();
    assert.equal(headings.length, 1);
    assert.match(headings[0], lang === "en" ? /cannot lock a report/ : /Ni all y ddyfais hon gloi/);
    assert.equal(await page.locator("#form").isVisible(), false);
    assert.equal(await page.locator("form").getAttribute("action"), null);
    assert.equal(await page.locator("input:visible, textarea:visible").count(), 0);
    assert.ok(await page.locator("#help").getByText("61016").first().isVisible());
    assert.ok(await page.locator(`.app-bar a[href="/btp/${lang}/support/"]`).isVisible());
    await press(page, "leave");
    await page.waitForURL((url) => !url.pathname.includes("/report/"));
    await page.context().close();
  });
}

for (const lang of ["en", "cy"]) {
  for (const r1 of ["self", "other-agrees", "witness", "work"]) {
    test(`${lang}: against the real server, ${r1} is sent and held`, { skip: realUrl === undefined }, async () => {
      const page = await stage.openForm(lang, { url: realUrl });
      const statuses = [];
      const strangers = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(`${realUrl}/`)) strangers.push(request.url());
      });
      page.on("response", (response) => {
        if (response.request().method() === "PUT") statuses.push(response.status());
      });
      await walk(page, { fill: "least", choices: least(r1) });
      await press(page, "send");
      await page.getByTestId("sent").waitFor({ timeout: 60_000 });
      assert.deepEqual([statuses, strangers, await page.context().cookies()], [[201], [], []]);
      assert.deepEqual([await written(page), await current(page)], ["", "sent"]);
      await page.context().close();
    });
  }
}
