// What coming back with words costs, in headless Chromium: the words' keys alone in a worker, then the whole page with them, with
// a log of a million leaves, with 10,000 and 100,000 records of answers; on one core, and on a quarter of one (a control group of
// the kernel: a worker is slowed as well, which the browser's own throttling does not do). `cargo xtask bench words` runs it;
// `--json` for machines, `--leaves-max=65536` and `--share=0.25` for a part of it.
//
// Each time is that of the page itself, from the press of the button to the answer on the screen. The limit beside it is the
// same bytes, fetched in the same browser by the same number of requests and hashed once by the browser's own SHA-256.

import { createCipheriv, createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as esbuild } from "esbuild";
import { chromium } from "playwright-core";
import { build } from "../../web/build/build.mjs";
import { signer } from "../../web/test/log.mjs";
import { FORCES, makeForce, serve } from "./mock.mjs";

const YEAR = new Date().getUTCFullYear();
const WORDS = "zone zone zone zone zone zone zone zone";
const ENTRY = 68;
const RECORD = 4_096;
const RECORDS = 64;
const SEEN = 1_024;
const INDEX_LEAVES = 16_384;
const CASES = [
  { name: "no log", leaves: 0, records: 0 },
  { name: "65,536 leaves (four weeks)", leaves: 65_536, records: 0 },
  { name: "65,536 leaves, 10,000 records", leaves: 65_536, records: 10_000 },
  { name: "65,536 leaves, 100,000 records", leaves: 65_536, records: 100_000 },
  { name: "1,000,000 leaves", leaves: 1_000_000, records: 0 },
  { name: "1,000,000 leaves, 100,000 records", leaves: 1_000_000, records: 100_000 },
];
const SPEEDS = [
  { name: "one core", share: 1 },
  { name: "a quarter of one core", share: 1 / 4 },
];
const LOOK_MS_MAX = 30 * 60_000;
/** A person takes longer to type eight words than the page takes to start: so long on one core. */
const SETTLE_MS = 3_000;

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Bytes that look random and are the same for the same number. */
function noise(number, size) {
  const key = sha256(`bench ${number}`);
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

// ---------------------------------------------------------------- a log and its pages

/** The records of page `number`: 64 headers as age writes them, and noise. */
function recordsOf(number) {
  const bytes = noise(`page ${number}`, RECORDS * RECORD);
  const base64 = (from, size) =>
    bytes
      .subarray(from, from + size)
      .toString("base64")
      .replace(/=+$/, "");
  for (let at = 0; at < bytes.length; at += RECORD) {
    const enc = base64(at + 2, 1_120);
    bytes.write(
      `age-encryption.org/v1\n-> mlkem768x25519 ${enc}\n${base64(at + 1_200, 32)}\n--- ${base64(at + 1_240, 32)}\n`,
      at + 2,
    );
  }
  return bytes;
}

/** Page `number`, which ends with what the officers saw. */
const pageOf = (number, seen) => Buffer.concat([recordsOf(number), seen, Buffer.alloc(SEEN - seen.length)]);

function partOf(page) {
  const parts = [];
  for (let at = 0; at < RECORDS * RECORD; at += RECORD) {
    const from = at + 2 + 40;
    const enc = Buffer.from(page.subarray(from, from + 1_494).toString("latin1"), "base64");
    parts.push(enc.subarray(1_088), page.subarray(at, at + 2));
  }
  return Buffer.concat(parts);
}

function rootOf(hashes) {
  let row = hashes;
  while (row.length > 1) {
    const above = [];
    for (let at = 0; at < row.length; at += 2) {
      above.push(at + 1 < row.length ? sha256(Buffer.from([1]), row[at], row[at + 1]) : row[at]);
    }
    row = above;
  }
  return row[0] ?? sha256("");
}

/** C2SP tlog-tiles: in groups of three digits, with an `x` before each but the last. */
function numbered(number) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g);
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** A log of `leaves` with the pages of `records` evenly among them: `get(address)` gives its files. */
function makeLog(force, { leaves, records }) {
  const at = `/log/btp/${YEAR}`;
  const files = new Map([["/log/btp/beat", Buffer.from("300 8\n")]]);
  const origin = `${force.log.name}/btp/${YEAR}`;
  const by = force.log.as(origin);
  const head = (size, root) => by.note(`${origin}\n${size}\n${root.toString("base64")}\n`);
  const seen = force.replies.cosign(head(0, rootOf([])), Math.floor(Date.now() / 86_400_000) * 86_400);
  const pages = new Map();
  const count = Math.ceil(records / RECORDS);
  for (let number = 0; number < count; number += 1)
    pages.set(Math.floor(((number + 1) * leaves) / (count + 1)), number);
  const entries = noise("entries", leaves * ENTRY);
  const parts = new Map();
  const hashes = [];
  for (let leaf = 0; leaf < leaves; leaf += 1) {
    const from = leaf * ENTRY;
    entries.set([0, 66, 1, 0], from);
    if (pages.has(leaf)) {
      const page = pageOf(pages.get(leaf), seen);
      const part = partOf(page);
      parts.set(leaf, part);
      entries[from + 3] = 5;
      entries.set(sha256("hafan/reply-page/v1\0", page), from + 4);
      entries.set(sha256("hafan/reply-index/v1\0", part), from + 36);
    }
    hashes.push(sha256(Buffer.from([0]), entries.subarray(from + 2, from + ENTRY)));
  }
  const whole = Math.floor(leaves / 256);
  const level1 = Array.from({ length: whole }, (_, tile) => rootOf(hashes.slice(tile * 256, (tile + 1) * 256)));
  const put = (level, unit, bytes) => {
    const size = bytes.length / unit;
    for (let from = 0; from < size; from += 256) {
      const width = Math.min(256, size - from);
      const path = `${at}/tile/${level}/${numbered(from / 256)}${width === 256 ? "" : `.p/${width}`}`;
      files.set(path, bytes.subarray(from * unit, (from + width) * unit));
    }
  };
  put("entries", ENTRY, entries);
  put(1, 32, Buffer.concat(level1));
  const rest = leaves % 256 === 0 ? [] : [rootOf(hashes.slice(whole * 256))];
  files.set(`${at}/checkpoint`, head(leaves, rootOf([...level1, ...rest])));
  for (let number = 0; number * INDEX_LEAVES < Math.max(leaves, 1); number += 1) {
    const here = [...parts].filter(([leaf]) => Math.floor(leaf / INDEX_LEAVES) === number);
    files.set(`${at}/replies/index/${number}`, Buffer.concat(here.map(([, part]) => part)));
  }
  return (address) => {
    const leaf = address.startsWith(`${at}/replies/page/`) ? Number(address.split("/").at(-1)) : -1;
    return pages.has(leaf) ? pageOf(pages.get(leaf), seen) : files.get(address);
  };
}

// ---------------------------------------------------------------- a slower machine

/** A control group with this share of one core. */
function controlGroup(share) {
  const period = 100_000;
  const quota = Math.round(period * share);
  for (const [parent, file, text] of [
    ["/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", `${quota}`],
    ["/sys/fs/cgroup", "cpu.max", `${quota} ${period}`],
  ]) {
    const group = join(parent, `hafan-words-${process.pid}-${quota}`);
    try {
      mkdirSync(group);
    } catch {
      continue; // Not this kind of control group, or nobody may make one.
    }
    if (existsSync(join(group, file))) {
      writeFileSync(join(group, file), text);
      return group;
    }
    rmdirSync(group);
  }
  throw new Error("this system has no control group for the CPU that can be made: run it as root");
}

/** A browser whose processes are all in the group. */
async function browserIn(group, dir) {
  const launcher = join(dir, `launch-${Math.random().toString(16).slice(2)}`);
  writeFileSync(launcher, `#!/bin/sh\necho $$ > ${group}/cgroup.procs\nexec /usr/bin/chromium "$@"\n`);
  chmodSync(launcher, 0o700);
  return chromium.launch({ executablePath: launcher, timeout: 180_000 });
}

// ---------------------------------------------------------------- measuring

/** The page's own derivation of the words' keys, in a worker that has nothing else to do: milliseconds, the median of
 * five workers, each for its first time. */
async function derive(browser, share) {
  const contents = `import { wayOf } from "./way.ts";
    self.onmessage = async ({ data }) => {
      const start = performance.now();
      await wayOf(data, "btp");
      self.postMessage(performance.now() - start);
    };`;
  const resolveDir = fileURLToPath(new URL("../../web/src/", import.meta.url));
  const built = await esbuild({ stdin: { contents, resolveDir }, bundle: true, minify: true, write: false });
  const page = await browser.newPage();
  page.setDefaultTimeout(LOOK_MS_MAX);
  const all_ms = await page.evaluate(
    async ({ script, words, settle_ms, count }) => {
      const all = [];
      while (all.length < count) {
        const worker = new Worker(URL.createObjectURL(new Blob([script])));
        await new Promise((resolve) => setTimeout(resolve, settle_ms));
        const ended = new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
        worker.postMessage(words);
        all.push(await ended);
        worker.terminate();
      }
      return all.sort((a, b) => a - b);
    },
    { script: built.outputFiles[0].text, words: WORDS, settle_ms: SETTLE_MS / share, count: 5 },
  );
  await page.close();
  return { ms: all_ms[2], all_ms };
}

/** One look in a fresh profile: milliseconds, and what was asked for. */
async function look(browser, url, asked, share) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(LOOK_MS_MAX);
  await page.goto(`${url}/btp/en/return/`);
  await page.fill("#words", WORDS);
  await page.check("#span--all");
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS / share));
  asked.length = 0;
  const start = performance.now();
  await page.getByTestId("look").click();
  const ended = page.locator(["none", "fault", "found"].map((name) => `[data-section="${name}"]:visible`).join());
  await ended.waitFor();
  const ms = performance.now() - start;
  const section = await ended.getAttribute("data-section");
  const wanted = [...asked];
  const limit_ms = await page.evaluate(
    hashAll,
    wanted.map(({ address }) => address),
  );
  await context.close();
  return { ms, limit_ms, section, requests: wanted.length, bytes: wanted.reduce((sum, { size }) => sum + size, 0) };
}

/** Runs in the page: the same bytes, four requests at a time, each hashed once. */
async function hashAll(addresses) {
  const start = performance.now();
  const rest = [...addresses];
  const one = async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      const answer = await fetch(next, { cache: "no-store" });
      await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  return performance.now() - start;
}

const isJson = process.argv.includes("--json");
const only = process.argv.find((argument) => argument.startsWith("--leaves-max="))?.split("=")[1] ?? "1000000";
const dir = mkdtempSync(join(tmpdir(), "hafan-words-"));
const forces = Object.fromEntries(await Promise.all(FORCES.map(async (id) => [id, await makeForce(id)])));
const roots = Object.fromEntries(Object.values(forces).map(({ force, root_key }) => [force, root_key]));
await build({ out: join(dir, "site"), roots });
let log = () => undefined;
const asked = [];
const site = await serve(join(dir, "site"), {
  directory: (id) => forces[id].good,
  log: (address) => {
    const bytes = log(address);
    asked.push({ address, size: bytes?.length ?? 0 });
    return bytes;
  },
});
const figures = [];
const share = process.argv.find((argument) => argument.startsWith("--share="))?.split("=")[1];
const speeds = SPEEDS.filter((speed) => share === undefined || speed.share === Number(share)).map((speed) => ({
  ...speed,
  group: controlGroup(speed.share),
}));
try {
  for (const speed of speeds) {
    const browser = await browserIn(speed.group, dir);
    const figure = { case: "the words' keys, in a worker", speed: speed.name, ...(await derive(browser, speed.share)) };
    await browser.close();
    figures.push(figure);
    if (!isJson) process.stdout.write(`${shown(figure)}\n`);
  }
  for (const which of CASES.filter(({ leaves }) => leaves <= Number(only))) {
    log = makeLog(forces.btp, which);
    for (const speed of speeds) {
      const browser = await browserIn(speed.group, dir);
      const { section, ...figure } = await look(browser, site.url, asked, speed.share);
      await browser.close();
      if (section !== "none") throw new Error(`the page says ${section}`);
      figures.push({ case: which.name, speed: speed.name, ...figure });
      if (!isJson) process.stdout.write(`${shown(figures.at(-1))}\n`);
    }
  }
  if (isJson) process.stdout.write(`${JSON.stringify({ words: figures })}\n`);
} finally {
  await site.close();
  rmSync(dir, { recursive: true, force: true });
  for (const { group } of speeds) rmdirSync(group);
}

function shown({ case: name, speed, ms, limit_ms, requests, bytes }) {
  const s = (value) => (value / 1000).toFixed(2).padStart(8);
  if (requests === undefined) return `${name.padEnd(34)} ${speed.padEnd(22)} ${s(ms)} s`;
  const mb = (bytes / 1e6).toFixed(2).padStart(7);
  const ratio = (ms / limit_ms).toFixed(2).padStart(7);
  return `${name.padEnd(34)} ${speed.padEnd(22)} ${s(ms)} s  ${mb} MB in ${String(requests).padStart(5)}  ${ratio} x fetch and SHA-256`;
}
