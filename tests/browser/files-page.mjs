// The page that files.test.mjs drives: the list of files, the worker and the sending, without the form around them.

import { Keys, todayUtc } from "../../web/src/keys.ts";
import { FileList, progressWords } from "../../web/src/files-view.ts";
import { Sealer } from "../../web/src/sealer.ts";
import { submit } from "../../web/src/submit.ts";

const changes = [];
const list = new FileList(document.getElementById("files"), () => changes.push(list.error()));
const sealer = new Sealer();
const left = new AbortController();
const forces = [{ id: "btp", root_key: "" }];
const keys = new Keys(forces, sealer);

Object.assign(window, {
  ...{ list, changes, sealer, progressWords },
  state: async () => {
    await keys.keep(left.signal);
    return keys.state(forces[0]);
  },
  leave: () => {
    left.abort();
    sealer.stop();
    list.wipe();
  },
  send: async (report, contact) => {
    const told = { sealing: [], sending: [] };
    const parcel = { report, files: list.chosen(), contact };
    const submission = await sealer.seal("btp", parcel, todayUtc(), false, (...how) => told.sealing.push(how));
    const size = submission.body.length;
    const outcome = await submit("btp", submission, (...how) => told.sending.push(how), left.signal);
    return { outcome, told, size };
  },
});
