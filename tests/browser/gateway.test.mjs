// The door without JavaScript, in Chromium that runs none: every route in both languages with the keyboard alone, the officer's side of
// each, and what is left of it in the gateway's memory, output and open files. Needs a demonstration, as officer.test.mjs does, and
// its gateway (HAFAN_GATEWAY_URL, HAFAN_GATEWAY_PID).

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { CLEANED, HOLDER, PICTURE, filesWith, most, opened, ownGateway, reached, traced } from "./door.mjs";
import { Stick, demo, officer, references, skip as isNoDemo } from "./office.mjs";
import { WORDS, everyWidth, fitsIn, full, keepsNothing, lookAt, mustSay } from "./walk.mjs";

const { HAFAN_GATEWAY_URL: url, HAFAN_GATEWAY_PID: gateway, HAFAN_BINARIES_DIR: programs } = process.env;
const skip = isNoDemo || url === undefined || gateway === undefined;
const questions = JSON.parse(readFileSync(new URL("../../web/content/questions.json", import.meta.url), "utf8"));
const exclusive = new Set(
  questions.pages
    .flatMap(({ fields = [] }) => fields)
    .flatMap(({ id, options = [] }) => options.filter((one) => one.exclusive).map(({ value }) => `${id} ${value}`)),
);
const baseOf = (id) => id.replace(/-[nr]\d$/, "");
/** 26 characters, as the auditor's marks are. */
const MARK = Array.from(randomBytes(26), (byte) => "abcdefghijkmnpqrstuvwxyz23456789"[byte % 32]).join("");

const FILES = filesWith(MARK);

let browser, dir, stick;
before(async () => {
  if (skip) return;
  dir = mkdtempSync(join(tmpdir(), "hafan-gateway-"));
  stick = new Stick();
  browser = await chromium.launch({ executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium" });
});
after(async () => {
  await browser?.close();
  stick?.end();
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
});

/** `isLooking` for axe, which is a script and waits for timers: the pages have none, and are the same with and without. */
async function openStart(lang, { at = url, width = 1280, isLooking = false } = {}) {
  const context = await browser.newContext({ javaScriptEnabled: isLooking, viewport: { width, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${at}/btp/${lang}/`);
  return page;
}

async function openForm(lang, how) {
  const page = await openStart(lang, how);
  await page.getByTestId("start").focus();
  await page.keyboard.press("Enter");
  await page.locator("form.app-plain").waitFor();
  // Without its style sheets everything is shown.
  await page.waitForLoadState("load");
  return page;
}

const focused = (page) =>
  page.evaluate(() => {
    const { id, name, type, value, checked, tagName, dataset } = document.activeElement;
    const group = type === "radio" ? [...document.querySelectorAll(`[name="${name}"]`)].map((one) => one.value) : [];
    const isDate = document.activeElement.closest(".govuk-date-input") !== null;
    return { id, name, type, value, checked, tagName, testid: dataset.testid, group, isDate };
  });

/** Goes through the form with the Tab key and answers what has the focus, until the button to send. */
async function fillByKeyboard(page, { choices, words = WORDS }) {
  for (let count = 0; count < 600; count += 1) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (at.testid === "send") return;
    if (at.type === "radio") {
      const wanted = choices[baseOf(at.name)] ?? at.group[0];
      // The first is chosen with the space bar, the others on the way down.
      const below = at.group.indexOf(wanted);
      if (below === 0) await page.keyboard.press("Space");
      for (let step = 0; step < below; step += 1) await page.keyboard.press("ArrowDown");
    } else if (at.type === "checkbox") {
      if (!exclusive.has(`${baseOf(at.name)} ${at.value}`) && at.name !== "give-back")
        await page.keyboard.press("Space");
    } else if (at.isDate) {
      const part = { day: "", month: "3", year: "2009" }[at.id.match(/-(day|month|year)$/)[1]];
      if (part !== "") await page.keyboard.type(part);
    } else if (at.type === "text") await page.keyboard.insertText(`${words} ${at.id}`.replaceAll("\n", " "));
    else if (at.tagName === "TEXTAREA") await page.keyboard.insertText(`${words} ${at.id}`);
  }
  assert.fail("Tab does not reach the button to send");
}

/** What is asked and answered on the page in sight, in the shape that mustSay takes. */
async function readForm(page) {
  const pages = await page.evaluate(() => {
    const said = (element) => element?.innerText.trim().replace(/\s+/g, " ") ?? "";
    const isShown = (element) => element.checkVisibility();
    return [...document.querySelectorAll("[data-page]")].filter(isShown).map((part) => ({
      id: part.dataset.page,
      button: "continue",
      title: said(part.querySelector("h3")),
      fields: [...part.querySelectorAll("[data-field]")].filter(isShown).flatMap((field) => {
        const inputs = [...field.querySelectorAll("input, textarea")].filter(({ type }) => type !== "file");
        if (inputs.length === 0) return [];
        const label = said(field.querySelector("legend") ?? field.querySelector("label"));
        const isChoice = ["radio", "checkbox"].includes(inputs[0].type);
        const ticked = inputs.filter(({ checked }) => checked).map(({ labels }) => said(labels[0]));
        const typed = inputs.map(({ value }) => value).filter((value) => value !== "");
        const type = field.querySelector(".govuk-date-input") === null ? inputs[0].type : "date";
        return [{ id: field.dataset.field, label, answer: isChoice ? ticked : typed, type }];
      }),
    }));
  });
  return pages.map(({ title, ...part }) => {
    const { kind } = questions.pages.find(({ id }) => id === baseOf(part.id));
    return { ...part, kind, heading: part.fields.find(({ id }) => id === part.id)?.label ?? title };
  });
}

/** What a page holds once it has come to rest: the browser's own page, when it has none to go back to. */
async function contentOf(page) {
  for (let attempt = 0; ; attempt += 1) {
    await page.waitForTimeout(200);
    const content = await page.content().catch(() => null);
    if (content !== null) return content;
    assert.ok(attempt < 20, "the page does not come to rest");
  }
}

const ROUTES = { self: "self", "other-agrees": "other", "other-unaware": "other", witness: "witness", work: "work" };

for (const lang of ["en", "cy"]) {
  for (const [r1, route] of Object.entries(ROUTES)) {
    test(`${lang}: with the keyboard and without JavaScript, ${r1} reaches an officer`, { skip }, async () => {
      const known = references();
      const file = join(dir, `files-${lang}-${r1}.txt`);
      const end = await traced(file);
      const page = await openForm(lang);
      const c1 = { self: "none", "other-agrees": "supporter" }[r1] ?? "contact";
      await fillByKeyboard(page, { choices: full(r1, { c1 }), words: `${MARK} ${WORDS}` });
      const pages = await readForm(page);
      await page.getByTestId("send").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("sent").waitFor({ timeout: 60_000 });
      assert.equal(new URL(page.url()).pathname, `/btp/${lang}/sent/`, "a GET of a page that knows nothing");
      assert.ok(!(await page.content()).includes(MARK));
      await end();
      assert.deepEqual(opened(file), [], "no file was opened, for writing or reading");
      assert.deepEqual(reached(file), [], "no line but to the server, and no name looked up");
      // Back leads to no page that still has it.
      await page.goBack({ timeout: 5_000 }).catch(() => undefined);
      assert.ok(!(await contentOf(page)).includes(MARK), "Back does not bring the report back");
      await page.context().close();

      const reference = await stick.carry(known);
      const report = JSON.parse(officer("read", reference, "--reason", "exercise", "--json"));
      assert.deepEqual([report.route, report.language, report.force, report.mailbox], [route, lang, "btp", null]);
      mustSay(report, pages, lang);
      assert.deepEqual(
        report.answers.filter(({ state }) => state === "not-reached").map(({ id }) => id),
        c1 === "none" ? ["s1"] : [],
      );
      writeFileSync(join(dir, `read-${lang}-${r1}.txt`), JSON.stringify(report));
    });
  }

  test(`${lang}: every page is whole, narrow and wide`, { skip }, async () => {
    const page = await openStart(lang, { isLooking: true });
    assert.match(await page.locator("main").innerText(), lang === "en" ? /Our machine locks it/ : /Ein peiriant ni/);
    for (const path of [
      "",
      "sent/",
      ...["choices", "nothing", "long", "files", "changed", "busy", "away", "closed", "maybe", "setup"].map(
        (why) => `not-sent/${why}/`,
      ),
    ]) {
      await page.goto(`${url}/btp/${lang}/${path}`);
      await everyWidth(page, `/btp/${lang}/${path}`);
    }
    await keepsNothing(page, "the gateway's origin");
    await page.goto(`${url}/btp/${lang}/form`);
    assert.equal(new URL(page.url()).pathname, `/btp/${lang}/`, "the form is reached by its button only");
    await page.context().close();
  });

  test(`${lang}: the form is whole with everything that it can ask`, { skip }, async () => {
    const page = await openForm(lang, { isLooking: true });
    await everyWidth(page, `the empty form in ${lang}`);
    for (const [name, value] of Object.entries({
      r1: "work",
      c1: "supporter",
      "p-more": "yes",
      a4: "period",
      b2: "saw",
    })) {
      await page.check(`[name="${name}"][value="${value}"]`);
    }
    for (const summary of await page.locator("form summary:visible").all()) await summary.click();
    await everyWidth(page, `the open form in ${lang}`);
    await page.context().close();
  });

  test(`${lang}: a missing choice is said, and nothing is sent or lost`, { skip }, async () => {
    const page = await openForm(lang, { width: 320, isLooking: true });
    const requests = [];
    page.on("request", (request) => requests.push(request.url()));
    assert.equal(await page.getByTestId("errors").isVisible(), false);
    await page.fill("#a1", WORDS);
    await page.check('[name="r1"][value="witness"]');
    await page.getByTestId("send").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("errors").waitFor();
    const missing = page.locator(".govuk-error-summary__list a:visible");
    assert.deepEqual(await missing.evaluateAll((all) => all.map((one) => one.getAttribute("href"))), ["#r2", "#c1"]);
    assert.equal(await page.locator('p[data-missing="r2"]').isVisible(), true);
    assert.equal(await page.locator('p[data-missing="r1"]').isVisible(), false);
    assert.equal(await page.inputValue("#a1"), WORDS);
    await lookAt(page, `errors in ${lang}`);
    assert.deepEqual(requests, []);
    await page.context().close();
  });

  test(
    `${lang}: when the server is away it is said, and what was written comes back only when it was asked for`,
    { skip },
    async () => {
      const program = await ownGateway(dir, `away-${lang}`, (text) =>
        text.replace(/^server.*$/m, 'server = "127.0.0.1:9"'),
      );
      try {
        // Without JavaScript no timer runs, and axe waits for one: it looks at the same page in a browser that runs it.
        for (const { isAsked, isLooking } of [
          { isAsked: false, isLooking: false },
          { isAsked: true, isLooking: false },
          { isAsked: true, isLooking: true },
        ]) {
          const page = await openForm(lang, { at: program.at, isLooking });
          await page.check('[name="r1"][value="work"]');
          await page.check('[name="r2"][value="unsure"]');
          await page.check('[name="c1"][value="contact"]');
          await page.fill("#a1", WORDS);
          if (isAsked) await page.check("#give-back");
          await page.getByTestId("send").click();
          await page.locator(".govuk-error-summary").waitFor({ timeout: 30_000 });
          assert.match(
            await page.locator("h1").innerText(),
            lang === "en" ? /Nothing has been sent/ : /Does dim byd wedi'i anfon/,
          );
          assert.ok((await page.locator('a[href^="tel:"]:visible').count()) > 4, "the ways to phone");
          assert.ok((await page.locator('a[href^="sms:"]:visible').count()) > 0, "the way to text");
          await fitsIn(page, `away in ${lang}`);
          if (isAsked) {
            assert.equal(await page.inputValue("#a1"), WORDS);
            assert.equal(await page.locator('input[type="hidden"][name="r2"]').getAttribute("value"), "unsure");
            assert.equal(await page.locator('[data-page="r1"]').count(), 0, "what was answered is not asked again");
            if (isLooking) await everyWidth(page, `given back in ${lang}`);
            await page.getByTestId("try-again").click();
            await page.getByTestId("refused").waitFor({ timeout: 30_000 });
          } else {
            assert.equal(new URL(page.url()).pathname, `/btp/${lang}/not-sent/away/`);
          }
          assert.ok(!(await page.content()).includes("second line"));
          await page.context().close();
        }
      } finally {
        await program.end();
      }
    },
  );
}

// ---------------------------------------------------------------- files

async function chooseAndWrite(page, words, files) {
  await page.check('[name="r1"][value="work"]');
  await page.check('[name="r2"][value="btp"]');
  await page.check('[name="c1"][value="contact"]');
  await page.fill("#a1", words);
  await page.setInputFiles("#e2", files);
}

test("files reach an officer byte for byte, whatever they are called", { skip }, async () => {
  const known = references();
  const trace = join(dir, "files-of-files.txt");
  const end = await traced(trace);
  const before = most(gateway);
  const page = await openForm("en");
  await chooseAndWrite(page, `${MARK} with files`, FILES);
  await page.getByTestId("send").click();
  await page.getByTestId("sent").waitFor({ timeout: 60_000 });
  await page.context().close();
  await end();
  assert.deepEqual(opened(trace), [], "no file was opened, for writing or reading");
  // Once as it came in, once in the submission, whose class is 16 MiB, and what the line and the pieces have room for.
  const grown = most(gateway) - before;
  assert.ok(grown < 9 + 16 + 6, `${grown} MiB more for 9 MiB of files`);

  const reference = await stick.carry(known);
  const report = JSON.parse(officer("read", reference, "--reason", "exercise", "--json"));
  writeFileSync(join(dir, "read-files.txt"), JSON.stringify(report));
  assert.deepEqual(
    report.files.map(({ name, media_type, size, metadata }) => [name, media_type, size, metadata]),
    FILES.map(({ mimeType, buffer }, index) => [CLEANED[index], mimeType, buffer.length, "kept"]),
  );
  const out = join(dir, "evidence");
  officer("export", reference, "--reason", "exercise", "--out", out);
  const exported = readdirSync(join(out, "files")).sort();
  assert.equal(exported.length, FILES.length);
  for (const [index, { name, buffer }] of FILES.entries()) {
    assert.ok(readFileSync(join(out, "files", exported[index])).equals(buffer), name);
  }
});

test("files that are too large are said to be, and the words come back to who asked", { skip }, async () => {
  const known = references();
  const large = join(dir, "too-large.bin");
  writeFileSync(large, Buffer.alloc(60 << 20, MARK));
  const before = most(gateway);
  const refuse = async (lang, isAsked) => {
    const page = await openForm(lang);
    await chooseAndWrite(page, WORDS, [large]);
    if (isAsked) await page.check("#give-back");
    await page.getByTestId("send").click();
    await page.locator(".govuk-error-summary").waitFor({ timeout: 60_000 });
    assert.ok((await page.locator('a[href^="tel:"]:visible').count()) > 4, "the ways to phone");
    await fitsIn(page, `too large in ${lang}`);
    return { page, said: await page.locator(".govuk-error-summary").innerText() };
  };
  const plain = await refuse("en", false);
  assert.match(plain.said, /fewer or smaller files/);
  assert.equal(new URL(plain.page.url()).pathname, "/btp/en/not-sent/long/");
  await plain.page.context().close();

  const { page, said } = await refuse("cy", true);
  assert.match(said, /lai o ffeiliau neu rai llai/);
  assert.equal(await page.inputValue("#a1"), WORDS);
  // A smaller one goes with the same words.
  await page.setInputFiles("#e2", [FILES[0]]);
  await page.getByTestId("try-again").click();
  await page.getByTestId("sent").waitFor({ timeout: 60_000 });
  await page.context().close();
  const grown = most(gateway) - before;
  assert.ok(grown < 40, `${grown} MiB more for 60 MiB that were thrown away`);
  const report = JSON.parse(officer("read", await stick.carry(known), "--reason", "exercise", "--json"));
  assert.deepEqual(
    report.files.map(({ name, size }) => [name, size]),
    [["llun.png", PICTURE.length]],
  );
  assert.equal(report.answers.find(({ id }) => id === "a1").answer, WORDS);
});

test("where there is no room for more files, it is said, and there is room again afterwards", { skip }, async () => {
  const known = references();
  const program = await ownGateway(dir, "busy", (text) =>
    text.replace("[forces", "[limits]\nmemory_mib = 128\n[forces"),
  );
  try {
    const { hostname, port } = new URL(program.at);
    // The head of the largest form, of which nothing follows.
    const holding = connect(Number(port), hostname);
    await once(holding, "connect");
    const head = [
      "POST /btp/en/send HTTP/1.1",
      "Host: x",
      "Sec-Fetch-Site: same-origin",
      "Content-Type: multipart/form-data; boundary=x",
      `Content-Length: ${35 << 20}`,
    ];
    holding.write(`${head.join("\r\n")}\r\n\r\n`);
    const isFull = async (isAsked) => {
      const page = await openForm("en", { at: program.at });
      await chooseAndWrite(page, WORDS, [FILES[2]]);
      if (isAsked) await page.check("#give-back");
      const answered = page.waitForResponse((response) => response.request().method() === "POST");
      await page.getByTestId("send").click();
      const status = (await answered).status();
      await page.locator('.govuk-error-summary, [data-testid="sent"]').first().waitFor({ timeout: 60_000 });
      return { page, status, path: new URL(page.url()).pathname };
    };
    let told = await isFull(false);
    assert.deepEqual([told.status, told.path], [303, "/btp/en/not-sent/busy/"]);
    assert.ok((await told.page.locator('a[href^="tel:"]:visible').count()) > 4, "the ways to phone");
    assert.ok((await told.page.locator('a[href^="sms:"]:visible').count()) > 0, "the way to text");
    await told.page.context().close();
    told = await isFull(true);
    assert.equal(told.status, 503);
    assert.equal(await told.page.inputValue("#a1"), WORDS);
    assert.ok((await told.page.locator('a[href^="sms:"]:visible').count()) > 0, "the way to text");
    holding.destroy();
    await told.page.setInputFiles("#e2", [FILES[2]]);
    await told.page.getByTestId("try-again").click();
    await told.page.getByTestId("sent").waitFor({ timeout: 60_000 });
    await told.page.context().close();
    // One arrived, and none of those that were told so.
    await stick.carry(known);
  } finally {
    await program.end();
  }
});

test("it says where it listens, and nothing of what it is sent, taken or refused", { skip }, async () => {
  const known = references();
  const program = await ownGateway(dir, "quiet", (text) => text);
  try {
    const page = await openForm("cy", { at: program.at });
    await chooseAndWrite(page, `${MARK} is not told`, [FILES[0], FILES[1]]);
    await page.getByTestId("send").click();
    await page.getByTestId("sent").waitFor({ timeout: 60_000 });
    await page.context().close();
    const send = (body, headers = {}) =>
      fetch(`${program.at}/btp/en/send`, { method: "POST", body, headers, redirect: "manual" });
    const form = new FormData();
    form.set("r1", MARK);
    const statuses = [
      (await send(form)).status,
      (await send(MARK, { "content-type": `multipart/form-data; boundary=${MARK}` })).status,
      (await send(MARK, { "content-type": MARK, referer: `https://x.invalid/${MARK}`, cookie: MARK })).status,
      (await fetch(`${program.at}/${MARK}?${MARK}`)).status,
      (await fetch(`${program.at}/btp/en/`, { method: "DELETE" })).status,
    ];
    assert.deepEqual(statuses, [303, 303, 303, 404, 405]);
    await stick.carry(known);
  } finally {
    await program.end();
  }
  assert.match(program.said.stdout, /^listening on 127\.0\.0\.1:\d+\n$/);
  assert.equal(program.said.stderr, "");
});

test("behind a socket that outlives it, whoever comes while it restarts waits and is answered", { skip }, async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  free.close();
  const config = join(dir, "handed.toml");
  const text = readFileSync(join(demo, "gateway.toml"), "utf8").replace(
    /^site_dir.*$/m,
    `site_dir = "${join(demo, "gateway-site")}"`,
  );
  const listenOn = (address) => writeFileSync(config, text.replace(/^listen.*$/m, `listen = "${address}"`));
  const command = [join(programs, "hafan-gateway"), "serve", "--config", config];
  const holder = spawn("python3", ["-c", HOLDER, String(port), ...command], { stdio: ["pipe", "pipe", "pipe"] });
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  const start = () => holder.stdin.write("\n");
  try {
    listenOn(`127.0.0.1:${port}`);
    start();
    const first = [await line(), await line()];
    const pid = Number(first.find((one) => /^\d+$/.test(one)));
    assert.ok(first.includes(`listening on 127.0.0.1:${port}`), first.join());
    const ask = () => fetch(`http://127.0.0.1:${port}/btp/en/`);
    assert.equal((await ask()).status, 200);
    process.kill(pid, "SIGTERM");
    assert.equal(await line(), "0");
    const waiting = ask();
    assert.equal(await Promise.race([waiting, new Promise((told) => setTimeout(told, 300, "waits"))]), "waits");
    start();
    assert.equal((await waiting).status, 200);
    const second = [await line(), await line()];
    process.kill(Number(second.find((one) => /^\d+$/.test(one))), "SIGTERM");
    assert.equal(await line(), "0");
    // Another socket than the configuration names.
    listenOn("127.0.0.1:9");
    const refusal = once(holder.stderr, "data");
    start();
    await line();
    assert.equal(await line(), "4");
    assert.match(String((await refusal)[0]), /handed over a socket that is not 127\.0\.0\.1:9/);
  } finally {
    holder.stdin.end();
    await once(holder, "exit");
  }
});

test("through a proxy that passes on who asks nothing is taken", { skip }, async () => {
  for (const [lang, words] of [
    ["en", /tells it who asks/],
    ["cy", /pwy sy.*n gofyn/],
  ]) {
    const form = new FormData();
    form.set("r1", "work");
    const headers = { "X-Forwarded-For": "203.0.113.77" };
    for (const [path, init] of [
      ["", { headers }],
      ["send", { headers, method: "POST", body: form }],
    ]) {
      const answer = await fetch(`${url}/btp/${lang}/${path}`, { ...init, redirect: "manual" });
      const text = await answer.text();
      assert.equal(answer.status, 400);
      assert.match(text, words);
      assert.doesNotMatch(text, /203\.0\.113/);
      const [, styles] = /href="(\/assets\/[^"]+\.css)"/.exec(text);
      assert.equal((await fetch(url + styles, { headers })).status, 200, "the page that says so is styled");
    }
    const leave = await fetch(`${url}/leave`, { headers, redirect: "manual" });
    assert.equal(leave.status, 303, "the way out is open");
  }
});

test("what the gateway passes on has a door of its own at the server", { skip }, async () => {
  const [, door] = /^server = "(.+)"$/m.exec(readFileSync(join(demo, "gateway.toml"), "utf8"));
  const statuses = await Promise.all(
    ["/v1/forces/btp/directory", "/btp/en/", "/log/btp/latest"].map(async (path) => {
      const answer = await fetch(`http://${door}${path}`);
      return answer.status;
    }),
  );
  assert.deepEqual(statuses, [200, 404, 404]);
});

test("nothing of all that was written is in the gateway's memory any more", { skip }, () => {
  const marks = join(dir, "marks.json");
  writeFileSync(marks, JSON.stringify({ marks: [MARK] }));
  const opened = join(dir, "opened.txt");
  writeFileSync(
    opened,
    ["en", "cy"]
      .flatMap((lang) => Object.keys(ROUTES).map((r1) => `${lang}-${r1}`))
      .concat("files")
      .map((name) => readFileSync(join(dir, `read-${name}.txt`)))
      .join("\n"),
  );
  const places = ["store", "pinned", "stick", "gateway-site"].flatMap((name) => ["--in", join(demo, name)]);
  const program = join(programs, "hafan-audit");
  const args = ["canary", "scan", "--marks", marks, ...places, "--process", gateway, "--opened", opened, "--json"];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.deepEqual([status, JSON.parse(stdout || "{}").findings], [0, []], stderr);
  const files = execFileSync("ls", ["-l", `/proc/${gateway}/fd`], { encoding: "utf8" });
  assert.doesNotMatch(files, / -> \/(?!dev\/null|dev\/pts)/, "it holds no file open");
});
