// Compiles the style sheet from GOV.UK Frontend's own Sass, without GDS Transport, crown or GOV.UK colours.

import { join } from "node:path";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { compile } from "sass";
import { webDir } from "./content.mjs";

export const govukDir = dirname(createRequire(import.meta.url).resolve("govuk-frontend/package.json"));

export function buildStyles() {
  const { css } = compile(join(webDir, "styles", "site.scss"), {
    style: "compressed",
    loadPaths: [join(govukDir, "dist")],
    quietDeps: true,
  });
  for (const word of ["GDS Transport", "@font-face", "crown", "url("]) {
    if (css.includes(word)) throw new Error(`the style sheet contains "${word}", which must not be there`);
  }
  return Buffer.from(css);
}
