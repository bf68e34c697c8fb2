// The question set and its words: the schema's rules, a text for everybody who is asked, and a tone fit for a survivor.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { LANGUAGES, readForces, readStrings, webDir } from "../build/content.mjs";
import { ROUTES, conditionsOf, keysOfPage, keysOfPanel } from "../build/questions.mjs";

const read = (name) => JSON.parse(readFileSync(join(webDir, "content", name), "utf8"));
const set = read("questions.json");
const isOfTheSchema = new Ajv2020({ strict: true }).compile(read("questions.schema.json"));
const wordsPath = join(webDir, "content", "strings", "questions.toml");
const strings = readStrings({ "questions.toml": readFileSync(wordsPath, "utf8") });
const PARTS = ["before", "start", "happened", "who", "safety", "evidence", "you", "end"];

const routesOf = (page) => page.routes ?? ROUTES;
const fieldsOf = (page) => page.fields ?? [];
const fields = set.pages.flatMap((page) => fieldsOf(page).map((field) => ({ ...field, page })));
const fieldOf = (id) => fields.find((field) => field.id === id);

const pageNamed = (pages, id) => pages.find((page) => page.id === id);

// ---------------------------------------------------------------- the schema

test("the schema accepts the question set", () => {
  assert.equal(isOfTheSchema(set), true, JSON.stringify(isOfTheSchema.errors));
});

const broken = {
  "no name of the set": (bad) => delete bad.set,
  "an unknown member of the set": (bad) => (bad.more = 1),
  "no pages": (bad) => (bad.pages = []),
  "a panel without a body": (bad) => delete bad.panels.sarc.body,
  "a panel with capitals in its name": (bad) => (bad.panels.SARC = bad.panels.sarc),
  "a body key that is neither a paragraph nor a list item": (bad) => bad.panels.sarc.body.push("h1"),
  "a body key twice": (bad) => bad.panels.sarc.body.push("p1"),
  "a loop that never comes again": (bad) => (bad.loops.person.max = 1),
  "an unknown member of a page": (bad) => (bad.pages[0].titel = "x"),
  "a page id with a capital": (bad) => (bad.pages[0].id = "G2"),
  "a page id of 33 characters": (bad) => (bad.pages[0].id = "a".repeat(33)),
  "an unknown kind of page": (bad) => (bad.pages[0].kind = "page"),
  "an unknown part": (bad) => (bad.pages[0].part = "middle"),
  "an unknown route": (bad) => (pageNamed(bad.pages, "a7").routes = ["nobody"]),
  "a route twice": (bad) => (pageNamed(bad.pages, "a7").routes = ["self", "self"]),
  "required said as no": (bad) => (pageNamed(bad.pages, "a1").required = false),
  "a page by route before the route is known": (bad) => (pageNamed(bad.pages, "g2").by_route = ["title"]),
  "an option by route before the route is known": (bad) =>
    (pageNamed(bad.pages, "r1").fields[0].options[0].by_route = ["label"]),
  "an unknown word by route": (bad) => (pageNamed(bad.pages, "a1").by_route = ["titles"]),
  "a question without fields": (bad) => delete pageNamed(bad.pages, "a1").fields,
  "an info page with fields": (bad) => (pageNamed(bad.pages, "g4").fields = pageNamed(bad.pages, "a1").fields),
  "an info page without words": (bad) => delete pageNamed(bad.pages, "g4").body,
  "an interruption that asks": (bad) => (pageNamed(bad.pages, "a1").look = "interruption"),
  "a gate with two fields": (bad) => pageNamed(bad.pages, "g2").fields.push(fieldOf("a3")),
  "a gate that is not radios": (bad) => (pageNamed(bad.pages, "g2").fields[0].kind = "checkboxes"),
  "a gate about a person": (bad) => (pageNamed(bad.pages, "p-more").role = "reported"),
  "a required gate": (bad) => (pageNamed(bad.pages, "g2").required = true),
  "repeated rows about nobody": (bad) => delete pageNamed(bad.pages, "o1").role,
  "an unknown role": (bad) => (pageNamed(bad.pages, "o1").role = "suspect"),
  "an unknown kind of field": (bad) => (pageNamed(bad.pages, "a1").fields[0].kind = "number"),
  "an unknown member of a field": (bad) => (pageNamed(bad.pages, "a1").fields[0].label = "x"),
  "radios without options": (bad) => delete pageNamed(bad.pages, "a3").fields[0].options,
  "radios with one option": (bad) => pageNamed(bad.pages, "a3").fields[0].options.splice(1),
  "a text with options": (bad) => (pageNamed(bad.pages, "n2").fields[0].options = fieldOf("a3").options),
  "a text without a width": (bad) => delete pageNamed(bad.pages, "n2").fields[0].width,
  "a text with rows": (bad) => (pageNamed(bad.pages, "n2").fields[0].rows = 3),
  "a textarea without rows": (bad) => delete pageNamed(bad.pages, "a1").fields[0].rows,
  "a sealed choice": (bad) => (pageNamed(bad.pages, "a3").fields[0].sealed = true),
  "a basis that is text": (bad) => (pageNamed(bad.pages, "p2").fields[0].basis = true),
  "a basis of another kind": (bad) => (pageNamed(bad.pages, "p2").fields.at(-1).options[0].value = "guessed"),
  "an option without a value": (bad) => delete pageNamed(bad.pages, "a3").fields[0].options[0].value,
  "an option that is named as a string is": (bad) => (pageNamed(bad.pages, "a3").fields[0].options[0].value = "hint"),
  "an option with an unknown flag": (bad) => (pageNamed(bad.pages, "a3").fields[0].options[0].flag = "liar"),
  "an option with an unknown wish": (bad) => (pageNamed(bad.pages, "c2").fields[0].options[0].wish = "revenge"),
  "an exclusive radio": (bad) => (pageNamed(bad.pages, "a3").fields[0].options[0].exclusive = true),
  "a common option by route": (bad) =>
    Object.assign(pageNamed(bad.pages, "a3").fields[0].options.at(-1), { by_route: ["label"] }),
  "a condition on nothing": (bad) => (pageNamed(bad.pages, "s1").when = {}),
  "a condition with no choice": (bad) => (pageNamed(bad.pages, "s1").when = { field: "c1", is: [] }),
  "a condition of two kinds": (bad) =>
    (pageNamed(bad.pages, "s1").when = { field: "c1", is: ["none"], not: { field: "c1", is: ["none"] } }),
  "any of one": (bad) => (pageNamed(bad.pages, "s1").when = { any: [{ field: "c1", is: ["none"] }] }),
};
for (const [rule, spoil] of Object.entries(broken)) {
  test(`the schema refuses ${rule}`, () => {
    const bad = structuredClone(set);
    spoil(bad);
    assert.equal(isOfTheSchema(bad), false);
  });
}

// ---------------------------------------------------------------- what belongs together

test("ids are unique, and a field's id begins with its page's", () => {
  const ids = fields.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
  assert.equal(new Set(set.pages.map(({ id }) => id)).size, set.pages.length);
  for (const { id, page } of fields) assert.ok(id === page.id || id.startsWith(`${page.id}-`), id);
});

test("the parts come in order, and no part comes twice", () => {
  const parts = set.pages.map(({ part }) => PARTS.indexOf(part));
  assert.deepEqual(
    parts,
    parts.toSorted((a, b) => a - b),
  );
});

test("free recall comes before every other question about what happened", () => {
  assert.equal(set.pages.find(({ part }) => part === "happened").id, "a1");
});

test("only who for, which force and how to be treated are required", () => {
  assert.deepEqual(
    set.pages.filter(({ required }) => required).map(({ id }) => id),
    ["r1", "r2", "c1"],
  );
});

test("the short route asks what the contract says, and how to reach whoever wants to be reached", () => {
  assert.deepEqual(
    set.pages.filter(({ short, part }) => short && part !== "before").map(({ id }) => id),
    ["r1", "r2", "r3", "c1", "s1", "length", "a1", "n2", "n3", "n4"],
  );
  assert.ok(set.pages.filter(({ part }) => part === "before").every(({ short }) => short));
});

test("a condition names an earlier field, on the route, and options it has", () => {
  const forces = readForces().map(({ id }) => id);
  const seen = new Map();
  for (const page of set.pages) {
    for (const choice of conditionsOf(page.when)) assert.ok(seen.has(choice.field), `${page.id}: ${choice.field}`);
    for (const field of fieldsOf(page)) {
      seen.set(field.id, [
        ...(field.options ?? []).map(({ value }) => value),
        ...(field.kind === "forces" ? forces : []),
      ]);
      for (const { field: id, is } of [...conditionsOf(page.when), ...conditionsOf(field.when)]) {
        for (const value of is) assert.ok(seen.get(id)?.includes(value), `${field.id}: ${id} is ${value}`);
      }
    }
  }
});

test("a route is chosen in r1 only, and every route can be chosen", () => {
  const options = fieldOf("r1").options;
  assert.ok(options.every(({ route }) => ROUTES.includes(route)));
  assert.deepEqual([...new Set(options.map(({ route }) => route))], ROUTES);
  for (const { id, options: others } of fields) {
    if (id !== "r1")
      assert.ok(
        (others ?? []).every(({ route }) => route === undefined),
        id,
      );
  }
});

test("the pages of a loop are neighbours, and its last is a gate that can say yes", () => {
  for (const name of Object.keys(set.loops)) {
    const at = set.pages.flatMap(({ loop }, index) => (loop === name ? [index] : []));
    assert.deepEqual(
      at,
      at.map((_, index) => at[0] + index),
    );
    const last = set.pages[at.at(-1)];
    assert.equal(last.kind, "gate");
    assert.ok(last.fields[0].options.some(({ value }) => value === "yes"));
  }
  for (const { id, loop } of set.pages) assert.ok(loop === undefined || loop in set.loops, id);
});

test("every panel is there, and none is left over", () => {
  const shown = fields.flatMap(({ options }) => (options ?? []).flatMap(({ shows }) => shows ?? []));
  assert.deepEqual([...new Set(shown)].sort(), Object.keys(set.panels).sort());
});

test("flags are raised by what was ticked, and by nothing else", () => {
  const raised = fields.flatMap(({ id, options }) =>
    (options ?? []).flatMap(({ value, flag }) => (flag === undefined ? [] : [`${id} ${value} ${flag}`])),
  );
  assert.deepEqual(raised, [
    "g7 under-13 child",
    "g7 age-13-15 child",
    "g7 age-16-17 child",
    "r3 yes police-suspect",
    "a3 still still-happening",
    "a4 today last-7-days",
    "a4 last-7-days last-7-days",
    "p5 live-together danger",
    "p5 children others-at-risk",
    "p5 weapon danger",
    "p5 threats danger",
    "p5 follows danger",
    "p6 yes others-at-risk",
    "b1-age under-13 child",
    "b1-age age-13-15 child",
    "b1-age age-16-17 child",
  ]);
});

test("each wish of c2 has its own code", () => {
  assert.deepEqual(
    fieldOf("c2").options.map(({ wish }) => wish),
    ["record", "talk", "support", "investigate", "same-person", "unsure"],
  );
});

test("a way to be found goes into the sealed contact only", () => {
  assert.deepEqual(
    fields.filter(({ sealed }) => sealed).map(({ id }) => id),
    pageNamed(set.pages, "s1").fields.map(({ id }) => id),
  );
});

/** Choices about how to do a thing, where there is nothing to know or to keep back; a gate is never told. */
const PLAIN = [
  "r1",
  "r2",
  "c1",
  "c2",
  "p2-basis",
  "b1-know",
  "b1-agree",
  "b1-safe",
  "n3-police",
  "n3-message",
  "n4-agree",
];
test("whoever is asked to choose may say that they would rather not", () => {
  for (const { id, page, options } of fields) {
    if (options === undefined || page.kind === "gate" || PLAIN.includes(id)) continue;
    assert.ok(
      options.some(({ value }) => value === "rather-not"),
      id,
    );
  }
});

// ---------------------------------------------------------------- the words

test("every string is there for every route it is asked on, and none is left over", () => {
  const needed = [
    ...set.pages.flatMap((page) => keysOfPage(page, strings)),
    ...Object.entries(set.panels).flatMap(keysOfPanel),
  ];
  assert.deepEqual([...new Set(needed)].sort(), Object.keys(strings).sort());
});

test("the options of a field have labels of their own, in both languages", () => {
  for (const { options, id, page } of fields) {
    for (const lang of LANGUAGES) {
      for (const route of routesOf(page)) {
        const labels = (options ?? []).map((option) => {
          const stem = option.words ? `q.common.${option.value}.label` : `q.${id}.${option.value}.label`;
          return strings[option.by_route?.includes("label") ? `${stem}.${route}` : stem][lang];
        });
        assert.deepEqual(labels, [...new Set(labels)], `${id} ${lang} ${route}`);
      }
    }
  }
});

test("a hole is filled where the form can fill it", () => {
  const holes = Object.entries(strings).flatMap(([key, { en }]) =>
    [...en.matchAll(/\{(\w+)\}/g)].map(([, name]) => `${key} ${name}`),
  );
  assert.deepEqual(holes, [
    "q.r2.online.hint force",
    "q.r2.abroad.hint force",
    "q.r2.unsure.hint force",
    "q.s1.p1 threshold",
  ]);
});

test("a heading is at most 100 characters", () => {
  for (const [key, text] of Object.entries(strings)) {
    if (!/^q\.[^.]+\.title|^q\.panel\.[^.]+\.title$/.test(key)) continue;
    for (const lang of LANGUAGES) assert.ok(text[lang].length <= 100, `${key} ${lang}: ${text[lang].length}`);
  }
});

test("the English sentences of a page are at most 25 words long on average, and none has more than 40", () => {
  const sentences = (keys) =>
    keys.flatMap((key) => strings[key].en.split(/(?<=[.?!:;])\s+/)).filter((sentence) => sentence !== "");
  const words = (sentence) => sentence.split(/\s+/).length;
  for (const page of set.pages) {
    for (const route of routesOf(page)) {
      const keys = keysOfPage(page, strings).filter((key) =>
        ROUTES.every((name) => name === route || !key.endsWith(`.${name}`)),
      );
      const lengths = sentences(keys).map(words);
      assert.ok(lengths.reduce((a, b) => a + b, 0) / lengths.length <= 25, page.id);
      assert.ok(Math.max(...lengths) <= 40, page.id);
    }
  }
});

test("every Welsh string differs from its English", () => {
  const same = Object.entries(strings).flatMap(([key, { en, cy }]) => (en === cy ? [key] : []));
  assert.deepEqual(same, []);
});

const BANNED = {
  "blames the person":
    /why (didn.t|did you|were you)|should have|could have (said|left|fought)|your behaviour|provok|allege|claims? that/i,
  "asks what nobody may ask":
    /\b(wore|wearing|drank|drunk|how much (did )?you|fight back|immigration|visa|ethnic|are you sure|past partner|religion)\b/i,
  "speaks like a machine": /\b(invalid|failed|failure|illegal|mandatory|abort|fatal|denied|submit|user error)\b/i,
  "sounds an alarm": /\b(warning|urgent|immediately|alert|panic|must act now)\b|!|[A-Z]{6,}/,
  "says error": /\berror\b(?!:)/i,
};
for (const [why, pattern] of Object.entries(BANNED)) {
  test(`no English string ${why}`, () => {
    for (const [key, { en }] of Object.entries(strings)) assert.doesNotMatch(en, pattern, key);
  });
}

const BANNED_CY =
  /\b(annilys|methiant|wedi methu|gwall|rhybudd|meddwi|faint (wnaethoch|wnest) (chi|ti) yfed|gwisgo|ti|dy hun|pam na)\b|!/i;
test("no Welsh string blames, alarms, or says ti", () => {
  for (const [key, { cy }] of Object.entries(strings)) assert.doesNotMatch(cy, BANNED_CY, key);
});

test("nobody who reports for another is told to question them", () => {
  for (const key of ["q.b1.hint", "q.b2.hint"]) assert.match(strings[key].en, /^Do not question them to fill this in/);
});

test("pictures of anyone under 18 are asked for nowhere, and telling is offered instead", () => {
  const all = readStrings();
  for (const key of ["q.e2.p1", "q.panel.film.p2", "back.add_files_1"]) {
    assert.match(all[key].en, /naked or sexual/);
    assert.match(all[key].en, /under 18, do not send it: tell us it exists/);
  }
});
