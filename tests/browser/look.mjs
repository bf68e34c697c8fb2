// Pictures of every page, section and state, in both languages, at 320 and 1280 px, for a designer to look through:
// `node look.mjs DIR`, or `cargo xtask screenshots`. Besides, the form with forced colours, at 400 % zoom, and without
// JavaScript. DIR/index.html shows them side by side.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PLAIN_PAGES } from "../../web/build/pages.mjs";
import { choose, current, full, go, least, openStage, press, send, shown, walk, WORDS } from "./walk.mjs";

const outDir = process.argv[2] ?? "pictures";
mkdirSync(outDir, { recursive: true });
const stage = await openStage();
const pictures = [];

/** A camera for one page: numbered pictures under `prefix`. */
function camera(page, prefix, fullPage = true) {
  let count = 0;
  return async (name) => {
    count += 1;
    const file = `${prefix}-${String(count).padStart(2, "0")}-${name}.png`;
    // The way to leave is stuck to the top of the window: a picture of the whole page is taken from there.
    if (fullPage) await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: join(outDir, file), fullPage });
    pictures.push(file);
  };
}

async function site(page, lang, shoot) {
  for (const path of ["/", "/404.html"]) {
    await page.goto(`${stage.site.url}${path}`);
    await shoot(path === "/" ? "home" : "404");
  }
  for (const name of PLAIN_PAGES) {
    await page.goto(`${stage.site.url}/btp/${lang}/${name === "" ? "" : `${name}/`}`);
    await shoot(name === "" ? "start" : name);
  }
}

async function form(page, lang, shoot) {
  const seen = new Set();
  for (const [r1, c1] of [
    ["self", "none"],
    ["work", "contact"],
    ["other-agrees", "supporter"],
    ["witness", "contact"],
  ]) {
    await page.goto(`${stage.site.url}/btp/${lang}/report/`);
    await walk(page, {
      choices: full(r1, { r3: "yes", c1 }),
      until: "check",
      words: (id) => (id === "a1" ? WORDS : `… ${id} …`),
      visit: async (id) => {
        if (seen.has(id)) return;
        seen.add(id);
        await shoot(id);
      },
    });
    await shoot(`check-${r1}`);
  }
  await page.click('[data-action="hide"]');
  await shoot("check-hidden");
  await go(page);
  await page.locator('[data-section="before"] summary').click();
  await shoot("before");
  await press(page, "support");
  await shoot("support-section");
  await press(page, "return");
  stage.state.drop = () => 422;
  await press(page, "send");
  await page.getByTestId("failed").waitFor();
  stage.state.drop = undefined;
  await shoot("failed");
  await press(page, "again");
  await page.getByTestId("sent").waitFor();
  await shoot("sent");
}

async function faults(page, lang, shoot) {
  const choices = { ...least("self"), length: "full" };
  await page.goto(`${stage.site.url}/btp/${lang}/report/`);
  for (const id of ["r1", "r2", "c1"]) {
    await walk(page, { fill: "least", choices, until: id });
    await press(page, "continue");
    await shoot(`${id}-error`);
  }
  await walk(page, { fill: "least", choices, until: "a4" });
  await page.locator('[data-section="a4"] input[type="radio"]:visible').first().check();
  await page.fill("#a4-date-month", "13");
  await press(page, "continue");
  await shoot("a4-error");
  stage.state.directory = (id) => stage.forces[id].expired;
  await page.goto(`${stage.site.url}/btp/${lang}/report/`);
  await walk(page, { fill: "least", choices, until: "r2" });
  await page.waitForLoadState("networkidle");
  await choose(page, "r2", "btp");
  await go(page);
  await shoot(await current(page));
  stage.state.directory = (id) => stage.forces[id].good;
}

async function idle(page, lang, shoot) {
  await page.clock.install();
  await page.goto(`${stage.site.url}/btp/${lang}/report/`);
  await shown(page, "g2");
  await page.keyboard.press("Shift");
  await shoot("shift-once");
  await page.clock.runFor(15 * 60_000 + 1_000);
  await shoot("idle-warning");
  await page.clock.runFor(3 * 60_000);
  await shoot("idle-wiped");
}

for (const width of [320, 1280]) {
  for (const lang of ["en", "cy"]) {
    for (const [name, part] of Object.entries({ site, form, faults, idle })) {
      const context = await stage.browser.newContext({ viewport: { width, height: 800 } });
      const page = await context.newPage();
      await part(page, lang, camera(page, `${lang}-${width}-${name}`));
      await context.close();
    }
    process.stdout.write(`${lang} at ${width} px: ${pictures.length} pictures so far\n`);
  }
}
for (const [mode, options] of Object.entries({
  "forced-colours": { forcedColors: "active", colorScheme: "dark" },
  "zoom-400": { width: 320, height: 256, deviceScaleFactor: 4 },
})) {
  const page = await stage.openForm("en", options);
  const shoot = camera(page, mode, mode !== "zoom-400");
  await walk(page, { fill: "least", choices: least("self"), visit: shoot });
  await send(page);
  await shoot("sent");
  await page.context().close();
}
for (const lang of ["en", "cy"]) {
  const page = await stage.openForm(lang, { width: 320, javaScriptEnabled: false });
  await camera(page, `noscript-${lang}`)("form");
  await page.context().close();
}
const figures = pictures.map(
  (file) => `<figure><img src="${file}" loading="lazy" alt=""><figcaption>${file}</figcaption></figure>`,
);
writeFileSync(
  join(outDir, "index.html"),
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Pictures</title><style>body{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start;font:1rem sans-serif}img{border:1px solid;max-width:40rem}figure{margin:0}</style>${figures.join("")}</html>\n`,
);
await stage.close();
process.stdout.write(`${pictures.length} pictures; look through ${join(outDir, "index.html")}\n`);
