// Takes pictures of every page and step, at 320 and 1280 px, in both languages: `node look.mjs DIR`.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const outDir = process.argv[2] ?? "pictures";
mkdirSync(outDir, { recursive: true });
const siteDir = mkdtempSync(join(tmpdir(), "hafan-look-"));
const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
const roots = Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key]));
delete roots.leicestershire; // So that the page of a force without a key is seen too.
await build({ out: siteDir, roots });
const site = await serve(siteDir, { directory: (id) => forces[id].good });
const browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
for (const width of [320, 1280]) {
  for (const lang of ["en", "cy"]) {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    let count = 0;
    const shoot = async (name) => {
      count += 1;
      const number = String(count).padStart(2, "0");
      await page.screenshot({ path: join(outDir, `${lang}-${width}-${number}-${name}.png`), fullPage: true });
    };
    page.on("console", (message) => process.stdout.write(`${message.text()}\n`));
    for (const path of ["", "support/", "what-happens/", "stay-safe/", "privacy/", "accessibility/"]) {
      await page.goto(`${site.url}/btp/${lang}/${path}`);
      await shoot(path === "" ? "start" : path.slice(0, -1));
    }
    await page.goto(`${site.url}/`);
    await shoot("home");
    const step = (id) => page.getByTestId(id).click();
    await page.goto(`${site.url}/btp/${lang}/report/`);
    await page.locator('[data-section="r1"] h1').waitFor();
    await step("continue");
    await shoot("r1-error");
    await page.check("#r1");
    await step("continue");
    await shoot("r2");
    await page.check("#r2-leicestershire");
    await step("continue");
    await page.getByTestId("blocked").waitFor();
    await shoot("blocked");
    await step("to-answers");
    await step("support");
    await shoot("support-section");
    await step("return");
    while (await page.locator('[data-section="r2"]').isHidden()) await step("back");
    await page.check("#r2");
    await step("continue");
    await page.check("#c1-contact");
    await shoot("c1");
    await step("continue");
    await page.fill("#a1", "I was on the last train home.\n\nIt was late and I do not remember everything. 🌧 Ŵŷ");
    await shoot("a1");
    await step("continue");
    await page.fill("#n2", "Sam");
    await shoot("n2");
    await step("continue");
    await shoot("n3");
    await step("skip");
    await page.locator('[data-section="check"] h1').waitFor();
    await shoot("check");
    await step("continue");
    await page.locator('[data-section="before"] h1').waitFor();
    await page.locator('[data-section="before"] summary').click();
    await shoot("before");
    await step("send");
    await page.getByTestId("sent").waitFor();
    await shoot("sent");
    await page.close();
  }
}
await browser.close();
await site.close();
rmSync(siteDir, { recursive: true });
