// Writes the C2SP CCTV age vectors as files: node tests/interop/cctv.mjs FOLDER
//
// NAME.head holds a vector's own description, `key: value` a line; NAME.age the bytes of the file,
// decompressed. Started by tests/tests/cctv.rs.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";

import * as vectors from "cctv-age";

const folder = process.argv[2];
for (const [name, bytes] of Object.entries(vectors)) {
  const vector = Buffer.from(bytes);
  const end = vector.indexOf("\n\n");
  const head = vector.subarray(0, end + 1).toString("utf8");
  let file = vector.subarray(end + 2);
  if (/^compressed: zlib$/mu.test(head)) file = inflateSync(file);
  writeFileSync(join(folder, `${name}.head`), head);
  writeFileSync(join(folder, `${name}.age`), file);
}
