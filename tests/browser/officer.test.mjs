// The officer's side of a journey, with the programs themselves: a report is typed in the browser, sent to the real server,
// carried, taken in and read by hafan-keys, and says question by question what was shown and typed. Needs a demonstration
// (HAFAN_URL, HAFAN_DEMO_DIR) and its programs (HAFAN_BINARIES_DIR): `cargo xtask test` gives them.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { Stick, officer, references, skip, url } from "./office.mjs";
import { full, go, least, mustSay, openStage, press, shown as onceShown, walk, wordsOf8 } from "./walk.mjs";

const WAIT_MS_MAX = 60_000;
let stage, stick;
before(async () => {
  stage = await openStage();
  stick = new Stick();
});
after(async () => {
  await stage?.close();
  stick?.end();
});

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

      const reference = await stick.carry(known);
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
