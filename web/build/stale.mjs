// Lists the numbers and hours that nobody has checked for 90 days, or ever: `npm run stale --workspace web`.
// `-- --today YYYY-MM-DD` looks as of another day. Exit 0: all are fresh; 1: some are not; 2: the data is not whole.

import { parseArgs } from "node:util";
import { FRESH_DAYS_MAX, readForces, readSupport } from "./content.mjs";

const DAY_MS = 86_400_000;

/** Lines `where  checked_on  source` of what is stale on the day `today`, support that is shown first, then forces. */
export function staleLines(support, forces, today) {
  return [
    ...support.filter(({ status }) => status === "shown").map((entry) => [`support.json ${entry.id}`, entry]),
    ...forces.map(({ id, numbers }) => [`forces/${id}.toml numbers`, numbers]),
  ]
    .filter(([, { checked_on }]) => isStale(checked_on, today))
    .map(([where, { checked_on, source }]) => `${where}  ${checked_on || "never checked"}  ${source}`);
}

/** A day in the future counts as stale: somebody mistyped it. */
export function isStale(checked_on, today) {
  const age_days = (Date.parse(today) - Date.parse(checked_on)) / DAY_MS;
  return !(age_days >= 0 && age_days <= FRESH_DAYS_MAX);
}

if (process.argv[1]?.endsWith("build/stale.mjs")) {
  try {
    const { values } = parseArgs({ options: { today: { type: "string" } } });
    const today = values.today ?? new Date().toISOString().slice(0, 10);
    if (Number.isNaN(Date.parse(today))) throw new Error(`--today is "${today}"; want YYYY-MM-DD`);
    const forces = readForces();
    const lines = staleLines(readSupport(forces), forces, today);
    for (const line of lines) process.stdout.write(`${line}\n`);
    process.stdout.write(`${lines.length} entries were not checked in the ${FRESH_DAYS_MAX} days before ${today}\n`);
    process.exitCode = lines.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`not looked: ${error.message}\n`);
    process.exitCode = 2;
  }
}
