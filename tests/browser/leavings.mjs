// What a browser leaves on the disk (threat model 0.2, 0.3): `node leavings.mjs [chromium|firefox]`, or
// `cargo xtask device`. In a fresh home folder a canary is typed into the form, and another into the control: the same form
// without autocomplete="off" on it and its long answers. Once the control's is in the session file the case comes to its end
// (killed, sent, closed, left, saved, crashed), and every file of the home folder (profile, caches, temporary files) is searched for
// both. A case whose control is not found proves nothing and fails.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync, inflateSync } from "node:zlib";
import lz4 from "lz4js";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { build } from "../../web/build/build.mjs";
import { readStrings } from "../../web/build/content.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const WAIT_MS_MAX = 90_000;
const POLL_MS = 250;
const MOZ_LZ4 = Buffer.from("mozLz40\0");
/** How gzip (RFC 1952) and zlib at its usual levels (RFC 1950) begin, and what unpacks them. */
const DEFLATED = [
  [Buffer.from([0x1f, 0x8b]), gunzipSync],
  [Buffer.from([0x78, 0x01]), inflateSync],
  [Buffer.from([0x78, 0x9c]), inflateSync],
  [Buffer.from([0x78, 0xda]), inflateSync],
];
const UNPACKED_BYTES_MAX = 64 << 20;
/** Where a browser keeps what it would show again after a crash. */
const SESSION_FILE = /\/Sessions\/Session_|\/sessionstore/;

/** How a visit can end, how far it goes before, and whether a sealed contact is written or an open one. */
export const CASES = {
  "typed and killed": { upTo: "check", c1: "none" },
  "sent and killed": { upTo: "sent", c1: "contact" },
  "sent and closed": { upTo: "sent", c1: "none", isClosed: true },
  "left, and Back": { upTo: "check", c1: "contact", isLeft: true },
  "saved and killed": { upTo: "check", c1: "contact", isSaved: true },
  "tab crashed": { upTo: "check", c1: "none", isCrashed: true },
};

// ---------------------------------------------------------------- searching

/** The forms in which a file may hold `text`: UTF-8, UTF-16, hex, percent-encoded, base64 at its three places. */
export function needlesOf(text) {
  const base64 = [0, 1, 2].map((at) => {
    const whole = Buffer.concat([Buffer.alloc(at), Buffer.from(text)]).toString("base64");
    return Buffer.from(whole.slice(4, 4 * Math.floor((at + text.length) / 3)));
  });
  const hex = Buffer.from(text).toString("hex");
  const percent = hex.replace(/../g, "%$&");
  const written = [text, hex, hex.toUpperCase(), percent, percent.toUpperCase()].map((form) => Buffer.from(form));
  return [...written, Buffer.from(text, "utf16le"), Buffer.from(text, "utf16le").swap16(), ...base64];
}

/** A file's bytes, and what they unpack to: Firefox keeps its sessions as mozLz4; gzip and zlib wherever they begin. */
function formsOf(bytes) {
  const forms = [bytes];
  if (bytes.subarray(0, MOZ_LZ4.length).equals(MOZ_LZ4)) {
    const unpacked = new Uint8Array(bytes.readUInt32LE(MOZ_LZ4.length));
    const packed = bytes.subarray(MOZ_LZ4.length + 4);
    lz4.decompressBlock(packed, unpacked, 0, packed.length, 0);
    forms.push(Buffer.from(unpacked));
  }
  for (const [start, unpack] of DEFLATED) {
    for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) {
      try {
        forms.push(unpack(bytes.subarray(at), { maxOutputLength: UNPACKED_BYTES_MAX }));
      } catch {
        continue; // Two bytes that begin like it and are none, or a file that was cut while it was written.
      }
    }
  }
  return forms;
}

/** The files below `dir` that hold `text` in any form. */
export function filesWith(dir, text) {
  const needles = needlesOf(text);
  return readdirSync(dir, { recursive: true }).filter((name) => {
    try {
      const path = join(dir, name);
      if (!statSync(path).isFile()) return false;
      // A visit is too short for one; what Snappy packed in it would be passed over unseen.
      if (/\.(ldb|sst)$/.test(name)) throw new Error(`${name} is a LevelDB table, which this search cannot unpack`);
      return formsOf(readFileSync(path)).some((bytes) => needles.some((needle) => bytes.includes(needle)));
    } catch (error) {
      if (error.code === "ENOENT") return false; // The browser took it away meanwhile.
      throw error;
    }
  });
}

// ---------------------------------------------------------------- browsers, as a person starts them

/** Starts a browser that keeps all it keeps below `home`, and waits until it says where it listens. */
async function started(home, program, args, listening) {
  // A group of its own, so that its helpers can be ended with it.
  const at = (name) => join(home, name);
  const dirs = { XDG_CONFIG_HOME: at("config"), XDG_CACHE_HOME: at("cache"), XDG_DATA_HOME: at("data") };
  const env = { ...process.env, ...dirs, HOME: home, TMPDIR: at("tmp") };
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], detached: true, env });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${program} ended: ${said}`)));
    child.stderr.on("data", (part) => {
      said += part;
      const found = listening.exec(said);
      if (found !== null) resolve(found[1]);
    });
  });
  return { child, address };
}

const drivers = {
  async chromium(home, profile) {
    const program = process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium";
    // No flag that turns its session file off.
    const args = ["--headless=new", "--no-first-run", "--no-sandbox", "--remote-debugging-port=0"];
    const { child, address } = await started(
      home,
      program,
      [...args, `--user-data-dir=${profile}`, "about:blank"],
      /DevTools listening on (ws:\S+)/,
    );
    const browser = await chromium.connectOverCDP(address);
    const [context] = browser.contexts();
    return {
      child,
      content: /--type=renderer/,
      async open(url) {
        const page = await context.newPage();
        await page.goto(url);
        return {
          evaluate: (script) => page.evaluate(script),
          type: (text) => page.keyboard.type(text),
          choose: (selector, path) => page.setInputFiles(selector, path),
          back: () => page.goBack().catch(() => null), // There may be nothing to go back to.
        };
      },
      async close() {
        const session = await browser.newBrowserCDPSession();
        await session.send("Browser.close");
      },
    };
  },

  async firefox(home, profile) {
    // As it comes: driving it is not to change what it keeps. Without the second a file cannot be chosen for a person.
    writeFileSync(
      join(profile, "user.js"),
      'user_pref("remote.prefs.recommended", false);\nuser_pref("dom.file.createInChild", true);\n',
    );
    const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"];
    const { child, address } = await started(home, "firefox-esr", args, /WebDriver BiDi listening on (ws:\S+)/);
    const socket = new WebSocket(`${address}/session`);
    await once(socket, "open");
    const waiting = new Map();
    let count = 0;
    socket.on("message", (data) => {
      const { id, result, error, message } = JSON.parse(data);
      waiting.get(id)?.(error === undefined ? { result } : { error: new Error(`${error}: ${message}`) });
      waiting.delete(id);
    });
    const send = async (method, params = {}) => {
      count += 1;
      const id = count;
      const answer = new Promise((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ id, method, params }));
      const { result, error } = await answer;
      if (error !== undefined) throw error;
      return result;
    };
    await send("session.new", { capabilities: {} });
    return {
      child,
      content: /-contentproc.* tab$/,
      async open(url) {
        const { context } = await send("browsingContext.create", { type: "tab" });
        await send("browsingContext.navigate", { context, url, wait: "complete" });
        return {
          async evaluate(expression) {
            const target = { context };
            const told = await send("script.evaluate", { expression, target, awaitPromise: true });
            if (told.type === "exception") throw new Error(told.exceptionDetails.text);
            return told.result.value;
          },
          type: (text) =>
            send("input.performActions", {
              context,
              actions: [
                {
                  type: "key",
                  id: "keys",
                  actions: [...text].flatMap((value) => [
                    { type: "keyDown", value },
                    { type: "keyUp", value },
                  ]),
                },
              ],
            }),
          async choose(selector, path) {
            const locator = { type: "css", value: selector };
            const { nodes } = await send("browsingContext.locateNodes", { context, locator });
            await send("input.setFiles", { context, element: { sharedId: nodes[0].sharedId }, files: [path] });
          },
          back: () => send("browsingContext.traverseHistory", { context, delta: -1 }).catch(() => null), // As above.
        };
      },
      close: () => send("browser.close"),
    };
  },
};

/** Ends a browser and all its helpers at once. */
function killAll(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error; // None is left.
  }
}

/** The processes that show pages of the browser `parent`. */
function contentProcesses(parent, content) {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((id) => {
      try {
        const above = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]);
        const line = readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return [{ id: Number(id), above, line }];
      } catch {
        return []; // It ended meanwhile.
      }
    });
  const family = new Set([parent]);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const { id, above } of processes) if (family.has(above)) family.add(id);
  }
  return processes.filter(({ id, line }) => family.has(id) && content.test(line)).map(({ id }) => id);
}

// ---------------------------------------------------------------- the visit

async function until(what, check) {
  const end = Date.now() + WAIT_MS_MAX;
  for (let value = await check(); ; value = await check()) {
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${WAIT_MS_MAX / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const SHORT = { r1: "self", r2: "btp", c1: "contact", length: "short" };
const CURRENT = `document.querySelector("#form:not([hidden]) [data-section]:not([hidden])")?.dataset.section ?? ""`;

/** What words can be typed into on the page in sight; not the parts of a date, which hold none. */
const FIELDS = `[...document.querySelectorAll("[data-section]:not([hidden]) :is(textarea, input[type=text])")]
  .filter((one) => one.offsetParent !== null && one.closest(".govuk-date-input") === null).map(({ id }) => id).join(" ")`;
const CHOOSER = '[data-section="e2"] input[type="file"]';
/** What the page says of a text file once it has looked at it; before that it lets nobody go on. */
const LOOKED_AT = readStrings()["form.files.note.no"].en;
/** What the page says stands in the way. */
const PROBLEM = `document.querySelector("#errors:not([hidden])")?.innerText ?? ""`;

/** Goes through the form by `choices`, types `text` wherever words can be, and adds the file at `path` if there is one. */
async function fillIn(page, text, upTo, choices, path) {
  for (let id = await until("the form", () => page.evaluate(CURRENT)); id !== upTo;) {
    const choice = choices[id];
    if (choice !== undefined)
      await page.evaluate(`document.querySelector('[name="${id}"][value="${choice}"]').click()`);
    for (const field of (await page.evaluate(FIELDS)).split(" ").filter((name) => name !== "")) {
      await page.evaluate(`document.getElementById("${field}").focus()`);
      await page.type(text);
    }
    if (id === "e2" && path !== undefined) {
      await page.choose(CHOOSER, path);
      await until("the file to be looked at", async () => {
        const shown = await page.evaluate("document.body.innerText");
        return shown.includes(text) && shown.includes(LOOKED_AT);
      });
    }
    const button = id === "before" ? "send" : "continue";
    await page.evaluate(`document.querySelector('[data-testid="${button}"]').click()`);
    const before = id;
    id = await until(`what follows ${before}`, async () => {
      const problem = await page.evaluate(PROBLEM);
      if (problem !== "") throw new Error(`${before}: ${problem}`);
      const now = await page.evaluate(CURRENT);
      return now === before || now === "sending" ? "" : now;
    });
  }
}

/** Saves what was written, and leaves its words on the page. */
async function save(page) {
  for (const button of ["save-ask", "save"]) {
    await page.evaluate(`document.querySelector('[data-testid="${button}"]').click()`);
  }
  await until("what was written to be saved", async () => (await page.evaluate(CURRENT)) === "saved");
}

/** One case in a fresh home: where the control's words were found on the disk, and where the form's (nowhere). */
async function measureCase(
  browser,
  { upTo, c1, isSaved = false, isClosed = false, isLeft = false, isCrashed = false },
  urls,
) {
  const [typed, control] = ["form", "control"].map((name) => `canary-${name}-${randomBytes(12).toString("hex")}`);
  const home = mkdtempSync(join(tmpdir(), "hafan-home-"));
  const profile = join(home, "profile");
  for (const dir of [profile, join(home, "tmp")]) mkdirSync(dir);
  // A file of the person's own, outside of what is searched: its name and its words are a canary too.
  const papers = mkdtempSync(join(tmpdir(), "hafan-papers-"));
  const path = join(papers, `${typed}.txt`);
  writeFileSync(path, `${typed}\n`);
  const driver = await drivers[browser](home, profile);
  const ended = once(driver.child, "exit");
  try {
    const form = await driver.open(urls.form);
    await fillIn(form, typed, upTo, { ...SHORT, c1, length: "full" }, path);
    if (isSaved) await save(form);
    await fillIn(await driver.open(urls.control), control, "check", SHORT);
    let seenAfterBack = false;
    if (isLeft) {
      await form.evaluate(`document.querySelector(".govuk-exit-this-page__button").click()`);
      // Between two pages there is nothing to ask.
      const isGone = () => form.evaluate(`!location.pathname.includes("/report/")`).catch(() => false);
      await until("the page to be left", isGone);
      await form.back();
      const seen = await form.evaluate(
        `document.documentElement.outerHTML + [...document.querySelectorAll("input,textarea")].map(({ value }) => value)`,
      );
      seenAfterBack = seen.includes(typed);
    }
    const found = await until("the control's words in the session file", () => {
      const files = filesWith(home, control);
      return files.some((name) => SESSION_FILE.test(name)) && files;
    });
    if (isCrashed) {
      const pages = contentProcesses(driver.child.pid, driver.content);
      if (pages.length === 0) throw new Error("no process of a page was found to crash");
      for (const id of pages) process.kill(id, "SIGSEGV");
      // Whatever a crash makes the browser write, it writes with its next session file.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    }
    const early = filesWith(home, typed);
    if (isClosed) await driver.close();
    else killAll(driver.child);
    await ended;
    return { control: found, found: [...new Set([...early, ...filesWith(home, typed)])], seenAfterBack };
  } finally {
    killAll(driver.child);
    for (const dir of [home, papers]) rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/**
 * Takes our protection off a built form. Only off the form and its long answers: with every control open, Chromium 156 was
 * not seen to keep anything of a form this large, and the control would prove nothing.
 */
function unprotect(path) {
  const html = readFileSync(path, "utf8");
  const open = html.replace(/<(form|textarea)[^>]*>/g, (tag) => tag.replace(' autocomplete="off"', ""));
  if (open === html) throw new Error(`${path} has no autocomplete="off" to take off`);
  writeFileSync(path, open);
}

/** Measures every case in one browser; `tell` hears each as it is done. */
export async function measure(browser, tell) {
  const dir = mkdtempSync(join(tmpdir(), "hafan-device-"));
  const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
  const roots = Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key]));
  const sites = [];
  const path = "/btp/en/report/";
  try {
    for (const name of ["form", "control"]) {
      const out = join(dir, name);
      await build({ out, roots });
      if (name === "control") unprotect(join(out, path, "index.html"));
      sites.push(await serve(out, { directory: (id) => forces[id].good, drafts: new Map() }));
    }
    const [form, control] = sites.map(({ url }) => `${url}${path}`);
    for (const [name, how] of Object.entries(CASES)) tell(name, await measureCase(browser, how, { form, control }));
  } finally {
    for (const site of sites) await site.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const browser = process.argv[2] ?? "chromium";
  if (drivers[browser] === undefined) {
    process.stderr.write(`error: no browser "${browser}"; want chromium or firefox\n`);
    process.exit(2);
  }
  let isClean = true;
  await measure(browser, (name, { control, found, seenAfterBack }) => {
    const isGood = found.length === 0 && !seenAfterBack;
    isClean &&= isGood;
    const where = [...found, ...(seenAfterBack ? ["Back shows it"] : [])].join(", ");
    process.stdout.write(
      `${name.padEnd(18)} ${isGood ? "clean" : `FOUND in ${where}`}   (control: ${control.join(", ")})\n`,
    );
  });
  process.exitCode = isClean ? 0 : 1;
}
