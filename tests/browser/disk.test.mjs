// What a killed browser leaves on the disk (threat model 0.2): types a canary into the form, and another into a control
// page that is the same but for autocomplete="off"; waits until the control's is found in the profile; kills Chromium;
// searches every file for both. Without the control's find the test would prove nothing.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const CONTROL = `<!doctype html><html lang="en"><title>Form</title><textarea id="a1" name="a1"></textarea>`;
const WAIT_MS_MAX = 90_000;

/** The files below `dir` that hold `text` in UTF-8 or UTF-16LE. */
function filesWith(dir, text) {
  const needles = [Buffer.from(text, "utf8"), Buffer.from(text, "utf16le")];
  return readdirSync(dir, { recursive: true }).filter((name) => {
    try {
      const path = join(dir, name);
      if (!statSync(path).isFile()) return false;
      const bytes = readFileSync(path);
      return needles.some((needle) => bytes.includes(needle));
    } catch (error) {
      if (error.code === "ENOENT") return false; // The browser took it away meanwhile.
      throw error;
    }
  });
}

/** Chromium as a person starts it: no flag that turns its session file off. */
async function start(profile) {
  const args = [
    "--headless=new",
    "--no-first-run",
    "--no-sandbox",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium", [...args, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`Chromium ended: ${said}`)));
    child.stderr.on("data", (part) => {
      said += part;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found !== null) resolve(found[1]);
    });
  });
  return { child, browser: await chromium.connectOverCDP(address) };
}

test("what was typed is not on the disk after the browser is killed, and a page without autocomplete=off is caught", async () => {
  const [typed, control] = ["form", "control"].map((name) => `canary-${name}-${randomBytes(12).toString("hex")}`);
  const dir = mkdtempSync(join(tmpdir(), "hafan-disk-"));
  const [profile, siteDir] = [join(dir, "profile"), join(dir, "site")];
  const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
  await build({
    out: siteDir,
    roots: Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key])),
  });
  const site = await serve(siteDir, { directory: (id) => forces[id].good });
  const plain = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html", "cache-control": "no-store" }).end(CONTROL);
  });
  await new Promise((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { child, browser } = await start(profile);
  try {
    const context = browser.contexts()[0];
    const form = await context.newPage();
    await form.goto(`${site.url}/btp/en/report/`);
    for (const id of ["r1", "r2", "c1-contact", "a1", "n2", "n3"]) {
      const name = id.split("-")[0];
      await form.locator(`[data-section="${name}"] h1`).waitFor();
      if (["r1", "r2", "c1"].includes(name)) await form.check(`#${id}`);
      else await form.locator(`#${id}`).pressSequentially(typed);
      await form.getByTestId("continue").click();
    }
    await form.locator('[data-section="check"] h1').waitFor(); // The answers stand in the document too.
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${plain.address().port}/`);
    await page.locator("#a1").pressSequentially(control);
    const end = Date.now() + WAIT_MS_MAX;
    while (filesWith(profile, control).length === 0) {
      assert.ok(Date.now() < end, "the control's words never reached the disk: this test can prove nothing here");
      await page.waitForTimeout(500);
    }
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    assert.notDeepEqual(filesWith(profile, control), []);
    assert.deepEqual(filesWith(profile, typed), []);
  } finally {
    child.kill("SIGKILL");
    await site.close();
    plain.closeAllConnections();
    plain.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
});
