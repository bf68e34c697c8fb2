// The officers' and the courier's programs against a demonstration (HAFAN_URL, HAFAN_DEMO_DIR, HAFAN_BINARIES_DIR), as
// tests drive them: what is carried, taken in, answered and brought back.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { HAFAN_URL: url, HAFAN_DEMO_DIR: demo, HAFAN_BINARIES_DIR: programs } = process.env;
const WAIT_MS_MAX = 60_000;

/** Why the tests that need a demonstration are not run; false when there is one. */
export const skip = url === undefined || demo === undefined || programs === undefined;

/** The address of the demonstration's server, and its folder. */
export { demo, url };

const run = (program, args) => execFileSync(join(programs, program), args, { encoding: "utf8", maxBuffer: 1 << 26 });

/** hafan-keys as the first officer of British Transport Police: what it says. */
export const officer = (...args) => {
  const who = ["--vault", join(demo, "vault", "btp"), "--as", "officer-1"];
  return run("hafan-keys", [...args, ...who, "--passphrase-file", join(demo, "keys", "btp", "PASSPHRASES")]);
};

function courier(verb, ...args) {
  const key = join(demo, "keys", "btp", "courier", "courier-1.key");
  return run("hafan-courier", [verb, "--server", url, "--force", "btp", "--key", key, ...args]);
}

export const references = () => JSON.parse(officer("list", "--json")).reports.map(({ reference }) => reference);

/** A courier's stick: a folder that is gone after `end`. */
export class Stick {
  #dir = mkdtempSync(join(tmpdir(), "hafan-stick-"));

  end() {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #folder() {
    return mkdtempSync(join(this.#dir, "part-"));
  }

  /** Carries what came to the officers, and gives the reference of the one report that is not among the `known`. */
  async carry(known) {
    for (const end = Date.now() + WAIT_MS_MAX; ;) {
      const out = this.#folder();
      courier("pull", "--root", join(demo, "keys", "btp", "root", "root.vkey"), "--out", out);
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

  /** Answers a report. */
  reply(reference, language, words) {
    const file = join(this.#folder(), "answer.txt");
    writeFileSync(file, words);
    officer("reply", reference, "--language", language, "--text-file", file, "--yes");
  }

  /** Brings what is to be told to the server, and waits until it stands in the log; gives the pages. */
  async bring() {
    const out = this.#folder();
    officer("replies", "export", "--to", out);
    const { pages } = JSON.parse(courier("push", "--json", "--in", out));
    assert.ok(pages.every((page) => page.new));
    const year = new Date().getUTCFullYear();
    const size = async () => {
      const note = await fetch(`${url}/log/btp/${year}/checkpoint`);
      return Number((await note.text()).split("\n")[1]);
    };
    const before = await size();
    for (const end = Date.now() + WAIT_MS_MAX; (await size()) < before + 16;) {
      assert.ok(Date.now() < end, "the log does not grow");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return pages;
  }
}
