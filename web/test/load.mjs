// Imports a module of src/ as the browser would get it: bundled by the build's own bundler.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundle } from "../build/scripts.mjs";

const folder = mkdtempSync(join(tmpdir(), "hafan-web-load-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let count = 0;

/** `data` are the catalogues that `virtual:` imports stand for. */
export async function load(entry, data = {}) {
  const catalogues = { strings: {}, forces: [], questions: {}, ...data };
  // A name of its own: what was imported once stays as it was.
  count += 1;
  const path = join(folder, `${count}-${entry.replace(/ts$/, "mjs")}`);
  writeFileSync(path, await bundle(entry, catalogues, {}));
  return import(pathToFileURL(path).href);
}
