// Carrying what was sealed to the server: the same bytes each time, patiently, and nothing after leaving.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { load } from "./load.mjs";

const { beginBody, submissionOf, submit } = await load("submit.ts");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
globalThis.location = { origin: "https://hafan.example" };
const submission = { h: "ab".repeat(32), body: new Uint8Array(1_000) };

/** A browser's XMLHttpRequest that answers as it is told, one entry an attempt. */
function server(t, script) {
  const requests = [];
  globalThis.XMLHttpRequest = class extends EventTarget {
    upload = new EventTarget();
    headers = {};
    open(method, url) {
      Object.assign(this, { method, url, responseURL: `${location.origin}${url}` });
    }
    setRequestHeader(name, value) {
      this.headers[name] = value;
    }
    getResponseHeader(name) {
      return name === "Retry-After" ? (this.retry_after ?? null) : null;
    }
    abort() {
      this.isAborted = true;
      this.dispatchEvent(new Event("abort"));
    }
    send(body) {
      this.body = body;
      requests.push(this);
      const answer = script[requests.length - 1] ?? script.at(-1);
      if (answer === "hang") return;
      queueMicrotask(() => {
        for (const loaded of [100, body.length]) {
          this.upload.dispatchEvent(Object.assign(new Event("progress"), { loaded }));
        }
        if (typeof answer === "string") this.dispatchEvent(new Event(answer));
        else {
          Object.assign(this, answer);
          this.dispatchEvent(new Event("load"));
        }
      });
    }
  };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return requests;
}

/** Lets pauses pass until the promise is settled. */
async function settled(t, promise, pauses = []) {
  let isDone = false;
  promise.finally(() => (isDone = true));
  for (let second = 0; !isDone && second < 600; second += 1) {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    if (isDone) break;
    pauses.push(second);
    t.mock.timers.tick(1_000);
  }
  return promise;
}

test("a body is salt, tag and room for the envelope, and its digest is the protocol's", () => {
  const body = beginBody(3, (bytes) => bytes.fill(bytes.length));
  const envelope = Buffer.from([1, 2, 3]);
  body.set(envelope, 48);
  const inner = createHash("sha256").update(envelope).digest();
  const { h } = submissionOf(body, inner);
  assert.equal(h, sha256(Buffer.concat([Buffer.from("hafan/blob/v1\0"), Buffer.alloc(16, 16), inner])));
  assert.deepEqual(Buffer.from(body), Buffer.concat([Buffer.alloc(16, 16), Buffer.alloc(32, 32), envelope]));
});

test("salt and tag are random", () => {
  assert.notDeepEqual(beginBody(0), beginBody(0));
  assert.ok(beginBody(0).some((byte) => byte !== 0));
});

for (const status of [200, 201]) {
  test(`${status} is held, and how much has gone is told`, async (t) => {
    const requests = server(t, [{ status }]);
    const told = [];
    const signal = new AbortController().signal;
    const outcome = await settled(
      t,
      submit("btp", submission, (...step) => told.push(step), signal),
    );
    assert.deepEqual(outcome, { kind: "held" });
    assert.deepEqual(told, [
      ["sending", null],
      ["sending", 0.1],
      ["sending", 1],
    ]);
    const [{ method, url, headers, body }] = requests;
    assert.deepEqual([method, url], ["PUT", `/v1/forces/btp/drops/${submission.h}`]);
    assert.deepEqual(headers, { "Content-Type": "application/vnd.hafan.submission" });
    assert.equal(body, submission.body);
  });
}

test("a line that drops is tried again with the same bytes, and held in the end", async (t) => {
  const requests = server(t, ["error", { status: 503 }, "timeout", { status: 200 }]);
  const told = [];
  const signal = new AbortController().signal;
  const outcome = await settled(
    t,
    submit("btp", submission, (step) => told.push(step), signal),
  );
  assert.deepEqual(outcome, { kind: "held" });
  assert.deepEqual([...new Set(told)], ["sending", "again", "busy"]);
  assert.equal(requests.length, 4);
  assert.ok(requests.every(({ body, url }) => body === submission.body && url === requests[0].url));
});

test("a line that stays down is given up after six attempts", async (t) => {
  const requests = server(t, ["error"]);
  const outcome = await settled(
    t,
    submit("btp", submission, () => {}, new AbortController().signal),
  );
  assert.deepEqual([outcome, requests.length], [{ kind: "line" }, 6]);
});

const asked = { span: 3, bits: 13, challenge: "cd".repeat(32) };
const asks = { status: 503, responseText: JSON.stringify({ type: "/problems/work", ...asked }), retry_after: "10" };

test("work that is asked for is done, and the same bytes go with it at once", async (t) => {
  const requests = server(t, [asks, { status: 201 }]);
  const told = [];
  const works = [];
  const pauses = [];
  const outcome = await settled(
    t,
    submit(
      "btp",
      submission,
      (...step) => told.push(step),
      new AbortController().signal,
      async (asked, h, progress) => {
        works.push([asked, h]);
        progress(8, 16);
        return "3.13.proof";
      },
    ),
    pauses,
  );
  assert.deepEqual([outcome, pauses], [{ kind: "held" }, []]);
  assert.deepEqual(works, [[asked, submission.h]]);
  assert.deepEqual(
    told.filter(([step]) => step === "working"),
    [
      ["working", 0],
      ["working", 0.5],
    ],
  );
  assert.deepEqual(
    requests.map(({ headers }) => headers["Hafan-Work"]),
    [undefined, "3.13.proof"],
  );
  assert.ok(requests.every(({ body }) => body === submission.body));
});

test("work that cannot be done is waited out like any other busy server", async (t) => {
  const requests = server(t, [asks, { status: 201 }]);
  const told = [];
  const pauses = [];
  const none = async () => null;
  const signal = new AbortController().signal;
  const outcome = await settled(
    t,
    submit("btp", submission, (step) => told.push(step), signal, none),
    pauses,
  );
  assert.deepEqual([outcome, pauses.length], [{ kind: "held" }, 10]);
  assert.ok(told.includes("busy"));
  assert.equal(requests[1].headers["Hafan-Work"], undefined);
});

test("a server that asks for work again and again is given up after six attempts", async (t) => {
  const requests = server(t, [asks]);
  const outcome = await settled(
    t,
    submit(
      "btp",
      submission,
      () => {},
      new AbortController().signal,
      async () => "3.13.proof",
    ),
  );
  assert.deepEqual([outcome, requests.length], [{ kind: "line" }, 6]);
});

for (const status of [400, 401, 404, 413, 415, 422]) {
  test(`${status} is final`, async (t) => {
    const requests = server(t, [{ status }]);
    const outcome = await settled(
      t,
      submit("btp", submission, () => {}, new AbortController().signal),
    );
    assert.deepEqual([outcome, requests.length], [{ kind: "refused", status }, 1]);
  });
}

for (const [header, seconds] of [
  ["20", 20],
  ["9999", 30],
  ["-5", 1],
  ["soon", 1],
]) {
  test(`a busy server that says Retry-After: ${header} is asked again after ${seconds} s`, async (t) => {
    server(t, [{ status: 429, retry_after: header }, { status: 201 }]);
    const pauses = [];
    await settled(
      t,
      submit("btp", submission, () => {}, new AbortController().signal),
      pauses,
    );
    assert.equal(pauses.length, seconds);
  });
}

test("an answer from another address is no answer: a page that says 200 holds nothing", async (t) => {
  const elsewhere = { status: 200, responseURL: "https://hafan.example/sign-in" };
  const requests = server(t, [elsewhere, { status: 201 }]);
  const told = [];
  const signal = new AbortController().signal;
  const outcome = await settled(
    t,
    submit("btp", submission, (step) => told.push(step), signal),
  );
  assert.deepEqual([outcome, requests.length], [{ kind: "held" }, 2]);
  assert.ok(told.includes("again"));
});

test("leaving stops the attempt and every later one", async (t) => {
  const requests = server(t, ["hang"]);
  const left = new AbortController();
  const sent = submit("btp", submission, () => {}, left.signal);
  left.abort();
  assert.deepEqual(await settled(t, sent), { kind: "line" });
  assert.deepEqual([requests.length, requests[0].isAborted], [1, true]);
});

test("leaving during a pause stops the pause", async (t) => {
  const requests = server(t, ["error"]);
  const left = new AbortController();
  const sent = submit("btp", submission, (step) => step === "again" && left.abort(), left.signal);
  assert.deepEqual(await settled(t, sent), { kind: "line" });
  assert.equal(requests.length, 1);
});

test("who has left already sends nothing", async (t) => {
  const requests = server(t, [{ status: 201 }]);
  assert.deepEqual(
    await settled(
      t,
      submit("btp", submission, () => {}, AbortSignal.abort()),
    ),
    { kind: "line" },
  );
  assert.equal(requests.length, 0);
});

test("the largest body has time for a line of 8 KiB/s", async (t) => {
  const requests = server(t, [{ status: 201 }]);
  const body = new Uint8Array(33 << 20);
  await settled(
    t,
    submit("btp", { ...submission, body }, () => {}, new AbortController().signal),
  );
  assert.ok(requests[0].timeout >= (body.length / 8_192) * 1_000);
  await settled(
    t,
    submit("btp", submission, () => {}, new AbortController().signal),
  );
  assert.equal(requests[1].timeout, 60_000);
});
