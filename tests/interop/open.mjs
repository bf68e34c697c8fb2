// Opens one age file with npm age-encryption: node tests/interop/open.mjs IDENTITY-FILE IN OUT

import { readFileSync, writeFileSync } from "node:fs";

import { Decrypter } from "age-encryption";

const [identity, from, to] = process.argv.slice(2);
const decrypter = new Decrypter();
decrypter.addIdentity(readFileSync(identity, "utf8").trim());
writeFileSync(to, await decrypter.decrypt(readFileSync(from)));
