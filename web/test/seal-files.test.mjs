// Which files can be chosen, and what is said of their hidden details. How the list looks: tests/browser/files.

import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";
import { BASE, pngWith } from "./pictures.mjs";

const { FILES_SIZE_BYTES_MAX, FileChanged, cleanNames, refusal, removal } = await load("files.ts");
const sized = (size, name = "x") => Object.defineProperty(new File(["x"], name), "size", { value: size });
const unreadable = (name, error) =>
  Object.defineProperty(sized(10), name, { value: () => ({ arrayBuffer: () => Promise.reject(error) }) });

test("25 MiB together, and not a byte more", async () => {
  assert.equal(FILES_SIZE_BYTES_MAX, 26_214_400);
  assert.equal(await refusal([], sized(26_214_400)), null);
  assert.equal(await refusal([], sized(26_214_401)), "large");
  assert.equal(await refusal([sized(26_214_399)], sized(1)), null);
  assert.equal(await refusal([sized(26_214_400)], sized(1)), "large");
});

test("64 files, and not one more", async () => {
  const files = (count) => Array.from({ length: count }, () => sized(1));
  assert.equal(await refusal(files(63), sized(1)), null);
  assert.equal(await refusal(files(64), sized(1)), "many");
});

test("an empty file and one that cannot be read are told apart", async () => {
  assert.equal(await refusal([], new File([], "x")), "empty");
  assert.equal(await refusal([], unreadable("slice", new Error("gone"))), "unreadable");
});

test("hidden details: yes, no, and broken, by the bytes and never by the name", async () => {
  const found = (bytes, name, type) => removal(new File([bytes], name, { type }));
  assert.equal(await found(BASE["baseline.jpg"], "x.pdf", "application/pdf"), "yes");
  assert.equal(await found(pngWith(3), "x", ""), "yes");
  assert.equal(await found(BASE["moving.webp"], "x.webp", "image/webp"), "yes");
  assert.equal(await found("%PDF-1.7", "x.jpg", "image/jpeg"), "no");
  assert.equal(await found("", "x.jpg", "image/jpeg"), "no");
  assert.equal(await found(BASE["baseline.jpg"].subarray(0, 50), "x.jpg", "image/jpeg"), "broken");
  assert.equal(await removal(unreadable("slice", new Error("gone"))), "broken");
});

test("a file that is no picture is not read beyond its first bytes", async () => {
  const file = new File(["x".repeat(1_000)], "x.mp4");
  Object.defineProperty(file, "arrayBuffer", { value: () => assert.fail("read whole") });
  assert.equal(await removal(file), "no");
});

test("names are those of the report, and a fault names its file by number only", () => {
  const names = ["../a\u202eb.jpg", "", "c.png"].map((name) => ({ file: new File(["x"], name), metadata: "kept" }));
  assert.deepEqual(cleanNames(names), [".._ab.jpg", "file", "c.png"]);
  assert.equal(new FileChanged(1).message, "file 2 cannot be read as it was chosen");
});
