// From answers, files and a contact to what is sent, and back again with stock tools: npm age-encryption and
// shamir-secret-sharing.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Decrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { combine } from "shamir-secret-sharing";
import { webDir } from "../build/content.mjs";
import { load } from "./load.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const vector = join(webDir, "..", "tests", "vectors", "report", "all-states.json");
const { key: _key, contact: _contact, files: _files, ...draft } = JSON.parse(readFileSync(vector, "utf8")).report;
const identity = await generateHybridIdentity();
const key = { id: "2026-W48", recipient: await identityToRecipient(identity), fingerprint: "f".repeat(4) };
const answers = [{ id: "n2", question: "Eich enw", answer: "Canary Jones" }];

async function openWith(secret, sealed) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(secret);
  return Buffer.from(await decrypter.decrypt(new Uint8Array(sealed)));
}

async function officers(count) {
  const identities = await Promise.all(Array.from({ length: count }, () => generateHybridIdentity()));
  return { identities, recipients: await Promise.all(identities.map(identityToRecipient)) };
}

/** The members of the strict archive, by name, in their order. */
function membersOf(padded) {
  const members = new Map();
  let at = 0;
  while (padded[at] !== 0) {
    const name = padded
      .subarray(at, at + 100)
      .toString("latin1")
      .replace(/\0+$/, "");
    const size = Number.parseInt(padded.subarray(at + 124, at + 135).toString(), 8);
    members.set(name, padded.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  assert.ok(
    padded.subarray(at).every((byte) => byte === 0),
    "zeros to the end",
  );
  return members;
}

async function sealed(parcel, contact = null, progress = () => {}, way = null) {
  const { sealParcel } = await load("parcel.ts");
  return sealParcel({ report: draft, files: [], contact: null, ...parcel }, { key, contact }, way, progress);
}

/** Opens a submission and checks what holds for each. */
async function opened({ h, body }) {
  const envelope = body.subarray(48);
  const inner = createHash("sha256").update(envelope).digest();
  assert.equal(h, sha256(Buffer.concat([Buffer.from("hafan/blob/v1\0"), body.subarray(0, 16), inner])));
  const { envelopeSize } = await load("seal.ts");
  const padded = await openWith(identity, envelope);
  assert.equal(envelope.length, envelopeSize(padded.length));
  const members = membersOf(padded);
  assert.equal([...members.keys()][0], "report.json");
  return { padded, members, report: JSON.parse(members.get("report.json").toString()) };
}

test("answers alone: one class, the key that they were sealed to, salt and tag at random", async () => {
  const told = [];
  const [one, two] = [await sealed({}, null, (...how) => told.push(how)), await sealed({})];
  const { padded, report, members } = await opened(one);
  assert.equal(padded.length, 65_536);
  assert.deepEqual(report, {
    ...{ version: 1, question_set: "full-1", language: "en", route: "other", force: "0" },
    ...{ key: { id: key.id, fingerprint: key.fingerprint }, promise: draft.promise, written_on: draft.written_on },
    ...{ answers: draft.answers, people: draft.people, flags: draft.flags, wishes: draft.wishes },
    ...{ contact: null, files: [], mailbox: null, thread: draft.thread, adds_to: null },
  });
  assert.equal(members.size, 1);
  assert.notDeepEqual(one.body.subarray(0, 48), two.body.subarray(0, 48));
  assert.ok(told.every(([, total]) => total === 0));
});

test("files of many sizes come out as they went in, described as they were sent", async () => {
  const sizes = [1, 511, 512, 513, 65_535, 65_536, 65_537, 200_000, 3_000_000];
  const files = sizes.map((size, index) => {
    const name = index === 0 ? "../\u202ea b.txt" : `${size}.bin`;
    return {
      file: new File([randomBytes(size)], name, { type: index === 1 ? "no type" : "text/plain" }),
      metadata: "kept",
    };
  });
  const told = [];
  const { report, members } = await opened(await sealed({ files }, null, (...how) => told.push(how)));
  assert.deepEqual([...members.keys()].slice(1, 4), ["files/01-.._a_b.txt", "files/02-511.bin", "files/03-512.bin"]);
  for (const [index, { file }] of files.entries()) {
    const bytes = Buffer.from(await file.arrayBuffer());
    assert.deepEqual([...members.values()][index + 1], bytes, file.name);
    const { name, media_type, size, sha256: digest, metadata } = report.files[index];
    assert.equal(name, index === 0 ? ".._a b.txt" : file.name);
    assert.equal(media_type, index === 1 ? "application/octet-stream" : "text/plain");
    assert.deepEqual([size, digest, metadata], [bytes.length, sha256(bytes), "kept"]);
  }
  const total = sizes.reduce((sum, size) => sum + size);
  assert.ok(told.every(([done, of], at) => of === total && done <= total && done >= (told[at - 1]?.[0] ?? 0)));
  assert.equal(told.at(-1)[0], total);
});

test("25 MiB of files are sealed", async () => {
  const files = Array.from({ length: 5 }, (_, index) => ({
    file: new File([Buffer.alloc(5 << 20, index + 1)], `${index}.mp4`, { type: "video/mp4" }),
    metadata: "kept",
  }));
  const submission = await sealed({ files });
  assert.equal(submission.body.length, 48 + 1627 + 16 + 2 ** 25 + 16 * 512);
  const { report } = await opened(submission);
  assert.deepEqual(
    report.files.map((file) => file.sha256),
    [1, 2, 3, 4, 5].map((byte) => sha256(Buffer.alloc(5 << 20, byte))),
  );
});

test("a sealed contact opens with enough officers' shares, and is nowhere else", async () => {
  const { identities, recipients } = await officers(5);
  const file = new File(["a file"], "a.txt", { type: "text/plain" });
  const parcel = { files: [{ file, metadata: "kept" }], contact: answers };
  const { padded, report, members } = await opened(await sealed(parcel, { threshold: 3, recipients }));
  assert.ok(!padded.includes("Canary"));
  assert.deepEqual(
    [...members.keys()],
    [
      ...["report.json", "contact.age"],
      ...[1, 2, 3, 4, 5].map((number) => `contact-shares/0${number}.age`),
      "files/01-a.txt",
    ],
  );
  const shares = await Promise.all(
    identities.map(async (secret, index) => openWith(secret, members.get(`contact-shares/0${index + 1}.age`))),
  );
  assert.deepEqual(report.contact, { threshold: 3, shares: shares.map(sha256) });
  assert.ok(members.get("contact.age").length <= 16 << 10);
  assert.ok([...members.values()].slice(2, 7).every((share) => share.length <= 8 << 10));
  for (const chosen of [
    [0, 1, 2],
    [4, 0, 2],
    [1, 3, 4],
    [0, 1, 2, 3, 4],
  ]) {
    const secret = Buffer.from(await combine(chosen.map((at) => new Uint8Array(shares[at])))).toString();
    assert.match(secret, /^AGE-SECRET-KEY-PQ-1[0-9A-Z]+$/);
    const plain = await openWith(secret, members.get("contact.age"));
    assert.equal(plain.length, 8_192);
    assert.deepEqual(JSON.parse(plain), { version: 1, force: "0", language: "en", answers });
  }
  const too_few = Buffer.from(await combine([0, 1].map((at) => new Uint8Array(shares[at]))));
  await assert.rejects(openWith(too_few.toString("latin1"), members.get("contact.age")));
  await assert.rejects(openWith(identities[1], members.get("contact-shares/01.age")), "a share is for one officer");
});

test("the length of what is sealed does not tell how long a contact is", async () => {
  const { recipients } = await officers(2);
  const sizes = await Promise.all(
    [1, 6_000].map(async (size) => {
      const contact = [{ ...answers[0], answer: "a".repeat(size) }];
      const { members } = await opened(await sealed({ contact }, { threshold: 2, recipients }));
      return [...members.values()].slice(1).map((member) => member.length);
    }),
  );
  assert.deepEqual(sizes[0], sizes[1]);
});

test("a contact is never left out without a word", async () => {
  await assert.rejects(sealed({ contact: answers }), /cannot take a sealed contact/);
  const { recipients } = await officers(2);
  const contact = [{ ...answers[0], answer: "a".repeat(9_000) }];
  await assert.rejects(sealed({ contact }, { threshold: 2, recipients }), /more than one report can carry/);
});

test("sealing refuses another kind of recipient", async () => {
  const { sealParcel } = await load("parcel.ts");
  const parcel = { report: draft, files: [], contact: null };
  await assert.rejects(
    sealParcel(parcel, { key: { ...key, recipient: "age1qqqq" }, contact: null }, null, () => {}),
    /age1pq1/,
  );
  const classic = { threshold: 2, recipients: ["age1qqqq", "age1qqqq"] };
  await assert.rejects(sealed({ contact: answers }, classic), /age1pq1/);
});

test("what no officer could read is not sealed", async () => {
  await assert.rejects(sealed({ report: { ...draft, flags: ["Danger"] } }), /a code is not one/);
});

/** A file whose bytes become others after so many reads of it. */
function changing(reads, later) {
  const first = new File([Buffer.alloc(100_000, 1)], "changing.bin");
  let count = 0;
  const slice = (from, to) => {
    count += 1;
    return (count > reads ? later : first).slice(from, to);
  };
  return Object.defineProperties(new File([Buffer.alloc(100_000, 1)], "changing.bin"), { slice: { value: slice } });
}

const gone = {
  slice: () => ({
    stream: () => new ReadableStream({ pull: () => Promise.reject(new DOMException("gone", "NotReadableError")) }),
  }),
};
const laters = {
  "other bytes": new File([Buffer.alloc(100_000, 2)], "x"),
  "one byte fewer": new File([Buffer.alloc(99_999, 1)], "x"),
  "no bytes": new File([], "x"),
  "nothing to read": gone,
};
for (const [name, later] of Object.entries(laters)) {
  for (const [when, reads] of [
    ["before it was hashed", 0],
    ["after it was hashed", 1],
  ]) {
    if (reads === 0 && name === "other bytes") continue; // What is hashed is what is sent.
    test(`a file that has ${name} ${when} is named, and nothing is sent`, async () => {
      const kept = { file: new File(["kept"], "kept.txt"), metadata: "kept" };
      const files = [kept, { file: changing(reads, later), metadata: "kept" }];
      await assert.rejects(sealed({ files }), (error) => error.at === 1);
    });
  }
}

test("plaintext is overwritten once it is sealed", async () => {
  const { memberOf, seal } = await load("seal.ts");
  const given = [];
  const bytes = new Uint8Array(randomBytes(70_000));
  const member = {
    name: "files/01-x",
    size: 400_000,
    async *read() {
      for (let count = 0; count < 4; count += 1) {
        given.push(new Uint8Array(100_000).fill(7));
        yield given.at(-1);
      }
    },
  };
  await seal([memberOf("report.json", bytes), member], key.recipient, () => {});
  for (const plain of [bytes, ...given]) assert.ok(plain.every((byte) => byte === 0));
});

test("plaintext is overwritten when sealing fails half-way", async () => {
  const { memberOf, seal } = await load("seal.ts");
  const bytes = new Uint8Array(randomBytes(70_000));
  const member = {
    name: "files/01-x",
    size: 10,
    async *read() {
      throw new Error("gone");
    },
  };
  await assert.rejects(
    seal([memberOf("report.json", bytes), member], key.recipient, () => {}),
    /gone/,
  );
  assert.ok(bytes.every((byte) => byte === 0));
});

test("a member that is not of its size is refused", async () => {
  const { seal } = await load("seal.ts");
  for (const size of [9, 11]) {
    const member = {
      name: "x",
      size,
      read: async function* () {
        yield new Uint8Array(10);
      },
    };
    await assert.rejects(
      seal([member], key.recipient, () => {}),
      /not of the size/,
    );
  }
});
