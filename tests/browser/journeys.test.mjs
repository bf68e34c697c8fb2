// Journeys through the form in a real browser: every route in both languages, everything answered and the least, and
// the officer's side of each: what was sealed says exactly what was shown and typed. sending.test.mjs has the faults of
// the line, access.test.mjs the ways of using it.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { Decrypter } from "age-encryption";
import { combine } from "shamir-secret-sharing";
import {
  choose,
  current,
  full,
  go,
  keepsNothing,
  least,
  mustSay,
  openStage,
  press,
  readPage,
  send,
  shown,
  walk,
  WORDS,
} from "./walk.mjs";

let stage;
before(async () => {
  stage = await openStage();
});
after(() => stage?.close());

const ROUTES = { self: "self", "other-agrees": "other", "other-unaware": "other", witness: "witness", work: "work" };

for (const [lang, which] of [
  ["en", "first"],
  ["cy", "last"],
]) {
  for (const [r1, route] of Object.entries(ROUTES)) {
    test(`${lang}: everything answered (${r1}) reads back question by question`, async () => {
      const c1 = { self: "none", "other-agrees": "supporter" }[r1] ?? "contact";
      const page = await stage.openForm(lang);
      const pages = await walk(page, { choices: full(r1, { c1 }), which, until: "check" });
      await go(page);
      await send(page);
      const { force, report } = await stage.takeReport();
      assert.deepEqual([force, report.route, report.language, report.force], ["btp", route, lang, "btp"]);
      mustSay(report, pages, lang);
      assert.deepEqual(
        report.answers.filter(({ state }) => state === "not-reached"),
        [],
      );
      await page.context().close();
    });

    test(`${lang}: the least answered (${r1}) reads back with its gaps`, async () => {
      const page = await stage.openForm(lang);
      const pages = await walk(page, { fill: "least", choices: least(r1), until: "check" });
      await go(page);
      await send(page);
      const { report } = await stage.takeReport();
      mustSay(report, pages, lang);
      assert.equal(report.answers.find(({ id }) => id === "a1").answer, WORDS);
      for (const id of ["g7", "r3"]) assert.equal(report.answers.find((one) => one.id === id).state, "skipped");
      for (const id of ["a2", "p1", "z1"])
        assert.equal(report.answers.find((one) => one.id === id).state, "not-reached");
      assert.deepEqual([report.people, report.flags, report.wishes, report.files], [[], [], [], []]);
      await page.context().close();
    });
  }
}

test("four people are told apart, and two who saw it", async () => {
  const page = await stage.openForm("en");
  const pages = await walk(page, { choices: full("self", { "p-more": "yes" }), until: "o1" });
  await press(page, "add-o1");
  pages.push(...(await walk(page, { choices: full("self"), until: "check" })));
  await go(page);
  await send(page);
  const { report } = await stage.takeReport();
  const roles = report.people.map(({ role }) => role);
  assert.deepEqual(roles, ["reported", "reported", "reported", "reported", "witness", "witness"]);
  const named = report.answers.filter(({ id }) => id === "p2");
  assert.deepEqual(
    named.map(({ person, parts }) => [
      person,
      parts[0].answer.endsWith(person === 1 ? "p2-name" : `p2-name-n${person}`),
    ]),
    [1, 2, 3, 4].map((number) => [number, true]),
  );
  const seen = report.answers.find(({ id }) => id === "o1").parts.map(({ person }) => person);
  assert.deepEqual(seen, [5, 5, 5, 6, 6, 6]);
  await page.context().close();
});

test("who I am is sealed apart, and opens with two of three officers", async () => {
  const page = await stage.openForm("cy");
  await walk(page, { fill: "least", choices: least("self"), until: "s1" });
  await page.fill("#s1-name", "Enw Cudd");
  const [question] = (await readPage(page)).fields.map(({ label }) => label);
  await go(page);
  await walk(page, { fill: "least", choices: least("self") });
  await send(page);
  const { force, report, members } = await stage.takeReport();
  assert.equal(report.answers.find(({ id }) => id === "s1").state, "sealed");
  for (const bytes of members.values()) assert.ok(!bytes.includes("Enw Cudd"));
  const open = async (identity, bytes) => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return decrypter.decrypt(new Uint8Array(bytes));
  };
  const shares = [...members].filter(([name]) => name.startsWith("contact-shares/")).map(([, bytes]) => bytes);
  assert.equal(shares.length, 3);
  const opened = await Promise.all([0, 2].map((at) => open(stage.forces[force].officers[at], shares[at])));
  const identity = new TextDecoder().decode(await combine(opened));
  const contact = JSON.parse(Buffer.from(await open(identity, members.get("contact.age"))).toString());
  assert.deepEqual([contact.answers[0].question, contact.answers[0].answer], [question, "Enw Cudd"]);
  await page.context().close();
});

test("a report that involves the police goes to another force, which is said before it is sent", async () => {
  for (const [lang, name] of [
    ["en", "Merseyside Police"],
    ["cy", "Heddlu Glannau Merswy"],
  ]) {
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: { ...least("self"), r3: "yes" } });
    assert.match(await page.locator("#before-police").innerText(), new RegExp(name));
    await send(page);
    const { force, report } = await stage.takeReport();
    assert.deepEqual([force, report.force, report.flags], ["merseyside", "merseyside", ["police-suspect"]]);
    assert.match(report.promise.id, /^merseyside-/);
    await page.context().close();
  }
});

test("the force's promise and its version are shown as they are sealed, and only to who stays anonymous", async () => {
  for (const lang of ["en", "cy"]) {
    const page = await stage.openForm(lang);
    await walk(page, { fill: "least", choices: least("self") });
    const promise = await page.locator("#before-promise").innerText();
    await send(page);
    const { report } = await stage.takeReport();
    assert.ok(promise.includes(report.promise.text) && promise.includes(report.promise.id), promise);
    await page.context().close();
  }
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: { ...least("self"), c1: "contact" } });
  assert.equal(await page.locator("#before-promise").isVisible(), false);
  await page.context().close();
});

test("skip takes back what was typed, back shows it again, and every page after the start can be the last", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: { ...least("self"), length: "full" }, until: "a1" });
  assert.equal(await page.getByTestId("to-check").isVisible(), false);
  await page.fill("#a1", WORDS);
  await page.locator("#a1").blur();
  assert.ok(await page.getByTestId("to-check").isVisible());
  await go(page);
  await choose(page, "a2", "touched");
  await go(page);
  await go(page, "back");
  assert.ok(await page.isChecked('[name="a2"][value="touched"]'));
  await go(page, "skip");
  await go(page, "back");
  assert.equal(await page.locator('[name="a2"]:checked').count(), 0);
  for (let id = await current(page); id !== "check"; id = await go(page, "skip")) {
    assert.ok(await page.getByTestId("to-check").isVisible(), `${id} can be the last`);
  }
  await go(page, "back");
  assert.equal(await current(page), "z1");
  await page.context().close();
});

test("an answer is changed from the list of answers, with what hangs on it, and the way leads back", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  const change = (id) => page.click(`[data-change="${id}"]`);
  await change("a1");
  await shown(page, "a1");
  await page.fill("#a1", "other words");
  assert.equal(await go(page), "check");
  await change("c1");
  await choose(page, "c1", "contact");
  assert.equal(await go(page), "n2", "what the change asks for comes next");
  await page.fill("#n2", "Sam");
  assert.equal(await go(page), "n3", "and all of it");
  await page.fill("#n3", "By letter");
  assert.equal(await go(page), "check");
  await change("a1");
  assert.equal(await go(page, "back"), "check");
  await go(page);
  await send(page);
  const { report } = await stage.takeReport();
  const answer = (id) => report.answers.find((one) => one.id === id).answer;
  assert.deepEqual([answer("a1"), answer("n2"), answer("n3")], ["other words", "Sam", "By letter"]);
  assert.ok(!report.answers.some(({ id }) => id === "s1"), "what is no longer asked is not told");
  await page.context().close();
});

test("the short way leads back into the questions that it left out", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  assert.equal(await go(page, "more"), "c2");
  await choose(page, "c2", "support");
  await go(page);
  await go(page, "to-check");
  await go(page);
  await send(page);
  const { report } = await stage.takeReport();
  assert.deepEqual(report.wishes, ["support"]);
  await page.context().close();
});

test("the language changes in place on every page, keeps what was typed, and asks the network for nothing", async () => {
  const page = await stage.openForm("en");
  const requests = [];
  const values = () =>
    page.$$eval("#form input, #form textarea", (all) =>
      all.map(({ value, checked }) => `${value} ${checked}`).join("\n"),
    );
  let turns = 0;
  await page.locator("#form").waitFor();
  await page.waitForLoadState("networkidle");
  page.on("request", (request) => requests.push(request.url()));
  await walk(page, {
    choices: full("self"),
    until: "check",
    visit: async (id) => {
      const before = await values();
      const [{ heading }] = [await readPage(page)];
      await page.click(`[data-language="${turns % 2 === 0 ? "cy" : "en"}"]`);
      turns += 1;
      assert.equal(await page.locator("html").getAttribute("lang"), turns % 2 === 0 ? "en" : "cy");
      assert.notEqual((await readPage(page)).heading, heading, `${id} has a heading in each language`);
      assert.equal(await values(), before, id);
    },
  });
  assert.ok(turns > 30);
  assert.deepEqual(requests, []);
  await page.context().close();
});

test("sections change neither address, title nor history, and nothing is kept in the browser's stores", async () => {
  const page = await stage.openForm("en");
  await shown(page, "g2");
  const look = () => page.evaluate(() => [location.href, document.title, history.length].join(" "));
  const first = await look();
  await walk(page, { choices: full("witness") });
  await press(page, "support");
  await press(page, "return");
  await press(page, "back");
  assert.equal(await look(), first);
  await keepsNothing(page, "the form");
  await page.context().close();
});

for (const lang of ["en", "cy"]) {
  test(`${lang}: each error says what is wanted, has the focus, and leads to its control`, async () => {
    const page = await stage.openForm(lang);
    const refused = async (id, control, kind) => {
      await press(page, "continue");
      assert.equal(await current(page), id, `${id} is not left`);
      await page.locator("#errors").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.id), "errors");
      const message = await page.locator("#error-text").innerText();
      assert.ok(message.length > 10, message);
      if (kind !== "alone") {
        const beside = page.locator(`[data-section="${id}"] .govuk-error-message`);
        assert.ok((await beside.innerText()).endsWith(message));
        assert.ok(await page.locator(`[aria-describedby~="${await beside.getAttribute("id")}"]`).count());
      }
      await page.click("#error-link");
      assert.equal(await page.evaluate(() => document.activeElement?.id), control);
      return message;
    };
    const choices = { ...least("self"), length: "full" };
    const said = [];
    for (const [id, control] of [
      ["r1", "r1"],
      ["r2", "r2"],
      ["c1", "c1"],
    ]) {
      await walk(page, { fill: "least", choices, until: id });
      said.push(await refused(id, control));
    }
    await walk(page, { fill: "least", choices, until: "a1" });
    await page.fill("#a1", "x".repeat(1_100_000));
    said.push(await refused("a1", "a1", "alone"));
    await page.fill("#a1", "");
    await walk(page, { fill: "least", choices, words: "", until: "a4" });
    await page.locator('[data-section="a4"] input[type="radio"]:visible').first().check();
    for (const [day, month, year] of [
      ["31", "2", "2020"],
      ["", "13", "2020"],
      ["1", "", "2020"],
      ["1", "1", "20"],
    ]) {
      for (const [part, value] of Object.entries({ day, month, year })) await page.fill(`#a4-date-${part}`, value);
      said.push(await refused("a4", "a4-date-day"));
    }
    for (const part of ["day", "month", "year"]) await page.fill(`#a4-date-${part}`, "");
    await go(page, "skip");
    while ((await current(page)) !== "check") await go(page, "skip");
    await press(page, "continue");
    await shown(page, "a1");
    await page.locator("#errors").waitFor();
    said.push(await page.locator("#error-text").innerText());
    assert.equal(new Set(said).size, 6, said.join(" / "));
    await page.context().close();
  });
}

test("what was written can be hidden on the list of answers, and shown again", async () => {
  const page = await stage.openForm("en");
  await walk(page, { fill: "least", choices: least("self"), until: "check" });
  const seen = () => page.locator("#answers").innerText();
  assert.ok((await seen()).includes("second line"));
  await page.click('[data-action="hide"]');
  assert.ok(!(await seen()).includes("second line"));
  await page.click('[data-action="hide"]');
  assert.ok((await seen()).includes("second line"));
  await page.context().close();
});
