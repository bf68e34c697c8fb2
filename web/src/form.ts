// The form: which section is shown, what was answered, when it is sealed and sent.
//
// Contract with the demo and the tests (stable; add freely):
// - A question's first control has the question's id: #r1, #r2, #c1, #a1, #n2, #n3. Radios carry their value, as in
//   content/questions.json: r1 self | other-agrees | other-unaware | witness; r2 a force's id | unsure;
//   c1 none | contact | supporter. n2 and n3 are asked only after contact or supporter.
// - One button each, shown when it can be used: data-testid = continue, skip, send, again, to-answers, return, support,
//   back, leave. `[data-language="en"]` and `[data-language="cy"]` change the language.
// - `[data-section="…"]` is shown for r1, r2, c1, a1, n2, n3, check, before, sending, failed, blocked, sent, support;
//   the last stop has data-testid="sent", and data-testid="failed" and "blocked" are the kind refusals.
//
// Moving between sections asks the network for nothing and changes neither address, title nor history. Answers live in
// the controls only, and are wiped on leaving, on sending, and when the page goes.

import allForces from "virtual:forces";
import questionSet from "virtual:questions";
import { Keys, todayUtc } from "./keys.ts";
import type { KeyState } from "./keys.ts";
import type { Answers, Force, Question } from "./questions.ts";
import { asked, forceOf, isAnswered, routeOf, titleOf } from "./questions.ts";
import type { Answer, Report } from "./report.ts";
import { TooLong, newThread, pack } from "./report.ts";
import type { Sealer } from "./sealer.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import type { Submission } from "./submit.ts";
import { submit } from "./submit.ts";
import type { Action, Row } from "./view.ts";
import { byId, fill, showAnswers, showError, showHelp, showSection, speak } from "./view.ts";

const { questions } = questionSet;

/** Starts the form; returns what wipes it. */
export function startForm(sealer: Sealer): () => void {
  const form = new Form(sealer);
  form.start();
  return () => form.wipe();
}

function triageForce(): Force {
  const force = allForces.find(({ triage }) => triage);
  if (force === undefined) throw new Error("no force reads for those who are not sure");
  return force;
}

function controlsOf({ id }: Question): (HTMLInputElement | HTMLTextAreaElement)[] {
  return [
    ...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(`[data-section="${id}"] [name="${id}"]`),
  ];
}

class Form {
  readonly #sealer: Sealer;
  readonly #keys: Keys;
  readonly #ended = new AbortController();
  readonly #skipped = new Set<string>();
  readonly #thread = newThread();
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #section = "r1";
  #before_support = "r1";
  #isChanging = false;
  #isHidden = false;
  #submission: { readonly force: string; readonly bytes: Submission } | null = null;
  #sent: { readonly contact: string; readonly isReachable: boolean; readonly force: Force } | null = null;
  #blocked: KeyState["kind"] = "unreachable";
  #failure = "form.failed.line";

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
    this.#keys = new Keys(allForces, sealer);
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
    this.#show("r1");
  }

  /** Clears every answer from the document and ends all work. */
  wipe(): void {
    this.#ended.abort();
    this.#sealer.stop();
    this.#forget();
  }

  #forget(): void {
    for (const question of questions) {
      for (const control of controlsOf(question)) {
        if (control instanceof HTMLInputElement && control.type === "radio") control.checked = false;
        else control.value = "";
      }
    }
    this.#skipped.clear();
    this.#submission = null;
    byId("answers").replaceChildren();
    fill("fingerprint", "");
  }

  // -------------------------------------------------------------- what is answered

  #answers(): Answers {
    const given = new Map<string, string>();
    for (const question of questions) {
      for (const control of controlsOf(question)) {
        const isUnchosen = control instanceof HTMLInputElement && control.type === "radio" && !control.checked;
        if (!isUnchosen && control.value !== "") given.set(question.id, control.value);
      }
    }
    return { given, skipped: this.#skipped };
  }

  #force(): Force | null {
    return forceOf(allForces, questions, this.#answers());
  }

  /** The answer in the words that were shown, or null. */
  #shownAnswer(question: Question, answers: Answers): string | null {
    const value = answers.given.get(question.id);
    if (value === undefined || !isAnswered(answers, question.id)) return null;
    if (question.kind !== "radios") return value;
    const control = controlsOf(question).find((radio) => radio.value === value);
    const label = control === undefined ? null : document.querySelector(`label[for="${control.id}"]`);
    return label?.textContent?.trim() ?? value;
  }

  #report(force: Force): Report {
    const answers = this.#answers();
    const route = routeOf(questions, answers);
    const language = this.#language;
    return {
      question_set: questionSet.set,
      language,
      route,
      force: force.id,
      promise: { id: force.promise.id, text: force.promise[language] },
      written_on: localDate(),
      answers: asked(questions, answers).map((question): Answer => {
        const answer = this.#shownAnswer(question, answers);
        return { id: question.id, question: titleOf(question, route, language), answer, skipped: answer === null };
      }),
      flags: [],
      thread: this.#thread,
      adds_to: null,
    };
  }

  // -------------------------------------------------------------- moving

  #show(section: string): void {
    this.#section = section;
    this.#speak();
    const isQuestion = questions.some(({ id }) => id === section);
    const isOptional = questions.some(({ id, required }) => id === section && !required);
    const actions: Record<string, readonly Action[]> = {
      check: ["continue"],
      before: ["send"],
      sending: [],
      failed: ["again", "to-answers"],
      blocked: this.#blocked === "no-root" ? ["to-answers"] : ["again", "to-answers"], // A new build brings that key.
      sent: [],
      support: ["return"],
    };
    const own: readonly Action[] = isOptional ? ["continue", "skip"] : ["continue"];
    showSection(
      section,
      actions[section] ?? own,
      section !== "r1" && (isQuestion || section === "check" || section === "before"),
    );
    showHelp(["support", "failed", "blocked"].includes(section), this.#force());
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="support"]')) {
      button.hidden = section === "support" || section === "sending";
    }
  }

  /** All words that depend on language, route, force or state, anew. */
  #speak(): void {
    const answers = this.#answers();
    const language = this.#language;
    const pageForce = allForces.find(({ id }) => window.location.pathname.startsWith(`/${id}/`));
    const force = this.#sent?.force ?? this.#force() ?? pageForce ?? triageForce();
    byId("hide-text").dataset["t"] = this.#isHidden ? "form.check.show" : "form.check.hide";
    speak(language, routeOf(questions, answers), force, triageForce());
    if (this.#section === "check") this.#speakCheck(answers);
    byId("before-promise").hidden = answers.given.get("c1") !== "none";
    byId("failed-why").textContent = text(language, this.#failure);
    byId("blocked-why").textContent = text(
      language,
      `form.blocked.${this.#blocked === "ready" ? "unreachable" : this.#blocked}`,
    );
    byId("blocked-date").textContent = this.#blocked === "expired" ? shownDate(language) : "";
    byId("blocked-kept").hidden = this.#blocked === "no-root";
    byId("blocked-still").textContent = "";
    if (this.#sent !== null) this.#speakSent(this.#sent.contact, this.#sent.isReachable, force);
  }

  #speakCheck(answers: Answers): void {
    const route = routeOf(questions, answers);
    const rows = asked(questions, answers).map((question): Row => {
      const answer = this.#shownAnswer(question, answers);
      return { id: question.id, question: titleOf(question, route, this.#language), answer };
    });
    byId("unreachable").hidden = answers.given.get("c1") === "none" || isAnswered(answers, "n3");
    showAnswers(this.#language, rows, this.#isHidden);
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
      this.#speak();
      document.querySelector<HTMLElement>(`[data-language]:not([aria-current])`)?.focus();
      return;
    }
    const focus = target?.closest<HTMLElement>("[data-target]")?.dataset["target"];
    if (focus !== undefined) byId(focus).focus();
    const change = target?.closest<HTMLElement>("[data-change]")?.dataset["change"];
    if (change !== undefined) {
      this.#isChanging = true;
      this.#show(change);
      return;
    }
    const action = target?.closest<HTMLElement>("[data-action]");
    // A submit button reaches #act through the form, as the Enter key does.
    if (action != null && action.getAttribute("type") !== "submit") this.#act(action.dataset["action"] ?? "");
  }

  #act(action: string): void {
    switch (action) {
      case "continue":
        this.#continue();
        break;
      case "skip":
        this.#skip();
        break;
      case "back":
        this.#back();
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
      case "to-answers":
        this.#isChanging = false;
        this.#show(this.#firstOpen() ?? "check");
        break;
      case "send":
        void this.#send();
        break;
      case "again":
        void (this.#section === "blocked" ? this.#checkBlocked() : this.#send());
        break;
    }
  }

  #continue(): void {
    const question = questions.find(({ id }) => id === this.#section);
    if (question === undefined) {
      void this.#beforeSending();
      return;
    }
    const answers = this.#answers();
    if (question.required && !isAnswered(answers, question.id)) {
      showError(this.#language, question.id, `q.${question.id}.required`);
      return;
    }
    if (question.kind !== "radios" && this.#isTooLong()) {
      showError(this.#language, question.id, "q.a1.long");
      return;
    }
    if (isAnswered(answers, question.id)) this.#skipped.delete(question.id);
    else this.#skipped.add(question.id);
    void this.#forward(question);
  }

  #skip(): void {
    const question = questions.find(({ id }) => id === this.#section);
    if (question === undefined) return;
    for (const control of controlsOf(question)) control.value = "";
    this.#skipped.add(question.id);
    void this.#forward(question);
  }

  async #forward(question: Question): Promise<void> {
    if (question.options === "forces") {
      const state = await this.#keyState();
      // A line that is down may come back while the person writes; a wrong key will not be used in any case.
      if (state.kind !== "ready" && state.kind !== "unreachable") {
        this.#block(state.kind);
        return;
      }
    }
    if (this.#isChanging) {
      const open = this.#firstOpen();
      this.#isChanging = open !== null;
      this.#show(open ?? "check");
      return;
    }
    const path = asked(questions, this.#answers());
    const next = path[path.findIndex(({ id }) => id === question.id) + 1];
    this.#show(next?.id ?? "check");
  }

  #back(): void {
    if (this.#isChanging) {
      this.#isChanging = false;
      this.#show("check");
      return;
    }
    const path = asked(questions, this.#answers()).map(({ id }) => id);
    const steps = [...path, "check", "before"];
    this.#show(steps[steps.indexOf(this.#section) - 1] ?? "r1");
  }

  /** The first question of the path that was neither answered nor skipped. */
  #firstOpen(): string | null {
    const answers = this.#answers();
    const open = asked(questions, answers).find(({ id }) => !isAnswered(answers, id) && !this.#skipped.has(id));
    return open?.id ?? null;
  }

  #isTooLong(): boolean {
    try {
      pack(this.#report(this.#force() ?? triageForce())).fill(0);
      return false;
    } catch (error) {
      if (error instanceof TooLong) return true;
      throw error;
    }
  }

  // -------------------------------------------------------------- keys

  async #keyState(): Promise<KeyState> {
    const force = this.#force();
    return force === null ? { kind: "unreachable" } : this.#keys.state(force);
  }

  #block(why: KeyState["kind"]): void {
    this.#blocked = why;
    this.#show("blocked");
  }

  /** "Try again" asks the network for nothing: the page fetches on its own beat, whatever is answered. */
  async #checkBlocked(): Promise<void> {
    const state = await this.#keyState();
    if (state.kind === "ready") this.#show(this.#firstOpen() ?? "check");
    else {
      this.#block(state.kind);
      byId("blocked-still").textContent = text(this.#language, "form.blocked.still");
    }
  }

  async #beforeSending(): Promise<void> {
    const open = this.#firstOpen();
    if (open !== null) {
      this.#show(open);
      return;
    }
    const state = await this.#keyState();
    if (state.kind !== "ready") {
      this.#block(state.kind);
      return;
    }
    fill("fingerprint", state.key.fingerprint);
    fill("key", state.key.id);
    this.#submission = null; // The answers may have changed since an earlier try.
    this.#show("before");
  }

  // -------------------------------------------------------------- sealing and sending

  async #send(): Promise<void> {
    const force = this.#force();
    if (force === null || this.#section === "sending") return;
    this.#show("sending");
    const progress = (key: string) => {
      byId("progress").textContent = text(this.#language, key);
      byId("progress").dataset["t"] = key;
    };
    progress("form.sending.sealing");
    const submission = await this.#sealed(force);
    if (submission === null) return;
    const outcome = await submit(force.id, submission, (step) => progress(`form.sending.${step}`), this.#ended.signal);
    switch (outcome.kind) {
      case "held":
        this.#arrived(force);
        break;
      case "line":
        this.#fail("form.failed.line", true);
        break;
      case "refused":
        this.#submission = null;
        this.#fail("form.failed.refused", false);
        break;
      default:
        outcome satisfies never;
    }
  }

  /** The submission of these answers: the same one again after a failed try. Null when it could not be sealed. */
  async #sealed(force: Force): Promise<Submission | null> {
    if (this.#submission?.force === force.id) return this.#submission.bytes;
    const state = await this.#keyState();
    if (state.kind !== "ready") {
      this.#block(state.kind);
      return null;
    }
    try {
      const bytes = await this.#sealer.seal(force.id, pack(this.#report(force)), todayUtc());
      this.#submission = { force: force.id, bytes };
      return bytes;
    } catch {
      this.#fail("form.failed.seal", false);
      return null;
    }
  }

  #arrived(force: Force): void {
    const answers = this.#answers();
    const contact = answers.given.get("c1") ?? "none";
    this.#sent = { contact, isReachable: isAnswered(answers, "n3"), force };
    this.#forget();
    this.#before_support = "sent";
    this.#show("sent");
  }

  #fail(key: string, isMaybe: boolean): void {
    this.#failure = key;
    byId("failed-maybe").hidden = !isMaybe;
    byId("failed-kept").hidden = key === "form.failed.seal";
    this.#show("failed");
  }
}

/** The day on this device, as the person would say it. */
function localDate(now = new Date()): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

function shownDate(language: Language): string {
  return new Intl.DateTimeFormat(language === "cy" ? "cy-GB" : "en-GB", { dateStyle: "long" }).format(new Date());
}
