// What needs no browser: twins, report and directory vectors, sealing, the submission, and a build that repeats itself.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { Decrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { writeFileSync } from "node:fs";
import { build } from "../build/build.mjs";
import { readStrings, webDir } from "../build/content.mjs";
import { bundle } from "../build/scripts.mjs";

const vectorsDir = join(webDir, "..", "tests", "vectors");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const scratchDir = mkdtempSync(join(tmpdir(), "hafan-web-test-"));
test.after(() => rmSync(scratchDir, { recursive: true, force: true }));

/** Imports a module of src/ as the browser would get it. */
async function load(entry) {
  const data = { strings: {}, forces: [], questions: { set: "short-1", questions: [] } };
  const path = join(scratchDir, entry.replace(/ts$/, "mjs"));
  writeFileSync(path, await bundle(entry, data, {}));
  return import(pathToFileURL(path).href);
}

test("every string has its twin", () => {
  assert.ok(Object.keys(readStrings()).length > 100);
});

test("a missing twin fails", () => {
  assert.throws(() => readStrings('[a.b]\nen = "one"\nstatus = "unreviewed"\n'), /"a.b" has no text in "cy"/);
});

test("an authentic string without a source fails", () => {
  assert.throws(() => readStrings('[a]\nen = "one"\ncy = "un"\nstatus = "authentic"\n'), /names no source/);
});

test("twins with different holes fail", () => {
  assert.throws(() => readStrings('[a]\nen = "{x}"\ncy = "un"\nstatus = "unreviewed"\n'), /different \{holes\}/);
});

const reportDir = join(vectorsDir, "report");
for (const name of readdirSync(reportDir).filter((file) => file.endsWith(".json"))) {
  test(`report vector ${name} gives the same bytes`, async () => {
    const { encodeReport, memberName, pack } = await load("report.ts");
    const { report, files, expect } = JSON.parse(readFileSync(join(reportDir, name), "utf8"));
    const attachments = files.map((file) => ({
      chosen_name: file.chosen_name,
      media_type: file.media_type,
      metadata: file.metadata,
      data: new Uint8Array(Buffer.from(file.hex.repeat(file.repeat), "hex")),
    }));
    assert.equal(sha256(encodeReport(report, attachments)), expect.report_json_sha256);
    assert.deepEqual(
      files.map((file, index) => memberName(index + 1, file.chosen_name)),
      expect.members,
    );
    const padded = pack(report, attachments);
    assert.equal(padded.length, expect.padded_size);
    assert.equal(sha256(padded), expect.padded_sha256);
  });
}

const directoryDir = join(vectorsDir, "directory");
for (const name of readdirSync(directoryDir).filter((file) => /^ok.*\.txt$/.test(file))) {
  test(`directory vector ${name} is opened, and with any byte of it changed is refused`, async () => {
    const { openDirectory } = await load("directory.ts");
    const { root, note } = readVector(join(directoryDir, name));
    const today = JSON.parse(note.toString().split("\n")[1]).valid_from;
    const opened = openDirectory(note, "btp", root, today);
    assert.equal(opened.ok, true, opened.detail);
    assert.match(opened.key.fingerprint, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
    assert.equal(openDirectory(note, "btp", root, "1999-01-01").why, "expired");
    assert.equal(openDirectory(note, "btp", root, "2999-01-01").why, "expired");
    assert.equal(openDirectory(note, "merseyside", root, today).why, "forged");
    for (let at = 0; at < note.length; at += 97) {
      const changed = Buffer.from(note);
      changed[at] ^= 1;
      assert.equal(openDirectory(changed, "btp", root, today).why, "forged", `byte ${at}`);
    }
  });
}

for (const name of [
  "changed",
  "cosigned",
  "gap",
  "member-order",
  "other-key",
  "unsigned",
  "white-space",
  "wrong-root",
]) {
  test(`directory vector ${name} is refused`, async () => {
    const { openDirectory } = await load("directory.ts");
    const { root, note } = readVector(join(directoryDir, `${name}.txt`));
    const { why } = openDirectory(note, "btp", root, "2026-12-29");
    assert.equal(why, "forged");
  });
}

function readVector(path) {
  const bytes = readFileSync(path);
  const end = bytes.indexOf("\n\n");
  const head = bytes.subarray(0, end).toString();
  return { root: /^root: (.*)$/m.exec(head)[1], note: bytes.subarray(end + 2) };
}

test("a sealed padded has the protocol's length, opens again, and the padded is wiped", async () => {
  const { seal, envelopeSize } = await load("seal.ts");
  const identity = await generateHybridIdentity();
  const padded = new Uint8Array(131_072).fill(7);
  const envelope = await seal(padded, await identityToRecipient(identity));
  assert.equal(envelope.length, envelopeSize(131_072));
  assert.ok(padded.every((byte) => byte === 0));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  assert.deepEqual(await decrypter.decrypt(envelope), new Uint8Array(131_072).fill(7));
});

test("sealing refuses another kind of recipient", async () => {
  const { seal } = await load("seal.ts");
  await assert.rejects(seal(new Uint8Array(65_536), "age1qqqq"), /not an age1pq1 key/);
});

test("a submission is salt, tag and envelope under the digest of the protocol", async () => {
  const { submission } = await load("submit.ts");
  const envelope = new Uint8Array([1, 2, 3]);
  const { h, body } = submission(envelope, (bytes) => bytes.fill(bytes.length));
  const salt = Buffer.alloc(16, 16);
  const inner = createHash("sha256").update(envelope).digest();
  assert.equal(h, sha256(Buffer.concat([Buffer.from("hafan/blob/v1\0"), salt, inner])));
  assert.deepEqual(Buffer.from(body), Buffer.concat([salt, Buffer.alloc(32, 32), envelope]));
});

test("two builds in two folders give the same bytes, and the form is light", async () => {
  const [one, two] = [join(scratchDir, "one"), join(scratchDir, "deeper", "two")];
  await build({ out: one });
  await build({ out: two });
  const names = readdirSync(one, { recursive: true }).sort();
  assert.deepEqual(readdirSync(two, { recursive: true }).sort(), names);
  for (const name of names.filter((file) => statSync(join(one, file)).isFile())) {
    assert.equal(sha256(readFileSync(join(one, name))), sha256(readFileSync(join(two, name))), name);
  }
  const { files } = JSON.parse(readFileSync(join(one, "manifest.json"), "utf8"));
  const weight = ["/btp/en/report/", ...Object.keys(files).filter((path) => /\/assets\/(form|seal|site)-/.test(path))]
    .map((path) => statSync(join(one, files[path].encodings.br.path)).size)
    .reduce((sum, size) => sum + size, 0);
  assert.ok(weight < 150_000, `the form weighs ${weight} bytes`);
  assert.ok(existsSync(join(one, "404.html")));
});

test("a production build has no demonstration banner", async () => {
  const out = join(scratchDir, "production");
  await build({ out, kind: "production" });
  assert.ok(!readFileSync(join(out, "index.html"), "utf8").includes('data-testid="demo"'));
});
