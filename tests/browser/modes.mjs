// Takes pictures of the form under the settings that people choose: `node modes.mjs DIR`. Forced colours, dark scheme,
// reduced motion, 400 % zoom (a window of 1280 px by 1024 px is 320 px by 256 px), and no JavaScript.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const outDir = process.argv[2] ?? "pictures";
mkdirSync(outDir, { recursive: true });
const siteDir = mkdtempSync(join(tmpdir(), "hafan-modes-"));
const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
const roots = Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key]));
await build({ out: siteDir, roots });
const site = await serve(siteDir, { directory: (id) => forces[id].good });
const browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
const wide = { width: 1280, height: 800 };
const modes = {
  forced: { viewport: wide, forcedColors: "active" },
  "forced-dark": { viewport: wide, forcedColors: "active", colorScheme: "dark" },
  still: { viewport: wide, reducedMotion: "reduce" },
  zoom: { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 },
};
for (const [mode, options] of Object.entries(modes)) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const shoot = (name) => page.screenshot({ path: join(outDir, `${mode}-${name}.png`), fullPage: mode !== "zoom" });
  const next = () => page.getByTestId("continue").click();
  await page.goto(`${site.url}/btp/en/`);
  await shoot("1-start");
  await page.goto(`${site.url}/btp/en/report/`);
  await page.locator('[data-section="r1"] h1').waitFor();
  await next();
  await shoot("2-error");
  await page.check("#r1");
  await next();
  await page.check("#r2");
  await next();
  await page.check("#c1");
  await shoot("3-choice");
  await next();
  await page.fill("#a1", "It was late.");
  await shoot("4-words");
  await page.keyboard.press("Shift");
  await shoot("5-shift");
  await next();
  await page.locator('[data-section="check"] h1').waitFor();
  await shoot("6-check");
  await next();
  await page.getByTestId("send").click();
  await page.getByTestId("sent").waitFor();
  await shoot("7-sent");
  await context.close();
}
for (const lang of ["en", "cy"]) {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 }, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${site.url}/btp/${lang}/report/`);
  await page.screenshot({ path: join(outDir, `noscript-${lang}.png`), fullPage: true });
  await context.close();
}
await browser.close();
await site.close();
rmSync(siteDir, { recursive: true });
