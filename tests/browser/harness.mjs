// Opens pages in Debian's headless Chromium and says what is wrong with them.
//
//   const browser = await launch();
//   const view = await browser.open(url, { width: 390, scheme: "dark" });   // a fresh profile each time
//   view.page                       Playwright's page
//   view.problems()                 console errors, page errors and requests that the page may not make
//   await view.accessibility()      violations that axe-core finds, as lines of text
//   await view.sideScroll()         how many pixels the page is wider than the window
//   await view.screenshot(path)
//   await view.close()
//   await browser.close();
//
//   const run = checks();
//   await run.check("a sentence that must hold", async () => { … });   // throws when it does not
//   run.done();                     // says how many held; exit code 1 when one did not
//
// node_modules stands in the folder that BURNDOWN_BROWSER names (npm ci with the lock file beside this one);
// BURNDOWN_CHROMIUM names another Chromium than /usr/bin/chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.BURNDOWN_BROWSER;
assert.ok(folder, "BURNDOWN_BROWSER must name the folder that holds node_modules");
const required = createRequire(pathToFileURL(join(resolve(folder), "here.js")));
const { chromium } = required("playwright-core");
const axeSource = readFileSync(required.resolve("axe-core/axe.min.js"), "utf8");

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Rules of axe-core that count: WCAG 2.2 A and AA, and its best practices. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** A file as a URL; anything that is a URL already stays one. */
export const address = (place) => (/^[a-z]+:\/\//.test(place) ? place : pathToFileURL(resolve(place)).href);

/** Starts Chromium without a window. */
export async function launch() {
  const browser = await chromium.launch({
    executablePath: process.env.BURNDOWN_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ARGUMENTS,
  });
  return { open: (place, options) => open(browser, place, options), close: () => browser.close() };
}

/**
 * Opens a page in a profile of its own.
 *
 * width, height   the window
 * scheme          "light" or "dark"
 * script          false for a reader without JavaScript
 * media           "print" for the page as it is printed
 * clipboard       false refuses the clipboard to the page
 * mayLoad         the requests beside the page itself that are no problem: (url) => boolean
 */
async function open(browser, place, options = {}) {
  const url = address(place);
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 900 },
    colorScheme: options.scheme ?? "light",
    javaScriptEnabled: options.script ?? true,
    permissions: (options.clipboard ?? true) ? ["clipboard-read", "clipboard-write"] : [],
  });
  const problems = [];
  const mayLoad = options.mayLoad ?? (() => false);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  page.on("request", (request) => {
    const to = request.url();
    const inside = to.split("#")[0] === url.split("#")[0] || to.startsWith("data:");
    if (!inside && !mayLoad(to)) problems.push(`request: ${to}`);
  });
  if (options.media) await page.emulateMedia({ media: options.media, colorScheme: options.scheme ?? "light" });
  await page.goto(url, { waitUntil: "load" });
  return {
    page,
    problems: () => problems.slice(),
    accessibility: () => accessibility(page),
    sideScroll: () =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    screenshot: (path, whole = true) => page.screenshot({ path, fullPage: whole }),
    close: () => context.close(),
  };
}

/** What axe-core finds, one line for each rule: how bad, which, where. */
async function accessibility(page) {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(axeSource);
  const found = await page.evaluate(
    // Further rows of a long table are like its first, and the places of a chart like each other; thousands of
    // nodes take a minute.
    (rules) => globalThis.axe.run({ exclude: ["tbody tr:nth-child(n+9)", "svg .spots"] }, { runOnly: { type: "tag", values: rules } }),
    RULES,
  );
  return found.violations.map((violation) => {
    const where = violation.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} (${node.failureSummary?.split("\n")[1]?.trim()})`);
    return `${violation.impact} ${violation.id}: ${violation.help}; ${violation.nodes.length} × ${where.join("; ")}`;
  });
}

/** Runs checks one after the other; every one runs, whatever became of the one before. */
export function checks() {
  const failed = [];
  let held = 0;
  return {
    async check(sentence, body) {
      try {
        await body();
        held += 1;
        console.log(`ok: ${sentence}`);
      } catch (error) {
        failed.push(sentence);
        console.log(`FAILED: ${sentence}\n  ${String(error?.message ?? error).split("\n").slice(0, 12).join("\n  ")}`);
      }
    },
    done() {
      console.log(`${held} checks held, ${failed.length} did not`);
      process.exitCode = failed.length === 0 ? 0 : 1;
    },
  };
}
