// Lists the Welsh that no translator has confirmed: where it stands, Welsh, English.

import { readForces, readStrings, readSupport } from "./content.mjs";

/** Triples of place, Welsh and English: strings, then the forces' texts, then support that is shown or hidden. */
export function unreviewedWelsh(strings, forces, support) {
  return [
    ...Object.entries(strings)
      .filter(([, { status }]) => status === "unreviewed")
      .map(([key, { cy, en }]) => [key, cy, en]),
    ...forces.flatMap((force) =>
      ["promise", "kept"]
        .filter((name) => force[name].status === "unreviewed")
        .map((name) => [`forces/${force.id}.toml ${name}`, force[name].cy, force[name].en]),
    ),
    ...support
      .filter(({ welsh }) => welsh === "unreviewed")
      .flatMap((entry) =>
        ["name", "who"].map((name) => [`support.json ${entry.id} ${name}`, entry[name].cy, entry[name].en]),
      ),
  ];
}

if (process.argv[1]?.endsWith("build/unreviewed.mjs")) {
  const forces = readForces();
  const open = unreviewedWelsh(readStrings(), forces, readSupport(forces));
  for (const [key, cy, en] of open) process.stdout.write(`${key}\n  cy  ${cy}\n  en  ${en}\n`);
  process.stdout.write(`${open.length} Welsh strings have not been reviewed\n`);
}
