// The form's engine, pure: which pages are asked, what counts as an answer, what the report says. And that the question
// set is data: a page of every kind is added here, and no script is touched.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { build } from "../build/build.mjs";
import { readForces, readStrings, webDir } from "../build/content.mjs";
import { readQuestions } from "../build/questions.mjs";
import { load } from "./load.mjs";

const text = readFileSync(join(webDir, "content", "questions.json"), "utf8");
const strings = readStrings();
const forces = readForces({}, undefined, "demo").map((force) => ({ ...force, root_key: null }));
const data = (of = readQuestions(strings, text), words = strings) => ({
  questions: of,
  forces,
  strings: Object.fromEntries(Object.entries(words).map(([key, { en, cy }]) => [key, [en, cy]])),
});
const questions = readQuestions(strings, text);
const [engine, answers, dates] = await Promise.all(
  ["questions.ts", "answers.ts", "dates.ts"].map((entry) => load(entry, data())),
);
const { pages } = questions;
const given = (answers) => new Map(Object.entries(answers));
const ids = (answers, isShort = false) => engine.asked(pages, given(answers), isShort).map(({ id }) => id);

test("each route is asked its own pages, in the order of the set", () => {
  const order = pages.map(({ id }) => id);
  for (const [r1, has, lacks] of [
    ["self", ["a7", "a8", "e3"], ["b1", "b2", "w1", "w4"]],
    ["other-unaware", ["a7", "b1", "b2"], ["w1", "w4"]],
    ["witness", ["w1", "w2", "w3", "w4"], ["a7", "a8", "b1", "e3"]],
    ["work", ["a7", "b1", "w4"], ["w1"]],
  ]) {
    const asked = ids({ r1 });
    assert.deepEqual(
      asked,
      order.filter((id) => asked.includes(id)),
      r1,
    );
    for (const id of has) assert.ok(asked.includes(id), `${r1} is asked ${id}`);
    for (const id of lacks) assert.ok(!asked.includes(id), `${r1} is not asked ${id}`);
  }
  assert.ok(ids({ r1: "work", b2: ["saw"] }).includes("w1"), "who saw it at work is asked as a witness is");
});

test("free recall is asked before any detail, and the short way only what it must", () => {
  const asked = ids({ r1: "self" });
  assert.ok(asked.indexOf("a1") < Math.min(...["a2", "a3", "a4", "p1", "e1"].map((id) => asked.indexOf(id))));
  const short = ids({ r1: "self", c1: "none" }, true);
  for (const id of ["r1", "r2", "c1", "a1"]) assert.ok(short.includes(id), id);
  for (const id of ["a2", "p2", "z1", "e2"]) assert.ok(!short.includes(id), id);
});

test("contact pages hang on how the person wants to be treated", () => {
  const you = (answers) => ids(answers).filter((id) => ["s1", "n2", "n3", "n4"].includes(id));
  assert.deepEqual(you({ r1: "self", c1: "none" }), ["s1"]);
  assert.deepEqual(you({ r1: "self", c1: "contact" }), ["n2", "n3"]);
  assert.deepEqual(you({ r1: "self", c1: "supporter" }), ["n2", "n4"]);
  assert.deepEqual(you({ r1: "witness", c1: "supporter" }), ["n2", "n3"]);
});

test("there is a way to the person only where it was asked for and given", () => {
  const isReachable = (answers) => engine.isReachable(pages, given(answers));
  assert.equal(isReachable({ r1: "self", c1: "contact", n2: "Sam" }), false);
  assert.ok(isReachable({ r1: "self", c1: "contact", n3: "By letter" }));
  assert.ok(isReachable({ r1: "self", c1: "supporter", "n4-contact": "Her office" }));
  assert.equal(
    isReachable({ r1: "self", c1: "supporter", n3: "By letter" }),
    false,
    "what is no longer asked leads nowhere",
  );
});

test("a person is asked about again as often as somebody says that there is another, four times at most", () => {
  const turns = (answers) => ids({ r1: "self", ...answers }).filter((id) => /^p2/.test(id));
  assert.deepEqual(turns({}), ["p2"]);
  assert.deepEqual(turns({ "p-more": "yes" }), ["p2", "p2-n2"]);
  assert.deepEqual(turns({ "p-more": "yes", "p-more-n2": "yes", "p-more-n3": "yes" }), [
    "p2",
    "p2-n2",
    "p2-n3",
    "p2-n4",
  ]);
  assert.deepEqual(turns({ "p-more-n2": "yes" }), ["p2"], "a turn that was taken back takes those behind it");
  assert.deepEqual(turns({ p1: "rather-not" }), []);
});

test("conditions hold by field, and by all, any and not of others", () => {
  const answers = given({ a: "x", b: ["y", "z"] });
  const [ax, by, bq] = [
    { field: "a", is: ["x"] },
    { field: "b", is: ["y"] },
    { field: "b", is: ["q"] },
  ];
  for (const [condition, wanted] of [
    [undefined, true],
    [ax, true],
    [by, true],
    [bq, false],
    [{ not: bq }, true],
    [{ all: [ax, by] }, true],
    [{ all: [ax, bq] }, false],
    [{ any: [bq, ax] }, true],
    [{ any: [bq, { not: ax }] }, false],
    [{ field: "none", is: ["x"] }, false],
  ]) {
    assert.equal(engine.holds(condition, answers), wanted, JSON.stringify(condition));
  }
});

test("white space is no answer, and where it goes is no substance", () => {
  const page = pages.find(({ id }) => id === "a1");
  assert.equal(engine.isAnswered(page, given({ a1: " \n\t" })), false);
  assert.ok(engine.isAnswered(page, given({ a1: "x" })));
  const path = (answers) => engine.asked(pages, given(answers), false);
  const start = { r1: "self", r2: "btp", r3: "yes", c1: "none", c2: ["talk"], g7: "adult" };
  assert.equal(engine.hasSubstance(path(start), given(start)), false);
  assert.ok(engine.hasSubstance(path(start), given({ ...start, a2: ["unknown"] })), "not knowing is an answer");
});

test("a partial date is a date in words, in both languages; what is none is not", () => {
  for (const [written, en, cy] of [
    ["14/3/2009", "14 March 2009", "14 Mawrth 2009"],
    ["/3/2009", "March 2009", "Mawrth 2009"],
    ["//2009", "2009", "2009"],
    ["1/12/", "1 December", "1 Rhagfyr"],
    ["29/2/2020", "29 February 2020", "29 Chwefror 2020"],
  ]) {
    assert.ok(dates.isDate(written), written);
    assert.deepEqual([dates.dateInWords(written, "en"), dates.dateInWords(written, "cy")], [en, cy]);
  }
  for (const written of [
    "31/2/2020",
    "29/2/2021",
    "1//2020",
    "/13/2020",
    "1/1/20",
    "x/1/2020",
    "//",
    "0/1/2020",
    "1/1/3000",
  ]) {
    assert.equal(dates.isDate(written), false, written);
  }
});

const telling = (answers, visited, of = questions) => ({
  questions: of,
  forces,
  given: given(answers),
  language: "en",
  visited: new Set(visited),
});
const draft = (said, visited) => answers.draftOf(telling(said, visited), forces[0], "A".repeat(22), "2026-11-24");

test("answered, skipped, sealed and not reached are told apart", () => {
  const report = draft({ r1: "self", c1: "none", a1: "x", "s1-name": "N" }, ["r1", "c1", "s1", "a1", "a2"]);
  const state = (id) => report.answers.find((answer) => answer.id === id).state;
  assert.deepEqual(["a1", "a2", "a3", "s1"].map(state), ["answered", "skipped", "not-reached", "sealed"]);
  assert.ok(!JSON.stringify(report).includes('"N"'), "what is sealed is not in the report");
  assert.deepEqual(
    answers.contactOf(telling({ c1: "none", "s1-name": "N" }, [])).map(({ id, answer }) => [id, answer]),
    [["s1-name", "N"]],
  );
  assert.equal(answers.contactOf(telling({ c1: "contact", "s1-name": "N" }, [])), null, "nor sealed when not asked");
});

test("not knowing and rather not saying are kept as answers; gates and information are not in the report", () => {
  const report = draft({ r1: "self", a3: "unknown", r3: "rather-not", g2: "yes", length: "short" }, ["a3", "r3"]);
  const choice = (id) => report.answers.find((answer) => answer.id === id).choice;
  assert.deepEqual([choice("a3"), choice("r3")], ["unknown", "rather-not"]);
  for (const id of ["g2", "g3", "g4", "length", "p-more"]) assert.ok(!report.answers.some((one) => one.id === id), id);
});

test("flags and wishes are those that were ticked, each once", () => {
  const report = draft({ r1: "self", r3: "yes", g7: "under-13", a3: "still", c2: ["talk", "support"] }, []);
  assert.deepEqual(
    [report.flags.toSorted(), report.wishes],
    [
      ["child", "police-suspect", "still-happening"],
      ["talk", "support"],
    ],
  );
});

// ---------------------------------------------------------------- the question set is data

const NEW = [
  { id: "new-info", kind: "info", part: "happened", body: ["p1"] },
  {
    id: "new-gate",
    kind: "gate",
    part: "happened",
    fields: [{ id: "new-gate", kind: "radios", options: [{ value: "yes" }, { value: "no" }] }],
  },
  ...[
    ["radios", { options: [{ value: "yes" }, { value: "unknown", words: true }] }],
    ["checkboxes", { options: [{ value: "yes" }, { value: "rather-not", words: true, exclusive: true }] }],
    ["text", { width: "wide" }],
    ["textarea", { rows: 4 }],
    ["date", {}],
  ].map(([kind, more]) => ({
    id: `new-${kind}`,
    kind: "question",
    part: "happened",
    when: { field: "new-gate", is: ["yes"] },
    fields: [{ id: `new-${kind}`, kind, ...more }],
  })),
];

function newWords() {
  const say = (key, words) => `[q.${key}]\nen = "${words}"\ncy = "${words} (cy)"\nstatus = "unreviewed"\n`;
  const titles = NEW.flatMap(({ id, fields = [] }) => [
    say(`${id}.title`, `The page ${id}`),
    ...fields.flatMap(({ options = [] }) =>
      options.filter(({ words }) => !words).map(({ value }) => say(`${id}.${value}.label`, `${id} ${value}`)),
    ),
  ]);
  return `${titles.join("\n")}\n${say("new-info.p1", "Some words")}`;
}

test("a page of every kind is added without touching a script", async () => {
  const set = JSON.parse(text);
  const at = set.pages.findIndex(({ id }) => id === "a2");
  set.pages.splice(at, 0, ...NEW);
  const questionsText = JSON.stringify(set);
  const moreStrings = { "new.toml": newWords() };

  const out = mkdtempSync(join(tmpdir(), "hafan-new-page-"));
  try {
    await build({ out, questionsText, moreStrings });
    const html = readFileSync(join(out, "btp", "en", "report", "index.html"), "utf8");
    for (const { id } of NEW) assert.ok(html.includes(`data-section="${id}"`), `${id} is in the form`);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }

  const words = { ...strings, ...readStrings(moreStrings) };
  const more = readQuestions(words, questionsText);
  const [{ asked }, { draftOf }] = await Promise.all(
    ["questions.ts", "answers.ts"].map((entry) => load(entry, data(more, words))),
  );
  const said = {
    r1: "self",
    "new-gate": "yes",
    "new-radios": "unknown",
    "new-checkboxes": ["yes"],
    "new-text": "one line",
    "new-textarea": "two\nlines",
    "new-date": "/3/2009",
  };
  const path = asked(more.pages, given(said), false).map(({ id }) => id);
  assert.deepEqual(
    path.slice(path.indexOf("new-info"), path.indexOf("a2")),
    NEW.map(({ id }) => id),
  );
  assert.ok(!asked(more.pages, given({ r1: "self" }), false).some(({ id }) => id === "new-text"));
  const report = draftOf(telling(said, [], more), forces[0], "A".repeat(22), "2026-11-24");
  assert.deepEqual(
    report.answers.filter(({ id }) => id.startsWith("new-")).map(({ question, answer }) => [question, answer]),
    [
      ["The page new-radios", "I do not know"],
      ["The page new-checkboxes", ["new-checkboxes yes"]],
      ["The page new-text", "one line"],
      ["The page new-textarea", "two\nlines"],
      ["The page new-date", "March 2009"],
    ],
  );
});
