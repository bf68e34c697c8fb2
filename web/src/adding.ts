// Adding to what was sent: words and files, looked at once more, sealed in the worker to the force that was looked at, and
// sent. What is typed lives in the controls only, and is gone once it is held.
//
// Contract with the tests: #add, the files of [data-files="add-files"]; data-testid = add, continue, send, again, to-answers;
// `[data-section]` is add, confirm, sending, failed or added.

import type { Asker } from "./asker.ts";
import type { Reply, Request } from "./back-worker.ts";
import { localDate } from "./dates.ts";
import { FileList, progressWords } from "./files-view.ts";
import { todayUtc } from "./keys.ts";
import type { Force } from "./questions.ts";
import { fits, newThread } from "./report.ts";
import type { Say } from "./sending.ts";
import { carry } from "./sending.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import type { Submission, Work } from "./submit.ts";
import { byId, fill, showError, showList, showProblem } from "./view.ts";
import type { Addition } from "./visit.ts";
import { workIn } from "./work-asked.ts";

export type AddingSection = "add" | "confirm" | "sending" | "failed" | "added";

/** What adding needs of the page that it is on. */
export type Page = {
  readonly language: () => Language;
  /** The force that was looked at. */
  readonly force: () => Force;
  readonly asker: () => Asker<Request, Reply>;
  readonly show: (section: AddingSection) => void;
  /** It is held: nothing of this visit is needed any more. */
  readonly arrived: () => void;
};

/** Nothing more is asked with it: the words as they were shown, and what was written. */
const QUESTION_SET = "add-1";
const ANSWER = "add";
const QUESTION = "back.add_title";

export class Adding {
  readonly #page: Page;
  readonly #files: FileList;
  #submission: Submission | null = null;
  #ended = new AbortController();
  /** Counts what was begun, so that an answer to what was wiped meanwhile is not shown. */
  #run = 0;
  #failure = "form.failed.line";
  #isMaybe = false;
  #again: () => Promise<void> = () => this.#checkAgain();

  constructor(page: Page) {
    this.#page = page;
    const container = document.querySelector<HTMLElement>("[data-files]");
    if (container === null) throw new Error("the document has no place for files");
    this.#files = new FileList(container, () => undefined);
  }

  /** Forgets what was written and chosen, and ends what is being sent. */
  wipe(): void {
    this.#run += 1;
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#submission = null;
    this.#text.value = "";
    this.#files.wipe();
    for (const id of ["confirm-words", "confirm-files", "progress-add", "progress-bytes"]) byId(id).replaceChildren();
    for (const slot of ["fingerprint", "key"]) fill(slot, "");
  }

  speak(): void {
    const language = this.#page.language();
    const force = this.#page.force();
    this.#files.speak(language);
    fill("promise", force.promise[language]);
    fill("promise-id", force.promise.id);
    byId("failed-why").textContent = text(language, this.#failure);
    byId("failed-maybe").hidden = !this.#isMaybe;
    this.#speakConfirm(language);
  }

  act(action: string): void {
    if (action === "continue") void this.#check();
    if (action === "send") void this.#send();
    if (action === "again") void this.#again();
  }

  get #text(): HTMLTextAreaElement {
    return byId("add") as HTMLTextAreaElement;
  }

  #speakConfirm(language: Language): void {
    byId("confirm-words").textContent =
      this.#text.value.trim() === "" ? text(language, "back.confirm_none") : this.#text.value;
    const names = this.#files.names();
    const lines = this.#files
      .chosen()
      .map(({ metadata }, at) => text(language, `back.confirm_${metadata}`, { name: names[at] ?? "" }));
    showList("confirm-files", lines.length === 0 ? [text(language, "back.confirm_none")] : lines);
  }

  #addition(): Addition {
    const language = this.#page.language();
    const force = this.#page.force();
    const words = this.#text.value.trim() === "" ? null : this.#text.value;
    const answer = { id: ANSWER, question: text(language, QUESTION), answer: words, choice: null, person: null };
    return {
      ...{ question_set: QUESTION_SET, language, route: "addition", force: force.id },
      promise: { id: force.promise.id, text: force.promise[language] },
      written_on: localDate(),
      answers: [{ ...answer, state: words === null ? "skipped" : "answered", parts: [] }],
      ...{ people: [], flags: [], wishes: [], mailbox: null, thread: newThread() },
    };
  }

  /** What stands in the way of going on with what is on the page: said there. */
  #hasError(): boolean {
    const language = this.#page.language();
    const wrong = this.#files.error();
    if (wrong !== null) showError(language, wrong, "add-files");
    else if (this.#text.value.trim() === "" && this.#files.chosen().length === 0)
      showError(language, "back.add_empty", "add");
    else if (!fits({ ...this.#addition(), adds_to: null })) showError(language, "back.add_long", "add");
    else return false;
    return true;
  }

  /** From what was written to the look before sending, once there is a key to seal it to. */
  async #check(): Promise<void> {
    if (this.#hasError()) return;
    this.#submission = null; // What is written may be another than what was tried before.
    const run = this.#run;
    const reply = await this.#ask({ kind: "key", today: todayUtc() });
    if (run !== this.#run) return;
    if (reply?.kind === "key") {
      fill("fingerprint", reply.key.fingerprint);
      fill("key", reply.key.id);
      this.#page.show("confirm");
      return;
    }
    this.#again = () => this.#checkAgain();
    const why = reply?.kind === "fault" ? `back.fault_${reply.fault}` : "back.failed_seal";
    this.#fail(reply?.kind === "line" ? "form.failed.line" : why, false);
  }

  /** After a failure the page is another one, and what stands in the way is said where it was written. */
  #checkAgain(): Promise<void> {
    this.#page.show("add");
    return this.#check();
  }

  async #send(): Promise<void> {
    const run = (this.#run += 1);
    this.#again = () => this.#send();
    this.#page.show("sending");
    const say: Say = (key, more) => {
      if (run !== this.#run) return;
      byId("progress-add").textContent = text(this.#page.language(), key);
      byId("progress-add").dataset["t"] = key;
      byId("progress-bytes").textContent = more ?? "";
    };
    say("form.sending.sealing", null);
    this.#submission ??= await this.#sealed(run, say);
    const submission = this.#submission;
    if (submission === null || run !== this.#run) return;
    const work: Work = (asked, h, progress) => workIn(this.#page.asker(), asked, h, progress);
    const outcome = await carry(this.#page.force().id, submission, this.#page.language, say, this.#ended.signal, work);
    if (run !== this.#run) return;
    switch (outcome.kind) {
      case "held":
        this.#page.arrived();
        break;
      case "line":
        this.#fail("form.failed.line", true);
        break;
      case "refused":
        this.#submission = null;
        this.#fail("back.failed_refused", false);
        break;
      default:
        outcome satisfies never;
    }
  }

  /** Null when it could not be sealed: then the page says why. */
  async #sealed(run: number, say: Say): Promise<Submission | null> {
    const request = {
      kind: "seal",
      addition: this.#addition(),
      files: this.#files.chosen(),
      today: todayUtc(),
    } as const;
    const reply = await this.#ask(request, (done, total) =>
      say("form.sending.sealing", progressWords(this.#page.language(), done, total)),
    );
    if (run !== this.#run) return null;
    switch (reply?.kind) {
      case "sealed":
        return reply.submission;
      case "changed":
        this.#files.changed(reply.at);
        this.#page.show("add");
        showError(this.#page.language(), "form.files.error.changed", "add-files");
        return null;
      case "too-long":
        this.#page.show("add");
        showProblem(this.#page.language(), "back.add_long", "add");
        return null;
      default:
        this.#again = () => this.#checkAgain(); // A key may be out of date: it is looked at anew.
        this.#fail("back.failed_seal", false);
        return null;
    }
  }

  /** Null when the worker could not do it. */
  async #ask(
    request: Request,
    progress: (done: number, total: number) => void = () => undefined,
  ): Promise<Reply | null> {
    try {
      return await this.#page.asker().ask(request, progress);
    } catch {
      return null; // What that means for the person is said by who asked.
    }
  }

  #fail(key: string, isMaybe: boolean): void {
    this.#failure = key;
    this.#isMaybe = isMaybe;
    this.#page.show("failed");
  }
}
