// Bundles the scripts: each worker first, since the script of its page names it by its hashed address.

import { join } from "node:path";
import { build } from "esbuild";
import { FRESH_DAYS_MAX, packWords, readWords, webDir } from "./content.mjs";

export async function buildScripts({ strings, backStrings, forces, questions, put }) {
  const data = { strings, forces, questions };
  const worker = put("seal.js", await bundle("worker.ts", data, {}));
  const form = put("form.js", await bundle("main.ts", data, { WORKER_URL: JSON.stringify(worker) }));
  const back = { strings: backStrings, forces, questions: {} };
  const backWorker = put("look.js", await bundle("back-worker.ts", back, {}));
  const backPage = put("back.js", await bundle("back.ts", back, { WORKER_URL: JSON.stringify(backWorker) }));
  const page = put("page.js", await bundle("page.ts", data, {}));
  const checked = put("checked.js", await bundle("checked.ts", data, { FRESH_DAYS_MAX: `${FRESH_DAYS_MAX}` }));
  return { worker, form, back: backPage, page, checked };
}

/** One script, whole. `virtual:…` imports are the catalogues, so that a test can give its own. */
export async function bundle(entry, { strings, forces, questions }, define, options = {}) {
  const virtual = { strings, forces, questions, words: packWords(readWords()) };
  const result = await build({
    entryPoints: [join(webDir, "src", entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: ["es2022", "chrome109", "firefox115", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
    absWorkingDir: webDir,
    define,
    plugins: [
      {
        name: "virtual",
        setup(setup) {
          setup.onResolve({ filter: /^virtual:/ }, ({ path }) => ({ path, namespace: "virtual" }));
          setup.onLoad({ filter: /.*/, namespace: "virtual" }, ({ path }) => ({
            contents: JSON.stringify(virtual[path.slice("virtual:".length)]),
            loader: "json",
          }));
        },
      },
    ],
    ...options,
  });
  return Buffer.from(result.outputFiles[0].contents);
}
