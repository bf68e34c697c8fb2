// What needs no browser: twins, and a build that repeats itself. What is sealed: seal-*.test.mjs.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { build } from "../build/build.mjs";
import { forcesDir, readStrings } from "../build/content.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const scratchDir = mkdtempSync(join(tmpdir(), "hafan-web-test-"));
test.after(() => rmSync(scratchDir, { recursive: true, force: true }));

test("every string has its twin", () => {
  assert.ok(Object.keys(readStrings()).length > 100);
});

test("a missing twin fails", () => {
  assert.throws(
    () => readStrings({ "a.toml": '[a.b]\nen = "one"\nstatus = "unreviewed"\n' }),
    /"a.b" has no text in "cy"/,
  );
});

test("an authentic string without a source fails", () => {
  assert.throws(
    () => readStrings({ "a.toml": '[a]\nen = "one"\ncy = "un"\nstatus = "authentic"\n' }),
    /names no source/,
  );
});

test("twins with different holes fail", () => {
  assert.throws(
    () => readStrings({ "a.toml": '[a]\nen = "{x}"\ncy = "un"\nstatus = "unreviewed"\n' }),
    /different \{holes\}/,
  );
});

test("two builds in two folders give the same bytes", async () => {
  const [one, two] = [join(scratchDir, "one"), join(scratchDir, "deeper", "two")];
  await build({ out: one });
  await build({ out: two });
  const names = readdirSync(one, { recursive: true }).sort();
  assert.deepEqual(readdirSync(two, { recursive: true }).sort(), names);
  for (const name of names.filter((file) => statSync(join(one, file)).isFile())) {
    assert.equal(sha256(readFileSync(join(one, name))), sha256(readFileSync(join(two, name))), name);
  }
  assert.ok(existsSync(join(one, "404.html")));
});

test("a production build waits for a force that reads for those who are not sure, and has no banner", async () => {
  const out = join(scratchDir, "production");
  await assert.rejects(build({ out, kind: "production" }), /one force must have `triage = true`/);
  const agreedDir = join(scratchDir, "forces");
  cpSync(forcesDir, agreedDir, { recursive: true });
  const path = join(agreedDir, "btp.toml");
  writeFileSync(path, readFileSync(path, "utf8").replace('triage = "demo"', "triage = true"));
  await build({ out, kind: "production", forcesDir: agreedDir });
  assert.ok(!readFileSync(join(out, "index.html"), "utf8").includes('data-testid="demo"'));
});
