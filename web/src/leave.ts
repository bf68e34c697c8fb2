// The leave control, on every page: the button, the link before everything else, or Shift three times. What was typed
// is wiped first, and the page covered; then it is replaced in the history by /leave, which clears and goes on to
// another website. Without a script button and link go to the same place. Looks, times and announcements are those of
// GOV.UK Frontend's "Exit this page". Must never ask "are you sure", nor wait for anything.

const PRESSES = 3;
const PRESS_MS_MAX = 5_000;
/** The button; and the links to the same place, wherever in the page they are, now or later. */
const WAYS = ".govuk-exit-this-page__button, .govuk-js-exit-this-page-skiplink";

export function startLeave(wipe: () => void): void {
  const root = document.querySelector<HTMLElement>(".govuk-exit-this-page");
  const button = root?.querySelector<HTMLAnchorElement>(".govuk-exit-this-page__button");
  if (root == null || button == null) throw new Error("this page has no leave control");
  const leave = () => {
    // What follows must come about whatever befalls the wiping.
    try {
      wipe();
    } finally {
      cover(root.dataset["i18n.activated"] ?? "");
      window.location.replace(button.href);
    }
  };
  document.addEventListener(
    "click",
    (event) => {
      if (!(event.target instanceof Element) || event.target.closest(WAYS) === null) return;
      event.preventDefault();
      leave();
    },
    true,
  );
  watchShift(root, button, leave);
}

/** Takes the whole page out of the document and out of sight, before the next one has loaded. */
function cover(words: string): void {
  const overlay = document.createElement("div");
  overlay.className = "govuk-exit-this-page-overlay";
  overlay.setAttribute("role", "alert");
  document.body.replaceChildren(overlay);
  // Set once the alert is there: that is what screen readers announce.
  overlay.textContent = words;
}

function watchShift(root: HTMLElement, button: HTMLElement, leave: () => void): void {
  const lights = addLights(button);
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "govuk-visually-hidden";
  root.append(status);

  let presses = 0;
  let timer = 0;
  const say = (words: string | undefined) => {
    status.textContent = words ?? "";
    lights.hidden = presses === 0;
    lights.classList.toggle("govuk-exit-this-page__indicator--visible", presses > 0);
    [...lights.children].forEach((light, index) => {
      light.classList.toggle("govuk-exit-this-page__indicator-light--on", index < presses);
    });
  };
  const reset = () => {
    if (presses === 0) return;
    presses = 0;
    window.clearTimeout(timer);
    say(root.dataset["i18n.timedOut"]);
    timer = window.setTimeout(() => say(""), PRESS_MS_MAX);
  };
  const press = () => {
    presses += 1;
    window.clearTimeout(timer);
    if (presses === PRESSES) return leave();
    say(root.dataset[presses === 1 ? "i18n.pressTwoMoreTimes" : "i18n.pressOneMoreTime"]);
    timer = window.setTimeout(reset, PRESS_MS_MAX);
  };
  watchLoneShift(press, reset);
}

/** Calls `press` for each Shift that was pressed and let go with no other key, click or touch; `other` for those. */
function watchLoneShift(press: () => void, other: () => void): void {
  let isLone = false;
  const notAlone = () => {
    isLone = false;
    other();
  };
  document.addEventListener(
    "keydown",
    ({ key, repeat, ctrlKey, altKey, metaKey }) => {
      if (key !== "Shift" || ctrlKey || altKey || metaKey) notAlone();
      else if (!repeat) isLone = true;
    },
    true,
  );
  document.addEventListener(
    "keyup",
    ({ key }) => {
      if (key !== "Shift" || !isLone) return;
      isLone = false;
      press();
    },
    true,
  );
  document.addEventListener("pointerdown", notAlone, true);
}

function addLights(button: HTMLElement): HTMLElement {
  const lights = document.createElement("div");
  lights.className = "govuk-exit-this-page__indicator";
  lights.setAttribute("aria-hidden", "true");
  lights.hidden = true;
  for (let index = 0; index < PRESSES; index += 1) {
    const light = document.createElement("div");
    light.className = "govuk-exit-this-page__indicator-light";
    lights.append(light);
  }
  button.append(lights);
  return lights;
}

/** Rules that hold on every page: nothing to see in the app switcher, nothing kept for Back. */
export function startPrivacy(wipe: () => void): void {
  const isAway = (away: boolean) => document.documentElement.classList.toggle("app-away", away);
  document.addEventListener("visibilitychange", () => isAway(document.hidden));
  window.addEventListener("pagehide", () => {
    isAway(true);
    wipe();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
}
