// Writes what the fuzz targets begin with: the vectors of tests/vectors, and one well-formed input for each format that has none there.
// node fuzz/seeds.mjs FOLDER makes FOLDER/{target}/{seed}. cargo xtask fuzz runs it.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const vectors = join(import.meta.dirname, "../tests/vectors");
const out = process.argv[2];

function seed(target, name, bytes) {
  mkdirSync(join(out, target), { recursive: true });
  writeFileSync(join(out, target, name), bytes);
}

/** A vector: `name: value` lines, an empty line, the body. */
function read(path) {
  const text = readFileSync(path, "utf8");
  const end = text.indexOf("\n\n");
  const head = Object.fromEntries(
    text
      .slice(0, end)
      .split("\n")
      .map((line) => line.split(/: (.*)/s)),
  );
  const body = text.slice(end + 2);
  return { head, body: head.encoding === "hex" ? Buffer.from(body, "hex") : Buffer.from(body) };
}

/** What a note signs: all before its last empty line, with the line end. */
const signed = (note) => note.subarray(0, Math.max(note.lastIndexOf("\n\n"), 0) + 1);

for (const name of readdirSync(join(vectors, "directory"))) {
  const { body } = read(join(vectors, "directory", name));
  seed("note", `directory-${name}`, body);
  seed("auditor_note", `directory-note-${name}`, body);
  seed("auditor_note", `directory-${name}`, signed(body));
  seed("directory", name, signed(body));
  seed("auditor_published", `directory-${name}`, body);
}
for (const name of readdirSync(join(vectors, "release"))) {
  const { body } = read(join(vectors, "release", name));
  seed("release", name, signed(body));
  seed("auditor_published", `release-${name}`, body);
}
for (const name of readdirSync(join(vectors, "log"))) {
  const { head, body } = read(join(vectors, "log", name));
  if (head.parse === "entry") seed("entry_bundle", name, Buffer.concat([Buffer.from([0, 66]), body]));
  else seed("note", name, body);
  if (head.parse === "checkpoint") seed("checkpoint", name, signed(body));
  if (head.parse === "entry") seed("auditor_tile", name, Buffer.concat([Buffer.from([0, 66]), body]));
  else seed("auditor_note", name, body);
  if (head.parse === "cosigned") seed("cosigned", name, body);
}
for (const name of readdirSync(join(vectors, "report")).filter((name) => name.endsWith(".json"))) {
  const { report } = JSON.parse(readFileSync(join(vectors, "report", name), "utf8"));
  seed("report_json", name, JSON.stringify(report));
}

const base64 = (size) => Buffer.alloc(size, 7).toString("base64").replaceAll("=", "");
const header = Buffer.from(
  `age-encryption.org/v1\n-> mlkem768x25519 ${base64(1120)}\n${base64(32)}\n--- ${base64(32)}\n`,
);
const submission = Buffer.concat([Buffer.alloc(48), header, Buffer.alloc(16 + 65_536 + 16)]);
seed("age_header", "envelope", header);
seed("submission", "header", submission.subarray(0, 48 + header.length));
seed("submission", "whole", submission);
seed("reply_page", "seen", Buffer.from("\n"));
seed("reply_page", "record", Buffer.concat([Buffer.from([1, 2]), header, Buffer.alloc(16 + 2435 + 16)]));

/** A member of a tar as docs/protocol.md section 2 has it: header of 512 bytes, data, zeros up to 512. */
function member(name, data) {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\0" + "0000000\0".repeat(2) + data.length.toString(8).padStart(11, "0") + "\0", 100);
  block.write("00000000000\0        0", 136);
  block.write("ustar\x0000", 257);
  block.write("0000000\0".repeat(2), 329);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([block, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

const tar = (...members) =>
  Buffer.concat([...members.map(([name, data]) => member(name, Buffer.from(data))), Buffer.alloc(1024)]);
seed("ustar", "two", tar(["report.json", "{}"], ["files/01-a.txt", "a".repeat(513)]));
const directory = read(join(vectors, "directory/ok.txt")).body;
const checkpoint = read(join(vectors, "log/checkpoint-ok.txt")).body;
const parts = [
  ["directory", directory],
  ["previous-checkpoint", checkpoint],
  ["checkpoint", checkpoint],
  ["entries", Buffer.alloc(66, 1)],
  ["epochs.json", "[]"],
];
seed("bundle", "no-blob", tar(...parts));
seed("bundle", "one-blob", tar(...parts, [`blobs/${"ab".repeat(32)}`, submission.subarray(0, 2048)]));

const courier = /"couriers":\["([^+"]+)/.exec(directory.toString())[1];
const input = `("@method" "@path" "@query");created=1798000000;keyid="${courier}";alg="ed25519";tag="hafan-courier"`;
seed("request_signature", "courier", `hafan=${input}\nhafan=:${Buffer.alloc(64, 7).toString("base64")}:`);

for (const name of readdirSync(join(vectors, "work"))) {
  seed("work_proof", name, JSON.parse(readFileSync(join(vectors, "work", name), "utf8")).proof);
}

const paths = ["tile/0/000", "tile/entries/x001/x234/067", "tile/1/x001/234.p/12", "tile/63/999.p/255"];
for (const [number, path] of paths.entries()) seed("tile_path", `path-${number}`, path);

for (const name of readdirSync(join(vectors, "shamir"))) {
  const { shares } = JSON.parse(readFileSync(join(vectors, "shamir", name), "utf8"));
  const pieces = shares.map((share) => Buffer.from(share, "hex")).filter((share) => share.length < 256);
  seed("shares", name, Buffer.concat(pieces.flatMap((share) => [Buffer.from([share.length]), share])));
}

const digest = "ab".repeat(32);
const reason = { code: "safeguarding", words: null };
const ask = { force: "btp", report: digest, officer: 1, entry: 7, asked_on: "2026-11-24", reason };
seed("contact_paper", "request", `hafan contact request v1\n${JSON.stringify(ask)}\n`);
const give = { force: "btp", report: digest, request: digest, officer: 2, share: 2, approved_on: "2026-11-24" };
const approval = { ...give, reason: { code: "other", words: "gofynnodd hi" }, sealed: header.toString("base64") };
seed("contact_paper", "approval", `hafan contact approval v1\n${JSON.stringify(approval)}\n`);

const answers = [{ id: "contact-name", question: "Pwy ydych chi?", answer: "Siân\n\u001b[2J" }];
seed("contact_details", "one", JSON.stringify({ version: 1, force: "btp", language: "cy", answers }));

for (const name of readdirSync(join(vectors, "reply")).filter((name) => name.endsWith(".json"))) {
  const { message } = JSON.parse(readFileSync(join(vectors, "reply", name), "utf8"));
  if (message !== null) seed("message", name, `hafan message v1\n${message}\n`);
}

for (const name of readdirSync(join(vectors, "record"))) {
  const { head, directories, entries } = JSON.parse(readFileSync(join(vectors, "record", name), "utf8"));
  const noted = Object.entries(directories).map(([sequence, note]) => [`directories/${sequence}`, note]);
  seed("auditor_record", name, tar(...(head ? [["head", head]] : []), ...noted, ["entries", entries]));
  seed("auditor_record", `line-${name}`, entries.split("\n")[0]);
}

// What frames hold; their checksums are not made here, since the parsers of payloads do not look at them.
const u32 = (number) => Buffer.from([number >>> 24, number >>> 16, number >>> 8, number]);
const forced = Buffer.concat([Buffer.from([3]), Buffer.from("btp")]);
const intake = Buffer.concat([Buffer.from([0, 1]), forced, u32(submission.length), submission]);
const leaves = Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(64, 7)]);
const first = Buffer.concat([Buffer.from([7, 234]), Buffer.alloc(8), Buffer.from([0, 1]), Buffer.alloc(32, 7)]);
const epoch = Buffer.concat([forced, first, leaves, u32(checkpoint.length), checkpoint]);
const record = Buffer.concat([Buffer.alloc(2), header, Buffer.alloc(4094 - header.length)]);
seed("auditor_store", "intake", intake);
seed("auditor_store", "epoch", epoch);
const seen = read(join(vectors, "log", "cosigned-ok.txt")).body;
seed("auditor_store", "page", Buffer.concat([forced, ...Array(64).fill(record), seen]));
seed("auditor_store", "header", Buffer.concat([Buffer.from("hfn1\x01\0\0\0"), Buffer.alloc(40)]));

const file = { sha256: digest, content_type: "text/html; charset=utf-8", encodings: {} };
const manifest = JSON.stringify({ version: 1, headers: { "cache-control": "no-store" }, files: { "/": file } });
seed("auditor_site", "one", `${manifest}\0<!doctype html><script src="/a.js" defer></script><SCRIPT SRC='//x'>`);

const part = (name, value, more = "") => `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const least = part("r1", "self") + part("r2", "btp") + part("a1", "words\r\nŵ");
const dated = ["day", "month", "year"].map((name, at) => part(`a1-date-${name}`, ["14", "3", "2009"][at])).join("");
const chosen = part("a1-files", "\x89PNG", '; filename="a%22b.png"\r\nContent-Type: image/png') + part("a1-files", "", '; filename=""');
seed("form_body", "least", `${least}--x--\r\n`);
seed("form_body", "all", `${least}${dated}${part("a1-more", "two")}${part("a1-more", "one")}${chosen}${part("give-back", "yes")}--x--\r\n`);
