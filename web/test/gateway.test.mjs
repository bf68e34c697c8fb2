// The pages of the gateway as they are built: no script, nothing of another origin, every control private, and a style sheet that
// shows what the questions' own conditions ask.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { HtmlValidate, StaticConfigLoader } from "html-validate";
import { build } from "../build/build.mjs";
import { readForces, readStrings, webDir } from "../build/content.mjs";
import { REFUSALS, gatewayHeaders, plainStrings, whenHolds } from "../build/gateway.mjs";
import { htmlRules } from "./html-rules.mjs";

const scratchDir = mkdtempSync(join(tmpdir(), "hafan-gateway-test-"));
const siteDir = join(scratchDir, "gateway");
const url = "https://plain.example";
let files;

before(async () => {
  await build({ out: join(scratchDir, "site"), gateway: siteDir, gatewayUrl: url });
  files = JSON.parse(readFileSync(join(siteDir, "manifest.json"), "utf8")).files;
});
after(() => rmSync(scratchDir, { recursive: true, force: true }));

const page = (address, dir = siteDir) =>
  readFileSync(join(dir, address.endsWith("/") ? `${address}index.html` : address), "utf8");
const htmlAddresses = () => Object.keys(files).filter((address) => address.endsWith("/") || address.endsWith(".html"));

test("there is a page for all that the program answers, in each force and language", () => {
  for (const { id } of readForces()) {
    for (const lang of ["en", "cy"]) {
      const wanted = ["", "form/", "sent/", ...REFUSALS.flatMap((why) => [`not-sent/${why}/`, `again/${why}/`])];
      for (const name of wanted) assert.ok(`/${id}/${lang}/${name}` in files, `/${id}/${lang}/${name}`);
    }
  }
});

test("no page has a script, or asks for anything of another origin", () => {
  for (const address of htmlAddresses()) {
    const html = page(address);
    assert.doesNotMatch(html, /<script|<iframe|<img|javascript:|\son[a-z]+=|\sstyle=/, address);
    for (const [, target] of html.matchAll(/(?:href|src|action)="([^"]*)"/g)) {
      assert.match(target, /^(\/(?!\/)|#|tel:|sms:)/, `${address}: ${target}`);
    }
  }
});

test("every page is whole", async () => {
  // GOV.UK's error summary stands before the first heading, and has one of its own.
  const level = ["error", { allowMultipleH1: true, minInitialRank: "h2" }];
  // Checkboxes of one question have one name, as radios have.
  const names = ["error", { shared: ["radio", "checkbox"] }];
  const rules = { ...htmlRules, rules: { ...htmlRules.rules, "heading-level": level, "form-dup-name": names } };
  const validator = new HtmlValidate(new StaticConfigLoader(rules));
  for (const address of htmlAddresses().filter((one) => /^\/(btp\/|404|$)/.test(one))) {
    const { results } = await validator.validateString(page(address), address);
    const found = results.flatMap(({ messages }) => messages.map((one) => `${address}: ${one.ruleId} ${one.message}`));
    assert.deepEqual(found, []);
  }
});

test("every control is private", () => {
  for (const lang of ["en", "cy"]) {
    for (const [control] of page(`/btp/${lang}/form/`).matchAll(/<(?:input|textarea|form)\b[^>]*>/g)) {
      assert.match(control, /autocomplete="off"/, control);
    }
  }
});

test("the policy differs from the site's in that it lets no script run", () => {
  const { "content-security-policy": own, ...rest } = gatewayHeaders();
  const site = JSON.parse(readFileSync(join(webDir, "headers.json"), "utf8"));
  const { "content-security-policy": theirs, ...others } = site;
  assert.deepEqual(rest, others);
  assert.doesNotMatch(own, /script|connect|worker/);
  for (const part of own.split("; ")) assert.ok(theirs.includes(part), part);
});

test("words of this door stand in for words that there are, in every language", () => {
  const strings = readStrings();
  const plain = plainStrings(strings);
  assert.notEqual(plain["q.e2.hint"].cy, strings["q.e2.hint"].cy);
  assert.equal(plain["q.a1.title.self"], strings["q.a1.title.self"]);
  assert.throws(() => plainStrings({ "plain.q.none": strings["q.e2.hint"] }), /stands in for none/);
});

test("no page promises what only a device of one's own can do", () => {
  for (const lang of ["en", "cy"]) {
    const html = page(`/btp/${lang}/form/`);
    assert.doesNotMatch(html, /eight words|wyth gair|locked on your device|ar eich dyfais, ynghyd/);
    assert.ok(page(`/btp/${lang}/`).includes(readStrings()["gateway.start.sealed"][lang].replaceAll("'", "&#39;")));
  }
});

test("the page of the questions leads here without a script, and to nowhere when there is no gateway", async () => {
  const leads = `href="${url}/btp/cy/"`;
  assert.ok(page("/btp/cy/report/", join(scratchDir, "site")).includes(leads));
  await build({ out: join(scratchDir, "alone") });
  assert.ok(!page("/btp/cy/report/", join(scratchDir, "alone")).includes(url));
});

test("a condition becomes what stands behind the form in a selector", () => {
  const a = { field: "a", is: ["x", "y"] };
  const b = { field: "b", is: ["z"] };
  const [ofA] = whenHolds(a);
  const [ofB] = whenHolds(b);
  assert.equal(ofA, ':has([name="a"]:is([value="x"], [value="y"]):checked)');
  assert.deepEqual(whenHolds({ any: [a, b] }), [ofA, ofB]);
  assert.deepEqual(whenHolds({ all: [a, b] }), [ofA + ofB]);
  assert.deepEqual(whenHolds({ not: { any: [a, b] } }), [`:not(${ofA}):not(${ofB})`]);
  assert.deepEqual(whenHolds({ not: { all: [a, b] } }), [`:not(${ofA})`, `:not(${ofB})`]);
  assert.deepEqual(whenHolds({ not: { not: a } }), [ofA]);
});
