// report.html as a reader meets it: node report.mjs FOLDER, where FOLDER was written by `burndown plan --out`.
// With SCREENSHOTS=DIR it leaves pictures of every part there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checks, launch } from "./harness.mjs";

const folder = process.argv[2];
const report = join(folder, "report.html");
const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8"));
const run = checks();
const browser = await launch();
const pictures = process.env.SCREENSHOTS;

const PARTS = ["overview", "spend", "backends", "capacity", "uncertainty", "evidence"];

/** Dollars as the report spells them: an own reading of the rule, not the page's. */
function dollars(usd) {
  const size = Math.abs(usd);
  const text = size > 0 && size < 10 ? size.toFixed(2) : Math.round(size).toLocaleString("en-US");
  return `${usd < 0 ? "-" : ""}$${text}`;
}

function share(value) {
  const percent = value * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "< 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const open = (options) => browser.open(report, options);
const shown = (view) => view.page.locator("section.part:not([hidden])").evaluateAll((parts) => parts.map((part) => part.id));

/** What the first pool's slider says. */
async function outcome(pool) {
  const read = (name) => pool.locator(`.chooser .${name}`).first().textContent();
  return {
    gsu: await read("gsu"),
    total: await read("total"),
    saving: await read("saving"),
    fees: await read("fees"),
    paygo: await read("paygo"),
    left: await read("left"),
  };
}

/** What plan.json says of a pool at a count and a term. */
function expected(pool, gsu, term) {
  const row = pool.curve.find((other) => other.gsu === gsu);
  const fees = gsu * pool.terms[term].usd_per_gsu_month;
  const total = row.paygo_usd_per_month + fees;
  return {
    gsu: gsu.toLocaleString("en-US"),
    total: dollars(total),
    saving: dollars(pool.paygo_usd_per_month - total),
    fees: dollars(fees),
    paygo: dollars(row.paygo_usd_per_month),
    left: share(row.left.tokens),
  };
}

for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    const view = await open({ width, scheme });
    await run.check(`at ${width} pixels, ${scheme}, one part shows at a time, none wider than the window`, async () => {
      for (const part of PARTS) {
        await view.page.locator(`#tab-${part}`).click();
        assert.deepEqual(await shown(view), [part]);
        assert.equal(await view.sideScroll(), 0, part);
        if (pictures) await view.screenshot(join(pictures, `${part}-${width}-${scheme}.png`));
      }
    });
    await run.check(`at ${width} pixels, ${scheme}, every part is accessible`, async () => {
      // All at once: axe-core walks the whole page for each part.
      await view.page.locator("section.part").evaluateAll((parts) => parts.forEach((part) => ["hidden", "aria-hidden"].forEach((name) => part.removeAttribute(name))));
      assert.deepEqual(await view.accessibility(), []);
    });
    await run.check(`at ${width} pixels, ${scheme}, nothing complains and nothing is asked of the network`, async () => {
      assert.deepEqual(view.problems(), []);
    });
    await view.close();
  }
}

await run.check("the tabs are accessible as tabs", async () => {
  const view = await open({});
  assert.equal(await view.page.getByRole("tab").count(), PARTS.length);
  assert.equal(await view.page.getByRole("tabpanel").count(), 1);
  assert.deepEqual(await view.accessibility(), []);
  await view.close();
});

await run.check("the slider's numbers are those of the plan, at every count that is tried and at every term", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  const pools = view.page.locator("section.pool");
  assert.equal(await pools.count(), plan.gsu.pools.length);
  for (const [index, pool] of plan.gsu.pools.entries()) {
    const section = pools.nth(index);
    const slider = section.locator("input[type=range]");
    const costed = pool.curve.filter((row) => row.paygo_usd_per_month !== null);
    assert.equal(Number(await slider.getAttribute("max")), costed.length - 1);
    const places = [0, 1, Math.floor(costed.length / 3), costed.length - 1];
    const seen = new Set();
    for (let term = 0; term < pool.terms.length; term += 1) {
      await section.locator(".terms input").nth(term).check();
      for (const place of places) {
        await slider.fill(String(place));
        const found = await outcome(section);
        assert.deepEqual(found, expected(pool, costed[place].gsu, term));
        seen.add(JSON.stringify(found));
      }
    }
    // At no GSU all terms cost the same; everywhere else each differs.
    assert.equal(seen.size, 1 + pool.terms.length * (places.length - 1));
  }
  await view.close();
});

await run.check("the slider starts at the cheapest, arrow keys move it, and it says its value", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  for (const [index, pool] of plan.gsu.pools.entries()) {
    const section = view.page.locator("section.pool").nth(index);
    const best = pool.terms.reduce((a, b) => (b.usd_per_month < a.usd_per_month ? b : a));
    const found = await outcome(section);
    const term = await section.locator(".terms input").evaluateAll((all) => all.findIndex((radio) => radio.checked));
    assert.deepEqual(found, expected(pool, best.gsu, term));
    assert.equal(found.total, dollars(best.usd_per_month));
    const slider = section.locator("input[type=range]");
    await slider.focus();
    await view.page.keyboard.press("ArrowRight");
    const next = pool.curve[pool.curve.findIndex((row) => row.gsu === best.gsu) + 1];
    assert.equal((await outcome(section)).gsu, String(next.gsu));
    assert.match(await slider.getAttribute("aria-valuetext"), new RegExp(`^${next.gsu} GSU for .* a month`));
  }
  await view.close();
});

await run.check("a button takes the slider to the form's count, and the outcome is the table's", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  const pool = plan.gsu.pools[0];
  const section = view.page.locator("section.pool").first();
  const last = pool.terms.length - 1;
  await section.locator(".terms input").nth(last).check();
  await section.locator(".marks button", { hasText: "Google's form" }).click();
  const found = await outcome(section);
  assert.equal(found.gsu, String(pool.sizing.gsu));
  assert.equal(found.total, dollars(pool.terms[last].form_total_usd_per_month));
  assert.match(await view.page.locator("#said").textContent(), /GSU for/);
  const rows = await view.page.locator("table[data-table=gsu_terms] tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.equal(found.total, rows[last].at(-1));
  await view.close();
});

await run.check("a table sorts by number, by words, back again, and by the keyboard", async () => {
  const view = await open({});
  await view.page.locator("#tab-backends").click();
  const table = view.page.locator("table[data-table=placements]");
  const column = async (at) => table.locator("tbody tr").evaluateAll((rows, at) => rows.map((row) => row.cells[at].textContent), at);
  const captions = await table.locator("thead th").allTextContents();
  const at = captions.indexOf("USD per month");
  const before = await column(at);
  const head = table.locator("thead th").nth(at);
  await head.locator("button").click();
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  const number = (text) => Number(text.replace(/[$,]/g, ""));
  const rising = await column(at);
  const numbers = rising.filter((text) => text !== "–").map(number);
  assert.ok(numbers.length > 3);
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  assert.deepEqual(rising.slice(numbers.length).filter((text) => text !== "–"), [], "what has no number comes last");
  await head.locator("button").focus();
  await view.page.keyboard.press("Enter");
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  assert.deepEqual((await column(at)).filter((text) => text !== "–").map(number), [...numbers].sort((a, b) => b - a));
  await view.page.keyboard.press("Enter");
  assert.deepEqual(await column(at), before);
  await table.locator("thead th button").first().click();
  const words = await column(0);
  assert.deepEqual(words, [...words].sort((a, b) => a.toLowerCase().localeCompare(b.toLowerCase())));
  await view.close();
});

await run.check("a field of the form is copied", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  const row = view.page.locator("section.pool table.form tbody tr").nth(1);
  await row.locator("button.copy").click();
  const entry = await row.locator(".entry").textContent();
  assert.equal(await view.page.evaluate(() => navigator.clipboard.readText()), entry);
  assert.equal(await row.locator("button.copy").textContent(), "Copied");
  assert.match(await view.page.locator("#said").textContent(), /copied/);
  await view.close();
});

await run.check("without a clipboard a field is copied by selection, and without that it is selected", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  await view.page.evaluate(() => {
    Object.defineProperty(navigator, "clipboard", { value: { writeText: () => Promise.reject(new Error("refused")) } });
    globalThis.asked = [];
    document.execCommand = (what) => { globalThis.asked.push([what, document.activeElement.value]); return globalThis.asked.length === 1; };
  });
  const row = view.page.locator("section.pool table.form tbody tr").first();
  const entry = await row.locator(".entry").textContent();
  const button = row.locator("button.copy");
  await button.click();
  assert.deepEqual(await view.page.evaluate(() => globalThis.asked), [["copy", entry]]);
  assert.equal(await button.textContent(), "Copied");
  await button.click();
  await view.page.waitForFunction(() => document.querySelector("#said").textContent.includes("Ctrl+C"));
  assert.equal(await view.page.evaluate(() => getSelection().toString()), entry);
  assert.deepEqual(view.problems(), []);
  await view.close();
});

await run.check("arrow keys walk over the tabs, and an address opens the part that it points into", async () => {
  const view = await open({});
  await view.page.locator("#tab-overview").focus();
  await view.page.keyboard.press("ArrowRight");
  assert.deepEqual(await shown(view), ["spend"]);
  await view.page.keyboard.press("End");
  assert.deepEqual(await shown(view), ["evidence"]);
  await view.page.evaluate(() => { location.hash = "#gsu_sizes"; });
  await view.page.waitForFunction(() => !document.querySelector("#capacity").hasAttribute("hidden"));
  assert.deepEqual(await shown(view), ["capacity"]);
  const source = view.page.locator("a[href^='#source-']").first();
  await view.page.locator("#tab-backends").click();
  await source.click();
  assert.deepEqual(await shown(view), ["evidence"]);
  await view.close();
});

await run.check("values on a chart show under the pointer and by arrow keys", async () => {
  const view = await open({});
  await view.page.locator("#tab-spend").click();
  const chart = view.page.locator("#chart-monthly-spend");
  await chart.focus();
  await view.page.keyboard.press("ArrowRight");
  const value = chart.locator(".value");
  const first = await value.textContent();
  assert.ok(first.includes(plan.months[0]) && first.includes(dollars(plan.bill.by_month[0].mean)), first);
  assert.match(await view.page.locator("#said").textContent(), /\$/);
  await chart.locator(".spots rect").nth(2).hover();
  const third = await value.textContent();
  assert.ok(third.includes(plan.months[2]) && third.includes(dollars(plan.bill.by_month[2].p95)), third);
  await view.close();
});

for (const width of [390, 360]) {
  await run.check(`at ${width} pixels charts are drawn narrow, with letters of 10 pixels and more, and nothing in them scrolls`, async () => {
    const view = await open({ width });
    const found = await view.page.evaluate(() => {
      document.querySelectorAll("section.part").forEach((part) => part.removeAttribute("hidden"));
      return [...document.querySelectorAll("figure.chart")].map((figure) => {
        const texts = [...figure.querySelectorAll("text")].filter((text) => text.getClientRects().length > 0);
        const size = (text) => parseFloat(text.getAttribute("font-size")) * text.getScreenCTM().a;
        return {
          name: figure.id,
          texts: texts.length,
          least: Math.min(...texts.map(size)),
          wide: figure.querySelector(".wide").getClientRects().length,
          scrolls: figure.scrollWidth > figure.clientWidth,
        };
      });
    });
    assert.ok(found.length > 5);
    for (const chart of found) {
      assert.ok(chart.texts > 4 && chart.wide === 0 && !chart.scrolls, JSON.stringify(chart));
      assert.ok(chart.least >= 10, JSON.stringify(chart));
    }
    assert.equal(await view.sideScroll(), 0);
    await view.close();
  });
}

await run.check("values on a narrow chart show by arrow keys, too", async () => {
  const view = await open({ width: 390 });
  await view.page.locator("#tab-spend").click();
  const chart = view.page.locator("#chart-monthly-spend");
  await chart.focus();
  await view.page.keyboard.press("ArrowRight");
  const first = await chart.locator(".value").textContent();
  assert.ok(first.includes(dollars(plan.bill.by_month[0].mean)), first);
  assert.equal(await chart.locator(".narrow .spots rect.on").count(), 1);
  await view.close();
});

await run.check("a number that is touched says where it stands in plan.json, and stands there", async () => {
  const view = await open({});
  const at = (pointer) => pointer.split("/").slice(1).reduce((value, key) => value?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], plan);
  for (const [part, table] of [["spend", "months"], ["backends", "placements"], ["capacity", "gsu_terms"], ["uncertainty", "outlook"]]) {
    await view.page.locator(`#tab-${part}`).click();
    const cells = view.page.locator(`table[data-table=${table}] td[data-at]`);
    const count = await cells.count();
    assert.ok(count > 4, table);
    for (const index of [0, Math.floor(count / 2), count - 1]) {
      const cell = cells.nth(index);
      await cell.click();
      const pointer = await cell.getAttribute("data-at");
      assert.equal(await view.page.locator(".value.home").textContent(), `burndown explain plan.json ${pointer}`);
      const text = (await cell.textContent()).trim();
      const number = Number(at(pointer));
      assert.ok(Number.isFinite(number), pointer);
      if (text.startsWith("$") && number >= 10) assert.equal(text, dollars(number), pointer);
      await view.page.keyboard.press("Escape");
      assert.equal(await view.page.locator(".value.home").count(), 0);
    }
  }
  assert.deepEqual(view.problems(), []);
  await view.close();
});

await run.check("on paper every part, table, chart and warning can be seen, and nothing to press", async () => {
  const view = await open({ width: 794, media: "print", scheme: "dark" });
  const seen = await view.page.evaluate(() => {
    const tall = (selector) => [...document.querySelectorAll(selector)].map((node) => node.checkVisibility({ contentVisibilityAuto: true }) && node.getBoundingClientRect().height > 10);
    const every = (selector) => { const found = tall(selector); return found.length > 0 && found.every(Boolean); };
    return {
      parts: tall("section.part"),
      tables: every("section.part table"),
      charts: every("figure.chart .wide svg"),
      warnings: every("ul.warnings li"),
      buttons: tall(".marks button, button.copy, nav").some(Boolean),
      ink: getComputedStyle(document.body).color,
    };
  });
  assert.deepEqual(seen, { parts: PARTS.map(() => true), tables: true, charts: true, warnings: true, buttons: false, ink: "rgb(0, 0, 0)" });
  assert.equal(await view.sideScroll(), 0);
  if (pictures) await view.page.pdf({ path: join(pictures, "print.pdf"), format: "A4" });
  await view.close();
});

await run.check("without scripts it is one readable document", async () => {
  const view = await open({ script: false });
  for (const part of PARTS) {
    assert.ok(await view.page.locator(`#${part}`).isVisible(), part);
    assert.ok(await view.page.locator(`nav a[href="#${part}"]`).isVisible(), part);
  }
  assert.equal(await view.page.locator("button.copy:visible, .chooser:visible").count(), 0);
  assert.equal(await view.page.locator("#summary p").count(), 3);
  await view.close();
});

await run.check("a replaced main is fitted out again and keeps the part, the term and the count", async () => {
  const view = await open({});
  await view.page.locator("#tab-capacity").click();
  const section = view.page.locator("section.pool").first();
  await section.locator(".terms input").first().check();
  await section.locator("input[type=range]").fill("3");
  const before = await outcome(section);
  await view.page.evaluate(() => {
    const fresh = document.querySelector("main").cloneNode(true);
    // As it came: no roles, nothing hidden, nothing chosen.
    for (const node of fresh.querySelectorAll("[role=tab], [role=tabpanel], [role=tablist]")) node.removeAttribute("role");
    for (const node of fresh.querySelectorAll("section.part")) ["hidden", "aria-hidden"].forEach((name) => node.removeAttribute(name));
    for (const button of fresh.querySelectorAll("th button")) button.replaceWith(...button.childNodes);
    for (const radio of fresh.querySelectorAll("input[type=radio]")) radio.checked = radio.defaultChecked;
    document.querySelector("main").replaceWith(fresh);
    window.burndown.init(fresh);
  });
  assert.deepEqual(await shown(view), ["capacity"]);
  assert.deepEqual(await outcome(view.page.locator("section.pool").first()), before);
  assert.deepEqual(view.problems(), []);
  await view.close();
});

await run.check("every number that names its place in plan.json stands there", async () => {
  const view = await open({});
  const pointers = await view.page.locator("[data-pointer]").evaluateAll((all) => all.map((node) => node.dataset.pointer));
  assert.ok(pointers.length > 30);
  for (const pointer of pointers) {
    const found = pointer.slice(1).split("/").reduce((value, key) => value?.[key], plan);
    assert.ok(found !== undefined && found !== null && Number.isFinite(Number(found)), pointer);
  }
  await view.close();
});

await browser.close();
run.done();
