// What the worker asks the server for drafts: how, how often, and what it makes of each answer; and that a slow attempt
// never puts an older draft in the place of a newer.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { load } from "./load.mjs";

const { ATTEMPTS, deleteDraft, getDraft, putDraft } = await load("draft-requests.ts");
const { Drafts } = await load("drafts.ts");
const SIZE_BYTES = 67_195;
const id = "0123456789abcdef".repeat(4);
const key = new Uint8Array(32).fill(7);
const sealed = new Uint8Array(SIZE_BYTES).fill(9);
const [realFetch, realTimeout] = [globalThis.fetch, globalThis.setTimeout];

afterEach(() => Object.assign(globalThis, { fetch: realFetch, setTimeout: realTimeout }));

/** Answers requests by `answer(count)`, a status, a Response or null for none; pauses pass at once. */
function server(answer) {
  const seen = { requests: [], pauses: [], again: [] };
  globalThis.fetch = async (url, options) => {
    const body = options.body === undefined ? null : Uint8Array.from(options.body);
    const given = answer(seen.requests.push({ url, ...options, body }), { url, ...options });
    if (given === null) throw new TypeError("no answer");
    return typeof given === "number" ? new Response(null, { status: given }) : given;
  };
  globalThis.setTimeout = (run, ms, ...more) => {
    if (ms >= 40_000) return realTimeout(run, ms, ...more); // The end of an attempt, and no pause.
    if (ms > 0) seen.pauses.push(ms);
    return realTimeout(run, 0, ...more);
  };
  return seen;
}
const trying = (seen, signal = new AbortController().signal) => ({ signal, again: (at) => seen.again.push(at) });

test("keeping one is a PUT of its key and the age file, without cookies, referrer, cache or redirection", async () => {
  const seen = server(() => 201);
  assert.equal(await putDraft({ id, key }, sealed, trying(seen)), "kept");
  const [{ url, method, headers, credentials, referrerPolicy, cache, redirect, body }] = seen.requests;
  assert.deepEqual(
    [method, url, headers],
    ["PUT", `/v1/drafts/${id}`, { "Content-Type": "application/vnd.hafan.draft" }],
  );
  assert.deepEqual([credentials, referrerPolicy, cache, redirect], ["omit", "no-referrer", "no-store", "error"]);
  assert.deepEqual([body.length, [...body.subarray(0, 33)]], [67_227, [...key, 9]]);
});

test("deleting one shows its key alone; asking for one shows nothing", async () => {
  const seen = server((count) => (count === 1 ? 204 : 404));
  assert.equal(await deleteDraft({ id, key }, trying(seen)), "deleted");
  assert.equal(await getDraft({ id, key }, trying(seen)), null);
  assert.deepEqual(
    seen.requests.map(({ method, body }) => [method, body === null ? null : [...body]]),
    [
      ["DELETE", [...key]],
      ["GET", null],
    ],
  );
});

for (const [status, kept, got, deleted] of [
  [200, "kept", new Uint8Array(), "refused"],
  [400, "refused", "refused", "refused"],
  [404, "refused", null, "none"],
  [422, "refused", "refused", "refused"],
  [507, "full", "line", "line"],
]) {
  test(`${status} is believed at once`, async () => {
    const seen = server(() => status);
    const name = { id, key };
    assert.deepEqual(await putDraft(name, sealed, trying(seen)), kept);
    assert.deepEqual(await getDraft(name, trying(seen)), got);
    assert.deepEqual(await deleteDraft(name, trying(seen)), deleted);
    assert.deepEqual([seen.requests.length, seen.again], [3, []]);
  });
}

for (const answer of [null, 408, 429, 500, 502, 503]) {
  test(`${answer ?? "a dropped line"} is tried again a few times, then said`, async () => {
    const seen = server(() => answer);
    assert.equal(await putDraft({ id, key }, sealed, trying(seen)), "line");
    assert.deepEqual([seen.requests.length, seen.again, seen.pauses], [ATTEMPTS, [2, 3, 4], [500, 2_000, 5_000]]);
    const bodies = seen.requests.map(({ body }) => Buffer.from(body).toString("hex"));
    assert.equal(new Set(bodies).size, 1);
  });
}

test("a busy server's Retry-After is waited for, within reason", async () => {
  const seen = server((count) =>
    count === 3 ? 200 : new Response(null, { status: 503, headers: { "Retry-After": count === 1 ? "9" : "99999" } }),
  );
  assert.equal(await putDraft({ id, key }, sealed, trying(seen)), "kept");
  assert.deepEqual(seen.pauses, [9_000, 30_000]);
});

test("of an answer without end no more is read than shows that it is too long", async () => {
  let given = 0;
  let isStopped = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array((given += 10_000) && 10_000)),
    cancel: () => (isStopped = true),
  });
  const seen = server(() => new Response(endless));
  const bytes = await getDraft({ id, key }, trying(seen));
  assert.equal(bytes.length, SIZE_BYTES + 1);
  assert.ok(isStopped && given < 2 * SIZE_BYTES, `${given} bytes`);
});

const saved = (text) => ({
  ...{ language: "en", saved_on: "2026-11-26", section: "a1", visited: [] },
  given: new Map([["a1", text]]),
});

test("saving again, and opening with the words, are of one draft; deleting ends it, and new words are drawn", async () => {
  const held = new Map();
  server((_, { method, body }) => {
    if (method === "GET") return held.has(id) ? new Response(held.get(id)) : 404;
    if (method === "DELETE") return held.delete(id) ? 204 : 404;
    held.set(id, Uint8Array.from(body).subarray(32));
    return 200;
  });
  const drafts = new Drafts();
  const ask = (request) => drafts.answer(request, () => {});
  await assert.rejects(ask({ kind: "draft-save", saved: saved("none yet") }), /no words/);
  await assert.rejects(ask({ kind: "draft-delete", words: null }), /nothing was saved/);
  const { words } = await ask({ kind: "draft-words" });
  assert.equal(words.split(" ").length, 8);
  assert.deepEqual(await ask({ kind: "draft-words" }), { kind: "words", words: "" });
  for (const text of ["first", "second"]) {
    assert.deepEqual(await ask({ kind: "draft-save", saved: saved(text) }), { kind: "saved" });
  }
  const other = new Drafts();
  const opened = await other.answer({ kind: "draft-open", words }, () => {});
  assert.deepEqual(opened, { kind: "opened-draft", saved: saved("second") });
  assert.deepEqual(await other.answer({ kind: "draft-keep" }, () => {}), { kind: "kept" });
  assert.deepEqual(await other.answer({ kind: "draft-words" }, () => {}), { kind: "words", words: "" });
  assert.deepEqual(await ask({ kind: "draft-delete", words }), { kind: "deleted", isThis: true });
  assert.deepEqual(await ask({ kind: "draft-delete", words }), { kind: "none" });
  assert.notEqual((await ask({ kind: "draft-words" })).words, "");
  // What was opened on this page and is gone already is as good as deleted.
  assert.deepEqual(await other.answer({ kind: "draft-delete", words: null }, () => {}), {
    kind: "deleted",
    isThis: true,
  });
});

test("what was opened and not put on the page is never saved over", async () => {
  const held = new Map();
  server((_, { url, method, body }) => {
    if (method === "GET") return held.has(url) ? new Response(held.get(url)) : 404;
    held.set(url, Uint8Array.from(body).subarray(32));
    return 201;
  });
  const first = new Drafts();
  const { words } = await first.answer({ kind: "draft-words" }, () => {});
  await first.answer({ kind: "draft-save", saved: saved("hers") }, () => {});
  const drafts = new Drafts();
  // The answer came, and the page had been told to stop: it never says that it keeps it.
  assert.equal((await drafts.answer({ kind: "draft-open", words }, () => {})).kind, "opened-draft");
  assert.notEqual((await drafts.answer({ kind: "draft-words" }, () => {})).words, "", "new words are drawn");
  await drafts.answer({ kind: "draft-save", saved: saved("another") }, () => {});
  assert.equal(held.size, 2);
  const again = await new Drafts().answer({ kind: "draft-open", words }, () => {});
  assert.deepEqual(again.saved, saved("hers"));
});

test("what is asked for later gives up what is still being tried", async () => {
  const seen = server((count, { signal }) => {
    if (count > 1) return 200;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
  });
  const drafts = new Drafts();
  await drafts.answer({ kind: "draft-words" }, () => {});
  const slow = drafts.answer({ kind: "draft-save", saved: saved("older") }, () => {});
  while (seen.requests.length === 0) await new Promise((resolve) => realTimeout(resolve, 5));
  assert.deepEqual(await drafts.answer({ kind: "draft-save", saved: saved("newer") }, () => {}), { kind: "saved" });
  assert.deepEqual(await slow, { kind: "line" });
  assert.equal(seen.requests.length, 2);
  const last = drafts.answer({ kind: "draft-save", saved: saved("newest") }, () => {});
  assert.deepEqual(await drafts.answer({ kind: "draft-stop" }, () => {}), { kind: "stopped" });
  await last;
});
