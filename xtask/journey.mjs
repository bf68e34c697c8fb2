// Fills the form in by its short way and sends it, in a real browser with a fresh profile.
// Argument: a file of JSON { url, force, language, route, words }. Ends with 0 when it was sent.
// Nothing typed is printed. The browser is ended by the handle that started it, also when this process is asked to end.

import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { least, send, walk } from "../tests/browser/walk.mjs";

/** How long a step may take; the first one waits for the directory and the sealing worker. */
const STEP_MS_MAX = 30_000;
const ARGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const { url, force, language, route, words } = JSON.parse(await readFile(process.argv[2], "utf8"));
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGS.split(" ") });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(STEP_MS_MAX);
  const strangers = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) strangers.push(new URL(request.url()).host);
  });
  await page.goto(`${url}/${force}/${language}/report/`);
  const r1 = route === "other" ? "other-agrees" : route;
  await walk(page, { fill: "least", choices: { ...least(r1), r2: force }, words });
  await send(page);
  if (strangers.length > 0) throw new Error(`the page asked ${strangers.join(", ")}, wanted nobody but its own server`);
} finally {
  await browser.close();
}
