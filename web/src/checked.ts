// Says of a telephone number that nobody has checked it for a while. A page cannot know that when it is built, since
// it is read later; without this script the day of the last check stands there by itself. It writes nothing and asks
// the network for nothing.

// The build puts the figure in that `npm run stale` goes by.
declare const FRESH_DAYS_MAX: number;

const DAY_MS = 86_400_000;

export function markStale(root: ParentNode, now_ms: number): void {
  for (const line of root.querySelectorAll<HTMLElement>("[data-checked-on]")) {
    const age_days = (now_ms - Date.parse(line.dataset["checkedOn"] ?? "")) / DAY_MS;
    const is_fresh = age_days >= -1 && age_days < FRESH_DAYS_MAX + 1; // A day of room for time zones.
    for (const words of line.querySelectorAll<HTMLElement>("[data-when]")) {
      words.hidden = (words.dataset["when"] === "fresh") !== is_fresh;
    }
    line.classList.toggle("app-unchecked", !is_fresh);
  }
}

if (typeof document !== "undefined") markStale(document, Date.now());
