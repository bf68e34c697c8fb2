// A stand-in for the server, for journeys without one: serves a built site with the headers of its manifest, signs
// directories with demonstration keys, and takes submissions. Bound to loopback. It checks what the protocol asks of
// a submission's outside (length, digest, type), so that a journey which passes here sends what the server takes.

import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { signer } from "../../web/test/log.mjs";

export const FORCES = ["btp", "merseyside", "dyfed-powys", "leicestershire"];
const OFFICERS = [1, 2, 3];
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const DAY_MS = 86_400_000;
const day = (from, days) => new Date(Date.parse(from) + days * DAY_MS).toISOString().slice(0, 10);
const monday = day(new Date().toISOString().slice(0, 10), -((new Date().getUTCDay() + 6) % 7));

/** The ISO 8601 week of a Monday: that of its Thursday. */
function isoWeek(from) {
  const thursday = Date.parse(from) + 3 * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, "0")}`;
}

/** C2SP signed-note: the verifier key of an Ed25519 key under a name. */
function vkey(name, publicKey) {
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  const typed = Buffer.concat([Buffer.from([1]), raw]);
  const keyId = sha256(
    Buffer.concat([
      Buffer.from(`${name}
`),
      typed,
    ]),
  ).subarray(0, 4);
  return { key: `${name}+${keyId.toString("hex")}+${typed.toString("base64")}`, keyId };
}

/**
 * A force's root key, intake identity, three officers of whom two open a contact, and notes that hold, are expired, are
 * forged, or name no key for answers. Reports on its own people go to the force after it.
 */
export async function makeForce(force) {
  const name = `hafan/${force}/root`;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { key: root_key, keyId } = vkey(name, publicKey);
  const identity = await generateHybridIdentity();
  const recipient = await identityToRecipient(identity);
  const newKey = (of) => vkey(of, generateKeyPairSync("ed25519").publicKey).key;
  const log = signer("log.example/hafan");
  const replies = signer(`hafan/${force}/replies-1`);
  const officers = await Promise.all(OFFICERS.map(() => generateHybridIdentity()));
  const contact = { threshold: 2, recipients: await Promise.all(officers.map(identityToRecipient)) };
  const officerKeys = OFFICERS.map((number) => newKey(`hafan/${force}/officer-${number}`));
  const note = (from, { key = privateKey, ...changes } = {}) => {
    const until = day(from, 7);
    const directory = {
      force,
      sequence: 1,
      valid_from: from,
      valid_until: until,
      log: log.vkey,
      intake: [{ id: isoWeek(from), recipient, from, until }],
      contact,
      officers: officerKeys,
      replies: [replies.vkey],
      couriers: [],
      police_suspect: FORCES[(FORCES.indexOf(force) + 1) % FORCES.length],
      ...changes,
    };
    const text = `hafan directory v1\n${JSON.stringify(directory)}\n`;
    const signature = Buffer.concat([keyId, sign(null, Buffer.from(text), key)]).toString("base64");
    return Buffer.from(`${text}\n\u2014 ${name} ${signature}\n`);
  };
  return {
    force,
    identity,
    officers,
    recipient,
    log,
    replies,
    root_key,
    good: note(monday),
    expired: note(day(monday, -7)),
    forged: note(monday, { key: generateKeyPairSync("ed25519").privateKey }),
    silent: note(monday, { replies: null }),
  };
}

const DRAFT_SIZE_BYTES = 67_195;
const AGE_HEADER = "age-encryption.org/v1\n-> mlkem768x25519 ";

/** What docs/protocol.md section 15 answers: a status, and for a GET that finds one the draft. */
function answerDraft(drafts, { method, headers }, id, body) {
  if (method === "GET") return drafts.has(id) ? [200, drafts.get(id)] : [404];
  if (headers["content-type"] !== "application/vnd.hafan.draft") return [415];
  if (body.length !== 32 + (method === "PUT" ? DRAFT_SIZE_BYTES : 0)) return [method === "PUT" ? 422 : 400];
  const digest = sha256(Buffer.concat([Buffer.from("hafan/draft-id/v1\0"), body.subarray(0, 32)]));
  if (digest.toString("hex") !== id) return [400];
  const had = drafts.has(id);
  if (method === "DELETE") return [drafts.delete(id) ? 204 : 404];
  if (body.subarray(32, 32 + AGE_HEADER.length).toString("latin1") !== AGE_HEADER) return [422];
  drafts.set(id, body.subarray(32));
  return [had ? 200 : 201];
}

/**
 * Serves `siteDir`. `state.directory(force)` gives a note, `state.log(address)` what stands in a public log or beside it; `state.drop(request)`
 * may answer a PUT itself, `state.draft(method, id, body)` a request for a draft; `state.drafts` are those that are held.
 */
export async function serve(siteDir, state) {
  const manifest = JSON.parse(readFileSync(join(siteDir, "manifest.json"), "utf8"));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(manifest.headers)) response.setHeader(name, value);
    const path = new URL(request.url, "http://localhost").pathname;
    const draft = /^\/v1\/drafts\/([0-9a-f]{64})$/.exec(path);
    const asked = /^\/v1\/forces\/([a-z0-9-]+)\/(directory|drops\/([0-9a-f]{64}))$/.exec(path);
    if (asked?.[2] === "directory") {
      const note = state.directory(asked[1]);
      response.writeHead(note === null ? 404 : 200, { "content-type": "text/plain; charset=utf-8" }).end(note ?? "");
    } else if (draft !== null && ["GET", "PUT", "DELETE"].includes(request.method)) {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        const own = state.draft?.(request.method, draft[1], body);
        const [status, bytes] = own === undefined ? answerDraft(state.drafts, request, draft[1], body) : [own].flat();
        if (status === "cut") request.socket.destroy();
        else response.writeHead(status).end(bytes);
      });
    } else if (asked !== null && request.method === "PUT") {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        const h = sha256(
          Buffer.concat([Buffer.from("hafan/blob/v1\0"), body.subarray(0, 16), sha256(body.subarray(48))]),
        );
        const isRight =
          h.toString("hex") === asked[3] && request.headers["content-type"] === "application/vnd.hafan.submission";
        const own = isRight ? (state.drop?.(asked[1], body, request.headers) ?? 201) : 400;
        const [status, text] = [own].flat();
        if (status === "cut") request.socket.destroy();
        else response.writeHead(status).end(text);
      });
    } else if (path.startsWith("/log/")) {
      const bytes = state.log?.(path);
      if (bytes === "cut") request.socket.destroy();
      else response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    } else if (path === "/leave") {
      response.writeHead(303, { location: "/404.html" }).end();
    } else {
      const file = manifest.files[path] ?? manifest.files["/404.html"];
      const name = manifest.files[path] === undefined ? "/404.html" : path;
      const bytes = readFileSync(join(siteDir, name.endsWith("/") ? `${name}index.html` : name));
      response
        .writeHead(manifest.files[path] === undefined ? 404 : 200, { "content-type": file.content_type })
        .end(bytes);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => server.close(done)) };
}
