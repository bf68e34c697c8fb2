// What needs no browser: twins, report and directory vectors, sealing, the submission, and a build that repeats itself.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { Decrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { writeFileSync } from "node:fs";
import { build } from "../build/build.mjs";
import { forcesDir, readStrings, webDir } from "../build/content.mjs";
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
const directoryVectors = readdirSync(directoryDir)
  .sort()
  .map((name) => ({ name, ...readVector(join(directoryDir, name)) }));

/** `expect:`, `root:` and `fingerprint:` lines, a blank line, and the signed note. */
function readVector(path) {
  const bytes = readFileSync(path);
  const end = bytes.indexOf("\n\n");
  const lines = bytes.subarray(0, end).toString().split("\n");
  const said = (field) =>
    lines.filter((line) => line.startsWith(`${field}: `)).map((line) => line.slice(field.length + 2));
  const note = bytes.subarray(end + 2);
  return { expect: said("expect")[0], root: said("root")[0], fingerprints: said("fingerprint"), note };
}

test("every directory vector that is to be refused is refused, on every day of its time", async () => {
  const { openDirectory } = await load("directory.ts");
  const refused = directoryVectors.filter(({ expect }) => expect !== "success");
  assert.ok(refused.length > 50, `only ${refused.length} vectors found`);
  for (const { name, root, note } of refused) {
    // Were a fault overlooked, the note would open or be out of date on these days, not be "forged".
    for (const today of ["2026-12-22", "2026-12-29", "2027-01-05"]) {
      assert.equal(openDirectory(note, "btp", root, today).why, "forged", `${name} on ${today}`);
    }
  }
});

for (const { name, root, note, fingerprints } of directoryVectors.filter(({ expect }) => expect === "success")) {
  test(`directory vector ${name} is opened in each of its weeks, and only then, and only for its force`, async () => {
    const { openDirectory } = await load("directory.ts");
    const { intake } = JSON.parse(note.toString().split("\n")[1]);
    const found = intake.map(({ id, from, recipient }) => {
      const opened = openDirectory(note, "btp", root, from);
      assert.equal(opened.ok, true, opened.detail);
      assert.equal(opened.key.recipient, recipient);
      assert.equal(opened.key.id, id);
      return `${id} ${opened.key.fingerprint}`;
    });
    assert.deepEqual(found, fingerprints);
    assert.equal(openDirectory(note, "btp", root, "1999-01-01").why, "expired");
    assert.equal(openDirectory(note, "btp", root, "2999-01-01").why, "expired");
    assert.equal(openDirectory(note, "merseyside", root, intake[0].from).why, "forged");
  });

  test(`directory vector ${name} is refused with any byte of it changed`, async () => {
    const { openDirectory } = await load("directory.ts");
    const step = note.length < 4_000 ? 1 : 13; // Each takes a verification: all bytes of the small one, some of the large.
    for (let at = 0; at < note.length; at += step) {
      const changed = Buffer.from(note);
      changed[at] ^= 1;
      assert.equal(openDirectory(changed, "btp", root, "2026-12-22").why, "forged", `byte ${at}`);
    }
  });
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
