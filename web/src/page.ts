// The script of every page but the form: only the leave control.

import { startLeave, startPrivacy } from "./leave.ts";

const nothing = () => {};
startLeave(nothing);
startPrivacy(nothing);
