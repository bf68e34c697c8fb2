// Directories: the vectors that Rust reads too, and what of a directory reaches the page.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { webDir } from "../build/content.mjs";
import { load } from "./load.mjs";
import { signer } from "./log.mjs";

const directoryDir = join(webDir, "..", "tests", "vectors", "directory");
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

for (const { name, root, note } of directoryVectors.filter(({ expect }) => expect === "success")) {
  test(`directory vector ${name} gives the officers of a contact and the other force, as it says`, async () => {
    const { openDirectory } = await load("directory.ts");
    const { intake, contact, police_suspect } = JSON.parse(note.toString().split("\n")[1]);
    const opened = openDirectory(note, "btp", root, intake[0].from);
    assert.deepEqual(opened.contact, contact.threshold >= 2 ? contact : null);
    assert.equal(opened.police_suspect, police_suspect);
  });
}

test("the keys that answers are signed with: none, or one to eight, named as this force's and each its own", async () => {
  const { openDirectory } = await load("directory.ts");
  const { note } = directoryVectors.find(({ name }) => name === "ok.txt");
  const [first, json] = note.toString().split("\n");
  const root = signer("hafan/btp/root");
  const opened = (replies, changes = {}) =>
    openDirectory(
      root.note(`${first}\n${JSON.stringify({ ...JSON.parse(json), replies, ...changes })}\n`),
      "btp",
      root.vkey,
      "2026-12-22",
    );
  const key = (number, force = "btp") => signer(`hafan/${force}/replies-${number}`).vkey;
  const keys = [1, 2, 3, 4, 5, 6, 7, 65_535].map((number) => key(number));
  assert.deepEqual(opened(null).replies, []);
  for (const few of [keys.slice(0, 1), keys]) {
    assert.deepEqual(
      opened(few).replies.map(({ name }) => name),
      few.map((vkey) => vkey.split("+")[0]),
    );
  }
  const { officers, couriers, log } = JSON.parse(json);
  const renamed = (vkey, name) => vkey.replace(/^[^+]+/, name); // Its key ID is then that of another name.
  for (const wrong of [
    [],
    "",
    {},
    [null],
    [...keys, key(8)],
    [key(0)],
    [key("01")],
    [key(65_536)],
    [key(1, "merseyside")],
    [keys[0], keys[0]],
    [key(1), key(1)],
    [officers[0]],
    [couriers[0]],
    [log],
    [renamed(keys[0], "hafan/btp/replies-9")],
  ]) {
    assert.equal(opened(wrong).why, "forged", JSON.stringify(wrong));
  }
  const both = signer("hafan/btp/courier-9");
  const couriers_too = { couriers: [both.vkey] };
  assert.equal(opened([both.as("hafan/btp/replies-1").vkey], couriers_too).why, "forged");
  assert.equal(opened([key(1)], couriers_too).ok, true);
});
