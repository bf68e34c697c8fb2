// What the form asks of its worker: directories opened, words drawn and read, reports sealed, drafts kept.

import { Asker } from "./asker.ts";
import type { Opened } from "./directory.ts";
import type { DraftReply, DraftRequest } from "./drafts.ts";
import { FileChanged } from "./files.ts";
import { TooLong } from "./report.ts";
import type { Submission } from "./submit.ts";
import type { Parcel } from "./parcel.ts";
import type { Read } from "./words.ts";
import type { Asked } from "./work.ts";
import { workIn } from "./work-asked.ts";
import type { Reply, Request } from "./worker.ts";

export type { Parcel } from "./parcel.ts";

export class Sealer {
  readonly #asker = new Asker<Request, Reply>();

  /** Resolves when a throw-away report has been sealed: this device can do it. */
  async warm(): Promise<void> {
    await this.#asker.ask({ kind: "warm" });
  }

  async open(force: string, note: Uint8Array, today: string): Promise<Opened> {
    const reply = await this.#asker.ask({ kind: "open", force, note, today });
    if (reply.kind !== "opened") throw new Error("the worker gave another answer");
    return reply.opened;
  }

  /** Eight new words for a way back to what is going to be sealed to this force; takes a second or two. */
  async words(force: string): Promise<string> {
    const reply = await this.#asker.ask({ kind: "words", force });
    if (reply.kind !== "words") throw new Error("the worker gave another answer");
    return reply.words;
  }

  /** What words were drawn is not needed any more. */
  async forgetWords(): Promise<void> {
    await this.#asker.ask({ kind: "forget" });
  }

  /**
   * Reads the files, packs everything and seals it to the force, which `parcel.report.force` must be; with `hasWords`, so that the words drawn last lead back to it.
   * `progress` hears how many of the files' bytes are done, of how many; not at all when there is no file. Throws `FileChanged` when a file is not what was chosen,
   * `TooLong` when there is too much for one report, and any other error when it cannot be sealed.
   */
  async seal(
    force: string,
    parcel: Parcel,
    today: string,
    hasWords: boolean,
    progress: (done: number, total: number) => void,
  ): Promise<Submission> {
    const reply = await this.#asker.ask({ kind: "seal", force, parcel, today, hasWords }, progress);
    if (reply.kind === "changed") throw new FileChanged(reply.at);
    if (reply.kind === "too-long") throw new TooLong();
    if (reply.kind !== "sealed") throw new Error("the worker gave another answer");
    return reply.submission;
  }

  /** Work that a busy server asks for; null when the worker could not do it. `progress` hears parts done, of how many. */
  async work(asked: Asked, h: string, progress: (done: number, total: number) => void): Promise<string | null> {
    return workIn(this.#asker, asked, h, progress);
  }

  /** Eight words as somebody typed them. */
  async read(typed: string): Promise<Read> {
    const reply = await this.#asker.ask({ kind: "read", typed });
    if (reply.kind !== "read") throw new Error("the worker gave another answer");
    return reply.read;
  }

  /** Saves, opens or deletes a draft; what was begun before is given up. `again` hears of each further attempt. */
  async draft(request: DraftRequest, again: () => void): Promise<DraftReply> {
    const reply = await this.#asker.ask(request, again);
    switch (reply.kind) {
      case "warm":
      case "opened":
      case "sealed":
      case "changed":
      case "read":
      case "forgotten":
      case "worked":
        throw new Error("the worker gave another answer");
      default:
        return reply;
    }
  }

  /** Ends the worker and its memory. Nobody is answered any more. */
  stop(): void {
    this.#asker.stop();
  }
}
