// Builds the site: `npm run build --workspace web -- --out DIR --roots FILE.json --kind demo|production`.
//
// The same sources give the same bytes, in any folder and at any date: no time, path or random value is written.
// `--out` must be a new or empty folder, or one that an earlier build made (it has a manifest.json).
// `--roots` is `{"btp":"hafan/btp/root+…"}`: the verifier keys pinned into the sealing script. A force without one gets
// a form that says so. `--gateway DIR` builds the pages of the door without JavaScript too, into a folder of their own, and
// `--gateway-url URL` is where they will be: the form then says so to who has no JavaScript. The environment HAFAN_OUT,
// HAFAN_ROOTS, HAFAN_KIND, HAFAN_GATEWAY and HAFAN_GATEWAY_URL mean the same; a flag wins.

import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { webDir, scriptStrings, publicForce, readForces, readStrings, readSupport } from "./content.mjs";
import { buildGateway, gatewayHeaders } from "./gateway.mjs";
import { buildPages } from "./pages.mjs";
import { readQuestions } from "./questions.mjs";
import { buildScripts } from "./scripts.mjs";
import { buildStyles } from "./styles.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
};

/** What of the form's words the return page has too. */
const BACK_STRINGS = [
  "back.",
  ...["demo", "error", "footer", "idle", "leave", "now", "person", "problem", "support", "ways"].map(
    (part) => `form.${part}`,
  ),
  // Reading answers and adding something.
  ...["back", "continue", "files", "month", "promise.by", "sending", "sent.held", "sent.thanks"].map(
    (part) => `form.${part}`,
  ),
  ...["line", "maybe", "title"].map((part) => `form.failed.${part}`),
  ...["kept", "key", "not_now", "promise_id", "send"].map((part) => `form.before.${part}`),
];

/** What the form has: its own words and the questions', and of the return page's what is said of words as they are typed. */
const FORM_STRINGS = ["form.", "q.", "back.near", "back.words"];

/** Eight characters of the SHA-256, enough to tell two builds of one file apart. */
export function hashedName(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  return name.replace(/(\.[a-z]+)$/, `-${hash}$1`);
}

/** Builds the site into `out`. The last four stand in for files of content/, or add to its words: tests give them. */
export async function build({
  out,
  gateway,
  gatewayUrl = null,
  roots = {},
  kind = "demo",
  forcesDir,
  supportText,
  questionsText,
  moreStrings = {},
}) {
  if (kind !== "demo" && kind !== "production") {
    throw new Error(`kind is "${kind}"; want demo or production`);
  }
  const strings = { ...readStrings(), ...readStrings(moreStrings) };
  const forces = readForces(roots, forcesDir, kind);
  const questions = readQuestions(strings, questionsText);
  const support = readSupport(forces, supportText);

  const styles = buildStyles();
  await staged(out, readHeaders(), async (stageDir, put) => {
    const style = put("site.css", styles);
    const scripts = await buildScripts({
      strings: scriptStrings(strings, FORM_STRINGS),
      backStrings: scriptStrings(strings, BACK_STRINGS),
      forces: forces.map(publicForce),
      questions,
      put,
    });
    const assets = { style, ...scripts };
    await buildPages({ stageDir, strings, forces, questions, support, kind, assets, more: { gatewayUrl } });
  });
  if (gateway === undefined) return;
  await staged(gateway, gatewayHeaders(), async (stageDir, put) => {
    const style = put("site.css", styles);
    await buildGateway({ stageDir, strings, forces, questions, support, kind, style, put });
  });
}

/** Makes one tree of files in a folder beside, writes its manifest, and puts it in its place. */
async function staged(out, headers, make) {
  mkdirSync(join(webDir, ".build"), { recursive: true });
  const stageDir = mkdtempSync(join(webDir, ".build", "site-"));
  chmodSync(stageDir, 0o755);
  try {
    const assetsDir = join(stageDir, "assets");
    mkdirSync(assetsDir);
    const put = (name, bytes) => {
      const hashed = hashedName(name, bytes);
      writeFileSync(join(assetsDir, hashed), bytes);
      return `/assets/${hashed}`;
    };
    await make(stageDir, put);
    writeManifest(stageDir, headers);
    publish(stageDir, resolve(out));
  } finally {
    rmSync(stageDir, { recursive: true, force: true });
  }
}

function readHeaders() {
  return JSON.parse(readFileSync(join(webDir, "headers.json"), "utf8"));
}

function listFiles(dir) {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Compresses every file and writes manifest.json as docs/protocol.md section 9 has it. */
function writeManifest(dir, headers) {
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const files = {};
  for (const path of listFiles(dir)) {
    const name = relative(dir, path).split(sep).join("/");
    const bytes = readFileSync(path);
    const type = TYPES[name.slice(name.lastIndexOf("."))];
    if (type === undefined) throw new Error(`${name}: no content type is known for it`);
    const encodings = {};
    for (const [encoding, suffix, packed] of [
      ["br", "br", brotli(bytes)],
      ["gzip", "gz", gzip(bytes)],
    ]) {
      writeFileSync(`${path}.${suffix}`, packed);
      encodings[encoding] = { path: `${name}.${suffix}`, sha256: sha256(packed) };
    }
    const address = `/${name}`.replace(/\/index\.html$/, "/");
    files[address] = { sha256: sha256(bytes), content_type: type, encodings };
  }
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(dir, "manifest.json"), `${JSON.stringify({ version: 1, headers, files: sorted }, null, 1)}\n`);
}

function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

function gzip(bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255; // RFC 1952: operating system unknown, so that every machine writes the same byte.
  return packed;
}

function publish(stageDir, outDir) {
  if (existsSync(outDir)) {
    const names = readdirSync(outDir);
    if (names.length > 0 && !names.includes("manifest.json")) {
      throw new Error(`${outDir} is not empty and was not made by this build; choose another folder`);
    }
    for (const name of names) rmSync(join(outDir, name), { recursive: true, force: true });
  }
  mkdirSync(dirname(outDir), { recursive: true });
  cpSync(stageDir, outDir, { recursive: true });
}

if (import.meta.filename === process.argv[1] || process.argv[1]?.endsWith("build/build.mjs")) {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      roots: { type: "string" },
      kind: { type: "string" },
      gateway: { type: "string" },
      "gateway-url": { type: "string" },
    },
  });
  const rootsPath = values.roots ?? process.env.HAFAN_ROOTS;
  // npm runs scripts in web/; a relative path means the folder in which the person typed the command.
  const here = (path) => resolve(process.env.INIT_CWD ?? process.cwd(), path);
  const out = values.out ?? process.env.HAFAN_OUT;
  const gateway = values.gateway ?? process.env.HAFAN_GATEWAY;
  const outDir = out === undefined ? join(webDir, "dist") : here(out);
  try {
    await build({
      out: outDir,
      gateway: gateway === undefined ? undefined : here(gateway),
      gatewayUrl: values["gateway-url"] ?? process.env.HAFAN_GATEWAY_URL ?? null,
      roots: rootsPath ? JSON.parse(readFileSync(here(rootsPath), "utf8")) : {},
      kind: values.kind ?? process.env.HAFAN_KIND ?? "demo",
    });
    process.stdout.write(`site built in ${outDir}\n`);
  } catch (error) {
    process.stderr.write(`site not built: ${error.message}\n`);
    process.exitCode = 2;
  }
}
