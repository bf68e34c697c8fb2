// Writes tests/vectors/report/*.json: reports and files, and what they must become.
//
// The oracle for Rust and TypeScript both: it shares no code with either. JSON comes from
// JSON.stringify itself, and the archive from the table of fields in docs/protocol.md section 2.
//
//   node tests/interop/report-vectors.mjs          writes the vectors
//   node tests/interop/report-vectors.mjs --check  exits 1 when a vector is not what would be written

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const folder = new URL("../vectors/report/", import.meta.url);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

// docs/protocol.md section 2: the archive.
function header(name, size) {
  const block = Buffer.alloc(512);
  const put = (at, text) => block.write(text, at, "latin1");
  put(0, name);
  put(100, "0000644\0" + "0000000\0" + "0000000\0");
  put(124, size.toString(8).padStart(11, "0") + "\0" + "00000000000\0");
  put(148, "        " + "0");
  put(257, "ustar\0" + "00");
  put(329, "0000000\0" + "0000000\0");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return block;
}

function pack(json, files, names) {
  const parts = [];
  const member = (name, data) => {
    parts.push(header(name, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512));
  };
  member("report.json", json);
  files.forEach((data, i) => member(names[i], data));
  parts.push(Buffer.alloc(1024));
  const archive = Buffer.concat(parts);
  let size = 65536;
  while (size < archive.length) size *= 2;
  return Buffer.concat([archive, Buffer.alloc(size - archive.length)]);
}

// README.md beside the vectors: names.
const dropped = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
function cleanName(name) {
  let clean = "";
  for (const character of name.replace(dropped, "").replace(/[/\\]/gu, "_")) {
    if (Buffer.byteLength(clean + character) > 200) break;
    clean += character;
  }
  return ["", ".", ".."].includes(clean) ? "file" : clean;
}

function memberName(number, name) {
  const plain = Array.from(name, (c) => (/^[A-Za-z0-9._-]$/u.test(c) ? c : "_"));
  const short = plain.length > 80 ? [...plain.slice(0, 64), ...plain.slice(-16)] : plain;
  return `files/${String(number).padStart(2, "0")}-${short.join("")}`;
}

const answer = (id, question, answer, skipped = false) => ({ id, question, answer, skipped });
const base = {
  version: 1,
  question_set: "short-1",
  language: "en",
  route: "self",
  force: "btp",
  promise: { id: "quiet", text: "Keep this quiet until I say otherwise." },
  written_on: "2026-11-23",
  answers: [answer("words", "In your own words, what happened?", "It was on the train.")],
  people: [],
  flags: [],
  wishes: [],
  files: [],
  mailbox: null,
  thread: "AAECAwQFBgcICQoLDA0ODw",
  adds_to: null,
};

// Each: what it shows, fields that differ from `base`, files as [chosen name, type, metadata, hex, repeat].
const control = Array.from({ length: 0xa0 }, (_, i) => String.fromCharCode(i)).join("");
const cases = {
  "plain": ["A report without files, in the smallest class.", {}, []],
  "escapes": [
    "Every character that JSON.stringify escapes, and those that it leaves: U+0000 to U+009F, U+2028, U+2029, U+FEFF, U+FFFD, U+FFFF, beyond U+FFFF.",
    {
      promise: { id: "p\"\\/", text: "\u2028\u2029</script>&amp;'" },
      answers: [
        answer("words", control, control + "\u2028\u2029\ufeff\ufffd\uffff\u{1f49a}\u{10ffff}"),
        answer("which", "W\u0175r a \u0177d?", ["tick", "", "\u202eright to left \u05d0\u05d1", "\u00e9 e\u0301"]),
        answer("when", "Pa bryd?", null, true),
        answer("none", "Nothing was shown", null),
        answer("empty", "", ""),
        answer("no-choice", "", []),
      ],
      flags: ["\u0007", "not-safe-to-call"],
    },
    [],
  ],
  "welsh-witness-adds-to": [
    "The other values: Welsh, witness, another force, an earlier thread.",
    {
      language: "cy",
      route: "witness",
      force: "dyfed-powys",
      written_on: "2028-02-29",
      thread: "_-_-_-_-_-_-_-_-_-_-_w",
      adds_to: "AAAAAAAAAAAAAAAAAAAAAA",
      answers: [],
    },
    [],
  ],
  "other": ["Route other, a force of one character.", { route: "other", force: "0" }, []],
  "work": ["Route work.", { route: "work", force: "a".repeat(32), written_on: "0001-01-01" }, []],
  "one-file": [
    "One file, its metadata removed.",
    {},
    [["photo.jpg", "image/jpeg", "removed", "ffd8ffe000104a464946", 1]],
  ],
  "file-sizes": [
    "Files of 0, 1, 511, 512 and 513 bytes.",
    {},
    [0, 1, 511, 512, 513].map((size) => [`${size}.bin`, "application/octet-stream", "kept", "a5", size]),
  ],
  "file-names": [
    "64 files; names that are cleaned for report.json and shortened for the archive.",
    {},
    [
      "plain.txt", "../../etc/passwd", "C:\\Users\\me\\photo.png", "", ".", "..", "/", "\u0000\u001f\u007f\u0085",
      "a b  c.txt", "-rf", ".hidden", "\u202egpj.exe", "ffeil \u0175\u0177.pdf", "\u{1f49a}.png", "e\u0301.txt",
      "x".repeat(80), "x".repeat(81) + ".jpg", "y".repeat(300), "\u00e9".repeat(150), "ab" + "\u{1f49a}".repeat(60),
      "z".repeat(199) + "\u00e9", "line\u2028line", "percent%2F..%2Fname", "quote\"'<>&.html", "NUL", "caf\u00e9.tar.gz",
      "a".repeat(63) + "\u{1f49a}" + "b".repeat(20) + ".jpeg", "...", "_", "file",
    ]
      .concat(Array.from({ length: 34 }, (_, i) => `n${i}`))
      .map((name, i) => [name, "text/plain", i % 2 === 0 ? "kept" : "removed", i.toString(16).padStart(2, "0"), i]),
  ],
  "class-64k-full": ["An archive of exactly 65,536 bytes.", {}, [["f", "a/b", "kept", "5a", 62464]]],
  "class-128k": ["One byte more: the class doubles.", {}, [["f", "a/b", "kept", "5a", 62465]]],
  "class-1m": ["The class of 1 MiB.", {}, [["f.mp4", "video/mp4", "kept", "00ff", 300000]]],
};

function vector([comment, fields, chosen]) {
  const files = chosen.map(([name, type, metadata, hex, repeat]) => ({
    chosen_name: name,
    media_type: type,
    metadata,
    hex,
    repeat,
  }));
  const data = files.map((file) => Buffer.from(file.hex.repeat(file.repeat), "hex"));
  const entries = files.map((file, i) => ({
    name: cleanName(file.chosen_name),
    media_type: file.media_type,
    size: data[i].length,
    sha256: sha256(data[i]),
    metadata: file.metadata,
  }));
  const report = { ...base, ...fields, files: entries };
  const members = entries.map((entry, i) => memberName(i + 1, entry.name));
  const json = Buffer.from(JSON.stringify(report));
  const padded = pack(json, data, members);
  const expect = {
    report_json_size: json.length,
    report_json_sha256: sha256(json),
    members,
    padded_size: padded.length,
    padded_sha256: sha256(padded),
  };
  return JSON.stringify({ comment, report, files, expect }, null, 1) + "\n";
}

let wrong = 0;
for (const [name, description] of Object.entries(cases)) {
  const path = new URL(`${name}.json`, folder);
  const text = vector(description);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`${name}.json is not what report-vectors.mjs writes`);
    wrong += 1;
  }
}
process.exitCode = wrong === 0 ? 0 : 1;
