// A stand-in for the server, for journeys without one: serves a built site with the headers of its manifest, signs
// directories with demonstration keys, and takes submissions. Bound to loopback. It checks what the protocol asks of
// a submission's outside (length, digest, type), so that a journey which passes here sends what the server takes.

import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";

export const FORCES = ["btp", "merseyside", "dyfed-powys", "leicestershire"];
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** A force's root key, intake identity, and notes that hold, are expired, or are forged. */
export async function makeForce(force) {
  const name = `hafan/${force}/root`;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  const typed = Buffer.concat([Buffer.from([1]), raw]);
  const keyId = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed])).subarray(0, 4);
  const identity = await generateHybridIdentity();
  const recipient = await identityToRecipient(identity);
  const note = (from, until, key = privateKey) => {
    const directory = {
      force,
      sequence: 1,
      valid_from: from,
      valid_until: until,
      log: "",
      intake: [{ id: "2026-W48", recipient, from, until }],
      contact: { threshold: 2, recipients: [] },
      replies: null,
      couriers: [],
      police_suspect: null,
    };
    const text = `hafan directory v1\n${JSON.stringify(directory)}\n`;
    const signature = Buffer.concat([keyId, sign(null, Buffer.from(text), key)]).toString("base64");
    return Buffer.from(`${text}\n\u2014 ${name} ${signature}\n`);
  };
  return {
    force,
    identity,
    recipient,
    root_key: `${name}+${keyId.toString("hex")}+${typed.toString("base64")}`,
    good: note(day(-3), day(4)),
    expired: note(day(-10), day(-3)),
    forged: note(day(-3), day(4), generateKeyPairSync("ed25519").privateKey),
  };
}

/** Serves `siteDir`. `state.directory(force)` gives a note; `state.drop(request)` may answer a PUT itself. */
export async function serve(siteDir, state) {
  const manifest = JSON.parse(readFileSync(join(siteDir, "manifest.json"), "utf8"));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(manifest.headers)) response.setHeader(name, value);
    const path = new URL(request.url, "http://localhost").pathname;
    const asked = /^\/v1\/forces\/([a-z0-9-]+)\/(directory|drops\/([0-9a-f]{64}))$/.exec(path);
    if (asked?.[2] === "directory") {
      const note = state.directory(asked[1]);
      response.writeHead(note === null ? 404 : 200, { "content-type": "text/plain; charset=utf-8" }).end(note ?? "");
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
        const status = isRight ? (state.drop?.(asked[1], body) ?? 201) : 400;
        if (status === "cut") request.socket.destroy();
        else response.writeHead(status).end();
      });
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
