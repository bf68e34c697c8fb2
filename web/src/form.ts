// The form: which page is shown, where it goes next, when it is sealed and sent, or saved.
//
// Contract with the demo, the tests and the auditor's canaries (stable; add freely):
// - A field's first control has the field's id: #r1, #a1, #p2-name; a date's are #a4-date-day, -month, -year. Radios and
//   checkboxes carry the codes of content/questions.json; r2 a force's id, online, abroad or unsure.
// - One button each, shown when it can be used: data-testid = continue, skip, send, send-plain (without words), again, to-answers, return, more,
//   to-check, support, back, leave. `[data-language="en"]` and `[data-language="cy"]` change the language.
// - Saving: save-ask, save, go-on, load-ask, load, delete-ask, delete, stay, stop; the words are typed into #draft-typed.
// - `[data-section="…"]` is shown for each page and for check, before, sending, failed, blocked, sent, support, and for
//   save, saved, load, delete, deleted, waiting; the last stop has data-testid="sent", and data-testid="failed" and
//   "blocked" are the kind refusals.
//
// Moving between sections asks the network for nothing and changes neither address, title nor history. Answers live in
// the controls only, and are wiped on leaving, on sending, and when the page goes; saved is what a button is pressed for.

import allForces from "virtual:forces";
import questionSet from "virtual:questions";
import type { Telling } from "./answers.ts";
import { contactOf, draftOf, hasRoom } from "./answers.ts";
import { summaryOf } from "./check.ts";
import { Controls, firstControl } from "./controls.ts";
import { localDate, todayInWords } from "./dates.ts";
import { Keeping } from "./draft-view.ts";
import { FileChanged } from "./files.ts";
import type { KeyState } from "./keys.ts";
import { Keys } from "./keys.ts";
import type { Force, Given, Page } from "./questions.ts";
import {
  asked,
  dependsOn,
  forceOf,
  hasSubstance,
  isAnswered,
  isReachable,
  routeOf,
  triageOf,
  wrongOn,
} from "./questions.ts";
import { Reading } from "./reading.ts";
import { TooLong, newThread } from "./report.ts";
import type { Saved } from "./saved.ts";
import { fitting } from "./saved.ts";
import type { Parcel, Sealer } from "./sealer.ts";
import type { Say } from "./sending.ts";
import { Sending } from "./sending.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import type { Action } from "./view.ts";
import { copyWords, showWords } from "./way-view.ts";
import {
  byId,
  clearError,
  fill,
  showAnswers,
  showError,
  showHelp,
  showList,
  showProblem,
  showSection,
  speak,
} from "./view.ts";

const { pages } = questionSet;

/** Starts the form; returns what wipes it. `sent` is called when nothing that was typed is left to protect. */
export function startForm(sealer: Sealer, sent: () => void): () => void {
  const form = new Form(sealer, sent);
  form.start();
  return () => form.wipe();
}

class Form {
  readonly #sealer: Sealer;
  readonly #told: () => void;
  readonly #keys: Keys;
  readonly #reading: Reading;
  readonly #controls: Controls;
  readonly #keeping: Keeping;
  readonly #sending: Sending;
  readonly #ended = new AbortController();
  readonly #visited = new Set<string>();
  readonly #thread = newThread();
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #section = pages[0]?.id ?? "check";
  #before_support = this.#section;
  /** The page that was gone back to from the list of answers, until the way leads there again. */
  #changing: Page | null = null;
  #isHidden = false;
  #sent: { readonly contact: string; readonly isReachable: boolean; readonly force: Force } | null = null;
  #blocked: KeyState["kind"] = "unreachable";
  #failure = "form.failed.line";

  constructor(sealer: Sealer, sent: () => void) {
    this.#sealer = sealer;
    this.#told = sent;
    this.#keys = new Keys(allForces, sealer);
    this.#reading = new Reading(this.#keys, allForces);
    this.#controls = new Controls(pages, () => this.#changed());
    this.#sending = new Sending(sealer, this.#ended.signal);
    this.#keeping = new Keeping(sealer, {
      language: () => this.#language,
      section: () => this.#section,
      show: (section) => this.#show(section),
      written: () => ({ language: this.#language, visited: [...this.#visited], given: this.#controls.kept() }),
      restore: (saved) => this.#restore(saved),
    });
  }

  start(): void {
    document.addEventListener("click", (event) => this.#clicked(event));
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const visible = document.querySelector<HTMLElement>('#actions [data-action="continue"]:not([hidden])');
      if (visible !== null) this.#act("continue");
    });
    this.#keys.keep(this.#ended.signal).catch(() => undefined); // The state of each key tells what is missing.
    byId("form").hidden = false;
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="support"]')) button.hidden = false;
    this.#show(this.#section);
  }

  /** Clears every answer from the document and ends all work. */
  wipe(): void {
    this.#ended.abort();
    this.#sealer.stop();
    this.#forget();
  }

  #forget(): void {
    this.#controls.wipe();
    this.#visited.clear();
    this.#sending.forget();
    this.#keeping.forget();
    showWords("");
    clearError();
    for (const id of ["answers", "identify", "sent-contact"]) byId(id).replaceChildren();
    fill("fingerprint", "");
  }

  // -------------------------------------------------------------- what is answered

  #telling(given = this.#controls.read()): Telling {
    return { questions: questionSet, forces: allForces, given, language: this.#language, visited: this.#visited };
  }

  #path(given: Given): Page[] {
    return asked(pages, given, given.get("length") === "short").filter(
      ({ id }) => id !== "s1" || this.#reading.canSeal,
    );
  }

  /** The force of the place, and the one that reads the report, which is another when police are involved. */
  #forces(given: Given): { readonly place: Force | null; readonly reader: Force | null } {
    const place = forceOf(allForces, pages, given);
    return { place, reader: place === null ? null : this.#reading.readerOf(place, given.get("r3") === "yes") };
  }

  /** What keeps these answers from being sent: the page to go back to and what to say there. */
  #missing(given: Given): { readonly page: string; readonly key: string } | null {
    const open = this.#path(given).find((page) => page.required === true && !isAnswered(page, given));
    if (open !== undefined) return { page: open.id, key: `q.${open.base}.required` };
    if (!hasSubstance(this.#path(given), given)) return { page: "a1", key: "form.wrong.nothing" };
    return null;
  }

  // -------------------------------------------------------------- moving

  #show(section: string): void {
    this.#section = section;
    const page = pages.find(({ id }) => id === section);
    if (page !== undefined) this.#controls.refresh(page, this.#controls.read());
    this.#speak();
    showSection(section, this.#actions(section, page), section !== pages[0]?.id && this.#hasBack(section, page));
    showHelp(["support", "failed", "blocked"].includes(section), this.#forces(this.#controls.read()).reader);
    this.#keeping.shown(section, page, section === pages[0]?.id);
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="support"]')) {
      button.hidden = section === "support" || section === "sending" || section === "waiting";
    }
  }

  #actions(section: string, page: Page | undefined): readonly Action[] {
    if (page !== undefined) return page.kind === "info" || page.required === true ? ["continue"] : ["continue", "skip"];
    const actions: Record<string, readonly Action[]> = {
      check: ["continue"],
      before: ["send", "send-plain"],
      failed: ["again", "to-answers"],
      blocked: this.#blocked === "no-root" ? ["to-answers"] : ["again", "to-answers"], // A new build brings that key.
      support: ["return"],
    };
    return actions[section] ?? this.#keeping.actions(section) ?? [];
  }

  #hasBack(section: string, page: Page | undefined): boolean {
    return page !== undefined || section === "check" || section === "before" || this.#keeping.hasBack(section);
  }

  #changed(): void {
    const page = pages.find(({ id }) => id === this.#section);
    if (page !== undefined) this.#controls.refresh(page, this.#controls.read());
    this.#offer();
  }

  /** Once enough is there, every page can be the last. */
  #offer(): void {
    const given = this.#controls.read();
    const page = pages.find(({ id }) => id === this.#section);
    byId("offer").hidden = page === undefined || page.part === "start" || this.#missing(given) !== null;
  }

  /** All words that depend on language, route, force or state, anew. */
  #speak(): void {
    const given = this.#controls.read();
    const language = this.#language;
    const pageForce = allForces.find(({ id }) => window.location.pathname.startsWith(`/${id}/`));
    const { place, reader } = this.#forces(given);
    const force = this.#sent?.force ?? reader ?? pageForce ?? triageOf(allForces);
    byId("hide-text").dataset["t"] = this.#isHidden ? "form.check.show" : "form.check.hide";
    const threshold = this.#reading.threshold;
    speak(language, { route: routeOf(pages, given), force, triage: triageOf(allForces), threshold });
    this.#controls.speak(language);
    this.#keeping.speak(language);
    this.#offer();
    if (this.#section === "check") this.#speakCheck(given);
    byId("before-promise").hidden = given.get("c1") !== "none";
    this.#speakReader(place, reader, given);
    byId("failed-why").textContent = text(language, this.#failure);
    const why = this.#blocked === "ready" ? "unreachable" : this.#blocked;
    byId("blocked-why").textContent = text(language, `form.blocked.${why}`);
    byId("blocked-date").textContent = this.#blocked === "expired" ? todayInWords(language) : "";
    byId("blocked-kept").hidden = this.#blocked === "no-root";
    byId("blocked-still").textContent = "";
    if (this.#sent !== null) this.#speakSent(this.#sent.contact, this.#sent.isReachable, force);
  }

  /** Who reads it, and why, when a person who works for the police is involved. */
  #speakReader(place: Force | null, reader: Force | null, given: Given): void {
    const isPolice = given.get("r3") === "yes" && place !== null && reader !== null;
    byId("before-police").hidden = !isPolice;
    if (!isPolice) return;
    const key = place.id === reader.id ? "form.before.same" : "form.before.other";
    byId("before-police").textContent = text(this.#language, key, {
      force: reader.name[this.#language],
      place: place.name[this.#language],
    });
  }

  #speakCheck(given: Given): void {
    const summary = summaryOf(this.#path(given), this.#telling(given), this.#controls.files());
    byId("unreachable").hidden = !summary.isUnreachable;
    showAnswers(this.#language, summary.groups, this.#isHidden);
    showList("identify", summary.identifying);
    byId("identify-none").hidden = summary.identifying.length > 0;
    byId("check-size").textContent = summary.size;
    const full = asked(pages, given, false);
    byId("more").hidden = full.every(({ id, kind }) => kind !== "question" || this.#visited.has(id));
  }

  #speakSent(contact: string, isReachable: boolean, force: Force): void {
    const hours = String(force.collected_every_hours);
    byId("sent-collect").textContent = text(this.#language, "form.sent.collect", { hours });
    const wanted = isReachable ? "form.sent.contact" : "form.sent.unreachable";
    byId("sent-contact").textContent = text(this.#language, contact === "none" ? "form.sent.none" : wanted);
  }

  #clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest("a");
    // No link of this document may change its address; telephone links go to the telephone.
    if (link?.getAttribute("href")?.startsWith("#") === true) event.preventDefault();
    if (link?.classList.contains("govuk-skip-link") === true) byId("main-content").focus();
    const language = target?.closest<HTMLElement>("[data-language]")?.dataset["language"];
    if (language === "en" || language === "cy") {
      event.preventDefault();
      this.#language = language;
      if (this.#section === "load") clearError(); // It may say a number that only the check knows.
      this.#speak();
      document.querySelector<HTMLElement>(`[data-language]:not([aria-current])`)?.focus();
      return;
    }
    const focus = target?.closest<HTMLElement>("[data-target]")?.dataset["target"];
    if (focus !== undefined) byId(focus).focus();
    const change = target?.closest<HTMLElement>("[data-change]")?.dataset["change"];
    if (change !== undefined) {
      this.#changing = pages.find(({ id }) => id === change) ?? null;
      this.#show(change);
      return;
    }
    const action = target?.closest<HTMLElement>("[data-action]");
    // A submit button reaches #act through the form, as the Enter key does.
    if (action != null && action.getAttribute("type") !== "submit") {
      this.#act(action.dataset["action"] ?? "", Number(action.dataset["number"] ?? "0"));
    }
  }

  #act(action: string, number = 0): void {
    const page = pages.find(({ id }) => id === this.#section);
    switch (action) {
      case "continue":
        this.#continue(page);
        break;
      case "skip":
        this.#skip(page);
        break;
      case "back":
        this.#back();
        break;
      case "add-row":
        if (page !== undefined) this.#controls.addRow(page);
        this.#changed();
        break;
      case "remove-row":
        if (page !== undefined) this.#controls.removeRow(page, number);
        this.#changed();
        break;
      case "support":
        this.#before_support = this.#section;
        this.#show("support");
        break;
      case "return":
        this.#show(this.#before_support);
        break;
      case "hide":
        this.#isHidden = !this.#isHidden;
        this.#speak();
        break;
      case "to-check":
        if (page !== undefined) this.#toCheck(page);
        break;
      case "to-answers":
        this.#changing = null;
        this.#show("check");
        break;
      case "more":
        this.#more();
        break;
      case "send":
      case "send-plain":
        void this.#send(action === "send");
        break;
      case "again":
        void (this.#section === "blocked" ? this.#checkBlocked() : this.#send(this.#sending.hasWords));
        break;
      case "copy-words":
        void copyWords(this.#language);
        break;
      case "hide-words":
        this.#hideWords();
        break;
      default:
        this.#keeping.act(action);
    }
  }

  #continue(page: Page | undefined): void {
    if (page === undefined) {
      void this.#beforeSending();
      return;
    }
    if (this.#hasError(page)) return;
    this.#visited.add(page.id);
    void this.#forward(page);
  }

  /** Says what stands in the way of leaving a page with what is on it. */
  #hasError(page: Page): boolean {
    const wrong = wrongOn(page, this.#controls.read());
    if (wrong !== null) {
      showError(this.#language, wrong.key, wrong.id, firstControl(page, wrong.id));
      return true;
    }
    const file = this.#controls.fileError(page);
    if (file !== null) {
      showError(this.#language, file.key, file.id);
      return true;
    }
    const force = this.#forces(this.#controls.read()).reader ?? triageOf(allForces);
    if (hasRoom(this.#telling(), force, this.#thread, localDate())) return false;
    showProblem(this.#language, "form.wrong.long", page.fields[0]?.id ?? "main-content");
    return true;
  }

  #skip(page: Page | undefined): void {
    if (page === undefined) return;
    this.#controls.clear(page);
    this.#visited.add(page.id);
    void this.#forward(page);
  }

  #toCheck(page: Page): void {
    if (this.#hasError(page)) return;
    if (isAnswered(page, this.#controls.read())) this.#visited.add(page.id);
    this.#changing = null;
    this.#show("check");
  }

  /** Back into the questions that were not asked: on the long way, whatever was chosen before. */
  #more(): void {
    const length = document.querySelector<HTMLInputElement>('[name="length"][value="full"]');
    if (length !== null) length.checked = true;
    const given = this.#controls.read();
    const next = asked(pages, given, false).find(({ id, kind }) => kind === "question" && !this.#visited.has(id));
    this.#changing = null;
    this.#show(next?.id ?? "check");
  }

  async #forward(page: Page): Promise<void> {
    if (page.part === "start") {
      const state = await this.#readerState();
      // A line that is down may come back while the person writes; a wrong key will not be used in any case.
      if (state !== null && state.kind !== "ready" && state.kind !== "unreachable") {
        this.#block(state.kind);
        return;
      }
    }
    if (this.#section !== page.id) return; // Gone elsewhere meanwhile.
    const path = this.#path(this.#controls.read());
    const behind = path.slice(path.findIndex(({ id }) => id === page.id) + 1);
    // After a change the way leads back to the answers, past what it brings with it.
    const origin = this.#changing;
    const next =
      origin !== null ? behind.find(({ id, kind }) => kind === "question" && !this.#visited.has(id)) : behind[0];
    const isNew = next !== undefined && (origin === null || dependsOn(next, origin) || dependsOn(next, page));
    if (!isNew) this.#changing = null;
    this.#show(isNew ? next.id : "check");
  }

  #back(): void {
    if (this.#keeping.hasBack(this.#section)) {
      this.#keeping.back(this.#section);
      return;
    }
    if (this.#changing !== null) {
      this.#changing = null;
      this.#show("check");
      return;
    }
    const steps = [...this.#path(this.#controls.read()).map(({ id }) => id), "check", "before"];
    const before = steps.slice(0, Math.max(steps.indexOf(this.#section), 0));
    // From the answers it leads to the last page that was seen, not to one that was passed over.
    const seen = this.#section === "check" ? before.filter((id) => this.#visited.has(id)) : before;
    this.#show(seen.at(-1) ?? pages[0]?.id ?? "check");
  }

  /** Puts a draft in the place of what is there; false when the questions do not take all of it. */
  #restore(saved: Saved): boolean {
    const { given, visited, isWhole } = fitting(pages, allForces, saved);
    this.#controls.restore(given);
    this.#visited.clear();
    for (const id of visited) this.#visited.add(id);
    this.#changing = null;
    this.#language = saved.language;
    const path = this.#path(this.#controls.read()).map(({ id }) => id);
    const seen = path.filter((id) => this.#visited.has(id)).at(-1) ?? pages[0]?.id ?? "check";
    this.#show([...path, "check"].includes(saved.section) ? saved.section : seen);
    return isWhole;
  }

  // -------------------------------------------------------------- keys

  async #readerState(): Promise<KeyState | null> {
    const given = this.#controls.read();
    const place = forceOf(allForces, pages, given);
    return place === null ? null : this.#reading.state(place, given.get("r3") === "yes");
  }

  #block(kind: KeyState["kind"]): void {
    this.#blocked = kind;
    this.#show("blocked");
  }

  async #checkBlocked(): Promise<void> {
    const state = await this.#readerState();
    if (state?.kind === "ready") {
      this.#show("check");
      return;
    }
    this.#blocked = state?.kind ?? "unreachable";
    this.#speak();
    byId("blocked-still").textContent = text(this.#language, "form.blocked.still");
  }

  async #beforeSending(): Promise<void> {
    const missing = this.#missing(this.#controls.read());
    if (missing !== null) {
      this.#show(missing.page);
      showError(this.#language, missing.key, missing.page);
      return;
    }
    const state = await this.#readerState();
    if (state?.kind !== "ready") {
      this.#block(state?.kind ?? "unreachable");
      return;
    }
    fill("fingerprint", state.key.fingerprint);
    fill("key", state.key.id);
    this.#sending.forgetTry();
    this.#show("before");
  }

  // -------------------------------------------------------------- sealing and sending

  async #send(hasWords: boolean): Promise<void> {
    const force = this.#forces(this.#controls.read()).reader;
    if (force === null || this.#section === "sending") return;
    this.#sending.choose(hasWords);
    this.#show("sending");
    const say: Say = (key, more) => {
      byId("progress").textContent = text(this.#language, key);
      byId("progress").dataset["t"] = key;
      byId("progress-bytes").textContent = more ?? "";
    };
    say("form.sending.sealing", null);
    if (!this.#sending.isSealedFor(force.id) && !(await this.#seal(force, say))) return;
    const outcome = await this.#sending.send(() => this.#language, say);
    switch (outcome.kind) {
      case "held":
        this.#arrived(force);
        break;
      case "line":
        this.#fail("form.failed.line", true);
        break;
      case "refused":
        this.#fail("form.failed.refused", false);
        break;
      default:
        outcome satisfies never;
    }
  }

  /** False when it could not be sealed, and the page says why. */
  async #seal(force: Force, say: Say): Promise<boolean> {
    const state = await this.#readerState();
    if (state?.kind !== "ready") {
      this.#block(state?.kind ?? "unreachable");
      return false;
    }
    try {
      await this.#sending.seal(force.id, this.#parcel(force, state.contact !== null), () => this.#language, say);
      return true;
    } catch (error) {
      this.#notSealed(error);
      return false;
    }
  }

  #parcel(force: Force, takesContact: boolean): Parcel {
    const telling = this.#telling();
    const hasFiles = asked(pages, telling.given, false).some(({ fields }) =>
      fields.some(({ kind }) => kind === "files"),
    );
    return {
      report: draftOf(telling, force, this.#thread, localDate()),
      files: hasFiles ? this.#controls.files().flatMap((list) => list.chosen()) : [],
      contact: takesContact ? contactOf(telling) : null,
    };
  }

  #notSealed(error: unknown): void {
    const page = pages.find(({ fields }) => fields.some(({ kind }) => kind === "files"));
    if (error instanceof FileChanged && page !== undefined) {
      for (const list of this.#controls.files()) list.changed(error.at);
      this.#show(page.id);
      showError(this.#language, "form.files.error.changed", page.id);
    } else if (error instanceof TooLong && page !== undefined) {
      this.#show(page.id);
      showProblem(this.#language, "form.wrong.long", page.id);
    } else this.#fail("form.failed.seal", false);
  }

  #arrived(force: Force): void {
    const given = this.#controls.read();
    const contact = String(given.get("c1") ?? "none");
    this.#sent = { contact, isReachable: isReachable(pages, given), force };
    const words = this.#sending.words();
    this.#forget();
    showWords(words);
    if (words === "") this.#told();
    this.#before_support = "sent";
    this.#show("sent");
  }

  #hideWords(): void {
    showWords("");
    this.#told();
    document.querySelector<HTMLElement>('[data-section="sent"] h1')?.focus();
  }

  #fail(key: string, isMaybe: boolean): void {
    this.#failure = key;
    byId("failed-maybe").hidden = !isMaybe;
    byId("failed-kept").hidden = key === "form.failed.seal";
    this.#show("failed");
  }
}
