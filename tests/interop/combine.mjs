// Puts shares together with npm shamir-secret-sharing: node tests/interop/combine.mjs OUT SHARE SHARE [SHARE …]

import { readFileSync, writeFileSync } from "node:fs";

import { combine } from "shamir-secret-sharing";

const [out, ...shares] = process.argv.slice(2);
writeFileSync(out, await combine(shares.map((path) => new Uint8Array(readFileSync(path)))));
