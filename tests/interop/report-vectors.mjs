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

function pack(members) {
  const parts = [];
  for (const [name, data] of members) {
    parts.push(header(name, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
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

const part = (id, question, answer, choice = null, person = null) => ({ id, question, answer, choice, person });
const answer = (id, question, answer, { choice = null, state = "answered", person = null, parts = [] } = {}) => ({
  ...{ id, question, answer, choice, state, person, parts },
});
const base = {
  version: 1,
  question_set: "full-1",
  language: "en",
  route: "self",
  force: "btp",
  key: { id: "2026-W48", fingerprint: "0123 4567 89ab cdef 0123 4567 89ab cdef" },
  promise: { id: "quiet", text: "Keep this quiet until I say otherwise." },
  written_on: "2026-11-23",
  answers: [answer("words", "In your own words, what happened?", "It was on the train.")],
  people: [],
  flags: [],
  wishes: [],
  contact: null,
  files: [],
  mailbox: null,
  thread: "AAECAwQFBgcICQoLDA0ODw",
  adds_to: null,
};

// Each: what it shows, fields that differ from `base`, files as [chosen name, type, metadata, hex, repeat], and
// the bytes that stand for the sealed contact and its shares as [hex, repeat].
const control = Array.from({ length: 0xa0 }, (_, i) => String.fromCharCode(i)).join("");
const digest = (share) => sha256(`share ${share}`);
const longest = "z".repeat(32);
const cases = {
  "plain": ["A report without files, in the smallest class.", {}, []],
  "escapes": [
    "Every character that JSON.stringify escapes, and those that it leaves: U+0000 to U+009F, U+2028, U+2029, U+FEFF, U+FFFD, U+FFFF, beyond U+FFFF. Texts that are empty.",
    {
      promise: { id: "p\"\\/", text: "\u2028\u2029</script>&amp;'" },
      answers: [
        answer("words", control, control + "\u2028\u2029\ufeff\ufffd\uffff\u{1f49a}\u{10ffff}"),
        answer("which", "W\u0175r a \u0177d?", ["tick", "", "\u202eright to left \u05d0\u05d1", "\u00e9 e\u0301"], {
          choice: ["a", "b", "c", "d"],
          parts: [part("which-other", control, control), part("which-none", "", "")],
        }),
        answer("empty", "", ""),
        answer("own", "\"", ["own words", "\\"]),
      ],
    },
    [],
  ],
  "all-states": [
    "Each state, with and without parts; each kind of answer and choice; each role and basis; flags and wishes in the order of asking.",
    {
      route: "other",
      force: "0",
      answers: [
        answer("a5", "Where did it happen?", "On a train", {
          choice: "train",
          parts: [part("a5-line", "Which line?", null), part("a5-from", "From", "Caerdydd Canolog")],
        }),
        answer("a6", "When did it happen?", null, { parts: [part("a6-date", "Date", "March 2009")] }),
        answer("a7", "What happened?", ["Touched", "I would rather not say"], { choice: ["touched", "rather-not"] }),
        answer("p2", "Who was it?", "I do not know", { choice: "unknown", person: 1 }),
        answer("p2", "Who was it?", "Somebody from work", {
          choice: "work",
          person: 2,
          parts: [part("p2-name", "Name", "A. Smith"), part("p2-where", "Where", null, null, 2)],
        }),
        answer("o1", "Did anybody see it?", "Yes", {
          choice: "yes",
          parts: [part("o1-name", "Name", "B", null, 3), part("o1-name", "Name", "C", null, 4)],
        }),
        answer("s2", "Are you safe now?", null, { state: "skipped", person: 5 }),
        answer("s3", "Is anybody else at risk?", null, {
          state: "skipped",
          parts: [part("s3-who", "Who?", null), part("s3-when", "When?", null, null, 1)],
        }),
        answer("e1", "Is there anything written down?", null, { state: "not-reached" }),
        answer("n2", "Your name", null, { state: "sealed" }),
        answer(longest, "The longest code", ["one"], { choice: [longest] }),
      ],
      people: [
        { role: "reported", basis: null },
        { role: "reported", basis: "believed" },
        { role: "witness", basis: "known" },
        { role: "victim", basis: "told" },
        { role: "other", basis: null },
      ],
      flags: ["others-at-risk", "danger", longest],
      wishes: ["unsure", "record"],
    },
    [],
  ],
  "sealed-contact": [
    "A sealed contact of 2 of 3, before a file without its metadata. Route work, the longest force, the first day.",
    {
      route: "work",
      force: "a".repeat(32),
      written_on: "0001-01-01",
      contact: { threshold: 2, shares: [digest(1), digest(2), digest(3)] },
    },
    [["photo.jpg", "image/jpeg", "removed", "ffd8ffe000104a464946", 1]],
    { contact: ["c0", 9851], shares: [["51", 1659], ["52", 512], ["53", 0]] },
  ],
  "sealed-contact-largest": [
    "The most and the largest shares: 20 of 20, 8 KiB each, and 16 KiB of contact.",
    { contact: { threshold: 20, shares: Array.from({ length: 20 }, (_, i) => digest(i)) } },
    [],
    { contact: ["c0", 16384], shares: Array.from({ length: 20 }, (_, i) => [(i + 16).toString(16), 8192]) },
  ],
  "words": [
    "A report that was sent with words: it says what answers are sealed to.",
    { mailbox: `age1pq1${"qpzry9x8gf2tvdw0s3jn54khce6mua7l".repeat(61)}` },
    [],
  ],
  "welsh-addition": [
    "An addition to an earlier thread, in Welsh, to another force, with a thread of its own and the mailbox of the words.",
    {
      language: "cy",
      route: "addition",
      force: "dyfed-powys",
      key: { id: "0001-W01", fingerprint: "ffff ffff ffff ffff ffff ffff ffff ffff" },
      written_on: "2028-02-29",
      mailbox: `age1pq1${"l7aum6ech45knj3s0wdvt2fg8x9ryzpq".repeat(61)}`,
      thread: "_-_-_-_-_-_-_-_-_-_-_w",
      adds_to: "AAAAAAAAAAAAAAAAAAAAAA",
      answers: [],
    },
    [],
  ],
  "file-sizes": [
    "Files of 0, 1, 511, 512 and 513 bytes, from a witness.",
    { route: "witness" },
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

const bytesOf = ({ hex, repeat }) => Buffer.from(hex.repeat(repeat), "hex");

function vector([comment, fields, chosen, sealed]) {
  const files = chosen.map(([name, type, metadata, hex, repeat]) => ({
    chosen_name: name,
    media_type: type,
    metadata,
    hex,
    repeat,
  }));
  const entries = files.map((file) => ({
    name: cleanName(file.chosen_name),
    media_type: file.media_type,
    size: bytesOf(file).length,
    sha256: sha256(bytesOf(file)),
    metadata: file.metadata,
  }));
  const run = ([hex, repeat]) => ({ hex, repeat });
  const contact = sealed ? { contact: run(sealed.contact), shares: sealed.shares.map(run) } : null;
  const shareName = (i) => `contact-shares/${String(i + 1).padStart(2, "0")}.age`;
  const members = [
    ...(contact ? [["contact.age", bytesOf(contact.contact)]] : []),
    ...(contact?.shares.map((share, i) => [shareName(i), bytesOf(share)]) ?? []),
    ...files.map((file, i) => [memberName(i + 1, entries[i].name), bytesOf(file)]),
  ];
  const report = { ...base, ...fields, files: entries };
  const json = Buffer.from(JSON.stringify(report));
  const padded = pack([["report.json", json], ...members]);
  const expect = {
    report_json_size: json.length,
    report_json_sha256: sha256(json),
    members: members.map(([name]) => name),
    padded_size: padded.length,
    padded_sha256: sha256(padded),
  };
  return JSON.stringify({ comment, report, files, contact, expect }, null, 1) + "\n";
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
