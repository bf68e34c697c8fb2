// The script of the return page: asks for eight words, has its worker look for what was sent with them and for what was
// answered, and says what was found; from there something can be added (adding.ts). What is typed lives in the controls
// only, and is wiped on leaving and when the page goes.
//
// Contract with the tests: #words, radios `force` and `span`; data-testid = look, again, stop, back, near, earlier, add;
// `[data-section]` is ask, looking, found, none or fault, or one of adding.ts.

import forces from "virtual:forces";
import { Adding } from "./adding.ts";
import type { AddingSection } from "./adding.ts";
import { Asker } from "./asker.ts";
import { NOTHING, emptyFound, showFound } from "./back-view.ts";
import type { Found } from "./back-view.ts";
import type { Reply, Request } from "./back-worker.ts";
import { startIdle } from "./idle.ts";
import { todayUtc } from "./keys.ts";
import { startLeave, startPrivacy } from "./leave.ts";
import type { Span } from "./look.ts";
import type { Force } from "./questions.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { TypedWords } from "./typed-words.ts";
import type { Action } from "./view.ts";
import { byId, clearError, fill, showActions, showSection, speakWords } from "./view.ts";
import { readWords } from "./words.ts";

type Section = "ask" | "looking" | "found" | "none" | "fault" | AddingSection;

const ACTIONS: Record<Section, readonly Action[]> = {
  ask: ["look"],
  looking: ["stop"],
  found: [],
  none: [],
  fault: ["again"],
  add: ["continue"],
  confirm: ["send"],
  sending: [],
  failed: ["again", "to-answers"],
  added: [],
};

/** Where the link at the top leads from a section, and its words; nowhere from one that is not here. */
const BACK: Partial<Record<Section, { readonly to: Section; readonly key: string }>> = {
  found: { to: "ask", key: "back.other_words" },
  none: { to: "ask", key: "back.other_words" },
  fault: { to: "ask", key: "back.other_words" },
  add: { to: "found", key: "form.back" },
  confirm: { to: "add", key: "form.back" },
  added: { to: "ask", key: "back.other_words" },
};

class Back {
  readonly #typed = new TypedWords("words", "near");
  #asker = new Asker<Request, Reply>();
  /** Counts what was asked, so that an answer to something that was stopped is not shown. */
  #run = 0;
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #section: Section = "ask";
  #found: Found = NOTHING;
  /** What is said of the earlier answers that were asked for. */
  #earlier: { readonly key: string; readonly number: number } | null = null;
  #percent: number | null = null;
  #fault = "line";
  readonly #adding = new Adding({
    language: () => this.#language,
    force: () => this.#force,
    asker: () => this.#asker,
    show: (section) => this.#show(section),
    arrived: () => {
      this.#forget();
      this.#typed.wipe();
      this.#show("added");
    },
  });

  start(): void {
    document.addEventListener("click", (event) => this.#clicked(event));
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#section === "ask") void this.#look();
      if (this.#section === "add") this.#adding.act("continue");
    });
    byId("form").hidden = false;
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="support"]')) button.hidden = false;
    this.#show("ask");
  }

  /** Clears the words, what was found and what was added, and ends all work. */
  wipe(): void {
    this.#run += 1;
    this.#asker.stop();
    this.#typed.wipe();
    this.#clearFound();
    this.#adding.wipe();
    for (const id of ["fault-text", "progress"]) byId(id).replaceChildren();
    clearError();
  }

  /** What was found and what was written, in the document and in the worker. */
  #forget(): void {
    this.#run += 1;
    this.#clearFound();
    this.#adding.wipe();
    this.#asker.ask({ kind: "forget" }).catch(() => undefined); // One that has ended has forgotten.
  }

  #clearFound(): void {
    this.#found = NOTHING;
    this.#earlier = null;
    emptyFound();
    byId("earlier-said").textContent = "";
  }

  #chosen(name: string): string {
    return document.querySelector<HTMLInputElement>(`[name="${name}"]:checked`)?.value ?? "";
  }

  /** The one that is chosen; it cannot be another than was looked at while what was found is shown. */
  get #force(): Force {
    const force = forces.find(({ id }) => id === this.#chosen("force")) ?? forces[0];
    if (force === undefined) throw new Error("there is no force");
    return force;
  }

  #show(section: Section): void {
    this.#section = section;
    this.#speak();
    showSection(section, this.#actions(section), BACK[section] !== undefined);
  }

  #actions(section: Section): readonly Action[] {
    const isCut = (section === "found" || section === "none") && this.#found.mail.faults.includes("line");
    return isCut ? ["again"] : ACTIONS[section];
  }

  #speak(): void {
    const language = this.#language;
    byId("back-text").dataset["t"] = BACK[this.#section]?.key ?? "form.back";
    speakWords(language, "back.title");
    fill("force", this.#force.name[language]);
    if (this.#found !== NOTHING) showFound(language, this.#force, this.#found);
    this.#adding.speak();
    const earlier = this.#earlier;
    byId("earlier-said").textContent =
      earlier === null ? "" : text(language, earlier.key, { number: String(earlier.number) });
    byId("fault-text").textContent = text(language, `back.fault_${this.#fault}`);
    this.#speakProgress();
    this.#typed.speak(language);
  }

  #speakProgress(): void {
    byId("progress").textContent =
      this.#percent === null
        ? text(this.#language, "back.progress_keys")
        : text(this.#language, "back.progress", { percent: String(this.#percent) });
  }

  #clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest("a");
    if (link?.getAttribute("href")?.startsWith("#") === true) event.preventDefault();
    if (link?.classList.contains("govuk-skip-link") === true) byId("main-content").focus();
    const language = target?.closest<HTMLElement>("[data-language]")?.dataset["language"];
    if (language === "en" || language === "cy") {
      event.preventDefault();
      this.#language = language;
      clearError(); // It says a number that only the check knows.
      this.#speak();
      document.querySelector<HTMLElement>(`[data-language]:not([aria-current])`)?.focus();
      return;
    }
    const focus = target?.closest<HTMLElement>("[data-target]")?.dataset["target"];
    if (focus !== undefined) byId(focus).focus();
    switch (target?.closest<HTMLElement>('[data-action]:not([type="submit"])')?.dataset["action"]) {
      case "again":
        if (this.#section === "failed") this.#adding.act("again");
        else void this.#look();
        break;
      case "stop":
        this.#stop();
        break;
      case "back":
        this.#back();
        break;
      case "earlier":
        void this.#lookEarlier();
        break;
      case "add":
      case "to-answers":
        this.#show("add");
        break;
      case "send":
        this.#adding.act("send");
        break;
      case "support":
        byId("help").scrollIntoView({ block: "start" });
        byId("help").querySelector<HTMLElement>("a, summary")?.focus();
        break;
    }
  }

  async #look(): Promise<void> {
    const words = this.#typed.take(readWords(this.#typed.value));
    if (words === null) return;
    this.#clearFound(); // What was written to be added stays: it may be a second try with the same words.
    const run = (this.#run += 1);
    this.#percent = null;
    this.#show("looking");
    const force = this.#chosen("force");
    const span: Span = this.#chosen("span") === "all" ? "all" : "recent";
    let reply: Reply | null;
    try {
      reply = await this.#asker.ask({ kind: "look", force, words, span, today: todayUtc() }, (done, total) => {
        this.#percent = total === 0 ? 100 : Math.floor((done / total) * 100);
        if (this.#run === run) this.#speakProgress();
      });
    } catch {
      reply = null; // The worker ended: what that means for the person is said below.
    }
    if (this.#run !== run) return;
    if (reply?.kind === "looked") {
      this.#found = { places: reply.places, mail: reply.mail, span };
      this.#show(reply.places.length + reply.mail.messages.length > 0 ? "found" : "none");
      return;
    }
    this.#fault = reply === null ? "device" : reply.kind === "fault" ? reply.fault : "line";
    if (reply === null) this.#renew();
    this.#show("fault");
  }

  /** Four other pages of answers, which the person asked for; nothing that is shown is taken away meanwhile. */
  async #lookEarlier(): Promise<void> {
    if (this.#earlier?.key === "back.earlier_wait") return;
    const run = this.#run;
    const before = this.#found.mail.messages.length;
    this.#earlier = { key: "back.earlier_wait", number: 0 };
    this.#speak();
    const reply = await this.#asker.ask({ kind: "earlier" }).catch(() => null);
    if (run !== this.#run) return;
    if (reply?.kind === "mail") this.#found = { ...this.#found, mail: reply.mail };
    const { messages, hasEarlier, faults } = this.#found.mail;
    const number = messages.length - before;
    // Of a page that did not come as it should be it is not known what is on it.
    const doubt = (["line", "missing", "altered"] as const).find((fault) => faults.includes(fault));
    const nothing = doubt === undefined ? "back.earlier_none" : `back.mail_${doubt}`;
    const key = reply?.kind !== "mail" ? "back.fault_device" : number > 0 ? "back.earlier_some" : nothing;
    this.#earlier = { key, number };
    this.#speak();
    showActions(this.#actions(this.#section));
    // The button may be gone, and with it the focus.
    if (!hasEarlier) byId("answers-title").focus();
  }

  /** Going back to the words forgets what they gave. */
  #back(): void {
    const to = BACK[this.#section]?.to ?? "ask";
    if (to === "ask") this.#forget();
    this.#show(to);
  }

  /** Other words may be typed now, and what was written belongs to these. */
  #stop(): void {
    this.#run += 1;
    this.#renew();
    this.#adding.wipe();
    this.#show("ask");
  }

  /** Another worker for one that is busy or ended. */
  #renew(): void {
    this.#asker.stop();
    this.#asker = new Asker<Request, Reply>();
  }
}

let wipe = () => {};
startLeave(() => wipe());
startPrivacy(() => wipe());

try {
  if (!window.isSecureContext) throw new Error("this page did not come over a safe connection");
  const back = new Back();
  wipe = () => back.wipe();
  back.start();
  startIdle(() => wipe());
} catch {
  byId("form").hidden = true;
  byId("unable").hidden = false;
}
byId("starting").hidden = true;
