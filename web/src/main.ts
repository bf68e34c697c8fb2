// The script of the form document: starts the leave control first, then the worker, then the form.
// When this device cannot seal, it says so and shows the other ways; nothing typed exists yet.

import { startForm } from "./form.ts";
import { startIdle } from "./idle.ts";
import { startLeave, startPrivacy } from "./leave.ts";
import { Sealer } from "./sealer.ts";
import { byId } from "./view.ts";

let wipe = () => {};
startLeave(() => wipe());
startPrivacy(() => wipe());

async function start(): Promise<void> {
  if (!window.isSecureContext) throw new Error("this page did not come over a safe connection");
  const sealer = new Sealer();
  wipe = () => sealer.stop();
  await sealer.warm();
  let stopIdle = () => {};
  wipe = startForm(sealer, () => stopIdle());
  stopIdle = startIdle(() => wipe());
  byId("starting").hidden = true;
}

start().catch(() => {
  byId("starting").hidden = true;
  byId("form").hidden = true;
  byId("help").hidden = false;
  byId("unable").hidden = false;
});
