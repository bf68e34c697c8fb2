// What the browser makes of answers, and envelopes as it seals them, for the gateway's to be compared with. Started by
// tests/tests/gateway.rs:
//
//   node tests/interop/gateway.mjs FOLDER CASES ENVELOPES RECIPIENT
//
// FOLDER/form.json is what the gateway reads of the questions; FOLDER/N.form the body of case N, FOLDER/N.json the report that the
// browser makes of it; FOLDER/envelopes the first 2,048 bytes of each submission, one after the other. The output is
// { languages, forces, sizes }, each a list.

import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicForce, readForces, readStrings, scriptStrings } from "../../web/build/content.mjs";
import { formData, plainStrings } from "../../web/build/gateway.mjs";
import { readQuestions } from "../../web/build/questions.mjs";
import { load } from "../../web/test/load.mjs";

const [folder, cases, envelopes, recipient] = process.argv.slice(2);
const strings = readStrings();
const words = plainStrings(strings);
const forces = readForces();
const questions = readQuestions(strings);
const shown = questions.pages.filter(({ base }) => base !== "s1" && base !== "length");
writeFileSync(join(folder, "form.json"), JSON.stringify(formData(words, forces, questions, shown)));
const catalogue = { strings: scriptStrings(words, ["form.", "q."]), forces: forces.map(publicForce), questions };
const { draftOf } = await load("answers.ts", catalogue);
const { forceOf } = await load("questions.ts", catalogue);
const { encodeReport } = await load("report.ts", catalogue);
const { memberOf, seal } = await load("seal.ts", catalogue);

let state = 20261126;
/** The same numbers in each run (mulberry32). */
function random(count) {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
}
const TEXTS = [
  '"q" <b> & \\ \u{1f327}',
  "Ŵŷ\nsecond line\n",
  " ",
  "",
  "\u0645\u0631\u062d",
  "\u2028 \u0001",
  "x".repeat(300),
];
const DATES = [
  ["", "3", "2009"],
  ["14", "3", "2009"],
  ["", "", ""],
  ["", "", "1999"],
  [" 1 ", "12", ""],
];

/** What a person could leave in a field; undefined for nothing. */
function answer({ kind, options = [] }, density) {
  if (random(100) >= density) return undefined;
  const codes = options.map(({ value }) => value);
  if (kind === "text" || kind === "textarea") return TEXTS[random(TEXTS.length)];
  if (kind === "date") return DATES[random(DATES.length)];
  if (kind === "radios") return codes[random(codes.length)];
  if (kind === "forces") return [...codes, ...forces.map(({ id }) => id)][random(codes.length + forces.length)];
  return kind === "checkboxes" ? codes.filter(() => random(2) === 0) : undefined;
}

function makeCase() {
  const density = [15, 50, 95][random(3)];
  const given = new Map();
  const form = new FormData();
  for (const page of shown) {
    for (const field of page.fields) {
      const value = answer(field, page.required ? 100 : density);
      if (field.kind === "date") {
        const parts = value ?? ["", "", ""];
        for (const [at, part] of ["day", "month", "year"].entries()) form.append(`${field.id}-${part}`, parts[at]);
        if (parts.join("") !== "") given.set(field.id, parts.join("/"));
      } else if (field.kind === "text" || field.kind === "textarea") {
        form.append(field.id, value ?? "");
        if (value) given.set(field.id, value);
      } else if (value !== undefined && value.length > 0) {
        for (const one of [value].flat()) form.append(field.id, one);
        given.set(field.id, value);
      }
    }
  }
  return { given, form, language: ["en", "cy"][random(2)] };
}

const told = { languages: [], forces: [], sizes: [] };
const visited = new Set(shown.map(({ id }) => id));
const key = { id: "2026-W48", fingerprint: Array(8).fill("0000").join(" ") };
let json;
for (let number = 0; number < Number(cases); number += 1) {
  const { given, form, language } = makeCase();
  const force = forceOf(catalogue.forces, questions.pages, given);
  const telling = { questions, forces: catalogue.forces, given, language, visited };
  const draft = draftOf(telling, force, "AAAAAAAAAAAAAAAAAAAAAA", "2026-11-26");
  json = encodeReport({ ...draft, key, contact: null, files: [] });
  const response = new Response(form);
  const head = `${response.headers.get("content-type")}\n`;
  writeFileSync(
    join(folder, `${number}.form`),
    Buffer.concat([Buffer.from(head), Buffer.from(await response.arrayBuffer())]),
  );
  writeFileSync(join(folder, `${number}.json`), json);
  told.languages.push(language);
  told.forces.push(force.id);
}
for (let number = 0; number < Number(envelopes); number += 1) {
  const { body } = await seal([memberOf("report.json", new TextEncoder().encode("{}"))], recipient, () => {});
  appendFileSync(join(folder, "envelopes"), body.subarray(0, 2048));
  told.sizes.push(body.length);
}
console.log(JSON.stringify(told));
