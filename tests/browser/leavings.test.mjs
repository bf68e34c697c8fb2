// Nothing of what was typed is left on the disk by Chromium, however the visit ends; leavings.mjs says how it is measured.
// The same in Firefox ESR: `cargo xtask device --browser firefox`.

import assert from "node:assert/strict";
import test from "node:test";
import { CASES, measure } from "./leavings.mjs";

test("the browser's profile holds nothing that was typed, and all of a page without our protections", async () => {
  const seen = [];
  await measure("chromium", (name, { control, found, seenAfterBack }) => {
    assert.deepEqual([name, found, seenAfterBack], [name, [], false]);
    assert.notDeepEqual(control, [], `${name}: the control was not found`);
    seen.push(name);
  });
  assert.deepEqual(seen, Object.keys(CASES));
});
