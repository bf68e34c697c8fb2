// Every section and state for everybody: axe in both languages, narrow windows, 400 % zoom, forced colours, reduced
// motion, a slow device, the keyboard alone.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import {
  choose,
  current,
  fitsIn,
  full,
  go,
  least,
  lookAt,
  mustSay,
  openStage,
  press,
  send,
  shown,
  tabTo,
  walk,
  WORDS,
} from "./walk.mjs";

let stage, state;
before(async () => {
  stage = await openStage();
  ({ state } = stage);
});
after(() => stage?.close());

for (const lang of ["en", "cy"]) {
  test(`${lang}: axe finds nothing and nothing is cut off in any section and state, at 320 px`, async () => {
    const page = await stage.openForm(lang);
    const look = async (where) => {
      await page.setViewportSize({ width: 1280, height: 800 });
      await fitsIn(page, `${where} at 1280 px`);
      await page.setViewportSize({ width: 320, height: 800 });
      await lookAt(page, `${where} at 320 px`);
    };
    const seen = new Set();
    for (const [r1, c1] of [
      ["self", "none"],
      ["work", "contact"],
      ["other-agrees", "supporter"],
    ]) {
      if (seen.size > 0) await page.reload();
      await walk(page, {
        choices: full(r1, { r3: "yes", c1 }),
        until: "check",
        visit: async (id) => {
          if (seen.has(id)) return;
          seen.add(id);
          for (const help of await page.locator(`[data-section="${id}"] details:not([open]) summary`).all()) {
            await help.click();
          }
          await look(id);
        },
      });
    }
    assert.ok(seen.size >= 43, `${seen.size} pages were seen`);
    await look("check");
    await page.click('[data-action="hide"]');
    await look("check hidden");
    await go(page);
    await page.locator('[data-section="before"] summary').click();
    await look("before");
    await press(page, "support");
    await look("support");
    await press(page, "return");
    state.drop = () => 422;
    await press(page, "send");
    await page.getByTestId("failed").waitFor();
    state.drop = undefined;
    await look("failed");
    await press(page, "again");
    await page.getByTestId("sent").waitFor();
    state.drops.splice(0);
    await look("sent");
    await page.context().close();
  });

  test(`${lang}: axe finds nothing in any error and refusal`, async () => {
    const page = await stage.openForm(lang, { width: 320 });
    const choices = { ...least("self"), length: "full" };
    for (const id of ["r1", "r2", "c1"]) {
      await walk(page, { fill: "least", choices, until: id });
      await press(page, "continue");
      await page.locator("#errors").waitFor();
      await lookAt(page, `${id} error`);
    }
    await walk(page, { fill: "least", choices, until: "a4" });
    await page.locator('[data-section="a4"] input[type="radio"]:visible').first().check();
    await page.fill("#a4-date-month", "13");
    await press(page, "continue");
    await page.locator("#errors").waitFor();
    await lookAt(page, "a4 error");
    state.directory = (id) => stage.forces[id].expired;
    await page.reload();
    await walk(page, { fill: "least", choices, until: "r2" });
    await page.waitForLoadState("networkidle");
    await choose(page, "r2", "btp");
    assert.equal(await go(page), "blocked");
    state.directory = (id) => stage.forces[id].good;
    await lookAt(page, "blocked");
    await page.context().close();
  });
}

for (const [name, options] of Object.entries({
  "at 400 % zoom": { width: 320, height: 256, deviceScaleFactor: 4 },
  "with forced colours": { forcedColors: "active", colorScheme: "dark" },
  "with reduced motion": { reducedMotion: "reduce" },
  "on a device four times slower": { width: 360, height: 640 },
})) {
  test(`everything can be answered and sent ${name}`, async () => {
    const page = await stage.openForm("cy", options);
    if (name.endsWith("slower")) {
      const session = await page.context().newCDPSession(page);
      await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    }
    const pages = await walk(page, {
      choices: full("self"),
      until: "check",
      visit: (id) => fitsIn(page, id),
    });
    await go(page);
    await send(page);
    mustSay((await stage.takeReport()).report, pages, "cy");
    await page.context().close();
  });
}

test("with reduced motion nothing moves", async () => {
  const page = await stage.openForm("en", { reducedMotion: "reduce" });
  await shown(page, "g2");
  const moving = await page.evaluate(
    () =>
      [...document.querySelectorAll("*")].filter((one) => {
        const { animationDuration, transitionDuration } = getComputedStyle(one);
        return [animationDuration, transitionDuration].some((time) =>
          time.split(", ").some((each) => parseFloat(each) > 0.01),
        );
      }).length,
  );
  assert.equal(moving, 0);
  await page.context().close();
});

test("with forced colours every control and button has an edge", async () => {
  const page = await stage.openForm("en", { forcedColors: "active" });
  await walk(page, { fill: "least", choices: least("self"), until: "a1" });
  const bare = await page.evaluate(() =>
    [...document.querySelectorAll("button, textarea, input")]
      .filter((one) => one.offsetParent !== null && !one.matches(".app-link-button"))
      .filter((one) => parseFloat(getComputedStyle(one).borderTopWidth) === 0)
      .map((one) => one.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(bare, []);
  await page.context().close();
});

test("at 400 % zoom each section begins with its heading in sight, below the leave button", async () => {
  const page = await stage.openForm("en", { width: 320, height: 256 });
  await walk(page, {
    fill: "least",
    choices: least("self"),
    visit: async (id) => {
      await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
      if (id === "g2") return;
      await go(page, "back");
      const [top, bottom, leave, height] = await page.evaluate(() => {
        const section = document.querySelector("[data-section]:not([hidden])");
        const heading = section.querySelector("h1").getBoundingClientRect();
        const leave = document.querySelector(".govuk-exit-this-page").getBoundingClientRect().bottom;
        return [heading.top, heading.bottom, leave, innerHeight];
      });
      assert.ok(
        leave <= top && top < height,
        `${id}: heading at ${top} to ${bottom}, leave button to ${leave} of ${height}`,
      );
      await go(page);
    },
  });
  await page.context().close();
});

for (const [lang, r1] of ["en", "cy"].flatMap((lang) =>
  ["self", "other-agrees", "witness", "work"].map((r1) => [lang, r1]),
)) {
  test(`${lang}: ${r1} can be sent by keyboard alone, and the focus is never under the leave button`, async () => {
    const page = await stage.openForm(lang, { width: 320, height: 568 });
    await shown(page, "g2");
    const forward = (selector) =>
      tabTo(page, selector, async () => {
        if (await page.evaluate(isCovered)) assert.fail(`the focus is under the leave button before ${selector}`);
      });
    const choices = least(r1);
    for (let id = await current(page); id !== "sent";) {
      if (choices[id] !== undefined) {
        await forward(`[name="${id}"]`);
        // Arrow keys move between radios and choose; Space chooses the first.
        await page.keyboard.press("Space");
        const isChosen = () => page.isChecked(`[name="${id}"][value="${choices[id]}"]`);
        for (let count = 0; !(await isChosen()); count += 1) {
          assert.ok(count < 10, `arrows do not reach ${choices[id]}`);
          await page.keyboard.press("ArrowDown");
        }
      } else if (id === "a1") {
        await forward("#a1");
        await page.keyboard.type(WORDS.split("\n")[0]);
      }
      await forward(`[data-testid="${id === "before" ? "send" : "continue"}"]`);
      await page.keyboard.press("Enter");
      await page.locator(`[data-section="${id}"]`).waitFor({ state: "hidden" });
      if (id === "before") await page.getByTestId("sent").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", `after ${id}`);
      id = await current(page);
    }
    const { report } = await stage.takeReport();
    assert.equal(report.answers.find((one) => one.id === "a1").answer, WORDS.split("\n")[0]);
    await page.context().close();
  });
}

/** In the page: is the middle of what has the focus hidden by the leave control? */
function isCovered() {
  const active = document.activeElement;
  if (active === null || active.closest(".govuk-exit-this-page") !== null) return false;
  const { top, left, width, height } = active.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  return over?.closest(".govuk-exit-this-page") != null;
}
