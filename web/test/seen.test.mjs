// What a force's officers saw of their log, as the last thing of each page says it: the same log, or each way in which it is not.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { load } from "./load.mjs";
import { checkpointOf, makeLog, signer, strangersEntry } from "./log.mjs";

const { compare } = await load("seen.ts");
const { openCheckpoint, readCheckpoint, readEntries } = await load("log.ts");
const { openCosignature, parseVerifierKey } = await load("note.ts");

const TODAY = "2026-11-24";
const DAY_S = Date.parse(TODAY) / 1000;
const log = signer("log.example/hafan");
const officers = signer("hafan/btp/replies-1");
const entries = Array.from({ length: 700 }, (_, index) => strangersEntry(index));
const files = makeLog(log, { entries });

/** What the page makes of a cosigned checkpoint, and what it asked for. */
async function seen(cosigned, { year = 2026, today = TODAY, change = () => {} } = {}) {
  const given = new Map(files);
  const asked = [];
  const get = async (address) => {
    asked.push(address);
    return given.has(address) ? new Uint8Array(given.get(address)) : null;
  };
  const key = parseVerifierKey(log.vkey);
  const checkpoint = await readCheckpoint(get, "btp", 2026, key);
  const read = await readEntries(
    get,
    checkpoint,
    512,
    () => {},
    () => {},
  );
  asked.length = 0;
  change(given);
  const logs = year === 2026 ? [read] : [];
  const replies = [parseVerifierKey(officers.vkey)];
  const found = await compare(get, new Uint8Array(cosigned), { force: "btp", log: key, replies, logs, today });
  return { ...found, asked };
}

const cosigned = (some = entries, { by = officers, time = DAY_S, ...more } = {}) =>
  by.cosign(checkpointOf(log, { entries: some, ...more }), time);

test("every size that the log had is one with what is shown, with one bundle more when it ends within one", async () => {
  for (const [size, bundle] of [
    [0, null],
    [1, "000"],
    [255, "000"],
    [256, null],
    [300, "001"],
    [512, null],
    [600, "002.p/188"],
    [700, "002.p/188"],
  ]) {
    const { asked, ...found } = await seen(cosigned(entries.slice(0, size)));
    assert.deepEqual(found, { kind: "same", on: TODAY }, `${size}`);
    assert.deepEqual(asked, bundle === null ? [] : [`/log/btp/2026/tile/entries/${bundle}`]);
  }
});

test("another log than the officers' is a fork: one entry changed, more than is shown, or a bundle that is given otherwise now", async () => {
  const other = entries.with(3, strangersEntry("other"));
  for (const size of [4, 256, 300, 700]) assert.equal((await seen(cosigned(other.slice(0, size)))).kind, "fork");
  const longer = [...entries, strangersEntry("one more")];
  assert.equal((await seen(cosigned(longer))).kind, "fork");
  for (const change of [
    (given) => given.delete("/log/btp/2026/tile/entries/001"),
    (given) => given.set("/log/btp/2026/tile/entries/001", files.get("/log/btp/2026/tile/entries/000")),
  ]) {
    assert.equal((await seen(cosigned(entries.slice(0, 300)), { change })).kind, "fork");
  }
});

test("what they saw more than ten days ago may be an old log; so may what they saw of a year that was not looked through", async () => {
  const at = (days) => ({ time: DAY_S - days * 86_400 });
  assert.equal((await seen(cosigned(entries, at(10)))).kind, "same");
  assert.equal((await seen(cosigned(entries, at(11)))).kind, "stale");
  const last = { year: 2025 };
  const { asked, ...found } = await seen(cosigned(entries, { ...at(3), ...last }), last);
  assert.deepEqual([found, asked], [{ kind: "stale" }, []]);
});

test("what nobody of the force cosigned is not believed", async () => {
  const stranger = signer("hafan/btp/replies-1");
  const server = log.as("hafan/btp/replies-1");
  const whole = cosigned();
  for (const note of [
    Buffer.alloc(0),
    Buffer.from("seen\n"),
    Buffer.from([0xff, 0x0a]),
    Buffer.from(`${checkpointOf(log, { entries })}\u2014 ${officers.name} A\n`),
    checkpointOf(log, { entries }),
    cosigned(entries, { by: stranger }),
    cosigned(entries, { by: server }),
    cosigned(entries, { by: officers.as("hafan/btp/replies-2") }),
    cosigned(entries, { force: "merseyside" }),
    cosigned(entries, { time: DAY_S + 1 }),
    officers.cosign(checkpointOf(signer("log.example/hafan"), { entries }), DAY_S),
    Buffer.concat([whole, whole.subarray(whole.lastIndexOf("\u2014"))]),
  ]) {
    assert.equal((await seen(note)).kind, "unseen", note.toString());
  }
});

test("the vectors of cosigned checkpoints are judged as Rust judges them", () => {
  const folder = new URL("../../tests/vectors/log/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.startsWith("cosigned-"));
  assert.ok(names.length > 10);
  for (const name of names) {
    const vector = readFileSync(new URL(name, folder), "utf8");
    const split = vector.indexOf("\n\n");
    const head = Object.fromEntries(
      vector
        .slice(0, split)
        .split("\n")
        .map((line) => line.split(/: (.*)/s)),
    );
    const origin = parseVerifierKey(head.vkey);
    const key = { name: origin.name.replace(/\/btp\/2026$/, ""), point: origin.point };
    const judge = () => {
      const opened = openCosignature(new TextEncoder().encode(vector.slice(split + 2)), [
        parseVerifierKey(head.cosigner),
      ]);
      openCheckpoint(opened.note, "btp", 2026, key);
      return String(opened.time_s);
    };
    if (head.expect === "success") assert.equal(judge(), head.time, name);
    else assert.throws(judge, name);
  }
});
