// The pages before the form, as they are built: whole in both languages, light, of one origin, and true to their data.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { HtmlValidate, StaticConfigLoader } from "html-validate";
import { build } from "../build/build.mjs";
import { forcesDir, packWords, readForces, readStrings, readSupport, readWords, webDir } from "../build/content.mjs";
import { PLAIN_PAGES } from "../build/pages.mjs";
import { isStale, staleLines } from "../build/stale.mjs";
import { unreviewedWelsh } from "../build/unreviewed.mjs";
import { htmlRules } from "./html-rules.mjs";

const scratchDir = mkdtempSync(join(tmpdir(), "hafan-pages-test-"));
const siteDir = join(scratchDir, "site");
const forces = readForces();
const supportText = readFileSync(join(webDir, "content", "support.json"), "utf8");
let files;

before(async () => {
  await build({ out: siteDir });
  files = JSON.parse(readFileSync(join(siteDir, "manifest.json"), "utf8")).files;
});
after(() => rmSync(scratchDir, { recursive: true, force: true }));

const at = (force, lang, name) => `/${force}/${lang}/${name === "" ? "" : `${name}/`}`;
const fileOf = (dir, address) => join(dir, address.endsWith("/") ? `${address}index.html` : address);
const page = (address, dir = siteDir) => readFileSync(fileOf(dir, address), "utf8");
const htmlAddresses = () => Object.keys(files).filter((address) => address.endsWith("/") || address.endsWith(".html"));
const plainAddresses = () =>
  forces.flatMap(({ id }) => ["en", "cy"].flatMap((lang) => PLAIN_PAGES.map((name) => at(id, lang, name))));

/** Bytes on the line, as brotli, of a page and of everything that it asks for before anybody acts. */
function weight(address, more = () => false) {
  const asked = [...page(address).matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
  const all = new Set([address, ...asked, ...Object.keys(files).filter(more)]);
  return [...all]
    .map((name) => statSync(join(siteDir, files[name].encodings.br.path)).size)
    .reduce((sum, size) => sum + size, 0);
}

test("sha256sum agrees with the manifest about every file and every compressed form", () => {
  const sums = Object.entries(files).flatMap(([address, { sha256, encodings }]) => [
    `${sha256}  ${fileOf(siteDir, address)}`,
    ...Object.values(encodings).map((form) => `${form.sha256}  ${join(siteDir, form.path)}`),
  ]);
  const check = (lines) => spawnSync("sha256sum", ["--check", "--strict", "--quiet"], { input: lines.join("\n") });
  assert.ok(sums.length > 200);
  assert.equal(check(sums).status, 0);
  assert.notEqual(check([...sums.slice(1), sums[0].replace(/^./, (digit) => (digit === "0" ? "1" : "0"))]).status, 0);
});

test("every page stands in both languages, says which, links its twin, and has one first heading", () => {
  for (const { id } of forces) {
    for (const name of PLAIN_PAGES) {
      for (const [lang, other] of [
        ["en", "cy"],
        ["cy", "en"],
      ]) {
        const html = page(at(id, lang, name));
        assert.match(html, new RegExp(`<html lang="${lang}"`), `${id} ${lang} ${name}`);
        assert.ok(html.includes(`href="${at(id, other, name)}"`), `${id} ${lang} ${name} has no link to its twin`);
        assert.equal([...html.matchAll(/<h1[ >]/g)].length, 1, `${id} ${lang} ${name}`);
      }
    }
  }
});

test("support and the leave control come first on every page, in the same order", () => {
  for (const address of [...plainAddresses(), "/", "/404.html"]) {
    const html = page(address);
    const places = [/class="app-bar"/, /\/support\/"/, /class="govuk-exit-this-page/, /<main/].map((what) =>
      html.search(what),
    );
    assert.ok(!places.includes(-1), address);
    assert.deepEqual(
      [...places].sort((a, b) => a - b),
      places,
      address,
    );
  }
});

test("no title or address tells what the website is about", () => {
  const telling = /rape|sexual|assault|abuse|police|report|trais|treisio|rhywiol|ymosod|heddlu|riportio/i;
  for (const address of [...plainAddresses(), "/", "/404.html"]) {
    assert.doesNotMatch(/<title>([^<]*)</.exec(page(address))[1], telling, address);
    assert.doesNotMatch(address.replace(/^\/[a-z-]+\/(en|cy)\//, ""), telling, address);
  }
});

test("every page is clean by our rules of HTML", async () => {
  const validate = new HtmlValidate(new StaticConfigLoader(htmlRules));
  for (const address of htmlAddresses()) {
    const report = await validate.validateFile(fileOf(siteDir, address));
    const said = report.results.flatMap(({ messages }) =>
      messages.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`),
    );
    assert.deepEqual(said, [], address);
  }
});

test("nothing on any page comes from elsewhere, and no script, style or font stands in one", () => {
  for (const address of htmlAddresses()) {
    const html = page(address);
    assert.doesNotMatch(html, /(?:href|src|action|data|srcset|poster)="(?:https?:)?\/\//, address);
    assert.doesNotMatch(html, /<style| style=| on[a-z]+="/, address);
    assert.doesNotMatch(html, /<script(?![^>]* src="\/assets\/)/, address);
  }
  for (const address of Object.keys(files).filter((name) => name.endsWith(".css"))) {
    assert.doesNotMatch(page(address), /url\(|@import|@font-face/, address);
  }
});

test("every link leads to a page or a place that is there", () => {
  for (const address of htmlAddresses()) {
    const html = page(address);
    for (const [, href] of html.matchAll(/<a [^>]*href="([^"]*)"/g)) {
      if (/^(tel|sms):[0-9]+$/.test(href) || href === "/leave" || href === "#") continue;
      const [path, place] = href.split("#");
      const target = new URL(path, `http://site${address}`).pathname;
      assert.ok(target in files, `${address} links ${href}`);
      if (place !== undefined) assert.ok(page(target).includes(`id="${place}"`), `${address} links ${href}`);
    }
  }
});

test("the first view of a start page is at most 60 kB on the line, the form with its lock at most 150 kB", () => {
  for (const { id } of forces) {
    for (const lang of ["en", "cy"]) {
      const start = weight(at(id, lang, ""));
      assert.ok(start <= 60_000, `${id} ${lang} start: ${start} bytes`);
      const form = weight(at(id, lang, "report"), (name) => /^\/assets\/seal-/.test(name));
      assert.ok(form <= 150_000, `${id} ${lang} form: ${form} bytes`);
    }
  }
});

test("the way back, with answers and additions and its worker, is at most 120 kB on the line", () => {
  for (const { id } of forces) {
    for (const lang of ["en", "cy"]) {
      const address = at(id, lang, "return");
      const back = weight(address, (name) => /^\/assets\/look-/.test(name));
      assert.ok(back > weight(address), "the worker is counted");
      assert.ok(back <= 120_000, `${id} ${lang} return: ${back} bytes`);
    }
  }
});

test("the words are on each page once: in the script of the return page, and in the worker of the form", () => {
  const script = (name) => page(Object.keys(files).find((address) => address.startsWith(`/assets/${name}-`)));
  const words = packWords(readWords()).slice(0, 200);
  for (const [name, has] of Object.entries({ back: true, look: false, seal: true, form: false })) {
    assert.equal(script(name).includes(words), has, name);
  }
});

test("each force's promise stands on its pages with its version", () => {
  for (const { id, promise } of forces) {
    for (const lang of ["en", "cy"]) {
      for (const name of ["", "what-happens", "identify"]) {
        const html = page(at(id, lang, name)).replaceAll("&#39;", "'");
        assert.ok(html.includes(promise[lang]) && html.includes(promise.id), `${id} ${lang} ${name}`);
      }
    }
  }
});

test("support that is hidden is on no page and in no script", () => {
  const hidden = readSupport(forces).filter(({ status }) => status === "hidden");
  assert.deepEqual(
    hidden.map(({ id }) => id),
    ["male-survivor"],
  );
  for (const address of Object.keys(files)) {
    for (const { name, phone } of hidden) {
      assert.ok(!page(address).includes(name.en) && !page(address).includes(phone), address);
    }
  }
});

test("what is shown stands on each support page, and what nobody has checked is marked", () => {
  const shown = readSupport(forces).filter(({ status }) => status === "shown");
  for (const lang of ["en", "cy"]) {
    const html = page(at("btp", lang, "support"))
      .replaceAll("&#39;", "'")
      .replaceAll("&amp;", "&");
    for (const { name, phone } of shown) assert.ok(html.includes(name[lang]) && html.includes(phone), name.en);
    const marks = [...html.matchAll(/class="[^"]*app-unchecked/g)].length;
    assert.equal(marks, shown.filter(({ checked_on }) => checked_on === "").length);
  }
});

test("a telephone number in the words is one that the data has, and that is shown", () => {
  const known = new Set([
    ...readSupport(forces)
      .filter(({ status }) => status === "shown")
      .flatMap(({ phone, phone_welsh, text }) => [phone, phone_welsh, text]),
    ...forces.flatMap(({ numbers }) => [numbers.phone, numbers.text, numbers.relay]),
  ]);
  const written = Object.entries(readStrings()).flatMap(([key, { en, cy }]) =>
    [...`${en} ${cy}`.matchAll(/\b(?:0[0-9]{2,4}(?: [0-9]+)+|61[0-9]{3}|116 [0-9]{3}|852[0-9]{2})\b/g)].map(
      ([number]) => [key, number],
    ),
  );
  assert.ok(written.length > 0);
  assert.deepEqual(
    written.filter(([, number]) => !known.has(number)),
    [],
  );
});

test("a number that was checked says when, in words of the language", async () => {
  const out = join(scratchDir, "checked");
  await build({ out, supportText: withEntry("childline", { checked_on: "2026-03-14" }) });
  assert.match(page(at("btp", "en", "young"), out), /Checked on 14 March 2026\./);
  assert.match(page(at("btp", "cy", "young"), out), /Gwiriwyd ar 14 Mawrth 2026\./);
});

function withEntry(id, change) {
  return JSON.stringify(JSON.parse(supportText).map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
}

test("support data that is not whole is refused by name", () => {
  const refuses = (change, words) => assert.throws(() => readSupport(forces, withEntry("childline", change)), words);
  refuses({ who: { en: "Anyone" } }, /support\.json: entry "childline": who\.cy is missing; write it/);
  refuses({ checked_on: "14/03/2026" }, /entry "childline": checked_on must match pattern/);
  refuses({ needs: ["anything"] }, /entry "childline": needs\.0 is none of "talk"/);
  refuses({ telephone: "1" }, /entry "childline": telephone is not known/);
  refuses({ forces: ["atlantis"] }, /entry "childline" names the force "atlantis"; there is no forces\/atlantis\.toml/);
  refuses({ id: "galop" }, /two entries "galop"/);
});

test("a check is stale after 90 days, never before, and when it lies ahead", () => {
  const days = [
    ["2026-03-01", "2026-03-01", false],
    ["2026-03-01", "2026-05-30", false],
    ["2026-03-01", "2026-05-31", true],
    ["2026-03-02", "2026-03-01", true],
    ["", "2026-03-01", true],
  ];
  for (const [checked_on, today, wanted] of days)
    assert.equal(isStale(checked_on, today), wanted, `${checked_on} ${today}`);
  const support = readSupport(forces, withEntry("childline", { checked_on: "2026-03-01" }));
  const names = (today) => staleLines(support, forces, today).filter((line) => line.includes("childline"));
  assert.deepEqual(names("2026-05-30"), []);
  assert.deepEqual(names("2026-05-31"), ["support.json childline  2026-03-01  NSPCC 2023/24; news of 2022"]);
  assert.ok(!staleLines(support, forces, "2026-05-31").some((line) => line.includes("male-survivor")));
});

test("the command that lists the stale exits 1 while there are any, and 2 when it is asked wrongly", () => {
  const stale = (...more) =>
    spawnSync(process.execPath, [join(webDir, "build", "stale.mjs"), ...more], { encoding: "utf8" });
  const found = stale("--today", "2026-11-24");
  assert.equal(found.status, 1);
  assert.match(found.stdout, /support\.json rape-crisis {2}never checked/);
  assert.match(found.stdout, /forces\/btp\.toml numbers {2}never checked/);
  assert.equal(stale("--today", "yesterday").status, 2);
});

test("unreviewed Welsh is listed from strings, forces and support alike", () => {
  const places = unreviewedWelsh(readStrings(), forces, readSupport(forces)).map(([place]) => place);
  for (const place of ["start.heading", "forces/btp.toml promise", "forces/btp.toml kept", "support.json galop who"]) {
    assert.ok(places.includes(place), place);
  }
  assert.ok(!places.includes("safe.heading"));
});

const fifth = readFileSync(join(forcesDir, "merseyside.toml"), "utf8")
  .replaceAll("merseyside", "gwent")
  .replace("order = 2", "order = 5")
  .replace('["england"]', '["wales"]')
  .replace("Merseyside Police", "Gwent Police")
  .replace("Heddlu Glannau Merswy", "Heddlu Gwent");

function forcesWith(name, text) {
  const dir = mkdtempSync(join(scratchDir, "forces-"));
  cpSync(forcesDir, dir, { recursive: true });
  writeFileSync(join(dir, name), text);
  return dir;
}

test("a fifth force is one file and one key: its pages, its place in the form, its key in the lock", async () => {
  const key = `hafan/gwent/root+0123abcd+${"A".repeat(43)}=`;
  const out = join(scratchDir, "five");
  await build({ out, roots: { gwent: key }, forcesDir: forcesWith("gwent.toml", fifth) });
  for (const [lang, name] of [
    ["en", "Gwent Police"],
    ["cy", "Heddlu Gwent"],
  ]) {
    for (const each of PLAIN_PAGES) assert.ok(page(at("gwent", lang, each), out).includes(name), `${lang} ${each}`);
    assert.ok(page("/", out).includes(`href="${at("gwent", lang, "")}"`));
    assert.ok(page(at("btp", lang, "report"), out).includes('value="gwent"'));
    assert.ok(page(at("gwent", lang, "report"), out).includes(name));
  }
  const built = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8")).files;
  for (const script of ["form", "seal"]) {
    const address = Object.keys(built).find((asset) => asset.startsWith(`/assets/${script}-`));
    assert.ok(page(address, out).includes(key), `${script} has no key of the fifth force`);
  }
});

test("what is wrong in a force's file is said with its place", () => {
  const refuses = (from, to, words) =>
    assert.throws(() => readForces({}, forcesWith("gwent.toml", fifth.replace(from, to))), words);
  refuses('cy = "Heddlu Gwent"\n', "", /forces\/gwent\.toml: name\.cy is missing; write it/);
  refuses("[collection]", "[colection]", /colection is not known; remove it, or look for a slip in its name/);
  refuses('phone = "101"', 'phone = "one"', /numbers\.phone must match pattern/);
  refuses('id = "gwent"', 'id = "kent"', /id is "kent"; want the file's own name/);
  refuses('"gwent-1"', '"btp-1"', /the promise id "btp-1" stands twice/);
  refuses("order = 5", "order = five", /forces\/gwent\.toml: not TOML/);
  assert.throws(() => readForces({ kent: "key" }), /there is no forces\/kent\.toml/);
});
