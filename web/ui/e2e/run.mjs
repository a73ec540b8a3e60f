// The page in a real browser against a real service: BASE_URL, with the sample corpus in it.
// Prints a line per check and "N passed, M failed"; screenshots go to SCREENSHOTS.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

const base = process.env.BASE_URL;
const question = process.env.FIRST_QUESTION ?? "How does Terroir prove an answer?";
const screenshots = process.env.SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", colorScheme: "light", reducedMotion: "reduce", bypassCSP: true });
const page = await context.newPage();
page.setDefaultTimeout(60_000);
const complaints = [];
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message.split("\n").slice(0, 4).join(" ")}`);
  }
  await shoot(name);
}

async function shoot(name) {
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name.replaceAll(" ", "-")}.png`) }).catch(() => {});
}

function expect(truth, message) {
  if (!truth) throw new Error(message);
}

/** Zero serious accessibility violations on what is shown. */
async function accessible() {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
  expect(serious.length === 0, serious.map((violation) => `${violation.id}: ${violation.nodes[0]?.html}`).join("; "));
}

async function openCitation() {
  await page.locator("[data-citation]").first().click();
  await page.getByRole("dialog").waitFor();
  await page.locator("[data-highlight]").first().waitFor();
}

async function ask(text) {
  await page.goto(`${base}/#/`);
  await page.reload();
  await page.locator("#question").fill(text);
  await page.keyboard.press("Enter");
  await page.locator("article .foot").last().waitFor();
}

await check("empty", async () => {
  await page.goto(base);
  await page.locator("footer").getByText("Terroir 0.").waitFor();
  await accessible();
});

await check("answer", async () => {
  await ask(question);
  await page.locator("[data-citation] .yes").first().waitFor();
  await accessible();
});

await check("citation", async () => {
  await openCitation();
  await accessible();
  await shoot("open citation");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

await check("citation in a PDF", async () => {
  await ask(process.env.PDF_QUESTION ?? "What happens to a file that crashes its parser?");
  await page.locator("[data-citation]", { hasText: "Handbook" }).first().click();
  await page.locator("canvas").waitFor();
  await page.locator(".mark").first().waitFor();
  await accessible();
  await shoot("open citation in a PDF");
  await page.keyboard.press("Escape");
});

await check("abstention", async () => {
  await ask("What is the capital of Mongolia?");
  await page.locator(".abstained").waitFor();
  await accessible();
});

const folder = mkdtempSync(join(tmpdir(), "terroir-page-"));
const name = `storks-${Date.now()}.txt`;
writeFileSync(join(folder, name), `The storks of Quittebeuf return on the ${Date.now()}th day of their journey.`);

await check("library", async () => {
  await page.goto(`${base}/#/library`);
  await page.locator("input[type=file]").first().setInputFiles(join(folder, name));
  await page.locator(`[data-document="${name}"][data-status="ready"]`).waitFor();
  await accessible();
});

await check("failure", async () => {
  const broken = join(folder, "broken.pdf");
  writeFileSync(broken, "%PDF-1.7\nnothing of a PDF follows");
  await page.locator("input[type=file]").first().setInputFiles(broken);
  await page.locator(`[data-document="broken.pdf"][data-status="failed"]`).waitFor();
});

const held = `held-${Date.now()}.txt`;

await check("queue", async () => {
  // Nothing waits: the button is not there, so the whole queue is paused as a program would.
  await page.request.post(`${base}/api/v1/queue/pause`);
  writeFileSync(join(folder, held), `A note that waits, number ${Date.now()}.`);
  await page.locator("input[type=file]").first().setInputFiles(join(folder, held));
  await page.locator("[data-queue=paused]").waitFor();
  const row = page.locator(`[data-document="${held}"]`);
  await row.locator("[data-action=pause]").click();
  await row.locator("[data-action=resume]").click();
  await accessible();
  await shoot("queue paused");
  await row.locator("[data-action=cancel]").click();
  await row.locator("[data-action=retry]").click();
  await page.locator("[data-steer]").click();
  await page.locator(`[data-document="${held}"][data-status="ready"]`).waitFor();
  await page.locator("[data-queue]").waitFor({ state: "detached" });
});

await check("search", async () => {
  await page.goto(`${base}/#/search`);
  await page.locator("input[type=search]").fill("storks of Quittebeuf");
  await page.keyboard.press("Enter");
  await page.locator("li mark").first().waitFor();
  expect((await page.locator("ol > li").first().textContent()).includes("Quittebeuf"), "the uploaded file is not first");
  await accessible();
});

await check("filters", async () => {
  await page.goto(`${base}/#/search`);
  await page.locator("input[type=search]").fill("documents");
  await page.keyboard.press("Enter");
  await page.locator("ol > li h2").first().waitFor();
  // By keyboard: open, and choose the first value.
  await page.locator("[data-filters]:visible").focus();
  await page.keyboard.press("Enter");
  await page.locator('[data-facet="type"] [data-value="pdf"]:visible').waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.locator('[data-facet] [aria-pressed="true"]:visible').waitFor();
  await page.locator("[data-clear]:visible").click();
  expect(await page.evaluate(() => document.activeElement?.hasAttribute("data-filters")), "the focus is lost with the chip");
  await page.locator('[data-facet="type"] [data-value="pdf"]:visible').click();
  await page.waitForFunction(() => {
    const titles = [...document.querySelectorAll("ol > li h2")].map((title) => title.textContent ?? "");
    return titles.length > 0 && titles.every((title) => title.includes(".pdf"));
  });
  // The other types are counted as before, so that the filter can be widened.
  const text = page.locator('[data-facet="type"] [data-value="text"]:visible');
  expect(!(await text.textContent()).includes(" 0 "), "what a filter leaves out is not counted");
  await accessible();
  await shoot("filters open");
  // It holds for questions too, and says so.
  await page.goto(`${base}/#/`);
  await page.locator('[data-chosen="type"]:visible').waitFor();
  await page.locator("#question").fill(question);
  await page.keyboard.press("Enter");
  await page.locator("article .within").last().waitFor();
  await page.locator("article .foot").last().waitFor();
  const quoted = await page.locator("article").last().locator("[data-citation]").allTextContents();
  expect(quoted.every((citation) => citation.includes(".pdf")), `an answer is not from the PDF: ${quoted}`);
  await accessible();
  await page.locator("[data-clear]:visible").click();
  await page.locator("[data-chosen]").first().waitFor({ state: "detached" });
});

await check("similar documents", async () => {
  await page.goto(`${base}/#/search`);
  await page.locator("input[type=search]").fill("documents");
  await page.keyboard.press("Enter");
  await page.locator("ol > li > a:visible").first().click();
  await page.getByRole("dialog").waitFor();
  const before = page.url();
  await page.locator("[data-similar] summary").click();
  await page.locator("[data-similar] li a").first().waitFor();
  await accessible();
  await shoot("similar documents open");
  await page.locator("[data-similar] li a").first().click();
  await page.waitForFunction((url) => location.href !== url, before);
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

await check("removal", async () => {
  await page.goto(`${base}/#/library`);
  for (const file of [name, "broken.pdf", held]) {
    const row = page.locator(`[data-document="${file}"]`);
    await row.locator("[data-remove]").click();
    await row.locator("[data-confirm]").click();
    await row.waitFor({ state: "detached" });
  }
});

await check("sources", async () => {
  await page.goto(`${base}/#/sources`);
  await page.locator("[data-add-source]").click();
  for (const kind of ["bucket", "git", "site", "folder"]) {
    await page.locator(`[data-kind="${kind}"]`).click();
    await accessible();
  }
  // A folder that nobody allowed is refused, with what to do.
  await page.locator("input[name=path]").fill("/etc");
  await page.locator("[data-check]").click();
  await page.getByRole("alert").getByText("[sources]").waitFor();
  await page.keyboard.press("Escape");
  // The service's own description, as a site of one page.
  await page.locator("[data-add-source]").click();
  await page.locator('[data-kind="site"]').click();
  await page.locator("textarea[name=urls]").fill(`${base}/openapi.json`);
  await page.locator("[data-check]").click();
  await page.locator("[data-checked]").waitFor();
  await page.locator("input[name=name]").fill("description");
  await page.locator("[data-add]").click();
  const row = page.locator('[data-source="description"]');
  await row.getByText("1 added").waitFor();
  await accessible();
  await shoot("a source");
  await row.locator('[data-action="pause"]').click();
  await page.locator('[data-source="description"][data-state="paused"]').waitFor();
  await row.locator('[data-action="remove"]').click();
  await row.locator("[data-confirm]").click();
  await row.waitFor({ state: "detached" });
});

await check("follow up", async () => {
  await ask(question);
  await page.locator("#question").fill("And how is it checked?");
  await page.keyboard.press("Enter");
  await page.locator("[data-understood]").waitFor();
  await page.locator("article .foot").nth(1).waitFor();
  await accessible();
  await page.locator("[data-new-conversation]").click();
  expect((await page.locator("article").count()) === 0, "the conversation is still there");
});

await check("quality", async () => {
  await page.goto(`${base}/#/quality`);
  await page.locator("[data-propose]").click();
  await page.locator('[data-question="proposed"]').first().waitFor();
  await page.locator('[data-question="proposed"] [data-action="keep"]').first().click();
  await page.locator('[data-confirmed="1"]').waitFor();
  await page.locator("[data-build-set] input").fill("96");
  await page.locator("[data-build-set] button").click();
  await page.locator('[data-set="beside"] [data-action="compare"]').click();
  await page.locator('[data-comparison="not_measured"]').waitFor();
  await accessible();
  await shoot("quality compared");
  await page.locator('[data-set="beside"] [data-action="use"]').click();
  await page.locator("dialog[open] [data-confirm]").click();
  await page.locator('[data-set="in_use"]').getByText("96").waitFor();
  await page.locator('[data-set="kept"] [data-action="drop"]').click();
  await page.locator('[data-set="kept"]').waitFor({ state: "detached" });
});

await check("access", async () => {
  const [user, group, others] = ["anna", "staff", "board"].map((word) => `${word}-${Date.now()}`);
  let key = "";
  const { items } = await (await page.request.get(`${base}/api/v1/documents?status=ready&limit=1`)).json();
  // As a program of hers would.
  const asUser = async () => (await fetch(`${base}/api/v1/documents/${items[0].id}`, { headers: { Authorization: `Bearer ${key}` } })).status;
  await page.goto(`${base}/#/access`);
  const add = async () => {
    await page.locator("[data-add-user]").click();
    await page.locator("dialog[open] input[name=name]").fill(user);
    await page.locator("dialog[open] input[name=groups]").fill(group);
    await page.locator("dialog[open] [data-save]").click();
  };
  await add();
  const row = page.locator(`[data-user="${user}"]`);
  await row.getByText(group).waitFor();
  // The same name again would change the user who has it.
  await add();
  await page.locator("dialog[open]").getByRole("alert").waitFor();
  await page.keyboard.press("Escape");

  await row.locator("[data-keys]").click();
  await page.locator("dialog[open] input[name=label]").fill("laptop");
  await page.keyboard.press("Enter");
  key = await page.locator("dialog[open] [data-drawn]").textContent();
  await accessible();
  await shoot("a drawn key");
  await page.locator("dialog[open] [data-close]").click();
  await page.waitForFunction((drawn) => !document.documentElement.outerHTML.includes(drawn), key, { timeout: 2000 });
  const kept = await page.evaluate((drawn) => JSON.stringify({ ...localStorage, ...sessionStorage }).includes(drawn), key);
  expect(!kept, "the browser keeps the key");
  expect((await asUser()) === 404, "a user reads what no list opens");

  const collection = page.locator(`[data-collection="${items[0].collection}"]`);
  await collection.locator("input").fill("everybody:here");
  await page.keyboard.press("Enter");
  await collection.getByRole("alert").waitFor();
  expect((await collection.locator("input").inputValue()) === "everybody:here", "what was refused is lost");
  // The name alone is enough where one reader has it.
  await collection.locator("input").fill(group);
  await page.keyboard.press("Enter");
  const entry = collection.locator(`[data-reader="group:${group}"]`);
  await entry.waitFor();
  await accessible();
  await shoot("access lists");
  expect((await asUser()) === 200, "a reader of the collection does not read its document");

  await page.goto(`${base}/#/library`);
  await page.locator(`[data-document="${items[0].file_name}"] [data-readers]`).first().click();
  const dialog = page.locator("dialog[open]");
  const ask = async (answer) => {
    await dialog.locator("[data-why] input").fill(user);
    await page.keyboard.press("Enter");
    await dialog.locator(`[data-may-read="${answer}"]`).waitFor();
  };
  await ask(true);
  await dialog.locator('[data-narrowed="false"]').waitFor();
  await dialog.locator("input").first().fill(`group:${others}`);
  await page.keyboard.press("Enter");
  await dialog.locator('[data-narrowed="true"]').waitFor();
  await ask(false);
  await dialog.getByText(`group ${others}. ${user} is none of these.`).waitFor();
  await accessible();
  await shoot("a document narrowed");
  expect((await asUser()) === 404, "who is shut out reads the document");
  await dialog.locator("[data-give-back]").click();
  await dialog.locator('[data-narrowed="false"]').waitFor();
  await ask(true);
  expect((await asUser()) === 200, "the document was given back, and is not read");
  await dialog.locator("[data-close]").click();

  await page.goto(`${base}/#/access`);
  await entry.getByRole("button").click();
  await entry.waitFor({ state: "detached" });
  await row.locator("[data-keys]").click();
  await page.locator("dialog[open] [data-revoke]").click();
  await page.locator("dialog[open] dialog[open] [data-confirm]").click();
  await page.locator('dialog[open] [data-key="laptop"]').waitFor({ state: "detached" });
  expect((await asUser()) === 401, "a revoked key is let in");
  await page.locator("dialog[open] [data-close]").click();
  await row.locator("[data-remove]").click();
  await page.locator("dialog[open] [data-confirm]").click();
  await row.waitFor({ state: "detached" });
});

await check("French", async () => {
  await page.locator("[data-language]").click();
  await page.getByText("Rien ne quitte cette machine.").waitFor();
  expect((await page.locator("html").getAttribute("lang")) === "fr", "lang is not fr");
  await ask("Que se passe-t-il quand les documents ne contiennent pas assez d'éléments ?");
  await accessible();
});

await check("dark", async () => {
  await page.locator("[data-theme]").click();
  expect(await page.evaluate(() => document.documentElement.classList.contains("dark")), "the page is not dark");
  await page.waitForTimeout(400);
  await accessible();
});

await check("narrow", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const view of ["sources", "library", "search", "quality", "access", ""]) {
    await page.goto(`${base}/#/${view}`);
    await page.waitForTimeout(300);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow <= 0, `#/${view} is ${overflow} pixels too wide`);
    await shoot(`narrow ${view || "ask"}`);
  }
  await page.goto(`${base}/#/search`);
  await page.locator("[data-filters]:visible").click();
  await page.locator("[data-facet]:visible").first().waitFor();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow <= 0, `the filters are ${overflow} pixels too wide`);
  await shoot("narrow filters");
  await page.goto(`${base}/#/`);
  await openCitation();
});

await check("console", async () => {
  const real = complaints.filter((text) => !/status of (400|403|404)/.test(text));
  expect(real.length === 0, real.join(" | "));
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
