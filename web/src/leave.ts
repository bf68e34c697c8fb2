// The leave control, on every page: the button, or Shift three times. What was typed is wiped first; then this page
// is replaced in the history by /leave, which clears and goes on to another website. Without a script the button is a
// plain link to the same place. Looks and times are those of GOV.UK Frontend's "Exit this page".

const PRESSES = 3;
const PRESS_MS_MAX = 5_000;

export function startLeave(wipe: () => void): void {
  const root = document.querySelector<HTMLElement>(".govuk-exit-this-page");
  const button = root?.querySelector<HTMLAnchorElement>(".govuk-exit-this-page__button");
  if (root == null || button == null) throw new Error("this page has no leave control");
  const leave = () => {
    wipe();
    cover(root.dataset["i18n.activated"] ?? "");
    window.location.replace(button.href);
  };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  watchShift(root, button, leave);
}

/** Takes the whole page out of the document and out of sight, before the next one has loaded. */
function cover(words: string): void {
  const overlay = document.createElement("div");
  overlay.className = "govuk-exit-this-page-overlay";
  overlay.setAttribute("role", "alert");
  overlay.textContent = words;
  document.body.replaceChildren(overlay);
}

function watchShift(root: HTMLElement, button: HTMLElement, leave: () => void): void {
  const lights = addLights(button);
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "govuk-visually-hidden";
  root.append(status);

  let presses = 0;
  let modified = false;
  let timer = 0;
  const show = (words: string | undefined) => {
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
    show(root.dataset["i18n.timedOut"]);
  };
  document.addEventListener(
    "keyup",
    (event) => {
      // Shift that was held for a capital letter does not count; nor does anything but Shift alone.
      if (event.key === "Shift" && !modified) {
        presses += 1;
        if (presses >= PRESSES) {
          leave();
          return;
        }
        show(presses === 1 ? root.dataset["i18n.pressTwoMoreTimes"] : root.dataset["i18n.pressOneMoreTime"]);
        window.clearTimeout(timer);
        timer = window.setTimeout(reset, PRESS_MS_MAX);
      } else {
        reset();
      }
      modified = event.shiftKey;
    },
    true,
  );
}

function addLights(button: HTMLElement): HTMLElement {
  const lights = document.createElement("div");
  lights.className = "govuk-exit-this-page__indicator";
  lights.setAttribute("aria-hidden", "true");
  for (let index = 0; index < PRESSES; index += 1) {
    const light = document.createElement("div");
    light.className = "govuk-exit-this-page__indicator-light";
    lights.append(light);
  }
  button.append(lights);
  return lights;
}

/** Rules that hold on every page: nothing to see in the app switcher, nothing restored from memory. */
export function startPrivacy(wipe: () => void): void {
  document.addEventListener("visibilitychange", () => {
    document.documentElement.classList.toggle("app-away", document.hidden);
  });
  window.addEventListener("pagehide", wipe);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
}
