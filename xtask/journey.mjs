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

  await answer(page, { r1: route === "other" ? "other-agrees" : route, r2: force, c1: "none", length: "short" }, words);
  const fingerprint = await page.locator('[data-testid="fingerprint"]').textContent();
  const asked = [...requestsBefore];
  await page.locator('[data-testid="send"]').click();
  await page.locator('[data-testid="sent"]').waitFor({ state: "visible" });

  if (strangers.length > 0) throw new Error(`the page asked ${strangers.join(", ")}, wanted nobody but its own server`);
  return { sent: true, fingerprint: fingerprint.trim(), asked, address: new URL(page.url()).pathname };
}

/** Goes through the short route: chooses what is ordered, writes the words, leaves everything else unanswered. */
async function answer(page, choices, words) {
  const shown = page.locator("[data-section]:visible");
  for (let id = await shown.getAttribute("data-section"); id !== "before"; ) {
    const section = page.locator(`[data-section="${id}"]`);
    const choice = choices[id];
    if (choice !== undefined) await section.locator(`input[name="${id}"][value="${choice}"]`).check();
    if (id === "a1") await section.locator("textarea").fill(words);
    const isSkipped = choice === undefined && id !== "a1" && (await page.getByTestId("skip").isVisible());
    await page.getByTestId(isSkipped ? "skip" : "continue").click();
    await section.waitFor({ state: "hidden" }).catch(async () => {
      const errors = await page.locator("#errors").innerText().catch(() => "");
      throw new Error(`section ${id} does not go on: ${errors}`);
    });
    id = await shown.getAttribute("data-section");
  }
}
