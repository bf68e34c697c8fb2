// Lists the Welsh that no translator has confirmed: key, Welsh, English.

import { readForces, readStrings } from "./content.mjs";

const open = Object.entries(readStrings()).filter(([, string]) => string.status === "unreviewed");
for (const [key, { cy, en }] of open) {
  process.stdout.write(`${key}\n  cy  ${cy}\n  en  ${en}\n`);
}
const promises = readForces().filter((force) => force.promise.status === "unreviewed");
for (const { id, promise } of promises) {
  process.stdout.write(`forces/${id}.toml promise\n  cy  ${promise.cy}\n  en  ${promise.en}\n`);
}
process.stdout.write(`${open.length + promises.length} Welsh strings have not been reviewed\n`);
