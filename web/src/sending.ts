// Seals a report once, with the words drawn for it, and carries it to the server: again and again the same bytes, until
// the answers change; an addition is carried the same way. Knows no page; what it says goes to `say`.

import { progressWords } from "./files-view.ts";
import { todayUtc } from "./keys.ts";
import type { Parcel, Sealer } from "./sealer.ts";
import type { Language } from "./strings.ts";
import type { Outcome, Step, Submission, Work } from "./submit.ts";
import { submit } from "./submit.ts";

/** What is being done: a key of the form's words, and how far it is. */
export type Say = (key: string, more: string | null) => void;

export class Sending {
  readonly #sealer: Sealer;
  readonly #signal: AbortSignal;
  #submission: { readonly force: string; readonly bytes: Submission } | null = null;
  #hasWords = true;
  /** The words drawn for what is sent to a force; shown once it is held, and only then. */
  #words: { readonly force: string; readonly words: string } | null = null;

  constructor(sealer: Sealer, signal: AbortSignal) {
    this.#sealer = sealer;
    this.#signal = signal;
  }

  /** Whether what is tried next has words of its own. */
  get hasWords(): boolean {
    return this.#hasWords;
  }

  /** Another one than was tried before is sealed anew. */
  choose(hasWords: boolean): void {
    if (hasWords !== this.#hasWords) this.#submission = null;
    this.#hasWords = hasWords;
  }

  /** The answers may have changed since an earlier try. */
  forgetTry(): void {
    this.#submission = null;
  }

  forget(): void {
    this.#submission = null;
    this.#words = null;
    this.#sealer.forgetWords().catch(() => undefined); // A worker that has ended has forgotten.
  }

  /** The words of what was sent; empty when it has none. */
  words(): string {
    return this.#hasWords ? (this.#words?.words ?? "") : "";
  }

  isSealedFor(force: string): boolean {
    return this.#submission?.force === force;
  }

  /** Throws what `Sealer.seal` throws. */
  async seal(force: string, parcel: Parcel, language: () => Language, say: Say): Promise<void> {
    if (this.#hasWords && this.#words?.force !== force) {
      this.#words = { force, words: await this.#sealer.words(force) };
    }
    const bytes = await this.#sealer.seal(force, parcel, todayUtc(), this.#hasWords, (done, total) =>
      say("form.sending.sealing", progressWords(language(), done, total)),
    );
    this.#submission = { force, bytes };
  }

  /** Sends what was sealed last. */
  async send(language: () => Language, say: Say): Promise<Outcome> {
    if (this.#submission === null) throw new Error("nothing was sealed");
    const { force, bytes } = this.#submission;
    const work: Work = (asked, h, progress) => this.#sealer.work(asked, h, progress);
    const outcome = await carry(force, bytes, language, say, this.#signal, work);
    if (outcome.kind === "refused") this.#submission = null;
    return outcome;
  }
}

/** Carries what was sealed to the server, and says how far it is. */
export function carry(
  force: string,
  submission: Submission,
  language: () => Language,
  say: Say,
  signal: AbortSignal,
  work: Work,
): Promise<Outcome> {
  const size = submission.body.length;
  const step = (key: Step, fraction: number | null) => {
    const done = key === "working" ? percent : (fraction: number) => progressWords(language(), fraction * size, size);
    say(`form.sending.${key}`, fraction === null ? null : done(fraction));
  };
  return submit(force, submission, step, signal, work);
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`;
}
