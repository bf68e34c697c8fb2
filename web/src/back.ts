// The script of the return page: asks for eight words, has its worker look for what was sent with them, and says what
// was found. What is typed lives in the controls only, and is wiped on leaving and when the page goes.
//
// Contract with the tests: #words, radios `force` and `span`; data-testid = look, again, stop, back, near;
// `[data-section]` is ask, looking, found, none or fault.

import forces from "virtual:forces";
import { Asker } from "./asker.ts";
import type { Reply, Request } from "./back-worker.ts";
import { startIdle } from "./idle.ts";
import { todayUtc } from "./keys.ts";
import { startLeave, startPrivacy } from "./leave.ts";
import type { Place, Span } from "./look.ts";
import type { Language } from "./strings.ts";
import { text } from "./strings.ts";
import { TypedWords } from "./typed-words.ts";
import type { Action } from "./view.ts";
import { byId, clearError, showList, showSection, speakWords } from "./view.ts";
import { readWords } from "./words.ts";

type Section = "ask" | "looking" | "found" | "none" | "fault";

const ACTIONS: Record<Section, readonly Action[]> = {
  ask: ["look"],
  looking: ["stop"],
  found: [],
  none: [],
  fault: ["again"],
};

class Back {
  readonly #typed = new TypedWords("words", "near");
  #asker = new Asker<Request, Reply>();
  /** Counts what was asked, so that an answer to something that was stopped is not shown. */
  #run = 0;
  #language: Language = document.documentElement.lang === "cy" ? "cy" : "en";
  #section: Section = "ask";
  #places: readonly Place[] = [];
  #percent: number | null = null;
  #fault = "line";

  start(): void {
    document.addEventListener("click", (event) => this.#clicked(event));
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#section === "ask") void this.#look();
    });
    byId("form").hidden = false;
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="support"]')) button.hidden = false;
    this.#show("ask");
  }

  /** Clears the words and what was found, and ends all work. */
  wipe(): void {
    this.#run += 1;
    this.#asker.stop();
    this.#typed.wipe();
    this.#places = [];
    for (const id of ["places", "found-text", "fault-text", "progress"]) byId(id).replaceChildren();
    clearError();
  }

  #chosen(name: string): string {
    return document.querySelector<HTMLInputElement>(`[name="${name}"]:checked`)?.value ?? "";
  }

  #forceName(): string {
    return forces.find(({ id }) => id === this.#chosen("force"))?.name[this.#language] ?? "";
  }

  #show(section: Section): void {
    this.#section = section;
    this.#speak();
    showSection(section, ACTIONS[section], section === "found" || section === "none" || section === "fault");
  }

  #speak(): void {
    const language = this.#language;
    speakWords(language, "back.title");
    const many = this.#places.length !== 1;
    const holes = { force: this.#forceName(), number: String(this.#places.length) };
    byId("found-text").textContent = text(language, many ? "back.found_more" : "back.found_one", holes);
    showList(
      "places",
      this.#places.map(({ year, index }) =>
        text(language, "back.place_line", { year: String(year), index: String(index + 1) }),
      ),
    );
    byId("fault-text").textContent = text(language, `back.fault_${this.#fault}`);
    byId("progress").textContent =
      this.#percent === null
        ? text(language, "back.progress_keys")
        : text(language, "back.progress", { percent: String(this.#percent) });
    this.#typed.speak(language);
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
        void this.#look();
        break;
      case "stop":
        this.#stop();
        break;
      case "back":
        this.#show("ask");
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
    const run = (this.#run += 1);
    this.#percent = null;
    this.#show("looking");
    const force = this.#chosen("force");
    const span: Span = this.#chosen("span") === "all" ? "all" : "recent";
    let reply: Reply | null;
    try {
      reply = await this.#asker.ask({ kind: "look", force, words, span, today: todayUtc() }, (done, total) => {
        this.#percent = total === 0 ? 100 : Math.floor((done / total) * 100);
        if (this.#run === run) this.#speak();
      });
    } catch {
      reply = null; // The worker ended: what that means for the person is said below.
    }
    if (this.#run !== run) return;
    if (reply?.kind === "looked") {
      this.#places = reply.places;
      this.#show(reply.places.length > 0 ? "found" : "none");
      return;
    }
    this.#fault = reply === null ? "device" : reply.kind === "fault" ? reply.fault : "line";
    if (reply === null) this.#renew();
    this.#show("fault");
  }

  #stop(): void {
    this.#run += 1;
    this.#renew();
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
