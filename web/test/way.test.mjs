// The words of a way back: drawn fairly, read forgivingly, and what they give, against other programs' results.

import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Decrypter, Encrypter } from "age-encryption";
import { argon2id } from "@noble/hashes/argon2.js";
import { bech32 } from "@scure/base";
import { readWords as readList, webDir } from "../build/content.mjs";
import { load } from "./load.mjs";

const list = readList().split(" ");
const { drawWords, nearWords, readWords, WORDS } = await load("words.ts");
const { wayOf, tagOf, tagDigest, wipeWay } = await load("way.ts");
const vectors = JSON.parse(readFileSync(join(webDir, "..", "tests", "vectors", "words", "derived.json"), "utf8")).ways;

test("eight words of the list, from the whole of it", () => {
  const seen = new Set();
  for (let run = 0; run < 2_000; run += 1) {
    const words = drawWords().split(" ");
    assert.equal(words.length, WORDS);
    for (const word of words) seen.add(word);
  }
  assert.ok([...seen].every((word) => list.includes(word)));
  // 16,000 draws of 7,352: about 6,550 different ones are expected, and 500 fewer never come.
  assert.ok(seen.size > 6_100, `${seen.size} different words`);
});

test("every number counts equally: what lies behind the last whole run is drawn again", () => {
  const { length } = list;
  const fair = Math.floor(2 ** 32 / length) * length;
  const numbers = [fair, 2 ** 32 - 1, fair - 1, 0, length, 1, 2, 3, 4, 5];
  const words = drawWords((to) => (to[0] = numbers.shift()));
  assert.equal(words, [length - 1, 0, 0, 1, 2, 3, 4, 5].map((number) => list[number]).join(" "));
});

test("the list that travels packed is the list, word for word", () => {
  let next = 0;
  const drawn = Array.from({ length: Math.ceil(list.length / WORDS) }, () =>
    drawWords((to) => (to[0] = next++ % list.length)),
  );
  assert.deepEqual(drawn.join(" ").split(" ").slice(0, list.length), list);
});

const eight = "abacus abdomen zoom zone yo-yo t-shirt wrinkly drop-down";

test("case, spaces, numbers and marks are forgiven, and a hyphen written as a space", () => {
  for (const typed of [
    eight,
    `  ${eight.toUpperCase()}\n`,
    eight.replaceAll(" ", "\n"),
    eight.replaceAll(" ", ", "),
    eight.replaceAll(" ", "\u00a0\u2003"),
    eight
      .split(" ")
      .map((word, at) => `${at + 1}. ${word};`)
      .join("\n"),
    eight.replaceAll("-", "\u2011"),
    eight.replaceAll("-", " "),
    eight.replace("abacus", "\uff41bacus"),
  ]) {
    assert.deepEqual(readWords(typed), { kind: "words", words: eight }, typed);
  }
});

test("their order is what it is, and a word twice is two words", () => {
  const turned = eight.split(" ").reverse().join(" ");
  assert.deepEqual(readWords(turned), { kind: "words", words: turned });
  const twice = "zone zone zone zone zone zone zone zone";
  assert.deepEqual(readWords(twice), { kind: "words", words: twice });
});

test("too few and too many are counted", () => {
  assert.deepEqual(readWords(""), { kind: "count", found: 0 });
  assert.deepEqual(readWords("zone"), { kind: "count", found: 1 });
  assert.deepEqual(readWords(`${eight} zone`), { kind: "count", found: 9 });
});

test("every slip of one letter in any word is told, with the word it was", () => {
  const letters = "abcdefghijklmnopqrstuvwxyz";
  for (const [number, word] of list.entries()) {
    const at = number % word.length;
    const letter = letters[number % 26];
    const slips = [
      word.slice(0, at) + word.slice(at + 1),
      word.slice(0, at) + letter + word.slice(at),
      word.slice(0, at) + letter + word.slice(at + 1),
      word.slice(0, at) + (word[at + 1] ?? "") + word[at] + word.slice(at + 2),
    ];
    for (const slip of slips.filter((slip) => slip !== word && !list.includes(slip) && /^[a-z]+$/.test(slip))) {
      const near = nearWords(slip);
      assert.ok(near.includes(word) || near.length === 5, `${slip} for ${word}: ${near}`);
    }
  }
});

test("unknown words are named by their place; nothing near is said as nothing", () => {
  assert.deepEqual(readWords(eight.replace("zoom", "zooom").replace("wrinkly", "xqxqxq")), {
    kind: "unknown",
    unknown: [
      { at: 3, typed: "zooom", near: ["zoom"] },
      { at: 7, typed: "xqxqxq", near: [] },
    ],
  });
});

test("what words give is what argon2-cffi and Python's hmac give", async () => {
  assert.equal(vectors.length, 3);
  for (const { words, force, tag, mail_seed, thread, h, tau, t } of vectors) {
    const told = [];
    const way = await wayOf(words, force, (fraction) => told.push(fraction));
    assert.equal(Buffer.from(way.tag).toString("hex"), tag);
    assert.equal(way.thread, thread);
    const { prefix, words: data } = bech32.decode(way.identity.toLowerCase(), false);
    assert.equal(prefix, "age-secret-key-pq-");
    assert.equal(Buffer.from(bech32.fromWords(data)).toString("hex"), mail_seed);
    assert.equal(Buffer.from(tagOf(way, h)).toString("hex"), tau);
    assert.equal(Buffer.from(tagDigest(tagOf(way, h))).toString("hex"), t);
    assert.ok(told.length > 10 && told.at(-1) > 0.9, "progress is told to the end");
  }
});

test("the key of pages and the X25519 half are what Node's own HKDF and SHAKE256 give, and can be wiped", async () => {
  for (const { words, force, mail_seed } of vectors) {
    const way = await wayOf(words, force);
    const salt = createHash("sha256").update(`hafan/words/v1/${force}`).digest().subarray(0, 16);
    const root = argon2id(Buffer.from(words), salt, { m: 12_288, t: 3, p: 1, dkLen: 32 });
    const pages = hkdfSync("sha256", root, Buffer.alloc(0), "hafan/words/v1/pages", 32);
    assert.deepEqual(Buffer.from(way.pages), Buffer.from(pages));
    const shake = createHash("shake256", { outputLength: 96 }).update(Buffer.from(mail_seed, "hex")).digest();
    assert.deepEqual(Buffer.from(way.mail.secret), shake.subarray(64));
    const recipient = Buffer.from(bech32.fromWords(bech32.decode(way.recipient, false).words));
    assert.deepEqual(Buffer.from(way.mail.point), recipient.subarray(-32));
    wipeWay(way);
    for (const secret of [way.tag, way.pages, way.mail.secret]) assert.ok(secret.every((byte) => byte === 0));
  }
});

test("what is sealed to the recipient of a way is opened by its identity", async () => {
  const way = await wayOf(eight, "btp");
  const encrypter = new Encrypter();
  encrypter.addRecipient(way.recipient);
  const decrypter = new Decrypter();
  decrypter.addIdentity(way.identity);
  assert.equal(await decrypter.decrypt(await encrypter.encrypt("ateb"), "text"), "ateb");
});

test("a report sent with words carries recipient and thread, and τ is theirs; without words it is random", async () => {
  const { sealParcel } = await load("parcel.ts");
  const vector = join(webDir, "..", "tests", "vectors", "report", "plain.json");
  const { key: _key, contact: _contact, files: _files, ...draft } = JSON.parse(readFileSync(vector, "utf8")).report;
  const way = await wayOf(eight, "btp");
  const force = await wayOf(eight, "a force's key stands in here");
  const to = { key: { id: "2026-W48", recipient: force.recipient, fingerprint: "f" }, contact: null };
  const open = async (body) => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(force.identity);
    const padded = Buffer.from(await decrypter.decrypt(new Uint8Array(body.subarray(48))));
    return JSON.parse(padded.subarray(512, 512 + Number.parseInt(padded.subarray(124, 135).toString(), 8)).toString());
  };
  const sealed = (report, words) => sealParcel({ report, files: [], contact: null }, to, words, () => {});

  const { h, body } = await sealed(draft, way);
  const report = await open(body);
  assert.equal(report.mailbox, way.recipient);
  assert.equal(report.thread, way.thread);
  const tau = createHmac("sha256", way.tag).update(Buffer.from(h, "hex")).digest();
  assert.deepEqual(Buffer.from(body.subarray(16, 48)), tau);
  const inner = createHash("sha256").update(body.subarray(48)).digest();
  const salted = Buffer.concat([Buffer.from("hafan/blob/v1\0"), body.subarray(0, 16), inner]);
  assert.equal(h, createHash("sha256").update(salted).digest("hex"));

  const added = await open((await sealed({ ...draft, route: "addition", adds_to: way.thread }, way)).body);
  assert.equal(added.adds_to, way.thread);
  assert.equal(added.thread, draft.thread);
  assert.equal(added.mailbox, way.recipient);

  const plain = await sealed(draft, null);
  assert.equal((await open(plain.body)).mailbox, null);
  assert.notDeepEqual(plain.body.subarray(16, 48), (await sealed(draft, null)).body.subarray(16, 48));
});

test("no word is drawn that could hurt to be given, and enough are left", () => {
  for (const word of ["strangle", "violation", "undress", "police", "blame"]) assert.ok(!list.includes(word), word);
  assert.ok(8 * Math.log2(list.length) > 102.5);
});
