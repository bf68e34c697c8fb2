// The worker's part of saving what was written: the keys of the one draft of this page, and what is done with it.
// The keys go no further than here. Only one thing is done at a time: a slow attempt must not put an older draft in the
// place of a newer.

import type { DraftKeys } from "./draft.ts";
import { draftKeysOf, openDraft, sealDraft } from "./draft.ts";
import type { Failed, Trying } from "./draft-requests.ts";
import { deleteDraft, getDraft, putDraft } from "./draft-requests.ts";
import type { Saved } from "./saved.ts";
import { NotSaved, TooLongToSave } from "./saved.ts";
import { drawWords } from "./words.ts";

export type DraftRequest =
  /** Eight words for what is going to be saved on this page; none when it has some already. */
  | { readonly kind: "draft-words" }
  /** Saves under the words that were drawn last, or of what was kept last. */
  | { readonly kind: "draft-save"; readonly saved: Saved }
  | { readonly kind: "draft-open"; readonly words: string }
  /** What was opened last is on the page now: it is what is saved again. */
  | { readonly kind: "draft-keep" }
  /** What is held under these words; null: what is held of this page. */
  | { readonly kind: "draft-delete"; readonly words: string | null }
  /** Gives up what is being tried. */
  | { readonly kind: "draft-stop" };

export type DraftReply =
  | { readonly kind: "words"; readonly words: string }
  | { readonly kind: "opened-draft"; readonly saved: Saved }
  /** `isThis`: it was what is held of this page. */
  | { readonly kind: "deleted"; readonly isThis: boolean }
  /** `none`: nothing is held under the words. `broken`: something is, and it does not open. */
  | { readonly kind: "saved" | "stopped" | "kept" | "none" | "broken" | "full" | "too-long" | Failed };

/** Enough to save in the same place again, and to delete it. */
type Held = Pick<DraftKeys, "name" | "recipient">;

export class Drafts {
  #held: Held | null = null;
  /** Of what was opened last. The page may have been told to stop meanwhile: then it shows nothing of it. */
  #opened: Held | null = null;
  #running = new AbortController();

  async answer(request: DraftRequest, again: (attempt: number) => void): Promise<DraftReply> {
    this.#running.abort();
    this.#running = new AbortController();
    const trying = { again, signal: this.#running.signal };
    switch (request.kind) {
      case "draft-words": {
        if (this.#held !== null) return { kind: "words", words: "" };
        const words = drawWords();
        this.#hold(heldOf(await draftKeysOf(words)));
        return { kind: "words", words };
      }
      case "draft-save":
        return this.#save(request.saved, trying);
      case "draft-open":
        return this.#open(request.words, trying);
      case "draft-keep":
        if (this.#opened === null) throw new Error("nothing was opened");
        this.#hold(this.#opened);
        this.#opened = null;
        return { kind: "kept" };
      case "draft-delete":
        return this.#delete(request.words, trying);
      case "draft-stop":
        return { kind: "stopped" };
      default:
        return request satisfies never;
    }
  }

  #hold(keys: Held | null): void {
    if (keys?.name.key !== this.#held?.name.key) this.#held?.name.key.fill(0);
    this.#held = keys;
  }

  async #save(saved: Saved, trying: Trying): Promise<DraftReply> {
    const held = this.#held;
    if (held === null) throw new Error("there are no words to save under");
    try {
      const kind = await putDraft(held.name, await sealDraft(saved, held.recipient), trying);
      return { kind: kind === "kept" ? "saved" : kind };
    } catch (error) {
      if (error instanceof TooLongToSave) return { kind: "too-long" };
      throw error;
    }
  }

  async #open(words: string, trying: Trying): Promise<DraftReply> {
    const keys = await draftKeysOf(words);
    const reply = await opened(keys, trying);
    if (reply.kind === "opened-draft" && !trying.signal.aborted) {
      this.#opened?.name.key.fill(0);
      this.#opened = heldOf(keys);
    } else keys.name.key.fill(0);
    return reply;
  }

  async #delete(words: string | null, trying: Trying): Promise<DraftReply> {
    const name = words === null ? this.#held?.name : (await draftKeysOf(words)).name;
    if (name === undefined) throw new Error("nothing was saved or opened");
    const isThis = name.id === this.#held?.name.id;
    const kind = await deleteDraft(name, trying);
    if (isThis && (kind === "deleted" || kind === "none")) this.#hold(null);
    if (words !== null) name.key.fill(0);
    // What was saved on this page and is gone already is as good as deleted; words that find nothing are another matter.
    return kind === "deleted" || (kind === "none" && isThis) ? { kind: "deleted", isThis } : { kind };
  }
}

function heldOf({ name, recipient }: DraftKeys): Held {
  return { name, recipient };
}

async function opened({ name, identity }: DraftKeys, trying: Trying): Promise<DraftReply> {
  const sealed = await getDraft(name, trying);
  if (sealed === null) return { kind: "none" };
  if (typeof sealed === "string") return { kind: sealed };
  try {
    return { kind: "opened-draft", saved: await openDraft(sealed, identity) };
  } catch (error) {
    if (error instanceof NotSaved) return { kind: "broken" };
    throw error;
  }
}
