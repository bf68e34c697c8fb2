// The officer's side of a journey, with the programs themselves: a report is typed in the browser, sent to the real server,
// carried, taken in and read by hafan-keys, and says question by question what was shown and typed. Needs a demonstration
// (HAFAN_URL, HAFAN_DEMO_DIR) and its programs (HAFAN_BINARIES_DIR): `cargo xtask test` gives them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { full, go, least, mustSay, openStage, press, shown as onceShown, walk, wordsOf8 } from "./walk.mjs";

const { HAFAN_URL: url, HAFAN_DEMO_DIR: demo, HAFAN_BINARIES_DIR: programs } = process.env;
const skip = url === undefined || demo === undefined || programs === undefined;
const WAIT_MS_MAX = 60_000;
let stage, stick;
before(async () => {
  stage = await openStage();
  stick = mkdtempSync(join(tmpdir(), "hafan-stick-"));
});
after(async () => {
  await stage?.close();
  rmSync(stick, { recursive: true, force: true });
});

const run = (program, args) => execFileSync(join(programs, program), args, { encoding: "utf8", maxBuffer: 1 << 26 });
const officer = (verb, ...args) => {
  const who = ["--vault", join(demo, "vault", "btp"), "--as", "officer-1"];
  return run("hafan-keys", [verb, ...args, ...who, "--passphrase-file", join(demo, "keys", "btp", "PASSPHRASES")]);
};

const references = () => JSON.parse(officer("list", "--json")).reports.map(({ reference }) => reference);

/** Carries what came to the officers, and gives the reference of the one report that is not among the `known`. */
async function carry(known) {
  for (const end = Date.now() + WAIT_MS_MAX; ;) {
    const out = mkdtempSync(join(stick, "bundle-"));
    const keys = join(demo, "keys", "btp");
    const from = ["--server", url, "--force", "btp", "--key", join(keys, "courier", "courier-1.key")];
    run("hafan-courier", ["pull", ...from, "--root", join(keys, "root", "root.vkey"), "--out", out]);
    const bundles = readdirSync(out).filter((name) => name.endsWith(".tar"));
    if (bundles.length > 0) officer("import", ...bundles.map((name) => join(out, name)));
    const fresh = references().filter((reference) => !known.includes(reference));
    if (fresh.length > 0) {
      assert.equal(fresh.length, 1);
      return fresh[0];
    }
    assert.ok(Date.now() < end, "no report reached the log");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Words as the terminal has them: in rows, each with a mark before it. */
const flat = (text) => text.replace(/^ *(\||>|\[x\]|-|\d+\.)? */gm, "").replace(/\s+/g, " ");

for (const lang of ["en", "cy"]) {
  for (const [fill, choices] of [
    ["all", full("self")],
    ["least", least("other-agrees")],
  ]) {
    test(`${lang}: an officer reads back what was typed, ${fill} answered`, { skip }, async () => {
      const known = references();
      const page = await stage.openForm(lang, { url });
      const pages = await walk(page, { fill, choices, until: "check" });
      await go(page);
      await press(page, "send");
      await page.getByTestId("sent").waitFor({ timeout: WAIT_MS_MAX });
      const words = await wordsOf8(page);
      await page.context().close();

      const reference = await carry(known);
      const report = JSON.parse(officer("read", reference, "--reason", "exercise", "--json"));
      assert.equal(report.language, lang);
      mustSay(report, pages, lang);
      assert.match(report.mailbox, /^age1pq1/);

      // What the officers carried is in the log: the words find it again, in a fresh profile.
      const back = await stage.openBack(lang, { url });
      await back.fill("#words", words);
      await press(back, "look");
      await onceShown(back, "found");
      await back.context().close();

      const shown = flat(officer("read", reference, "--reason", "exercise"));
      for (const { question, answer, state, parts } of report.answers) {
        assert.ok(shown.includes(flat(question)), question);
        for (const said of [answer, ...parts.map((part) => part.answer)].flat()) {
          if (said !== null) assert.ok(shown.includes(flat(said)), said);
        }
        const mark = { skipped: "[skipped]", "not-reached": "[not asked" }[state];
        if (mark !== undefined)
          assert.ok(shown.includes(`${flat(question)} ${mark}`), `${question} is marked as ${state}`);
      }
    });
  }
}
