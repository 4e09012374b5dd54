// report.html as a reader meets it: node report.mjs FOLDER, where FOLDER was written by `burndown plan --out`.

import assert from "node:assert/strict";
import { join } from "node:path";
import { checks, launch } from "./harness.mjs";

const folder = process.argv[2];
const report = join(folder, "report.html");
const run = checks();
const browser = await launch();

for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    await run.check(`at ${width} pixels, ${scheme}, the page is quiet, accessible and no wider than the window`, async () => {
      const view = await browser.open(report, { width, scheme });
      assert.deepEqual(await view.accessibility(), []);
      assert.equal(await view.sideScroll(), 0);
      assert.deepEqual(view.problems(), []);
      await view.close();
    });
  }
}

await browser.close();
run.done();
