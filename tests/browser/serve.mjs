// `burndown serve company` as a person meets it: node serve.mjs URL FOLDER [SCREENSHOTS].

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checks, launch } from "./harness.mjs";

const [url, folder, screenshots] = process.argv.slice(2);
const run = checks();
const browser = await launch();
const mayLoad = (to) => to.startsWith(url);

/** Opens the page and waits for its first plan. */
const open = async (options) => {
  const view = await browser.open(url, { mayLoad, ...options });
  await settled(view.page, "as in the file");
  return view;
};
const settled = (page, words) =>
  page.waitForFunction((words) => document.getElementById("state").textContent.startsWith(words), words);
const bill = async (page) => Number((await page.textContent("#bill")).replace(/[^0-9.]/g, ""));
const input = (page, field) => page.locator(`[id="i-${field}"]`);
const said = (page, field) => page.locator(`.line[data-field="${field}"] .says`);

for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    await run.check(`at ${width} pixels, ${scheme}, the page is quiet, accessible and no wider than the window`, async () => {
      const view = await open({ width, scheme });
      assert.deepEqual(await view.accessibility(), []);
      assert.equal(await view.sideScroll(), 0);
      assert.deepEqual(view.problems(), []);
      if (screenshots) await view.screenshot(join(screenshots, `serve-${width}-${scheme}.png`), false);
      await view.close();
    });
  }
}

const view = await open({});
const { page } = view;
const first = await bill(page);
// Of many routes only the first is open.
assert.equal(await input(page, "route.1.requests_per_day").isVisible(), false);
await page.getByText("room-designer", { exact: true }).first().click();

await run.check("more requests cost more, and the page says how much", async () => {
  await input(page, "route.1.requests_per_day").fill("8_000");
  await settled(page, "up to date");
  assert.ok((await bill(page)) > first * 1.05, `${await bill(page)} after ${first}`);
  assert.match(await page.textContent("#change"), /^\+\$[0-9,]+, \+[0-9.]+ % against the file$/);
});

await run.check("typing on is answered once, for the last letter", async () => {
  await input(page, "route.1.requests_per_day").fill("");
  await input(page, "route.1.requests_per_day").pressSequentially("4_000", { delay: 40 });
  await page.waitForFunction(() => document.getElementById("change").textContent === "");
  assert.equal(await bill(page), first);
  assert.equal(await input(page, "route.1.requests_per_day").inputValue(), "4_000");
  assert.equal(await page.evaluate(() => document.activeElement.id), "i-route.1.requests_per_day");
});

await run.check("a choice of size, tier, thinking and placement changes the bill", async () => {
  for (const [field, value] of [["output_size", "1K"], ["tier", "batch"], ["thinking_level", "high"]]) {
    const before = await bill(page);
    await input(page, `route.1.${field}`).selectOption(value);
    await page.waitForFunction(
      (before) => Number(document.getElementById("bill").textContent.replace(/[^0-9.]/g, "")) !== before,
      before,
    );
    await settled(page, "up to date");
  }
  await page.locator('[id="i-route.1.placements-vertex:eu"]').check();
  await page.waitForFunction(() => document.getElementById("text").value.includes('placements = ["vertex:eu"]'));
  await settled(page, "up to date");
});

await run.check("a wrong value is told beside its input, and the last report stays", async () => {
  const before = await page.textContent("#report");
  const dollars = await bill(page);
  await input(page, "route.0.growth_per_month").fill("5 %");
  await settled(page, "not computed");
  assert.match(await said(page, "route.0.growth_per_month").textContent(), /cannot use this workload[^]*my\.toml:\d+:\d+[^]*"5 %"/);
  assert.equal(await input(page, "route.0.growth_per_month").getAttribute("aria-invalid"), "true");
  assert.equal(await input(page, "route.0.growth_per_month").inputValue(), "5 %");
  assert.equal(await page.textContent("#report"), before);
  assert.equal(await bill(page), dollars);
  assert.equal(await page.locator("#save").isDisabled(), true);
  assert.deepEqual(await view.accessibility(), []);
  if (screenshots) await view.screenshot(join(screenshots, "serve-wrong.png"), false);
  await input(page, "route.0.growth_per_month").fill("0.05");
  await settled(page, "up to date");
  assert.equal(await said(page, "route.0.growth_per_month").count(), 0);
});

await run.check("an order of GSUs can be tried and taken away", async () => {
  await page.getByRole("button", { name: "Add an order of GSUs" }).click();
  await input(page, "gsu_orders.0.count").waitFor();
  await input(page, "gsu_orders.0.count").fill("12");
  await page.waitForFunction(() => document.getElementById("text").value.includes("count = 12"));
  await settled(page, "up to date");
  await page.getByRole("button", { name: "Take this order away" }).click();
  await input(page, "gsu_orders.0.count").waitFor({ state: "detached" });
  await settled(page, "up to date");
});

await run.check("the text of the file can be edited, and its form follows", async () => {
  await page.locator("#as-text summary").click();
  const text = await page.locator("#text").inputValue();
  await page.locator("#text").fill(text.replace("budget_usd_per_month = 60_000", "budget_usd_per_month = 70_000"));
  await page.waitForFunction(() => document.getElementById("i-budget_usd_per_month").value === "70_000");
  await settled(page, "up to date");
  await page.locator("#text").fill("nmae = 1\n" + text);
  await settled(page, "not computed");
  assert.match(await page.textContent("#problem"), /did you mean `name`\?/);
  await page.locator("#text").fill(text);
  await settled(page, "up to date");
});

await run.check("what changed is shown line by line", async () => {
  await page.locator("#as-change summary").click();
  await page.locator("#difference .plus").first().waitFor();
  const lines = await page.locator("#difference .plus").allTextContents();
  assert.ok(lines.includes('+output_size = "1K"\n'), lines.join(""));
});

await run.check("save as shows the change, refuses what it must, and writes a new file", async () => {
  await page.locator("#save").click();
  assert.equal(await page.locator("#save-name").inputValue(), "my-what-if.toml");
  await page.locator("#save-difference .plus").first().waitFor();
  await page.locator("#save-name").fill("../outside.toml");
  await page.waitForFunction(() => document.getElementById("save-says").textContent.includes("not a plain file name"));
  assert.equal(await page.locator("#save-now").isDisabled(), true);
  assert.deepEqual(await view.accessibility(), []);
  await page.locator("#save-name").fill("from-the-browser.toml");
  await page.waitForFunction(() => !document.getElementById("save-now").disabled);
  if (screenshots) await view.screenshot(join(screenshots, "serve-save.png"), false);
  await page.locator("#save-now").click();
  await settled(page, "saved: ");
  const saved = readFileSync(join(folder, "from-the-browser.toml"), "utf8");
  assert.equal(saved, await page.locator("#text").inputValue());
  assert.match(saved, /^#:schema \S+\n# A company with four kinds of request/);
  assert.match(saved, /max_wait_hours = 72 {7}# a nightly job/);
  writeFileSync(join(folder, "seen.txt"), String(await bill(page)));
});

await run.check("a file that exists is replaced only after a yes", async () => {
  const before = readFileSync(join(folder, "my.toml"), "utf8");
  await page.locator("#save").click();
  await page.locator("#save-name").fill("my.toml");
  await page.locator("#save-confirm").waitFor({ state: "visible" });
  assert.equal(await page.locator("#save-now").isDisabled(), true);
  await page.locator("#save-cancel").click();
  assert.equal(readFileSync(join(folder, "my.toml"), "utf8"), before);
  await page.locator("#save").click();
  await page.locator("#save-name").fill("from-the-browser.toml");
  await page.locator("#save-confirm").check();
  await page.locator("#save-now").click();
  await page.locator("#save-dialog").waitFor({ state: "hidden" });
  assert.ok(existsSync(join(folder, "from-the-browser.toml")));
});

await run.check("undo leads back to the file", async () => {
  await page.locator("#reset").click();
  await settled(page, "as in the file");
  assert.equal(await bill(page), first);
  assert.equal(await page.locator("#text").inputValue(), readFileSync(join(folder, "my.toml"), "utf8"));
  assert.deepEqual(view.problems(), []);
});

await run.check("what has no plan is told where it was asked for", async () => {
  await input(page, "route.1.tier").selectOption("flex");
  await settled(page, "not computed");
  assert.match(await said(page, "route.1.tier").textContent(), /has no placement left[^]*is not offered on tier `flex`/);
  await input(page, "route.1.tier").selectOption("");
  await settled(page, "as in the file");
});

await view.close();
await browser.close();
run.done();
