// report.json and the archive: the vectors that Rust reads too, and what is refused before it is sealed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { webDir } from "../build/content.mjs";
import { load } from "./load.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const vectorsDir = join(webDir, "..", "tests", "vectors", "report");
const vectors = readdirSync(vectorsDir)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ name, ...JSON.parse(readFileSync(join(vectorsDir, name), "utf8")) }));
const bytesOf = ({ hex, repeat }) => new Uint8Array(Buffer.from(hex.repeat(repeat), "hex"));
const report = () => structuredClone(vectors.find(({ name }) => name === "all-states.json").report);

test("there are vectors", () => assert.equal(vectors.length, 12));

for (const { name, report, files, contact, expect } of vectors) {
  test(`report vector ${name} gives the same bytes`, async () => {
    const { encodeReport, cleanFileName, mediaType, memberName } = await load("report.ts");
    const { check } = await load("report-check.ts");
    check(report);
    const json = encodeReport(report);
    assert.equal(json.length, expect.report_json_size);
    assert.equal(sha256(json), expect.report_json_sha256);
    files.forEach((file, index) => {
      assert.equal(cleanFileName(file.chosen_name), report.files[index].name);
      assert.equal(cleanFileName(report.files[index].name), report.files[index].name, "cleaning twice");
      assert.equal(mediaType(file.media_type), report.files[index].media_type);
    });
    const members = [...(contact === null ? [] : [contact.contact, ...contact.shares]), ...files].map((one, index) => [
      expect.members[index],
      bytesOf(one),
    ]);
    const before = members.length - files.length;
    files.forEach((file, index) =>
      assert.equal(memberName(index + 1, file.chosen_name), expect.members[before + index]),
    );
    const padded = await archive([["report.json", json], ...members]);
    assert.equal(padded.length, expect.padded_size);
    assert.equal(sha256(padded), expect.padded_sha256);
  });
}

/** The plaintext of what `seal` seals. */
async function archive(members) {
  const { memberOf, seal } = await load("seal.ts");
  const { Decrypter, generateHybridIdentity, identityToRecipient } = await import("age-encryption");
  const identity = await generateHybridIdentity();
  const wanted = members.map(([name, bytes]) => memberOf(name, bytes));
  const { body } = await seal(wanted, await identityToRecipient(identity), () => {});
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(body.subarray(48));
}

test("the order of an object's members does not matter", async () => {
  const { encodeReport } = await load("report.ts");
  const turned = (value) =>
    Array.isArray(value)
      ? value.map(turned)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inner]) => [key, turned(inner)]),
          )
        : value;
  assert.deepEqual(encodeReport(turned(report())), encodeReport(report()));
});

test("a member that is not of the protocol is left out", async () => {
  const { encodeReport } = await load("report.ts");
  const more = report();
  more.secret = more.answers[0].secret = more.answers[0].parts[0].secret = more.people[0].secret = "canary";
  more.key.secret = more.promise.secret = "canary";
  assert.deepEqual(encodeReport(more), encodeReport(report()));
});

test("lone surrogates become U+FFFD everywhere, and pairs stay", async () => {
  const { encodeReport, cleanFileName, encodeContact } = await load("report.ts");
  const lone = report();
  lone.answers[0].question = "a\ud800b";
  lone.answers[0].answer = "\udc00\u{1f49a}\ud83d";
  lone.answers[0].parts[1].answer = "\udfff";
  const { answers } = JSON.parse(Buffer.from(encodeReport(lone)).toString());
  assert.equal(answers[0].question, "a\ufffdb");
  assert.equal(answers[0].answer, "\ufffd\u{1f49a}\ufffd");
  assert.equal(answers[0].parts[1].answer, "\ufffd");
  assert.equal(cleanFileName("a\ud800.jpg"), "a\ufffd.jpg");
  const contact = Buffer.from(encodeContact(lone, [{ id: "n2", question: "Q", answer: "\ud800" }])).toString();
  assert.equal(JSON.parse(contact).answers[0].answer, "\ufffd");
});

test("over 1 MiB is refused, with room kept for the key, the contact and 64 files", async () => {
  const { TooLong, encodeReport, fits } = await load("report.ts");
  const long = (size) => ({ ...report(), answers: [{ ...report().answers[1], answer: "a".repeat(size) }] });
  const rest = encodeReport(long(0)).length;
  assert.equal(encodeReport(long(2 ** 20 - rest)).length, 2 ** 20);
  assert.throws(() => encodeReport(long(2 ** 20 - rest + 1)), TooLong);

  let size = 2 ** 20 - 2 ** 16 - rest;
  assert.ok(fits(long(size)));
  while (fits(long(size))) size += 1;
  const largest = long(size - 1);
  largest.files = Array.from({ length: 64 }, () => ({
    ...{ name: '"'.repeat(200), media_type: '"'.repeat(100), size: 25 << 20, sha256: "0".repeat(64) },
    metadata: "removed",
  }));
  largest.mailbox = `age1pq1${"q".repeat(1952)}`;
  largest.contact = { threshold: 20, shares: Array.from({ length: 20 }, () => "0".repeat(64)) };
  assert.ok(encodeReport(largest).length <= 2 ** 20);
});

test("a sealed contact is 8,192 bytes of JSON and spaces, or refused", async () => {
  const { TooLong, contactFits, encodeContact } = await load("report.ts");
  const answers = (size) => [{ id: "n2", question: "Eich enw", answer: "a".repeat(size) }];
  const plain = Buffer.from(encodeContact({ ...report(), language: "cy" }, answers(5))).toString();
  assert.equal(plain.length, 8_192);
  const wanted = { version: 1, force: "0", language: "cy", answers: answers(5) };
  assert.equal(plain.trimEnd(), JSON.stringify(wanted));
  const most = 8_192 - JSON.stringify({ ...wanted, language: "en", answers: answers(0) }).length;
  assert.ok(contactFits(report(), answers(most)));
  assert.ok(!contactFits(report(), answers(most + 1)));
  assert.throws(() => encodeContact(report(), answers(most + 1)), TooLong);
});

const faults = {
  "a code with a capital": (wrong) => (wrong.answers[0].id = "A5"),
  "a code that begins with a digit": (wrong) => (wrong.answers[0].parts[0].id = "5a"),
  "an empty code": (wrong) => (wrong.answers[0].choice = ""),
  "a code of 33 characters": (wrong) => (wrong.flags[0] = "f".repeat(33)),
  "a question set that is no code": (wrong) => (wrong.question_set = "full 1"),
  "a wish twice": (wrong) => wrong.wishes.push(wrong.wishes[0]),
  "a flag twice": (wrong) => wrong.flags.push(wrong.flags[0]),
  "a list of nothing": (wrong) => ((wrong.answers[2].answer = []), (wrong.answers[2].choice = null)),
  "fewer codes than words": (wrong) => wrong.answers[2].choice.pop(),
  "a code for a list": (wrong) => (wrong.answers[2].choice = "touched"),
  "codes for a word": (wrong) => (wrong.answers[0].choice = ["train"]),
  "a choice without an answer": (wrong) => (wrong.answers[0].parts[0].choice = "train"),
  "answered and empty": (wrong) => (
    (wrong.answers[0].answer = wrong.answers[0].choice = null),
    (wrong.answers[0].parts = [])
  ),
  "skipped and said": (wrong) => (wrong.answers[0].state = "skipped"),
  "skipped, and a part said": (wrong) => (wrong.answers[7].parts[0].answer = "x"),
  "not reached and said": (wrong) => (wrong.answers[8].answer = "x"),
  "sealed with a part": (wrong) => (wrong.answers[9].parts = wrong.answers[7].parts),
  "a person that there is not": (wrong) => (wrong.answers[3].person = 6),
  "person zero": (wrong) => (wrong.answers[3].person = 0),
  "a part of a person that there is not": (wrong) => (wrong.answers[5].parts[0].person = 7),
  "an addition to nothing": (wrong) => (wrong.route = "addition"),
  "what adds, and is no addition": (wrong) => (wrong.adds_to = "AAAAAAAAAAAAAAAAAAAAAA"),
  "half a person": (wrong) => (wrong.answers[3].person = 1.5),
  "257 answers": (wrong) => (wrong.answers = Array.from({ length: 257 }, () => wrong.answers[6])),
  "65 parts": (wrong) => (wrong.answers[0].parts = Array.from({ length: 65 }, () => wrong.answers[0].parts[0])),
  "65 people": (wrong) => (wrong.people = Array.from({ length: 65 }, () => wrong.people[0])),
  "33 flags": (wrong) => (wrong.flags = Array.from({ length: 33 }, (_, index) => `f${index}`)),
  "65 files": (wrong) => (wrong.files = Array.from({ length: 65 }, () => ({}))),
};
for (const [name, change] of Object.entries(faults)) {
  test(`what no officer could read is not sealed: ${name}`, async () => {
    const { Unreadable, check } = await load("report-check.ts");
    const wrong = report();
    check(wrong);
    change(wrong);
    assert.throws(() => check(wrong), Unreadable);
  });
}
