// Work that a busy server asks for: done as the protocol has it, never more than it may ask for, and sent with the very same
// submission.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { load } from "./load.mjs";

const { askedOf, work } = await load("work.ts");
const vector = JSON.parse(
  readFileSync(new URL("../../tests/vectors/work/thirteen-bits.json", import.meta.url), "utf8"),
);
const asked = { span: vector.span, bits: vector.bits, challenge: vector.challenge };

test("the work is that of the vector, which the server takes, and its parts are told one by one", () => {
  const told = [];
  assert.equal(
    work(asked, vector.h, (done, total) => told.push([done, total])),
    vector.proof,
  );
  assert.deepEqual(
    told,
    Array.from({ length: 16 }, (_, part) => [part + 1, 16]),
  );
});

test("each part of the work shows the zero bits that were asked for", () => {
  const hex = (text) => Buffer.from(text, "hex");
  const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const seed = sha256(Buffer.from("hafan/work/v1\0"), hex(vector.challenge), hex(vector.h));
  const nonces = Buffer.from(vector.proof.split(".")[2], "base64url");
  assert.equal(nonces.length, 64);
  for (let part = 0; part < 16; part += 1) {
    const found = sha256(seed, Buffer.from([0, 0, 0, part]), nonces.subarray(part * 4, part * 4 + 4));
    assert.ok(found.readUInt32BE() < 2 ** (32 - vector.bits), `part ${part}`);
  }
});

const answer = (changes) => JSON.stringify({ type: "/problems/work", ...asked, ...changes });

test("what a busy server asks for is read from its answer", () => {
  assert.deepEqual(askedOf(answer({ title: "The server is busy" })), asked);
  assert.equal(askedOf(answer({ bits: 17 })).bits, 17);
});

for (const [what, body] of [
  ["no work at all", answer({ type: "/problems/busy" })],
  ["more than it may", answer({ bits: 18 })],
  ["no whole number of bits", answer({ bits: 13.5 })],
  ["a negative span", answer({ span: -1 })],
  ["a span beyond 32 bits", answer({ span: 2 ** 32 })],
  ["a short challenge", answer({ challenge: "00" })],
  ["no challenge", answer({ challenge: undefined })],
  ["a page of a proxy", "<html>503</html>"],
  ["nothing", ""],
  ["null", "null"],
]) {
  test(`an answer that asks for ${what} is that of a server which is only busy`, () => {
    assert.equal(askedOf(body), null);
  });
}
