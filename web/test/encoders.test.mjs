// What src/ writes for the server and the officers, over values drawn at random: each encoder is read back with code that
// is not its own, or gives what its page of docs/protocol.md says.

import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { load } from "./load.mjs";

const report = await load("report.ts");

const anything = fc.string({ unit: "binary", maxLength: 60 });
const code = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/);
const value = fc.oneof(anything, fc.array(anything, { maxLength: 4 }), fc.constant(null));
const person = fc.option(fc.nat(9), { nil: null });
const part = fc.record({ id: code, question: anything, answer: value, choice: value, person });
const base64url = fc.stringMatching(/^[A-Za-z0-9_-]{22}$/);

const written = fc.record({
  question_set: code,
  language: fc.constantFrom("en", "cy"),
  route: fc.constantFrom("self", "other", "witness", "addition"),
  force: code,
  promise: fc.record({ id: code, text: anything }),
  written_on: fc.constantFrom("2026-11-26", "2028-02-29"),
  answers: fc.array(
    fc
      .tuple(part, fc.array(part, { maxLength: 3 }), fc.constantFrom("answered", "skipped", "not-reached", "sealed"))
      .map(([whole, parts, state]) => ({ ...whole, state, parts })),
    { maxLength: 6 },
  ),
  people: fc.array(
    fc.record({
      role: fc.constantFrom("reported", "victim", "witness", "other"),
      basis: fc.constantFrom("known", "believed", "told", null),
    }),
    { maxLength: 4 },
  ),
  flags: fc.array(code, { maxLength: 3 }),
  wishes: fc.array(code, { maxLength: 3 }),
  mailbox: fc.option(anything, { nil: null }),
  thread: base64url,
  adds_to: fc.option(base64url, { nil: null }),
  key: fc.record({ id: code, fingerprint: anything }),
  contact: fc.option(
    fc.record({ threshold: fc.integer({ min: 2, max: 9 }), shares: fc.array(anything, { maxLength: 5 }) }),
    { nil: null },
  ),
  files: fc.array(
    fc.record({
      name: anything,
      media_type: anything,
      size: fc.nat(1 << 25),
      sha256: anything,
      metadata: fc.constantFrom("kept", "removed"),
    }),
    { maxLength: 4 },
  ),
});

/** Text as UTF-8 can hold it: a lone half of a surrogate pair is no character. */
const held = (text) => Buffer.from(text, "utf8").toString("utf8");

function heldIn(thing) {
  if (typeof thing === "string") return held(thing);
  if (Array.isArray(thing)) return thing.map(heldIn);
  if (thing === null || typeof thing !== "object") return thing;
  return Object.fromEntries(Object.entries(thing).map(([name, inner]) => [name, heldIn(inner)]));
}

test("report.json is read as it was written, whatever was typed", () => {
  fc.assert(
    fc.property(written, (given) => {
      const text = Buffer.from(report.encodeReport(given)).toString("utf8");
      const { version, ...read } = JSON.parse(text);
      assert.equal(version, 1);
      assert.deepEqual(read, heldIn(given));
      // One form for each: no member between, no space, and the order of the protocol.
      assert.equal(text, JSON.stringify(JSON.parse(text)));
      assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 5), [
        ...["version", "question_set", "language", "route", "force"],
      ]);
    }),
  );
});

test("report.json does not depend on the order in which its members were given", () => {
  const turned = (thing) =>
    thing !== null && typeof thing === "object" && !Array.isArray(thing)
      ? Object.fromEntries(
          Object.entries(thing)
            .reverse()
            .map(([name, inner]) => [name, turned(inner)]),
        )
      : Array.isArray(thing)
        ? thing.map(turned)
        : thing;
  fc.assert(
    fc.property(written, (given) => {
      assert.deepEqual(report.encodeReport(turned(given)), report.encodeReport(given));
    }),
  );
});

test("the sealed contact has one length, whatever is in it, and is read as it was written", () => {
  const answers = fc.array(fc.record({ id: code, question: anything, answer: anything }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom("en", "cy"), code, answers, (language, force, given) => {
      const plain = report.encodeContact({ force, language }, given);
      assert.equal(plain.length, report.CONTACT_SIZE_BYTES);
      const text = Buffer.from(plain).toString("utf8");
      assert.deepEqual(JSON.parse(text), { version: 1, force, language, answers: heldIn(given) });
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: report.CONTACT_SIZE_BYTES, max: 20_000 }), (size) => {
      const long = [{ id: "name", question: "", answer: "a".repeat(size) }];
      assert.throws(() => report.encodeContact({ force: "btp", language: "en" }, long), report.TooLong);
      assert.equal(report.contactFits({ force: "btp", language: "en" }, long), false);
    }),
  );
});

test("a name in the archive is short and plain, and says which file it is; a name in the report hides nothing", () => {
  const chosen = fc.string({ unit: "binary", maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: report.FILES_MAX }), chosen, (number, name) => {
      const member = report.memberName(number, name);
      assert.match(member, /^files\/[0-9]{2}-[A-Za-z0-9._-]{1,80}$/);
      assert.equal(Number(member.slice(6, 8)), number);
      const clean = report.cleanFileName(name);
      assert.ok(Buffer.byteLength(clean) <= 200 && clean !== "" && clean !== "." && clean !== "..");
      assert.doesNotMatch(clean, /[/\\\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
      assert.equal(report.cleanFileName(clean), clean);
      assert.equal(held(clean), clean);
    }),
  );
});

test("a header of the archive is ustar: its sum, its name, its size, and nothing of a person or machine", () => {
  const size = fc.nat(report.PADDED_SIZE_BYTES_MAX);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: report.FILES_MAX }), anything, size, (number, chosen, bytes) => {
      const name = report.memberName(number, chosen);
      const block = Buffer.from(report.header({ name, size: bytes }));
      assert.equal(block.length, report.BLOCK_SIZE_BYTES);
      const field = (from, to) =>
        block
          .subarray(from, to)
          .toString("latin1")
          .replace(/[\0 ]+$/, "");
      assert.equal(field(0, 100), name);
      assert.equal(Number.parseInt(field(124, 136), 8), bytes);
      const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
      assert.equal(Number.parseInt(field(148, 156), 8), sum);
      assert.equal(field(257, 265), "ustar\x0000");
      assert.deepEqual([field(108, 116), field(116, 124), field(136, 148)], ["0000000", "0000000", "00000000000"]);
      assert.ok(
        block.subarray(157, 257).every((byte) => byte === 0),
        "no link",
      );
      assert.ok(
        block.subarray(265, 329).every((byte) => byte === 0),
        "no owner",
      );
      assert.ok(
        block.subarray(345).every((byte) => byte === 0),
        "no prefix",
      );
    }),
  );
});

test("a size class is the least power of two that holds the members, or there is none", () => {
  const sizes = fc.array(fc.nat(1 << 24), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sizes, (given) => {
      const members = given.map((size) => ({ name: "files/01-a", size }));
      const needed = given.reduce((sum, size) => sum + 512 + 512 * Math.ceil(size / 512), 1_024);
      if (needed > 1 << 25) {
        assert.throws(() => report.paddedSize(members), report.TooLong);
        return;
      }
      const found = report.paddedSize(members);
      assert.ok(Number.isInteger(Math.log2(found)) && found >= 1 << 16 && found >= needed);
      assert.ok(found === 1 << 16 || found / 2 < needed);
    }),
  );
});
