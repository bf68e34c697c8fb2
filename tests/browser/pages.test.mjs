// The pages before the form, in a real browser: accessible in both languages, on narrow, dark, forced-colour and paper
// looks, without a script, and with the words that a script changes by the date.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { webDir } from "../../web/build/content.mjs";
import { PLAIN_PAGES } from "../../web/build/pages.mjs";
import { serve } from "./mock.mjs";
import { fitsIn, keepsNothing, lookAt } from "./walk.mjs";

const CHECKED_ON = "2026-03-14";
let browser, siteDir, site;

before(async () => {
  siteDir = mkdtempSync(join(tmpdir(), "hafan-pages-"));
  const entries = JSON.parse(readFileSync(join(webDir, "content", "support.json"), "utf8"));
  const supportText = JSON.stringify(
    entries.map((entry) => (entry.id === "childline" ? { ...entry, checked_on: CHECKED_ON } : entry)),
  );
  await build({ out: siteDir, supportText });
  site = await serve(siteDir, { directory: () => null });
  browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
});
after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(siteDir, { recursive: true, force: true });
});

const addressesIn = (lang) => [
  ...PLAIN_PAGES.map((name) => `/btp/${lang}/${name === "" ? "" : `${name}/`}`),
  `/dyfed-powys/${lang}/support/`,
];
const all = (lang) => [...addressesIn(lang), "/", "/not-there"];

/** Opens each address in turn in one context with these options. */
async function visit(options, addresses, look) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  try {
    for (const address of addresses) {
      await page.goto(`${site.url}${address}`);
      await look(page, address);
    }
  } finally {
    await context.close();
  }
}

for (const lang of ["en", "cy"]) {
  for (const width of [320, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`${lang}: axe finds nothing on any page at ${width} px, ${colorScheme}`, async () => {
        const options = { viewport: { width, height: 800 }, colorScheme };
        await visit(options, all(lang), async (page, address) => {
          await lookAt(page, address);
        });
      });
    }
  }

  test(`${lang}: at 400 % nothing scrolls sideways, and what is in focus is not under the leave button`, async () => {
    await visit({ viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }, all(lang), async (page, address) => {
      await fitsIn(page, address);
      const links = await page.locator("main a:visible").all();
      for (const link of links.slice(0, 12)) {
        await link.focus();
        const isClear = await link.evaluate((element) => {
          const box = element.getClientRects()[0];
          const found = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
          return element.contains(found) || found?.contains(element);
        });
        assert.ok(isClear, `${address}: ${await link.textContent()} is covered`);
      }
    });
  });

  test(`${lang}: with forced colours cards keep an edge, and words the person's own colour`, async () => {
    await visit({ forcedColors: "active" }, all(lang), async (page, address) => {
      const wrong = await page.evaluate(() => {
        const probe = document.createElement("span");
        probe.style.color = "CanvasText";
        document.body.append(probe);
        const ink = getComputedStyle(probe).color;
        probe.remove();
        const cards = [...document.querySelectorAll(".app-now, .app-choice, .app-interruption")];
        return [
          ...cards.filter((card) => getComputedStyle(card).borderTopStyle !== "solid"),
          ...[...document.querySelectorAll("main h1, main h2, main p")].filter(
            (words) => getComputedStyle(words).color !== ink,
          ),
        ].map((element) => element.outerHTML.slice(0, 80));
      });
      assert.deepEqual(wrong, [], address);
    });
  });

  test(`${lang}: on paper there are no controls, and words are black on white`, async () => {
    await visit({ colorScheme: "dark" }, all(lang), async (page, address) => {
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      const controls =
        ".app-bar, .govuk-exit-this-page, .govuk-skip-link, .govuk-button, .govuk-generic-header, button";
      for (const control of await page.locator(controls).all()) assert.equal(await control.isVisible(), false, address);
      const wrong = await page.evaluate(() =>
        [...document.querySelectorAll("main *, footer *")]
          .filter((element) => element.checkVisibility() && element.textContent.trim() !== "")
          .filter((element) => {
            const { color, backgroundColor } = getComputedStyle(element);
            return color !== "rgb(0, 0, 0)" || backgroundColor !== "rgba(0, 0, 0, 0)";
          })
          .map((element) => element.outerHTML.slice(0, 80)),
      );
      assert.deepEqual(wrong, [], address);
      const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(paper, "rgb(255, 255, 255)", address);
    });
  });

  test(`${lang}: with JavaScript off every page says its words, leads on, and can be left`, async () => {
    await visit({ javaScriptEnabled: false }, addressesIn(lang), async (page, address) => {
      assert.ok(await page.locator("h1").isVisible(), address);
      assert.equal(await page.getByTestId("leave").locator("a").getAttribute("href"), "/leave", address);
      assert.ok(await page.locator(".app-bar a").first().isVisible(), address);
      assert.doesNotMatch(await page.locator("body").innerText(), /undefined|\{\w+\}|\[object/, address);
      const other = lang === "en" ? "Cymraeg" : "English";
      await page.getByRole("link", { name: other }).click();
      assert.equal(await page.locator("html").getAttribute("lang"), lang === "en" ? "cy" : "en", address);
    });
  });
}

test("no page asks for anything from elsewhere, or leaves anything behind", async () => {
  const hosts = new Set();
  await visit({}, [...all("en"), ...all("cy")], async (page, address) => {
    page.on("request", (request) => hosts.add(new URL(request.url()).origin));
    await page.reload();
    await keepsNothing(page, address);
  });
  assert.deepEqual([...hosts], [site.url]);
});

const said = {
  en: { fresh: "Checked on 14 March 2026.", stale: "We have not checked this number since 14 March 2026." },
  cy: { fresh: "Gwiriwyd ar 14 Mawrth 2026.", stale: "Nid ydym wedi gwirio'r rhif hwn ers 14 Mawrth 2026." },
};
for (const lang of ["en", "cy"]) {
  for (const [today, wanted] of [
    ["2026-03-15", "fresh"],
    ["2026-06-11", "fresh"],
    ["2026-06-16", "stale"],
    ["2028-01-01", "stale"],
  ]) {
    test(`${lang}: on ${today} a number that was checked on ${CHECKED_ON} is said to be ${wanted}`, async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.clock.setFixedTime(new Date(`${today}T12:00:00Z`));
      await page.goto(`${site.url}/btp/${lang}/young/`);
      const line = page.locator("[data-checked-on]");
      assert.equal((await line.innerText()).trim(), said[lang][wanted]);
      await context.close();
    });
  }

  test(`${lang}: without a script the day of the check stands there by itself`, async () => {
    await visit({ javaScriptEnabled: false }, [`/btp/${lang}/young/`], async (page) => {
      assert.equal((await page.locator("[data-checked-on]").innerText()).trim(), said[lang].fresh);
    });
  });
}
