// Seals as the page does, with its own scripts, for the Rust tests to open. Started by tests/tests/interop.rs:
//
//   node tests/interop/seal.mjs FOLDER
//
// FOLDER/jobs.json: { key: { id, recipient, fingerprint }, contact: { threshold, recipients }, vectors }. The report and
// files of each vector NAME become NAME.body, with a contact; the output is { NAME: h }.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { load } from "../../web/test/load.mjs";

const folder = process.argv[2];
const { key, contact, vectors } = JSON.parse(readFileSync(join(folder, "jobs.json"), "utf8"));
const { sealParcel } = await load("parcel.ts");
const answers = [{ id: "n2", question: "Your name", answer: "A. Name" }];
const told = {};
for (const path of vectors) {
  const { report, files } = JSON.parse(readFileSync(path, "utf8"));
  const chosen = files.map(({ chosen_name, media_type, hex, repeat }) => ({
    file: new File([Buffer.from(hex.repeat(repeat), "hex")], chosen_name, { type: media_type }),
    metadata: "kept",
  }));
  const name = basename(path, ".json");
  const { h, body } = await sealParcel({ report, files: chosen, contact: answers }, { key, contact }, null, () => {});
  writeFileSync(join(folder, `${name}.body`), body);
  told[name] = h;
}
console.log(JSON.stringify(told));
