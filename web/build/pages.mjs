// Renders the pages with Eleventy and GOV.UK Frontend's own Nunjucks macros.

import { relative, join } from "node:path";
import Eleventy from "@11ty/eleventy";
import nunjucks from "nunjucks";
import { LANGUAGES, webDir } from "./content.mjs";
import { govukDir } from "./styles.mjs";

/** The folders of a force's plain pages in one language; "" is the start page. The form is beside them, in report/. */
export const PLAIN_PAGES = [
  "",
  "now",
  "support",
  "what-happens",
  "stay-safe",
  "keep",
  "identify",
  "young",
  "privacy",
  "accessibility",
];
const NATIONS = ["england", "wales", "scotland", "northern-ireland"];

/** `isPlain` for pages that no script runs; `more` is what a template of theirs can ask of `site` besides. */
export async function buildPages({
  stageDir,
  strings,
  forces,
  questions,
  support,
  kind,
  assets,
  input = "templates",
  isPlain = false,
  more = {},
}) {
  process.chdir(webDir); // Eleventy takes its folders relative to the working one.
  const shown = support.filter((entry) => entry.status === "shown");
  const templates = nunjucksEnvironment(strings, isPlain);
  addSupport(templates, shown);
  const output = relative(webDir, stageDir);
  const eleventy = new Eleventy(input, output, {
    quietMode: true,
    configPath: null,
    config: (config) => {
      config.setLibrary("njk", templates);
      config.setTemplateFormats(["njk"]);
      config.addGlobalData("site", { kind, assets, forces, questions, languages: LANGUAGES, ...more });
      config.addGlobalData("support", shown);
      config.addGlobalData("needs", [...new Set(shown.map((entry) => entry.needs[0]))]);
      config.addGlobalData("nations", NATIONS);
      const places = forces.flatMap((force) =>
        LANGUAGES.map((lang) => ({ force, lang, other: lang === "en" ? "cy" : "en" })),
      );
      config.addGlobalData("places", places);
      const refusals = more.refusals ?? [];
      config.addGlobalData(
        "refused",
        places.flatMap((place) => refusals.map((why) => ({ ...place, why }))),
      );
    },
  });
  await eleventy.write();
}

function nunjucksEnvironment(strings, isPlain) {
  const loader = new nunjucks.FileSystemLoader([join(webDir, "templates", "_includes"), join(govukDir, "dist")]);
  const environment = new nunjucks.Environment(loader, { autoescape: true, trimBlocks: true, lstripBlocks: true });
  const safe = (html) => new nunjucks.runtime.SafeString(html);
  const { escape } = nunjucks.lib;
  const text = (lang, key, holes = {}) => {
    const string = strings[key];
    if (string === undefined)
      throw new Error(`a template asks for the string "${key}", which content/strings does not have`);
    return string[lang].replace(/\{(\w+)\}/g, (_, name) => holes[name]);
  };
  environment.addGlobal("t", text);
  // The form's own words carry their key, so that its script can change the language in place.
  environment.addGlobal("tt", (lang, key) =>
    isPlain ? text(lang, key) : safe(`<span data-t="${key}">${escape(text(lang, key))}</span>`),
  );
  environment.addGlobal("isPlain", isPlain);
  const twins = (key, holes) => Object.fromEntries(LANGUAGES.map((lang) => [lang, text(lang, key, holes)]));
  environment.addGlobal("twins", twins);
  environment.addGlobal("onDay", (key, day) =>
    Object.fromEntries(LANGUAGES.map((lang) => [lang, text(lang, key, { day: dayInWords(lang, day) })])),
  );
  environment.addGlobal("region", ({ nations }) =>
    twins(`region.${NATIONS.filter((nation) => nations.includes(nation)).join("-")}`),
  );
  environment.addGlobal("has", (key) => key in strings);
  environment.addFilter("tel", (number) => number.replaceAll(" ", ""));
  return environment;
}

/** What templates ask of the support data. What serves the nations of the page's force, and only those, stands first. */
function addSupport(environment, entries) {
  const rank = (force, { nations }) => {
    const here = nations.filter((nation) => force.nations.includes(nation)).length;
    if (here === 0) return 2;
    return here === nations.length ? 0 : 1;
  };
  const pick = (force, isWanted) =>
    entries
      .filter((entry) => entry.forces.length === 0 || entry.forces.includes(force.id))
      .filter(isWanted)
      .sort((a, b) => rank(force, a) - rank(force, b));
  environment.addGlobal("supportFor", (force, need) => pick(force, ({ needs }) => needs.includes(need)));
  environment.addGlobal("supportUnder", (force, need) => pick(force, ({ needs }) => needs[0] === need));
  environment.addGlobal("supportBeside", (force, need) => pick(force, ({ needs }) => needs.slice(1).includes(need)));
  environment.addGlobal("supportIn", (force, nation) =>
    pick(force, ({ nations }) => nations.includes(nation) && nations.length < NATIONS.length),
  );
}

function dayInWords(lang, day) {
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { dateStyle: "long", timeZone: "UTC" }).format(
    new Date(day),
  );
}
