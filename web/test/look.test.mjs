// Looking for what was sent with words in a log that is made here by other code: found wherever it stands, the same
// requests for right and wrong words, and a name for everything that a server could do to the list.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { webDir } from "../build/content.mjs";
import { load } from "./load.mjs";
import { entryWith, makeLog, sha256, signer, strangersEntry } from "./log.mjs";

const { look } = await load("look.ts");
const { openCheckpoint } = await load("log.ts");
const { parseVerifierKey } = await load("note.ts");

const TODAY = "2026-11-24";

const root = signer("hafan/btp/root");
const log = signer("log.example/hafan");
const recipient = await identityToRecipient(await generateHybridIdentity());
const officer = {
  recipient: await identityToRecipient(await generateHybridIdentity()),
  key: signer("hafan/btp/officer-1").vkey,
};

const directory = (changes = {}, by = root) => {
  const contents = {
    ...{ force: "btp", sequence: 1, valid_from: "2026-11-23", valid_until: "2026-11-30", log: log.vkey },
    intake: [{ id: "2026-W48", recipient, from: "2026-11-23", until: "2026-11-30" }],
    contact: { threshold: 1, recipients: [officer.recipient] },
    ...{ officers: [officer.key], replies: null, couriers: [], police_suspect: null },
    ...changes,
  };
  return by.note(`hafan directory v1\n${JSON.stringify(contents)}\n`);
};

const tag = sha256("the key of τ");

/** A log of `size` leaves of which those at `hers` were sent with the words: its files by address. */
function logOf(size, hers = [], { year = 2026, by = log } = {}) {
  const entries = Array.from({ length: size }, (_, index) =>
    hers.includes(index) ? entryWith(tag, sha256(`${year} h ${index}`)) : strangersEntry(`${year} ${index}`),
  );
  return makeLog(by, { year, entries });
}

function server(...logs) {
  const files = new Map(logs.flatMap((log) => [...log]));
  files.set("/v1/forces/btp/directory", directory());
  files.set("/log/btp/beat", Buffer.from("3600 4\n"));
  return files;
}

async function looked(files, { span = "recent", words = tag, today = TODAY } = {}) {
  const asked = [];
  const told = [];
  const get = async (address) => {
    asked.push(address);
    const bytes = files.get(address);
    return bytes === undefined ? null : new Uint8Array(bytes);
  };
  const where = { force: "btp", root_key: root.vkey, today, span };
  const result = await look(get, where, { tag: new Uint8Array(words) }, (...how) => told.push(how));
  return { ...result, asked, told };
}

const fault = async (files, options) => (await looked(files, options)).fault;

test("found at every edge of a bundle, in logs of every shape", async () => {
  for (const size of [1, 2, 255, 256, 257, 511, 512, 513, 700]) {
    const hers = [0, 1, 254, 255, 256, 257, 511, 512, size - 1].filter((index) => index < size);
    const { places, leaves, told } = await looked(server(logOf(size, hers)));
    assert.deepEqual(
      places.map(({ index }) => index),
      [...new Set(hers)].sort((a, b) => a - b),
    );
    assert.equal(leaves, size);
    assert.deepEqual(told.at(-1), [size, size]);
  }
});

test("an empty log holds nothing, and is whole", async () => {
  const { kind, places } = await looked(server(logOf(0)));
  assert.deepEqual([kind, places], ["looked", []]);
});

test("a log of 66,000 leaves has two tiles of the first level", { timeout: 120_000 }, async () => {
  const hers = [0, 65_535, 65_536, 65_999];
  const files = server(logOf(66_000, hers));
  const all = await looked(files, { span: "all" });
  assert.deepEqual(
    all.places.map(({ index }) => index),
    hers,
  );
  // Four weeks of four leaves an hour are 2,688: only the bundles that they stand in are asked for.
  const recent = await looked(files);
  assert.deepEqual(
    recent.places.map(({ index }) => index),
    [65_535, 65_536, 65_999],
  );
  const bundles = recent.asked.filter((address) => address.includes("/entries/"));
  // The span begins with an index of answers: at a multiple of 16,384.
  assert.equal(bundles.length, Math.ceil(66_000 / 256) - (3 * 16_384) / 256);
});

test("right words and wrong words ask for the same, in the same order", async () => {
  const files = server(logOf(3_000, [5, 2_999]), logOf(600, [17], { year: 2025 }));
  for (const span of ["recent", "all"]) {
    const [right, wrong] = [await looked(files, { span }), await looked(files, { span, words: sha256("wrong") })];
    assert.ok(right.places.length > 0 && wrong.places.length === 0);
    assert.deepEqual(right.asked, wrong.asked);
  }
});

test("four weeks reach back into the last year's log, and all years reach to the first", async () => {
  const files = server(logOf(300, [299]), logOf(3_000, [10, 2_999], { year: 2025 }), logOf(4, [3], { year: 2024 }));
  const places = async (options) => (await looked(files, options)).places.map(({ year, index }) => `${year} ${index}`);
  // Of the last year's log 2,388 leaves are meant: rounded down, that is all of it, and the year before is not reached.
  assert.deepEqual(await places({}), ["2025 10", "2025 2999", "2026 299"]);
  assert.deepEqual(await places({ span: "all" }), ["2024 3", "2025 10", "2025 2999", "2026 299"]);
});

test("in the first days of a year its log may not have begun", async () => {
  const files = server(logOf(300, [299], { year: 2025 }));
  files.set("/v1/forces/btp/directory", directory({ ...january }));
  const { places } = await looked(files, { today: "2026-01-02" });
  assert.deepEqual(places, [{ year: 2025, index: 299, h: sha256("2025 h 299").toString("hex") }]);
});
const january = {
  ...{ valid_from: "2025-12-29", valid_until: "2026-01-05" },
  intake: [{ id: "2026-W01", recipient, from: "2025-12-29", until: "2026-01-05" }],
};

test("what the server does to the keys and the checkpoint is named", async () => {
  const files = () => server(logOf(300, [7]));
  const other = signer("hafan/btp/root");
  const thief = signer("log.example/hafan");
  const cases = {
    directory: [
      (all) => all.delete("/v1/forces/btp/directory"),
      (all) => all.set("/v1/forces/btp/directory", directory({}, other)),
      (all) => all.set("/v1/forces/btp/directory", directory({ force: "merseyside" })),
      (all) => all.set("/v1/forces/btp/directory", Buffer.from("no note")),
    ],
    expired: [(all) => all.set("/v1/forces/btp/directory", directory(january))],
    forged: [
      (all) => all.set("/log/btp/2026/checkpoint", logOf(300, [], { by: thief }).get("/log/btp/2026/checkpoint")),
      (all) => all.set("/log/btp/2026/checkpoint", logOf(300, [], { year: 2025 }).get("/log/btp/2025/checkpoint")),
      (all) => all.set("/log/btp/2026/checkpoint", Buffer.from("log.example/hafan/btp/2026\n300\n\n")),
      (all) => all.set("/log/btp/2026/checkpoint", Buffer.from([0xff])),
      (all) => {
        const note = all.get("/log/btp/2026/checkpoint").toString();
        all.set("/log/btp/2026/checkpoint", Buffer.from(note.replace(/ \S+\n$/, " A\n")));
      },
    ],
    "no-log": [(all) => all.delete("/log/btp/2026/checkpoint")],
  };
  for (const [wanted, changes] of Object.entries(cases)) {
    for (const [number, change] of changes.entries()) {
      const changed = files();
      change(changed);
      assert.equal(await fault(changed), wanted, `${wanted} ${number}`);
    }
  }
});

test("a leaf that is rewritten, left out or taken away is named, wherever it stands", async () => {
  const whole = server(logOf(700, [7]));
  for (const [address, bytes] of whole) {
    if (!address.includes("/tile/")) continue;
    for (const [what, change] of Object.entries({
      "one bit": () => Buffer.from(bytes).fill(bytes[40] ^ 1, 40, 41),
      "the first byte": () => Buffer.from(bytes).fill(bytes[0] ^ 1, 0, 1),
      "the last byte": () => Buffer.from(bytes).fill(bytes.at(-1) ^ 0x80, bytes.length - 1),
      cut: () => bytes.subarray(0, -1),
      longer: () => Buffer.concat([bytes, Buffer.alloc(1)]),
      missing: () => null,
    })) {
      const changed = new Map(whole);
      const to = change();
      if (to === null) changed.delete(address);
      else changed.set(address, to);
      assert.equal(await fault(changed), "altered", `${address} ${what}`);
    }
  }
});

test("an older checkpoint with a newer list, and two bundles that changed places, are named", async () => {
  const older = new Map(server(logOf(700)));
  older.set("/log/btp/2026/checkpoint", logOf(600).get("/log/btp/2026/checkpoint"));
  assert.equal(await fault(older), "altered");
  const swapped = server(logOf(700));
  const [a, b] = ["/log/btp/2026/tile/entries/000", "/log/btp/2026/tile/entries/001"];
  const first = swapped.get(a);
  swapped.set(a, swapped.get(b)).set(b, first);
  assert.equal(await fault(swapped), "altered");
});

test("a beat that is no beat changes how far is looked, and nothing else", async () => {
  for (const beat of ["", "x", "0 8\n", "300 8", "300  8\n", "300 8\n300 8\n", "999999 8\n"]) {
    const files = server(logOf(300, [299]));
    files.set("/log/btp/beat", Buffer.from(beat));
    const { places } = await looked(files);
    assert.deepEqual(places, [{ year: 2026, index: 299, h: sha256("2026 h 299").toString("hex") }], beat);
  }
});

test("checkpoints: the vectors that Rust reads too", () => {
  const dir = join(webDir, "..", "tests", "vectors", "log");
  const names = readdirSync(dir).filter((name) => name.startsWith("checkpoint-"));
  assert.ok(names.length > 30);
  // A log has no more leaves than a browser's numbers hold: the page is stricter there.
  const stricter = ["checkpoint-largest.txt"];
  for (const name of names) {
    const bytes = readFileSync(join(dir, name));
    const split = bytes.indexOf("\n\n");
    const head = Object.fromEntries(
      [
        ...bytes
          .subarray(0, split)
          .toString()
          .matchAll(/^(\w+): (.*)$/gm),
      ].map((m) => m.slice(1)),
    );
    if (head.parse !== "checkpoint") continue;
    const { name: origin, point } = parseVerifierKey(head.vkey);
    const [, of, year] = /^log\.example\/hafan\/([a-z0-9-]+)\/([0-9]{4})$/.exec(origin) ?? [null, "btp", "2026"];
    const open = () =>
      openCheckpoint(new Uint8Array(bytes.subarray(split + 2)), of, Number(year), { name: "log.example/hafan", point });
    if (head.expect === "success" && !stricter.includes(name)) assert.ok(open().size >= 0, name);
    else assert.throws(open, name);
  }
});
