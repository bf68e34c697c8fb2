// Renders the pages with Eleventy and GOV.UK Frontend's own Nunjucks macros.

import { relative, join } from "node:path";
import Eleventy from "@11ty/eleventy";
import nunjucks from "nunjucks";
import { LANGUAGES, webDir } from "./content.mjs";
import { govukDir } from "./styles.mjs";

export async function buildPages({ stageDir, strings, forces, questions, support, kind, assets }) {
  process.chdir(webDir); // Eleventy takes its folders relative to the working one.
  const templates = nunjucksEnvironment(strings);
  const output = relative(webDir, stageDir);
  const eleventy = new Eleventy("templates", output, {
    quietMode: true,
    configPath: null,
    config: (config) => {
      config.setLibrary("njk", templates);
      config.setTemplateFormats(["njk"]);
      config.addGlobalData("site", { kind, assets, forces, questions, languages: LANGUAGES });
      config.addGlobalData(
        "support",
        support.filter((entry) => entry.status === "shown"),
      );
      config.addGlobalData(
        "places",
        forces.flatMap((force) => LANGUAGES.map((lang) => ({ force, lang, other: lang === "en" ? "cy" : "en" }))),
      );
    },
  });
  await eleventy.write();
}

function nunjucksEnvironment(strings) {
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
  environment.addGlobal("tt", (lang, key) => safe(`<span data-t="${key}">${escape(text(lang, key))}</span>`));
  environment.addGlobal("has", (key) => key in strings);
  environment.addFilter("tel", (number) => number.replaceAll(" ", ""));
  return environment;
}
