// Shares and combines with npm shamir-secret-sharing, for the Rust that has to do the same.
//
// node tests/interop/shamir.mjs             answers one JSON on standard input with one on standard output:
//   {"split":[{"secret":hex,"threshold":K,"count":N}],"combine":[[hex]]} → {"split":[[hex]],"combine":[hex]}
// node tests/interop/shamir.mjs FOLDER      writes the vectors of tests/vectors/shamir anew

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { combine, split } from "shamir-secret-sharing";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (from) => Buffer.from(from).toString("hex");

async function share({ secret, threshold, count }) {
  return (await split(bytes(secret), count, threshold)).map(hex);
}

async function answer(asked) {
  const shared = [];
  for (const job of asked.split) shared.push(await share(job));
  const combined = [];
  for (const shares of asked.combine) combined.push(hex(await combine(shares.map(bytes))));
  return { split: shared, combine: combined };
}

/** Shares that are right, as npm deals them, and what has to be refused. */
async function vectors(folder) {
  const write = (name, vector) => writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 1)}\n`);
  const identity = hex(Buffer.from(`AGE-SECRET-KEY-PQ-1${"Q".repeat(58)}`));
  const dealt = [
    ["two-of-two", "one byte", { secret: "00", threshold: 2, count: 2 }],
    ["two-of-three", "every byte has a polynomial of its own", { secret: "00ff0180", threshold: 2, count: 3 }],
    ["three-of-five", "text as long as an identity's", { secret: identity, threshold: 3, count: 5 }],
    ["seven-of-seven", "all are needed", { secret: hex(Buffer.from("yr wyth y saith")), threshold: 7, count: 7 }],
    ["two-of-255", "every x that there is", { secret: "2a", threshold: 2, count: 255 }],
  ];
  for (const [name, comment, job] of dealt) {
    write(name, { comment, secret: job.secret, threshold: job.threshold, shares: await share(job) });
  }
  // f(x) = 05 + 03 x: f(1) = 05 ^ 03, f(2) = 05 ^ 06. g(x) = 05 + 80 x: g(2) = 05 ^ (80 · 2) = 05 ^ 1b.
  write("by-hand", { comment: "f(x) = 05 + 03x", secret: "05", threshold: 2, shares: ["0601", "0302"] });
  write("by-hand-carry", { comment: "g(x) = 05 + 80x", secret: "05", threshold: 2, shares: ["8501", "1e02"] });
  const refused = [
    ["one", "one share is not enough", ["0601"], "1 shares, want 2 to 255"],
    ["none", "no share at all", [], "0 shares, want 2 to 255"],
    ["zero-x", "x is zero, where the secret is", ["0601", "0500"], "last byte of a share is zero"],
    ["short", "an x and no value", ["0601", "02"], "a share is 1 bytes"],
    ["empty", "no byte", ["0601", ""], "a share is 0 bytes"],
    ["lengths", "shares of secrets of different lengths", ["060601", "0302"], "share 1 is 2 bytes, want 3"],
    ["same-share", "one share twice", ["0601", "0302", "0302"], "share 2 has the x of share 1"],
    ["same-x", "two values for one x", ["0601", "0701"], "share 1 has the x of share 0"],
    ["long", "a secret over 4,096 bytes", ["00".repeat(4097) + "01", "0302"], "a share is 4098 bytes"],
  ];
  for (const [name, comment, shares, error] of refused) write(`refused-${name}`, { comment, shares, error });
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(readFileSync(0, "utf8")))));
} else {
  await vectors(folder);
}
