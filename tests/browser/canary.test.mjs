// The auditor's canaries against a demonstration: marked reports go through the real page in a browser of the auditor's own, the
// officers open them, and no mark is in what the server keeps, wrote or has in its memory. Needs a demonstration, as
// officer.test.mjs does.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { Stick, demo, officer, references, skip, url } from "./office.mjs";

const FORMS = 16;
let dir, stick;
before(() => {
  dir = mkdtempSync(join(tmpdir(), "hafan-canary-"));
  stick = new Stick();
});
after(() => {
  stick?.end();
  rmSync(dir, { recursive: true, force: true });
});

/** hafan-audit canary: its exit code, and the document that it wrote. */
function canary(...args) {
  const program = join(process.env.HAFAN_BINARIES_DIR, "hafan-audit");
  const { status, stdout, stderr } = spawnSync(program, ["canary", ...args, "--json"], { encoding: "utf8" });
  return { status, stderr, said: stdout === "" ? null : JSON.parse(stdout) };
}

/** The process of the demonstration's server. */
function server() {
  const wanted = `serve\0--config\0${join(demo, "config.toml")}\0`;
  const found = readdirSync("/proc").filter((id) => {
    if (!/^[0-9]+$/.test(id)) return false;
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").endsWith(wanted);
    } catch {
      return false; // It ended meanwhile.
    }
  });
  assert.equal(found.length, 1, "one server of this demonstration runs");
  return found[0];
}

/** Everything that the server writes or sends until `end` is called, in a file as strace shows it. */
async function traced(file) {
  const calls = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg";
  const strace = spawn("strace", ["-f", "-s", "1000000", "-e", calls, "-o", file, "-p", server()]);
  const [said] = await once(strace.stderr, "data");
  assert.match(said.toString(), /attached/);
  return async () => {
    strace.kill("SIGINT");
    await once(strace, "exit");
  };
}

for (const lang of ["en", "cy"]) {
  test(`${lang}: marked reports reach the officers, and stand nowhere else`, { skip }, async () => {
    const known = references();
    const marks = join(dir, `marks-${lang}.json`);
    const writes = join(dir, `writes-${lang}.txt`);
    const end = await traced(writes);
    const planted = canary("plant", url, "--force", "btp", "--language", lang, "--marks", marks);
    assert.equal(planted.status, 0, planted.stderr);
    assert.equal(planted.said.sent, 1);
    const reference = await stick.carry(known);
    await end();
    assert.match(readFileSync(writes, "latin1"), /pwrite64\(/, "what the store writes is among it");
    const opened = join(dir, `read-${lang}.txt`);
    writeFileSync(opened, officer("read", reference, "--reason", "exercise"));
    const [mark] = JSON.parse(readFileSync(marks, "utf8")).marks;
    assert.ok(readFileSync(opened, "utf8").split(mark).length > 20, "it stands in each answer, and in a file's name");

    const at = ["store", "pinned", "drafts", "stick"].flatMap((name) => ["--in", join(demo, name)]);
    at.push("--in", writes);
    const look = (...more) => canary("scan", "--marks", marks, ...at, "--process", server(), ...more);
    const { status, said, stderr } = look("--opened", opened);
    assert.deepEqual([status, said?.findings], [0, []], stderr);
    const much = new Map(said.looked_at.map(({ what, much: count }) => [what, count]));
    assert.equal(Number(much.get("forms of them, each found where it was planted")), FORMS);
    assert.ok(Number(much.get("bytes of memory")) > 1 << 20);
    assert.ok(Number(much.get("bytes of files")) > 1 << 20);

    // A server that wrote it down is found out; and that nothing arrived is no answer.
    const leak = join(dir, `server-${lang}.log`);
    writeFileSync(leak, `{"line":"${Buffer.from(`words: ${mark}`).toString("base64")}"}\n`);
    const caught = look("--opened", opened, "--in", leak);
    assert.equal(caught.status, 1);
    assert.deepEqual(
      caught.said.findings.map(({ name, place }) => [name, place]),
      [["mark", leak]],
    );
    assert.ok(!JSON.stringify(caught.said).includes(mark), "what is said is no find of the next scan");
    const nothing = join(dir, "nothing.txt");
    writeFileSync(nothing, "");
    assert.equal(look("--opened", nothing).status, 3);
  });
}

test("a page that is not there, a browser that is none and marks that exist end with 3, in words", { skip }, () => {
  const marks = () => join(mkdtempSync(join(dir, "marks-")), "marks.json");
  for (const args of [
    [url, "--force", "nowhere", "--marks", marks()],
    [url, "--force", "btp", "--browser", "/nonexistent/chromium", "--marks", marks()],
  ]) {
    const { status, stderr } = canary("plant", ...args);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^error: .+\n {2}.+/);
  }
  const there = marks();
  writeFileSync(there, "{}");
  assert.equal(canary("plant", url, "--force", "btp", "--marks", there).status, 3);
  assert.equal(readFileSync(there, "utf8"), "{}");
});
