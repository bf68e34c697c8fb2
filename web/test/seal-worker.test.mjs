// The worker as the page speaks to it: a directory that it checked itself, and what it answers when something is wrong.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Decrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { webDir } from "../build/content.mjs";
import { load } from "./load.mjs";

const vector = join(webDir, "..", "tests", "vectors", "report", "plain.json");
const { key: _key, contact: _contact, files: _files, ...draft } = JSON.parse(readFileSync(vector, "utf8")).report;
const TODAY = "2026-11-24";
const identity = await generateHybridIdentity();
const recipient = await identityToRecipient(identity);
const officers = await Promise.all([1, 2, 3].map(async () => identityToRecipient(await generateHybridIdentity())));

/** An Ed25519 key with a C2SP name. */
function signer(name) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = Buffer.concat([Buffer.from([1]), Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url")]);
  const id = createHash("sha256").update(`${name}\n`).update(key).digest().subarray(0, 4);
  return { name, id, privateKey, vkey: `${name}+${id.toString("hex")}+${key.toString("base64")}` };
}

const root = signer("hafan/btp/root");
const others = ["log.example/hafan", "hafan/btp/courier-1", ...[1, 2, 3].map((n) => `hafan/btp/officer-${n}`)];
const [log, courier, ...officer_keys] = others.map((name) => signer(name).vkey);

/** A directory's note, signed. */
function directory(changes = {}) {
  const contents = {
    ...{ force: "btp", sequence: 1, valid_from: "2026-11-01", valid_until: "2027-01-01", log },
    intake: [{ id: "2026-W48", recipient, from: "2026-11-23", until: "2026-11-30" }],
    contact: { threshold: 2, recipients: officers },
    ...{ officers: officer_keys, replies: null, couriers: [courier], police_suspect: "merseyside" },
    ...changes,
  };
  const text = `hafan directory v1\n${JSON.stringify(contents)}\n`;
  const signature = Buffer.concat([root.id, sign(null, Buffer.from(text), root.privateKey)]).toString("base64");
  return new Uint8Array(Buffer.from(`${text}\n\u2014 ${root.name} ${signature}\n`));
}

const answers = [];
globalThis.self = {
  addEventListener: (_, listener) => (self.listener = listener),
  postMessage: (message, { transfer }) => answers.push({ ...message, transfer }),
};
await load("worker.ts", {
  forces: [
    { id: "btp", root_key: root.vkey },
    { id: "merseyside", root_key: null },
  ],
});
let asked = 0;

/** Asks the worker; its last answer, and what it told before. */
async function ask(request) {
  const id = (asked += 1);
  self.listener({ data: { id, request } });
  for (;;) {
    const replies = answers.filter((answer) => answer.id === id).map(({ reply }) => reply);
    if (replies.length > 0 && replies.at(-1).kind !== "progress")
      return { ...replies.at(-1), told: replies.slice(0, -1) };
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const open = (changes, today = TODAY) => ask({ kind: "open", force: "btp", note: directory(changes), today });
const seal = (parcel = {}, force = "btp", hasWords = false) =>
  ask({ kind: "seal", force, parcel: { report: draft, files: [], contact: null, ...parcel }, today: TODAY, hasWords });

test("it can seal on this device", async () => assert.equal((await ask({ kind: "warm" })).kind, "warm"));

test("nothing is sealed before a directory was opened", async () => assert.equal((await seal()).kind, "error"));

test("a directory gives its key, its officers and the other force", async () => {
  const { opened } = await open();
  assert.equal(opened.ok, true, opened.detail);
  assert.equal(opened.key.id, "2026-W48");
  assert.deepEqual(opened.contact, { threshold: 2, recipients: officers });
  assert.equal(opened.police_suspect, "merseyside");
});

for (const [name, changes] of Object.entries({
  "threshold 1": { contact: { threshold: 1, recipients: officers } },
  "no officer": { contact: { threshold: 0, recipients: [] }, officers: [] },
})) {
  test(`with ${name} a contact is not offered, and cannot be sealed`, async () => {
    assert.equal((await open(changes)).opened.contact, null);
    assert.equal((await seal({ contact: [{ id: "n2", question: "Name", answer: "x" }] })).kind, "error");
  });
}

for (const [name, police_suspect] of Object.entries({
  "that the page does not know": "gwent",
  "that is itself": "btp",
})) {
  test(`a directory that names a force ${name} is forged, and nothing is sealed to it`, async () => {
    assert.equal((await open({ police_suspect })).opened.why, "forged");
    assert.equal((await seal()).kind, "error");
  });
}

test("a directory that names no other force is right", async () => {
  assert.equal((await open({ police_suspect: null })).opened.police_suspect, null);
});

test("what it seals opens with the force's key, and the body is given away", async () => {
  await open();
  const files = [{ file: new File(["x".repeat(1_000)], "x.txt"), metadata: "kept" }];
  const { submission, kind, told } = await seal({ files });
  assert.equal(kind, "sealed");
  assert.deepEqual(answers.at(-1).transfer, [submission.body.buffer]);
  assert.ok(told.every(({ total, done }) => total === 1_000 && done <= total));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const padded = Buffer.from(await decrypter.decrypt(submission.body.slice(48)));
  const fingerprint = createHash("sha256").update(recipient).digest("hex").slice(0, 32).match(/.{4}/g).join(" ");
  assert.ok(padded.includes(`"key":{"id":"2026-W48","fingerprint":"${fingerprint}"}`));
});

test("it says which file is not what was chosen", async () => {
  const gone = Object.defineProperty(new File(["x"], "gone.txt"), "slice", {
    value: () => ({ stream: () => new ReadableStream({ pull: () => Promise.reject(new Error("gone")) }) }),
  });
  const files = [new File(["x"], "x.txt"), gone].map((file) => ({ file, metadata: "kept" }));
  const { kind, at } = await seal({ files });
  assert.deepEqual([kind, at], ["changed", 1]);
});

test("a picture that turns out not to be one is not sent as if its details were gone", async () => {
  const files = [{ file: new File(["no picture"], "x.jpg", { type: "image/jpeg" }), metadata: "removed" }];
  assert.deepEqual((await seal({ files })).kind, "changed");
});

test("it says when there is too much", async () => {
  const answer = { ...draft.answers[0], answer: "a".repeat(1 << 20) };
  assert.equal((await seal({ report: { ...draft, answers: [answer] } })).kind, "too-long");
});

test("it seals no report to a force that is not the report's", async () => {
  assert.equal((await seal({ report: { ...draft, force: "merseyside" } })).kind, "error");
});

test("it seals to no key that is out of date", async () => {
  await open();
  const parcel = { report: draft, files: [], contact: null };
  assert.equal((await ask({ kind: "seal", force: "btp", parcel, today: "2026-12-01" })).kind, "error");
});
