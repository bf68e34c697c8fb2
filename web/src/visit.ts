// One visit with eight words: what was sent with them, what was answered, and what is added. Holds what the words give until
// the next visit, or until what was added has been sealed. Runs in a worker.

import { openDirectory } from "./directory.ts";
import type { Opened } from "./directory.ts";
import type { Chosen } from "./files.ts";
import type { Get } from "./log.ts";
import { look } from "./look.ts";
import type { Fault, Place, Span } from "./look.ts";
import { Mailbox } from "./mail.ts";
import type { Mail } from "./mail.ts";
import { sealParcel } from "./parcel.ts";
import type { Draft } from "./report.ts";
import type { Submission } from "./submit.ts";
import type { Way } from "./way.ts";
import { wipeWay } from "./way.ts";

export type Visited =
  | { readonly kind: "looked"; readonly places: readonly Place[]; readonly mail: Mail }
  | { readonly kind: "fault"; readonly fault: Fault };

/** What is added, before the words' own thread stands in it. */
export type Addition = Omit<Draft, "adds_to">;

export type KeyOf = Extract<Opened, { ok: true }>["key"];

/** Of the progress, so much is the list; the rest is finding the answers. */
const LIST = 0.8;

export class Visit {
  readonly #get: Get;
  readonly #force: string;
  readonly #root_key: string;
  readonly #way: Way;
  #mailbox: Mailbox | null = null;
  #note: Uint8Array | null = null;

  constructor(get: Get, force: string, root_key: string, way: Way) {
    this.#get = get;
    this.#force = force;
    this.#root_key = root_key;
    this.#way = way;
  }

  /** Throws when the server gives no answer before the list is known. `progress` hears a fraction. */
  async look(span: Span, today: string, progress: (fraction: number) => void): Promise<Visited> {
    const where = { force: this.#force, root_key: this.#root_key, today, span };
    const looked = await look(this.#get, where, this.#way, (done, total) =>
      progress(total === 0 ? LIST : (LIST * done) / total),
    );
    if (looked.kind === "fault") return looked;
    this.#note = looked.note;
    this.#mailbox = new Mailbox(this.#get, this.#force, looked.post, this.#way);
    await this.#mailbox.open((fraction) => progress(LIST + (1 - LIST) * fraction));
    const mail = await this.#mailbox.next();
    progress(1);
    return { kind: "looked", places: looked.places, mail };
  }

  /** Four other pages of answers. Null before `look`. */
  async earlier(): Promise<Mail | null> {
    return this.#mailbox === null ? null : this.#mailbox.next();
  }

  /** The key that an addition would be sealed to today. The directory is asked for again when its week is over. */
  async key(today: string): Promise<Opened> {
    const opened = this.#open(today);
    if (opened.ok) return opened;
    this.#note = await this.#get(`/v1/forces/${this.#force}/directory`);
    return this.#open(today);
  }

  /** Seals an addition to the force that was looked at, so that the same words find it. Throws what `sealParcel` does. */
  async seal(
    addition: Addition,
    files: readonly Chosen[],
    today: string,
    progress: (done: number, total: number) => void,
  ): Promise<Submission> {
    const opened = this.#open(today);
    if (!opened.ok || addition.force !== this.#force) throw new Error("there is nothing to seal this to");
    const report = { ...addition, adds_to: this.#way.thread };
    return sealParcel({ report, files, contact: null }, opened, this.#way, progress);
  }

  /** Overwrites what the words gave. */
  end(): void {
    wipeWay(this.#way);
    this.#mailbox = null;
  }

  #open(today: string): Opened {
    if (this.#note === null) return { ok: false, why: "forged", detail: "no directory came" };
    return openDirectory(this.#note, this.#force, this.#root_key, today);
  }
}
