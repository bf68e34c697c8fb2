// Fills the form in and sends it, in a real browser with a fresh profile: what a person does, by the same controls.
// Argument: a file of JSON { url, force, language, route, words }. Answers with one line of JSON on standard output.
// Nothing typed is printed. The browser is ended by the handle that started it, also when this process is asked to end.

import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

/** How long a step may take; the first one waits for the directory and the sealing worker. */
const STEP_MS_MAX = 30_000;

const order = JSON.parse(await readFile(process.argv[2], "utf8"));
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  process.stdout.write(`${JSON.stringify(await send(browser, order))}\n`);
} finally {
  await browser.close();
}

async function send(browser, { url, force, language, route, words }) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(STEP_MS_MAX);
  const strangers = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) strangers.push(new URL(request.url()).host);
  });

  await page.goto(`${url}/${force}/${language}/`);
  await page.goto(`${url}/${force}/${language}/report/`);
  await page.locator("#form").waitFor({ state: "visible" });
  const requestsBefore = [];
  page.on("request", (request) => requestsBefore.push(`${request.method()} ${new URL(request.url()).pathname}`));

  await step(page, "r1", async () => page.check(`input[name="r1"][value="${route === "other" ? "other-agrees" : route}"]`));
  await step(page, "r2", async () => page.check(`input[name="r2"][value="${force}"]`));
  await step(page, "c1", async () => page.check('input[name="c1"][value="none"]'));
  await step(page, "a1", async () => page.fill("#a1", words));
  await step(page, "check", async () => {});
  await page.locator('[data-section="before"]').waitFor({ state: "visible" });
  const fingerprint = await page.locator('[data-testid="fingerprint"]').textContent();
  const asked = [...requestsBefore];
  await page.locator('[data-testid="send"]').click();
  await page.locator('[data-testid="sent"]').waitFor({ state: "visible" });

  if (strangers.length > 0) throw new Error(`the page asked ${strangers.join(", ")}, wanted nobody but its own server`);
  return { sent: true, fingerprint: fingerprint.trim(), asked, address: new URL(page.url()).pathname };
}

/** Waits for a section, does what is to be done in it, and goes on. */
async function step(page, section, act) {
  const shown = page.locator(`[data-section="${section}"]`);
  await shown.waitFor({ state: "visible" }).catch(async () => {
    const visible = await page.locator("[data-section]:visible").first().getAttribute("data-section").catch(() => "none");
    throw new Error(`section ${section} was wanted, section ${visible} is shown`);
  });
  await act();
  await page.locator('[data-testid="continue"]').click();
}
