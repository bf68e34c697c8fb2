// What happens when nobody touches the form for a quarter of an hour: a warning that can be answered for two minutes,
// then everything typed is wiped and a page without any of it is shown (WCAG 2.2.1: warned, and one press to stay).
//
// Time is what has passed on the wall clock or on the page's own, whichever is more: a timer in a background tab is
// late, and one in a sleeping device stands still. So each timer, and each return to the page, reads the clocks anew.
// Asks the network for nothing. Must never show any of what was typed.

import { text } from "./strings.ts";
import type { Language } from "./strings.ts";

export const IDLE_MS = 15 * 60_000;
export const GRACE_MS = 2 * 60_000;

/** What is said as the grace runs out, by what is left of it: few enough that a screen reader can say each. */
const SAID: readonly [number, string][] = [
  [20_000, "form.idle.seconds"],
  [60_000, "form.idle.one"],
  [GRACE_MS, "form.idle.two"],
];

/** A key, a pointer, a touch; and what dictation, a screen reader or a switch brings about instead of them. */
const SIGNS = ["keydown", "pointerdown", "pointermove", "touchstart", "wheel", "scroll", "input", "focusin"] as const;

/** Watches until what it returns is called: when a report is being sent, or has been. */
export function startIdle(wipe: () => void): () => void {
  const idle = new Idle(wipe);
  idle.start();
  return () => idle.stop();
}

class Idle {
  readonly #wipe: () => void;
  readonly #ended = new AbortController();
  readonly #dialog = new Dialog(() => this.#stay());
  #wall = Date.now();
  #own = performance.now();
  #timer = 0;

  constructor(wipe: () => void) {
    this.#wipe = wipe;
  }

  start(): void {
    const signal = this.#ended.signal;
    for (const sign of SIGNS) {
      document.addEventListener(sign, () => this.#sign(), { capture: true, passive: true, signal });
    }
    document.addEventListener("visibilitychange", () => this.#look(), { signal });
    window.addEventListener("pageshow", () => this.#look(), { signal });
    window.addEventListener("focus", () => this.#look(), { signal });
    this.#look();
  }

  stop(): void {
    this.#ended.abort();
    window.clearTimeout(this.#timer);
    this.#dialog.close();
  }

  #passed(): number {
    return Math.max(Date.now() - this.#wall, performance.now() - this.#own);
  }

  /** The first movement after a sleep must not save what should be gone; and a warning asks for an answer. */
  #sign(): void {
    if (this.#passed() < IDLE_MS) this.#restart();
    else this.#look();
  }

  #restart(): void {
    this.#wall = Date.now();
    this.#own = performance.now();
  }

  #stay(): void {
    if (this.#passed() < IDLE_MS + GRACE_MS) this.#restart();
    this.#look();
  }

  #look(): void {
    if (this.#ended.signal.aborted) return;
    const passed = this.#passed();
    const left = IDLE_MS + GRACE_MS - passed;
    if (left <= 0) return this.#end();
    const warning = SAID.find(([most]) => left <= most);
    if (warning === undefined) this.#dialog.close();
    else this.#dialog.show(warning[1]);
    // Showing the warning moves the focus, which looks here too: the timer set last is the only one.
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#look(), untilNext(left));
  }

  #end(): void {
    this.stop();
    try {
      this.#wipe();
    } finally {
      showEnded();
    }
  }
}

/** Until the next thing to say or do, when `left` of the whole time is left. */
function untilNext(left: number): number {
  const next = SAID.map(([most]) => most)
    .filter((most) => most < left)
    .at(-1);
  return left - (next ?? 0);
}

function language(): Language {
  return document.documentElement.lang === "cy" ? "cy" : "en";
}

/** The warning. The browser moves the focus into it, keeps it there, and gives it back; Escape is an answer too. */
class Dialog {
  readonly #stay: () => void;
  #element: HTMLDialogElement | null = null;

  constructor(stay: () => void) {
    this.#stay = stay;
  }

  show(key: string): void {
    this.#element ??= this.#make();
    const said = this.#element.querySelector("#idle-text");
    const words = text(language(), key);
    if (said !== null && said.textContent !== words) said.textContent = words;
    if (!this.#element.open) this.#element.showModal();
  }

  close(): void {
    this.#element?.close();
    this.#element?.remove();
    this.#element = null;
  }

  #make(): HTMLDialogElement {
    const dialog = document.createElement("dialog");
    dialog.className = "app-idle";
    dialog.dataset["testid"] = "idle";
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-labelledby", "idle-title");
    dialog.setAttribute("aria-describedby", "idle-text");
    const title = element("h2", "govuk-heading-m", text(language(), "form.idle.title"));
    title.id = "idle-title";
    const said = element("p", "govuk-body", "");
    said.id = "idle-text";
    said.setAttribute("role", "status");
    const stay = element("button", "govuk-button", text(language(), "form.idle.stay"));
    stay.setAttribute("type", "button");
    stay.dataset["testid"] = "stay";
    stay.addEventListener("click", () => this.#stay());
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#stay();
    });
    const group = element("div", "govuk-button-group", "");
    group.append(stay, leaveLink());
    dialog.append(title, said, group);
    document.body.append(dialog);
    return dialog;
  }
}

/** The leave button cannot be reached behind the warning: the way out is in it too. leave.ts watches its class. */
function leaveLink(): HTMLElement {
  const link = element("a", "govuk-link govuk-js-exit-this-page-skiplink", text(language(), "form.leave.button"));
  link.setAttribute("href", "/leave");
  return link;
}

function element(name: string, classes: string, words: string): HTMLElement {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = words;
  return made;
}

/** In place of everything but the way to leave: that nothing is here any more. */
function showEnded(): void {
  const title = element("h1", "govuk-heading-l", text(language(), "form.idle.ended.title"));
  title.tabIndex = -1;
  const again = element("a", "govuk-link", text(language(), "form.idle.ended.again"));
  again.setAttribute("href", "../");
  const way = element("p", "govuk-body", "");
  way.append(again);
  const main = element("main", "govuk-main-wrapper", "");
  main.dataset["testid"] = "ended";
  main.append(title, element("p", "govuk-body", text(language(), "form.idle.ended.text")), way);
  const container = element("div", "govuk-width-container", "");
  const leave = document.querySelector(".govuk-exit-this-page");
  if (leave !== null) container.append(leave);
  container.append(main);
  document.body.replaceChildren(container);
  title.focus();
}
