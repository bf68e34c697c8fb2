// Drafts: what words give one, against another program's results; that it is of one size and opens again whole; and
// that one which somebody made by hand changes nothing that the questions do not allow.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { bech32 } from "@scure/base";
import { Encrypter } from "age-encryption";
import { readForces, readStrings, webDir } from "../build/content.mjs";
import { readQuestions } from "../build/questions.mjs";
import { load } from "./load.mjs";

const { draftKeysOf, openDraft, sealDraft, DRAFT_SIZE_BYTES } = await load("draft.ts");
const { encodeSaved, fitting, parseSaved, SAVED_SIZE_BYTES } = await load("saved.ts");
const { wayOf } = await load("way.ts");
const vectors = JSON.parse(readFileSync(join(webDir, "..", "tests", "vectors", "words", "draft.json"), "utf8")).drafts;
const { pages } = readQuestions(readStrings());
const forces = readForces();
const hex = (bytes) => Buffer.from(bytes).toString("hex");

const saved = {
  language: "cy",
  saved_on: "2026-11-26",
  section: "a4",
  visited: ["g2", "r1", "r2", "a1"],
  given: new Map([
    ["r1", "self"],
    ["r2", "btp"],
    ["a1", 'Diwrnod hir. "Quoted" <b>\ud83c\udf27 \u0174\u0177\nsecond\u2028line'],
    ["a2", ["touched", "forced"]],
    ["a4-date", ["", "3", "20/09"]],
  ]),
};

test("what words give a draft is what argon2-cffi and Python's hmac give", async () => {
  assert.equal(vectors.length, 3);
  for (const { words, seal_seed, key, id } of vectors) {
    const keys = await draftKeysOf(words);
    assert.deepEqual([hex(keys.name.key), keys.name.id], [key, id]);
    const { prefix, words: data } = bech32.decode(keys.identity.toLowerCase(), false);
    assert.equal(prefix, "age-secret-key-pq-");
    assert.equal(hex(bech32.fromWords(data)), seal_seed);
  }
});

test("the same words give a report's way back other keys", async () => {
  const [{ words }] = vectors;
  const [draft, way] = [await draftKeysOf(words), await wayOf(words, "btp")];
  assert.notEqual(draft.recipient, way.recipient);
  assert.notEqual(hex(draft.name.key), hex(way.tag));
});

test("a draft is 67,195 bytes whatever is in it, and opens to the same", async () => {
  assert.equal(DRAFT_SIZE_BYTES, 67_195);
  const { identity, recipient } = await draftKeysOf(vectors[0].words);
  const nothing = { ...saved, visited: [], given: new Map() };
  const room = SAVED_SIZE_BYTES - Buffer.from(encodeSaved(nothing)).toString().trimEnd().length;
  const full = { ...nothing, given: new Map([["a1", "x".repeat(room - '"a1":""'.length)]]) };
  for (const one of [saved, nothing, full]) {
    const sealed = await sealDraft(one, recipient);
    assert.equal(sealed.length, 67_195);
    assert.match(Buffer.from(sealed).toString("latin1"), /^age-encryption\.org\/v1\n-> mlkem768x25519 /);
    assert.deepEqual(await openDraft(sealed, identity), one);
  }
  const over = { ...nothing, given: new Map([["a1", "x".repeat(room)]]) };
  await assert.rejects(sealDraft(over, recipient), /more than one draft can hold/);
});

test("other words do not open it, nor does one bit changed, cut or added", async () => {
  const { identity, recipient } = await draftKeysOf(vectors[0].words);
  const other = await draftKeysOf(vectors[1].words);
  const sealed = await sealDraft(saved, recipient);
  await assert.rejects(openDraft(sealed, other.identity), /does not open/);
  for (const at of [0, 22, 60, 1_000, 1_600, 1_640, 1_700, 67_194]) {
    const changed = Uint8Array.from(sealed);
    changed[at] ^= 1;
    await assert.rejects(openDraft(changed, identity), /does not open/, `byte ${at}`);
  }
  for (const wrong of [sealed.subarray(1), sealed.subarray(0, -1), Buffer.concat([sealed, Buffer.alloc(1)])]) {
    await assert.rejects(openDraft(wrong, identity), /draft is 6719[46] bytes/);
  }
});

test("an age file of the right size whose plaintext is no draft is refused", async () => {
  const { identity, recipient } = await draftKeysOf(vectors[0].words);
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const sealed = await encrypter.encrypt(new Uint8Array(SAVED_SIZE_BYTES));
  await assert.rejects(openDraft(sealed, identity), /no JSON/);
});

test("what was written is read, and written again it is the same bytes", () => {
  const bytes = encodeSaved(saved);
  assert.equal(bytes.length, 65_536);
  assert.deepEqual(encodeSaved(parseSaved(bytes)), bytes);
  const lone = { ...saved, given: new Map([["a1", "half \ud83c of one"]]) };
  assert.deepEqual(parseSaved(encodeSaved(lone)), lone);
});

const json = Buffer.from(encodeSaved(saved)).toString().trimEnd();
const many = (count, one) => Array.from({ length: count }, (_, index) => one(index)).join(",");
const hostile = {
  nothing: "",
  "no JSON": "{",
  null: "null",
  "a list": "[]",
  "a number": "1",
  "an older version": json.replace('"version":1', '"version":0'),
  "a newer version": json.replace('"version":1', '"version":2'),
  "a version that is text": json.replace('"version":1', '"version":"1"'),
  "no version": json.replace('"version":1,', ""),
  "another language": json.replace('"cy"', '"fr"'),
  "no language": json.replace('"language":"cy",', ""),
  "a day that is none": json.replace("2026-11-26", "yesterday"),
  "a section that is no id": json.replace('"section":"a4"', '"section":"A4"'),
  "a section that is a list": json.replace('"section":"a4"', '"section":["a4"]'),
  "a section with a selector": json.replace('"section":"a4"', '"section":"a4\\"]"'),
  "visited that is text": json.replace(/"visited":\[[^\]]*\]/, '"visited":"a1"'),
  "visited with a number": json.replace('"visited":[', '"visited":[1,'),
  "too many visited": json.replace(/"visited":\[[^\]]*\]/, `"visited":[${many(257, (n) => `"a${n}"`)}]`),
  "given that is null": json.replace(/"given":\{.*\}\}$/s, '"given":null}'),
  "given that is a list": json.replace(/"given":\{.*\}\}$/s, '"given":["a1"]}'),
  "too many given": json.replace(/"given":\{.*\}\}$/s, `"given":{${many(1_025, (n) => `"a${n}":"x"`)}}}`),
  "a given id that is none": json.replace('"a1":', '"__proto__":'),
  "a given id twice": json.replace('"a1":', '"r1":'),
  "a given number": json.replace('"r1":"self"', '"r1":1'),
  "a given object": json.replace('"r1":"self"', '"r1":{"length":1}'),
  "a list in a list": json.replace('["touched","forced"]', '[["touched"]]'),
  "65 values of one": json.replace('["touched","forced"]', `[${many(65, () => '"touched"')}]`),
  "a member too many": json.replace('"version":1', '"version":1,"more":1'),
  "another order": json.replace('"version":1,"language":"cy"', '"language":"cy","version":1'),
  "white space": json.replace(",", ", "),
  "something behind it": `${json}x`,
  "a line end behind it": `${json}\n`,
  "an escape that is not needed": json.replace("Diwrnod", "\\u0044iwrnod"),
  "a byte order mark": `\ufeff${json}`,
};
for (const [name, text] of Object.entries(hostile)) {
  test(`a draft with ${name} is refused`, () => {
    assert.notEqual(text, json);
    const bytes = Buffer.alloc(SAVED_SIZE_BYTES, " ");
    assert.ok(bytes.write(text) === Buffer.byteLength(text));
    assert.throws(() => parseSaved(new Uint8Array(bytes)), { name: "Error" });
  });
}

test("a draft of another length, or that is no UTF-8, is refused", () => {
  const bytes = encodeSaved(saved);
  assert.throws(() => parseSaved(bytes.subarray(1)), /65535 bytes/);
  assert.throws(() => parseSaved(new Uint8Array(1 << 20)), /1048576 bytes/);
  bytes[bytes.indexOf("D".charCodeAt(0))] = 0xff;
  assert.throws(() => parseSaved(bytes), /no JSON/);
});

const fit = (given, more = {}) => fitting(pages, forces, { ...saved, ...more, given: new Map(Object.entries(given)) });

test("what the questions ask is taken whole", () => {
  const field = (kind) => pages.flatMap(({ fields }) => fields).find((one) => one.kind === kind);
  const [ticks, radio] = [field("checkboxes"), field("radios")];
  const codes = ticks.options.filter(({ exclusive }) => exclusive !== true).map(({ value }) => value);
  const given = {
    [radio.id]: radio.options[0].value,
    r2: "merseyside",
    [ticks.id]: codes,
    a1: "words",
    "o1-what-r4": "more words",
    "p2-name-n2": "a name",
    "a4-date": ["14", "3", ""],
  };
  const { given: kept, isWhole } = fit(given);
  assert.deepEqual([Object.fromEntries(kept), isWhole], [given, true]);
});

for (const [name, given] of Object.entries({
  "a question that is gone": { "q9-gone": "words" },
  "a choice that is gone": { r1: "nobody" },
  "a force that is gone": { r2: "atlantis" },
  files: { e2: ["picture.jpg"] },
  "what is for the sealed contact": { "s1-name": "A Name", "s1-reach": "there" },
  "words where a choice is wanted": { a2: "words" },
  "a list where words are wanted": { a1: ["words"] },
  "a list where one choice is wanted": { r1: ["self"] },
  "a date of two parts": { "a4-date": ["3", "2009"] },
  "a date as text": { "a4-date": "14/3/2009" },
  "only choices that are gone": { a2: ["gone", "gone-too"] },
})) {
  test(`${name} is left out, and it is said that something was`, () => {
    const { given: kept, isWhole } = fit({ ...given, a3: "nobody", a6: "kept" });
    assert.deepEqual([[...kept], isWhole], [[["a6", "kept"]], false]);
  });
}

test("of several ticks those that are gone are left out, and what stands alone is not ticked with others", () => {
  const field = pages.flatMap(({ fields }) => fields).find(({ options }) => options?.some((one) => one.exclusive));
  const [first] = field.options.filter(({ exclusive }) => exclusive !== true).map(({ value }) => value);
  const alone = field.options.find(({ exclusive }) => exclusive).value;
  assert.deepEqual([...fit({ [field.id]: [first, "gone", first] }).given], [[field.id, [first]]]);
  assert.deepEqual([...fit({ [field.id]: [alone] }).given], [[field.id, [alone]]]);
  assert.deepEqual([...fit({ [field.id]: [alone, first] }).given], []);
});

test("pages that are gone count as not visited", () => {
  assert.deepEqual(fit({}, { visited: ["a1", "q9", "check", "a1"] }).visited, ["a1", "a1"]);
});
