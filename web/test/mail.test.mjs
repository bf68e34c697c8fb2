// Answers: found by their tags among everybody's, opened and checked, in pages that are made here by other code. The same
// requests for any words but for which four pages, and a name for everything that can be wrong with them.

import assert from "node:assert/strict";
import { createHmac, webcrypto } from "node:crypto";
import test from "node:test";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { load } from "./load.mjs";
import { checkpointOf, entryWith, makeLog, sha256, signer, strangersEntry } from "./log.mjs";
import { decoy, message, pagesWith, record, replyFiles, tagOf } from "./reply.mjs";

const { Visit } = await load("visit.ts");
const { wayOf } = await load("way.ts");
const { tagReader } = await load("view-tag.ts");

const TODAY = "2026-11-24";
const root = signer("hafan/btp/root");
const log = signer("log.example/hafan");
const [signs, signed] = [signer("hafan/btp/replies-2"), signer("hafan/btp/replies-1")];
const recipient = await identityToRecipient(await generateHybridIdentity());
const officer = [await identityToRecipient(await generateHybridIdentity()), signer("hafan/btp/officer-1").vkey];
const HERS = "abacus abdomen zoom zone yo-yo t-shirt wrinkly drop-down";
const STRANGERS = "zone zone zone zone zone zone zone zone";
const ways = { hers: await wayOf(HERS, "btp"), strangers: await wayOf(STRANGERS, "btp") };
const { thread } = ways.hers;
const report = sha256("h of her report").toString("hex");
const DAY_S = Date.parse(TODAY) / 1000;
/** Pages of officers who have seen nothing but that the log begins. */
const { page, pageOf } = pagesWith(signs.cosign(checkpointOf(log, {}), DAY_S));

function directory(changes = {}) {
  const contents = {
    ...{ force: "btp", sequence: 1, valid_from: "2026-11-23", valid_until: "2026-11-30", log: log.vkey },
    intake: [{ id: "2026-W48", recipient, from: "2026-11-23", until: "2026-11-30" }],
    contact: { threshold: 1, recipients: [officer[0]] },
    ...{ officers: [officer[1]], replies: [signs.vkey, signed.vkey], couriers: [], police_suspect: null },
    ...changes,
  };
  return root.note(`hafan directory v1\n${JSON.stringify(contents)}\n`);
}

const told = (number, more = {}) => message(more.by ?? signs, { thread, number, report, ...more });
const hers = (number, more) => record(ways.hers, told(number, more));

/** The files of a log of `size` leaves with these pages, by leaf, and her report at `place`. */
function server(pages, { size = 400, place = 7, directory: note = directory(), year = 2026 } = {}) {
  const entries = Array.from(
    { length: size },
    (_, index) => pages.get(index)?.entry ?? strangersEntry(`${year} ${index}`),
  );
  if (place !== null) entries[place] = entryWith(ways.hers.tag, Buffer.from(report, "hex"));
  const files = new Map([...makeLog(log, { year, entries }), ...replyFiles(pages, { year, size })]);
  files.set("/v1/forces/btp/directory", note);
  files.set("/log/btp/beat", Buffer.from("3600 4\n"));
  return files;
}

/** A visit with a device's whole behaviour but the network: what it showed, and what it asked for. */
async function visited(files, words = HERS) {
  const asked = [];
  const get = async (address) => {
    asked.push(address);
    const bytes = files.get(address);
    if (bytes === "cut") throw new Error("no answer");
    return bytes === undefined ? null : new Uint8Array(bytes);
  };
  const visit = new Visit(get, "btp", root.vkey, await wayOf(words, "btp"));
  const heard = [];
  const shown = await visit.look("recent", TODAY, (fraction) => heard.push(fraction));
  return { ...shown, asked, heard, visit };
}

const pagesOf = (asked) => asked.filter((address) => address.includes("/page/"));
const leavesOf = (asked) => pagesOf(asked).map((address) => Number(address.split("/").at(-1)));
const summary = ({ mail }) => mail.messages.map(({ number, state, text }) => [number, state, text ?? null]);

/** Pages of nobody at these leaves. */
const strangersPages = (...leaves) => new Map(leaves.map((leaf) => [leaf, page()]));

test("messages are found among everybody's, opened, checked and sorted, with either key of the force", async () => {
  const text = "Diolch am ysgrifennu.\n\nRydym wedi ei ddarllen. \u{1f33f}";
  const answer = await hers(3, { text, language: "cy", on: "2026-11-26" });
  const pages = strangersPages(20, 30);
  pages.set(
    40,
    page(answer, await record(ways.strangers, message(signs, { thread: ways.strangers.thread, number: 1, report }))),
  );
  pages.set(300, page(await hers(2, { on: "2026-11-25" }), await hers(1, { by: signed, state: "collected" })));
  const { kind, places, mail, heard } = await visited(server(pages));
  assert.equal(kind, "looked");
  assert.deepEqual(places, [{ year: 2026, index: 7, h: report }]);
  assert.deepEqual(mail, {
    messages: [
      { number: 1, report, on: "2026-11-24", state: "collected" },
      { number: 2, report, on: "2026-11-25", state: "read" },
      { number: 3, report, on: "2026-11-26", state: "replied", language: "cy", text },
    ],
    faults: [],
    hasEarlier: false,
    seen_on: TODAY,
    isAnswering: true,
  });
  assert.equal(heard.at(-1), 1);
  assert.deepEqual(
    heard,
    heard.toSorted((a, b) => a - b),
  );
});

test("they are found when her own leaf is longer ago than the span, and when the force signs none they are not hers", async () => {
  const pages = new Map([[20, page(await hers(1, { text: "answer" }))]]);
  const { places, mail } = await visited(server(pages, { place: null }));
  assert.deepEqual(places, []);
  assert.equal(mail.messages[0].text, "answer");
  const silent = await visited(server(pages, { directory: directory({ replies: null }) }));
  assert.deepEqual([silent.mail.messages, silent.mail.faults], [[], ["unseen", "forged"]]);
  assert.equal(silent.mail.isAnswering, false);
});

test("a log without pages, and an empty index or none: nothing is told, nothing is wrong", async () => {
  const files = server(new Map());
  for (const change of [() => {}, () => files.delete("/log/btp/2026/replies/index/0")]) {
    change();
    const { mail, asked } = await visited(files);
    assert.deepEqual(mail, { messages: [], faults: [], hasEarlier: false, seen_on: null, isAnswering: true });
    assert.deepEqual(asked.slice(-1), ["/log/btp/2026/replies/index/0"]);
  }
});

test("right words and wrong words ask for the same in the same order, but for which four pages", async () => {
  const leaves = [3, 20, 21, 100, 200, 255, 256, 399];
  const pages = strangersPages(...leaves);
  pages.set(20, page(await hers(1, { text: "answer" })));
  const files = server(pages);
  const runs = await Promise.all([HERS, STRANGERS, STRANGERS, HERS].map((words) => visited(files, words)));
  const blind = (asked) => asked.map((address) => address.replace(/\/page\/\d+$/, "/page/…"));
  for (const { asked } of runs) {
    assert.deepEqual(blind(asked), blind(runs[0].asked));
    const found = leavesOf(asked);
    assert.equal(found.length, 4);
    assert.deepEqual(
      found,
      found.toSorted((a, b) => a - b),
    );
    assert.deepEqual(asked.slice(-4), pagesOf(asked));
  }
  assert.deepEqual(runs[0].asked, runs[3].asked);
  assert.deepEqual(runs[1].asked, runs[2].asked);
  assert.deepEqual([runs[0].mail.messages.length, runs[1].mail.messages.length], [1, 0]);
  // Which they are: the newest, hers, and of the others those with the lowest HMAC by the words' own key.
  const wanted = (way, own) => {
    const lot = (leaf) => createHmac("sha256", way.pages).update(pages.get(leaf).entry.subarray(2, 34)).digest("hex");
    const others = leaves.filter((leaf) => !own.includes(leaf)).sort((a, b) => (lot(a) < lot(b) ? -1 : 1));
    return [...own, ...others.slice(0, 4 - own.length)].sort((a, b) => a - b);
  };
  assert.deepEqual(leavesOf(runs[0].asked), wanted(ways.hers, [20, 399]));
  assert.deepEqual(leavesOf(runs[1].asked), wanted(ways.strangers, [399]));
});

test("fewer than four pages are all asked for, in order of leaf and of year", async () => {
  const pages = strangersPages(12, 8, 390);
  assert.deepEqual(leavesOf((await visited(server(pages))).asked), [8, 12, 390]);
  const files = server(pages);
  for (const [address, bytes] of server(strangersPages(5, 6), { year: 2025 }))
    if (!files.has(address)) files.set(address, bytes);
  const { asked } = await visited(files);
  const last = asked.slice(asked.findIndex((address) => address.includes("/replies/")));
  assert.deepEqual(last.slice(0, 2), ["/log/btp/2025/replies/index/0", "/log/btp/2026/replies/index/0"]);
  assert.equal(last.length, 6);
  assert.deepEqual(
    last.slice(2),
    [...last.slice(2)].sort((a, b) => parse(a) - parse(b)),
  );
  function parse(address) {
    const [, year, leaf] = /(\d{4})\/replies\/page\/(\d+)$/.exec(address);
    return Number(year) * 1_000 + Number(leaf);
  }
});

test("the newest page and the newest that have something for her are asked for first; four others when she says so, each once", async () => {
  const leaves = [10, 20, 30, 40, 50, 60];
  const pages = strangersPages(...leaves, 70, 80, 90);
  for (const [at, leaf] of leaves.entries()) pages.set(leaf, page(await hers(at + 1, { text: `answer ${at + 1}` })));
  const { asked, visit, ...first } = await visited(server(pages));
  assert.deepEqual(leavesOf(asked), [40, 50, 60, 90]);
  assert.deepEqual(
    summary(first).map(([number]) => number),
    [4, 5, 6],
  );
  assert.equal(first.mail.hasEarlier, true);
  const before = asked.length;
  const mail = await visit.earlier();
  const more = leavesOf(asked.slice(before));
  assert.equal(asked.length - before, 4);
  assert.deepEqual(more.slice(0, 3), [10, 20, 30]);
  assert.ok(more.slice(3).every((leaf) => leaf >= 70));
  assert.deepEqual(
    mail.messages.map(({ number }) => number),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal(mail.hasEarlier, false);
  await visit.earlier();
  assert.equal(new Set(pagesOf(asked)).size, 9);
  assert.equal(pagesOf(asked).length, 9, "no page is asked for twice");
});

test("a tag that is hers by chance changes which pages are asked for, and nothing that is shown", async () => {
  const leaves = [10, 20, 30, 40, 50, 60, 70, 80];
  const plain = strangersPages(...leaves);
  plain.set(20, page(await hers(1, { text: "answer" })));
  const chance = new Map(plain);
  chance.set(70, page(decoy({ tagged: ways.hers }), decoy({ tagged: ways.hers })));
  // Another's true record with her tag: it is an age file, and opens with another key.
  chance.set(80, page(await record(ways.strangers, told(9, { text: "not hers" }), { tagged: ways.hers })));
  const [without, with_] = [await visited(server(plain)), await visited(server(chance))];
  assert.deepEqual(with_.mail, without.mail);
  assert.equal(with_.asked.length, without.asked.length);
  assert.ok([20, 70, 80].every((leaf) => leavesOf(with_.asked).includes(leaf)));
});

test("an index that is cut short, changed, longer or not given is named, and hides neither receipt nor messages", async () => {
  const pages = strangersPages(10, 20);
  pages.set(30, page(await hers(1, { text: "answer" })));
  const address = "/log/btp/2026/replies/index/0";
  const whole = server(pages).get(address);
  const flipped = (at) => Buffer.from(whole).fill(whole[at] ^ 1, at, at + 1);
  for (const [what, bytes] of Object.entries({
    missing: undefined,
    empty: Buffer.alloc(0),
    "a part less": whole.subarray(0, -2_176),
    "a byte less": whole.subarray(0, -1),
    "first byte": flipped(0),
    "last byte": flipped(whole.length - 1),
    "two parts changed places": Buffer.concat([
      whole.subarray(2_176, 4_352),
      whole.subarray(0, 2_176),
      whole.subarray(4_352),
    ]),
  })) {
    const files = server(pages);
    if (bytes === undefined) files.delete(address);
    else files.set(address, bytes);
    const { places, mail } = await visited(files);
    assert.deepEqual(places.length, 1, what);
    assert.deepEqual(mail.faults, ["index"], what);
    // There are three pages, and all are asked for: what is hers is known by the page itself.
    assert.deepEqual(
      mail.messages.map(({ text }) => text),
      ["answer"],
      what,
    );
  }
});

test("behind the checkpoint the index may be longer, within it not", { timeout: 120_000 }, async () => {
  const address = (number) => `/log/btp/2026/replies/index/${number}`;
  const size = 16_384 + 10;
  const pages = strangersPages(16_000, 16_390);
  pages.set(16_389, page(await hers(1, { text: "answer" })));
  const ahead = page().part;
  for (const [number, wanted] of [
    [1, []],
    [0, ["index"]],
  ]) {
    const files = server(pages, { size, place: 16_385 });
    files.set(address(number), Buffer.concat([files.get(address(number)), ahead]));
    const { mail, asked } = await visited(files);
    assert.deepEqual(mail.faults, wanted, `index ${number}`);
    assert.deepEqual(summary({ mail }), [[1, "replied", "answer"]]);
    const indices = asked.filter((one) => one.includes("/index/"));
    assert.deepEqual(indices, [address(0), address(1)]);
  }
});

test("a page that is changed, cut, another or not given is named, and the others are read", async () => {
  const pages = strangersPages(10);
  pages.set(20, page(await hers(1, { text: "first" })));
  pages.set(30, page(await hers(2, { text: "second" })));
  const address = "/log/btp/2026/replies/page/20";
  const bytes = pages.get(20).bytes;
  for (const [what, fault, change] of [
    ["not given", "missing", null],
    ["one bit", "altered", Buffer.from(bytes).fill(bytes[200_000] ^ 1, 200_000, 200_001)],
    ["cut", "altered", bytes.subarray(0, -1)],
    ["longer", "altered", Buffer.concat([bytes, Buffer.alloc(1)])],
    ["empty", "altered", Buffer.alloc(0)],
    ["another page of the log", "altered", pages.get(10).bytes],
  ]) {
    const files = server(pages);
    if (change === null) files.delete(address);
    else files.set(address, change);
    const { places, mail } = await visited(files);
    assert.deepEqual([places.length, mail.faults], [1, [fault]], what);
    assert.deepEqual(
      mail.messages.map(({ text }) => text),
      ["second"],
      what,
    );
  }
});

test("an index that the log has and its page has not is named, and the page is believed", async () => {
  const answer = await hers(1, { text: "answer" });
  const honest = page(answer);
  const other = page();
  const leaf = Buffer.concat([honest.entry.subarray(0, 34), other.entry.subarray(34)]);
  const pages = new Map([[20, { bytes: honest.bytes, part: other.part, entry: leaf }]]);
  const { mail } = await visited(server(pages));
  assert.deepEqual(mail.faults, ["index"]);
  assert.deepEqual(summary({ mail }), [[1, "replied", "answer"]]);
});

test("a page of the log whose records are no age files is named", async () => {
  const wrong = pageOf(Array.from({ length: 64 }, () => decoy()));
  const bytes = Buffer.from(wrong.bytes).fill(0, 4_096, 8_192);
  const entry = Buffer.concat([Buffer.from([1, 5]), sha256("hafan/reply-page/v1\0", bytes), wrong.entry.subarray(34)]);
  const { mail } = await visited(server(new Map([[20, { ...wrong, bytes, entry }]])));
  assert.deepEqual(mail.faults, ["altered"]);
});

test("each thing that can be wrong with a message has its own name, and the good ones are shown beside it", async () => {
  const good = await hers(1, { text: "good" });
  const stranger = signer("hafan/btp/replies-2"); // The right name, another key.
  const line = (changes) => {
    const all = {
      force: "btp",
      thread,
      number: 2,
      report,
      state: "read",
      on: "2026-11-24",
      language: null,
      text: null,
    };
    return signs.note(`hafan message v1\n${JSON.stringify({ ...all, ...changes })}\n`);
  };
  const twice = await hers(2, { text: "again" });
  const cases = {
    forged: [
      [told(2, { text: "false", by: stranger })],
      [told(2, { text: "false", by: signer("hafan/merseyside/replies-1") })],
      [told(2, { text: "false", by: root })],
      [Buffer.from("no note at all")],
      [Buffer.alloc(0)],
      [Buffer.concat([told(2), Buffer.from([0, 1])])],
      [Buffer.from(told(2)).fill(0x39, 60, 61)],
    ],
    unreadable: [
      [signs.note("hafan message v2\n{}\n")],
      [signs.note("hafan message v1\n{}\n")],
      [signs.note("hafan message v1\nno JSON\n")],
      [line({ number: 0 })],
      [line({ number: 1.5 })],
      [line({ number: "2" })],
      [line({ thread: "short" })],
      [line({ report: report.toUpperCase() })],
      [line({ state: "closed" })],
      [line({ on: "2026-02-30" })],
      [line({ language: "en" })],
      [line({ text: "words" })],
      [line({ state: "replied" })],
      [line({ state: "replied", text: "words" })],
      [line({ state: "replied", language: "fr", text: "des mots" })],
      [line({ state: "replied", language: "en", text: "" })],
      [line({ state: "replied", language: "en", text: " \n" })],
      [line({ state: "replied", language: "en", text: "\ud800" })],
      [line({ more: 1 })],
      [signs.note(`hafan message v1\n${line({}).toString().split("\n")[1].replace(",", ", ")}\n`)],
    ],
    "other-force": [[told(2, { text: "theirs", force: "merseyside" })]],
    "other-thread": [[told(2, { text: "theirs", thread: ways.strangers.thread })]],
    conflict: [[told(2, { text: "one" }), told(2, { text: "another" })]],
  };
  const seen = new Set();
  for (const [fault, all] of Object.entries(cases)) {
    for (const [number, notes] of all.entries()) {
      const records = await Promise.all(notes.map((note) => record(ways.hers, note)));
      const { places, mail } = await visited(server(new Map([[20, page(good, ...records)]])));
      assert.deepEqual(mail.faults, [fault], `${fault} ${number}`);
      assert.equal(places.length, 1);
      const texts = mail.messages.map(({ text }) => text);
      assert.deepEqual(
        texts.sort(),
        fault === "conflict" ? ["another", "good", "one"] : ["good"],
        `${fault} ${number}`,
      );
      seen.add(fault);
    }
  }
  for (const [what, pages] of Object.entries({
    "on one page": [[20, page(good, twice, twice)]],
    "on two pages": [
      [20, page(good, twice)],
      [30, page(twice)],
    ],
    "with its whole page": [20, 30].map((leaf, _, all) => [leaf, (all.page ??= page(good, twice))]),
  })) {
    const { mail } = await visited(server(new Map(pages)));
    assert.deepEqual(mail.faults, ["replayed"], what);
    assert.deepEqual(
      mail.messages.map(({ text }) => text),
      ["good", "again"],
      what,
    );
  }
  assert.equal(seen.size, 5);
});

test("a message that is told again by another record is one message, and nothing is wrong", async () => {
  const again = () => hers(1, { text: "answer" });
  const pages = new Map([
    [20, page(await again(), await again())],
    [30, page(await again())],
    [40, page(await hers(1, { text: "answer", by: signed }))],
  ]);
  assert.deepEqual((await visited(server(pages))).mail, {
    messages: [{ number: 1, report, on: "2026-11-24", state: "replied", language: "en", text: "answer" }],
    faults: [],
    hasEarlier: false,
    seen_on: TODAY,
    isAnswering: true,
  });
});

test("a line that drops at index or page is named, the receipt stays, and the page is asked for again", async () => {
  const pages = new Map([[20, page(await hers(1, { text: "answer" }))]]);
  const files = server(pages);
  files.set("/log/btp/2026/replies/page/20", "cut");
  const { places, mail, visit } = await visited(files);
  assert.deepEqual([places.length, mail.messages, mail.faults, mail.hasEarlier], [1, [], ["line"], true]);
  files.set("/log/btp/2026/replies/page/20", pages.get(20).bytes);
  assert.deepEqual((await visit.earlier()).faults, []);
  files.set("/log/btp/2026/replies/index/0", "cut");
  const blind = await visited(files);
  assert.deepEqual([blind.places.length, blind.mail.faults, blind.mail.messages.length], [1, ["line"], 1]);
});

test("a newest page for which no answer came is asked for until it comes, and what the officers saw is compared then", async () => {
  const pages = strangersPages(20, 30, 40, 50, 60);
  const stale = pagesWith(signs.cosign(checkpointOf(log, {}), DAY_S - 11 * 86_400));
  pages.set(70, stale.page());
  const files = server(pages);
  const newest = "/log/btp/2026/replies/page/70";
  files.set(newest, "cut");
  const { mail, asked, visit } = await visited(files);
  assert.ok(asked.includes(newest));
  assert.deepEqual([mail.faults, mail.seen_on], [["line"], null]);
  files.set(newest, pages.get(70).bytes);
  const before = asked.length;
  assert.deepEqual((await visit.earlier()).faults, ["stale"]);
  assert.ok(asked.slice(before).includes(newest), "it is asked for again, though its turn was over");
});

test("of a page that never comes it is said as long as it is not there, whatever else is asked for", async () => {
  const pages = strangersPages(20, 30, 40, 50, 60, 70, 80, 90);
  pages.set(55, page(await hers(1, { text: "answer" })));
  const files = server(pages);
  files.set("/log/btp/2026/replies/page/55", "cut");
  const { mail, visit } = await visited(files);
  assert.deepEqual([mail.faults, mail.hasEarlier], [["line"], true]);
  const second = await visit.earlier();
  assert.deepEqual([second.faults, second.hasEarlier, second.messages.length], [["line"], true, 0]);
});

test("every record of everybody's is tried by both ways of X25519 with the same result, and zeros are no match", async () => {
  const [right, wrong] = [decoy({ tagged: ways.hers }), decoy()];
  const entries = [right, wrong].map((one) => {
    const part = pageOf(Array.from({ length: 64 }, () => one)).part;
    return { ct_x: new Uint8Array(part.subarray(0, 32)), tag: new Uint8Array(part.subarray(32, 34)) };
  });
  // A point of small order gives zeros with any secret: its tag is that of zeros, and no match.
  const zero = new Uint8Array(32);
  const small = { ct_x: zero, tag: sha256("hafan/view-tag/v1\0", zero, zero, ways.hers.mail.point).subarray(0, 2) };
  const importKey = webcrypto.subtle.importKey;
  const kinds = {
    browser: importKey,
    "no X25519": () => Promise.reject(new Error("NotSupportedError")),
    "another's X25519": async (format, bytes, ...rest) => {
      if (format === "pkcs8") bytes = Uint8Array.from(bytes).fill(7, 20, 24);
      return importKey.call(webcrypto.subtle, format, bytes, ...rest);
    },
  };
  const used = [];
  for (const [kind, stand_in] of Object.entries(kinds)) {
    webcrypto.subtle.importKey = function (...how) {
      used.push(`${kind} ${how[0]}`);
      return stand_in.apply(this, how);
    };
    const isHers = await tagReader(ways.hers.mail);
    const found = await Promise.all([...entries, small].map(isHers));
    assert.deepEqual([found[0], found[2]], [true, false], kind);
    assert.equal(
      found[1],
      Buffer.from(tagOf(ways.hers.mail, entries[1].ct_x)).equals(Buffer.from(entries[1].tag)),
      kind,
    );
  }
  delete webcrypto.subtle.importKey;
  assert.ok(used.includes("browser raw") && !used.includes("no X25519 raw"));
});

test("an addition is sealed to the key of today, asked for again when its week is over, and only to the force that was looked at", async () => {
  const files = server(new Map());
  const { visit, asked } = await visited(files);
  const before = asked.length;
  assert.equal((await visit.key(TODAY)).key.id, "2026-W48");
  assert.equal(asked.length, before, "the directory that was checked is enough while it holds");
  assert.equal((await visit.key("2026-12-01")).why, "expired");
  assert.deepEqual(asked.slice(before), ["/v1/forces/btp/directory"]);
  const next = { id: "2026-W49", recipient, from: "2026-11-30", until: "2026-12-07" };
  files.set(
    "/v1/forces/btp/directory",
    directory({ valid_from: "2026-11-30", valid_until: "2026-12-07", intake: [next] }),
  );
  assert.equal((await visit.key("2026-12-01")).key.id, "2026-W49");
  const addition = {
    ...{ question_set: "add-1", language: "cy", route: "addition", force: "btp", promise: { id: "p", text: "t" } },
    ...{ written_on: "2026-12-01", answers: [], people: [], flags: [], wishes: [], mailbox: null },
    thread: "AAAAAAAAAAAAAAAAAAAAAA",
  };
  const seal = (force, today) => visit.seal({ ...addition, force }, [], today, () => undefined);
  const { h, body } = await seal("btp", "2026-12-01");
  const tau = createHmac("sha256", ways.hers.tag).update(Buffer.from(h, "hex")).digest();
  assert.deepEqual(Buffer.from(body.subarray(16, 48)), tau);
  await assert.rejects(seal("merseyside", "2026-12-01"));
  await assert.rejects(seal("btp", TODAY), "the key of another week");
  visit.end();
  assert.equal(await visit.earlier(), null);
});
