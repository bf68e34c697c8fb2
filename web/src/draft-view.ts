// Saving what was written and going on with it later, as the form shows it: the sections for it, the words that it is
// held under, and until when. Nothing is saved, opened or deleted unless a button for that is pressed.
//
// Must never delete a saved copy by itself when a report is sent: the server would see a deletion beside a submission,
// and know which draft became which report. The person is told, and may do it.

import { dayInWords } from "./dates.ts";
import type { DraftReply, DraftRequest } from "./drafts.ts";
import { todayUtc } from "./keys.ts";
import type { Page } from "./questions.ts";
import type { Saved } from "./saved.ts";
import type { Sealer } from "./sealer.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { TypedWords } from "./typed-words.ts";
import type { Action } from "./view.ts";
import { byId, showError, showProblem } from "./view.ts";
import { copyWords, showWords } from "./way-view.ts";

/** The form, as saving knows it. */
export type Host = {
  readonly language: () => Language;
  readonly section: () => string;
  readonly show: (section: string) => void;
  readonly written: () => Pick<Saved, "language" | "visited" | "given">;
  /** Puts a draft in the place of what is there and shows its page; false when something of it was left out. */
  readonly restore: (saved: Saved) => boolean;
};

type Section = "save" | "saved" | "load" | "delete" | "deleted" | "waiting";
const ACTIONS: Record<Section, readonly Action[]> = {
  save: ["save", "go-on"],
  saved: ["go-on"],
  load: ["load", "delete-ask"],
  delete: ["delete", "stay"],
  deleted: ["stay"],
  waiting: ["stop"],
};

/** A draft is deleted when the day of its last saving is 30 days ago: the days after it on which it is there to the end. */
const WHOLE_DAYS = 29;
const DAY_MS = 86_400_000;

/** What became of a request; `device`: this one could not do it. */
type Came = DraftReply | { readonly kind: "device" };

export class Keeping {
  readonly #sealer: Sealer;
  readonly #host: Host;
  readonly #typed = new TypedWords("draft-typed", "draft-near");
  /** Counts what was asked, so that an answer to something that was stopped is not shown. */
  #run = 0;
  /** Where the person was: what is saved says so, and going on leads there. */
  #origin = "";
  /** Where deleting was asked for. */
  #asked_in = "";
  /** The section that is shown again when waiting is stopped. */
  #waits_for = "";
  #progress = "form.draft.wait_save";
  /** The words of what is saved, until they are hidden; empty when they were, or when the person typed them. */
  #words = "";
  /** The words of what is to be deleted; null for what was saved or opened here. */
  #unwanted: string | null = null;
  /** The day on which what is held was saved; null while this page knows of nothing that is held. */
  #saved_on: string | null = null;
  /** A saving was stopped, or no answer came to it: something may be held. */
  #isMaybe = false;

  constructor(sealer: Sealer, host: Host) {
    this.#sealer = sealer;
    this.#host = host;
  }

  /** Null for sections that are not of saving. */
  actions(section: string): readonly Action[] | null {
    return section in ACTIONS ? ACTIONS[section as Section] : null;
  }

  hasBack(section: string): boolean {
    return section === "save" || section === "load" || section === "delete";
  }

  back(section: string): void {
    if (section === "load") this.#typed.wipe();
    this.#host.show(section === "delete" ? this.#asked_in : this.#origin);
  }

  /** Clears the words, shown and typed. What is held stays so, and can still be deleted from here. */
  forget(): void {
    this.#run += 1;
    this.#words = "";
    this.#unwanted = null;
    showWords("", "saved-");
    this.#typed.wipe();
    byId("restored").replaceChildren();
  }

  /** What is offered beside a page or the answers, and said in the sections of saving. */
  shown(section: string, page: Page | undefined, isFirst: boolean): void {
    byId("save-offer").hidden = !(section === "check" || (page !== undefined && page.kind !== "info" && !isFirst));
    byId("load-offer").hidden = !isFirst;
    byId("save-again").hidden = this.#saved_on === null;
    byId("save-maybe").hidden = !this.#isMaybe || this.#saved_on !== null;
    byId("saved-same").hidden = this.#words !== "";
    byId("sent-saved").hidden = this.#saved_on === null && !this.#isMaybe;
    byId("load-replaces").hidden = this.#host.written().given.size === 0;
    byId("restored").replaceChildren(); // Said once, on the page that opening leads to.
  }

  speak(language: Language): void {
    this.#typed.speak(language);
    byId("waiting").textContent = text(language, this.#progress);
    const date = this.#saved_on === null ? "" : dayInWords(lastDay(this.#saved_on), language);
    byId("saved-until").textContent = text(language, "form.draft.until", { date });
    const sent = this.#saved_on === null ? "form.draft.maybe" : "form.draft.sent";
    byId("sent-until").textContent = text(language, sent, { date });
  }

  act(action: string): void {
    switch (action) {
      case "save-ask":
      case "load-ask":
        this.#origin = this.#host.section();
        this.#host.show(action === "save-ask" ? "save" : "load");
        break;
      case "save":
        void this.#save();
        break;
      case "go-on":
        showWords("", "saved-");
        this.#host.show(this.#origin);
        break;
      case "copy-saved-words":
        void copyWords(this.#host.language(), "saved-");
        break;
      case "hide-saved-words":
        this.#words = "";
        showWords("", "saved-");
        document.querySelector<HTMLElement>('[data-section="saved"] h1')?.focus();
        break;
      case "load":
        void this.#load();
        break;
      case "delete-ask":
        void this.#askDelete();
        break;
      case "delete":
        void this.#delete();
        break;
      case "stay":
        this.#host.show(this.#asked_in);
        break;
      case "stop":
        this.#stop();
        break;
    }
  }

  // -------------------------------------------------------------- asking

  /** Shows that it waits while something is done; null when that was stopped, or the page was left. */
  async #wait(said: string, asked: (ask: (request: DraftRequest) => Promise<DraftReply>) => Promise<Came>) {
    const run = (this.#run += 1);
    const say = (key: string) => {
      this.#progress = key;
      if (this.#run === run) byId("waiting").textContent = text(this.#host.language(), key);
    };
    this.#waits_for = this.#host.section();
    say(said);
    this.#host.show("waiting");
    let came: Came;
    try {
      came = await asked(async (request) => {
        if (this.#run !== run) return { kind: "stopped" }; // Between two requests: nothing more is asked.
        if (request.kind === "draft-save") this.#isMaybe = true;
        return this.#sealer.draft(request, () => say("form.draft.wait_again"));
      });
    } catch {
      came = { kind: "device" }; // What that means for the person is said where it was asked.
    }
    return this.#run === run ? came : null;
  }

  #stop(): void {
    this.#run += 1;
    // Whether it was given up in time, and whether anything was, makes no difference to the page.
    this.#sealer.draft({ kind: "draft-stop" }, () => undefined).catch(() => undefined);
    this.#host.show(this.#waits_for);
  }

  async #save(): Promise<void> {
    const saved = { ...this.#host.written(), section: this.#origin, saved_on: todayUtc() };
    const wasMaybe = this.#isMaybe;
    const came = await this.#wait("form.draft.wait_save", async (ask) => {
      const drawn = await ask({ kind: "draft-words" });
      if (drawn.kind === "words" && drawn.words !== "") this.#words = drawn.words;
      return ask({ kind: "draft-save", saved });
    });
    if (came === null) return;
    if (came.kind !== "saved") {
      if (came.kind !== "line") this.#isMaybe = wasMaybe; // It was told that nothing came of this one.
      this.#host.show("save");
      showProblem(this.#host.language(), `form.draft.${came.kind}`, "main-content");
      return;
    }
    this.#saved_on = saved.saved_on;
    this.#isMaybe = false;
    this.#host.show("saved");
    showWords(this.#words, "saved-");
  }

  /** Null when it has said what is wrong, or the person went elsewhere meanwhile. */
  async #readTyped(): Promise<string | null> {
    const read = await this.#sealer.read(this.#typed.value).catch(() => null);
    if (this.#host.section() !== "load") return null;
    if (read !== null) return this.#typed.take(read);
    showProblem(this.#host.language(), "form.draft.device", "draft-typed");
    return null;
  }

  async #load(): Promise<void> {
    const words = await this.#readTyped();
    if (words === null) return;
    const came = await this.#wait("form.draft.wait_load", (ask) => ask({ kind: "draft-open", words }));
    if (came === null) return; // What was opened is not kept then: saving must not take its place.
    if (came.kind !== "opened-draft") {
      this.#host.show("load");
      this.#refused(came);
      return;
    }
    this.#typed.wipe();
    this.#words = "";
    this.#saved_on = came.saved.saved_on;
    this.#isMaybe = false;
    // Asked before anything can be saved, and the worker takes one after the other.
    this.#sealer.draft({ kind: "draft-keep" }, () => undefined).catch(() => undefined);
    const isWhole = this.#host.restore(came.saved);
    const said = ["form.draft.restored", ...(isWhole ? [] : ["form.draft.left_out"])];
    byId("restored").replaceChildren(...said.map((key) => this.#paragraph(key)));
  }

  #paragraph(key: string): HTMLElement {
    const paragraph = document.createElement("p");
    paragraph.className = "govuk-inset-text";
    paragraph.dataset["t"] = key;
    paragraph.textContent = text(this.#host.language(), key);
    return paragraph;
  }

  /** In the section where the words stand: what is wrong with them is said at their box. */
  #refused({ kind }: Came): void {
    const isWords = kind === "none" || kind === "broken";
    const key = `form.draft.${kind}`;
    if (isWords) showError(this.#host.language(), key, "draft-typed");
    else showProblem(this.#host.language(), key, "draft-typed");
  }

  async #askDelete(): Promise<void> {
    const section = this.#host.section();
    const words = section === "load" ? await this.#readTyped() : null;
    if (section === "load" && words === null) return;
    this.#unwanted = words;
    this.#asked_in = section;
    this.#host.show("delete");
  }

  async #delete(): Promise<void> {
    const words = this.#unwanted;
    const came = await this.#wait("form.draft.wait_delete", (ask) => ask({ kind: "draft-delete", words }));
    if (came === null) return;
    if (came.kind !== "deleted") {
      this.#host.show(words === null ? "delete" : "load");
      if (words !== null) this.#refused(came);
      else showProblem(this.#host.language(), `form.draft.${came.kind}`, "main-content");
      return;
    }
    if (came.isThis) {
      this.#saved_on = null;
      this.#isMaybe = false;
      this.#words = "";
    }
    this.#unwanted = null;
    this.#typed.wipe();
    if (this.#asked_in !== "sent") this.#asked_in = this.#origin;
    this.#host.show("deleted");
  }
}

/** Of what was saved on this day, YYYY-MM-DD. */
function lastDay(saved_on: string): string {
  return new Date(Date.parse(saved_on) + WHOLE_DAYS * DAY_MS).toISOString().slice(0, 10);
}
