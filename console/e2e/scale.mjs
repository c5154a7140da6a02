/** A list of thousands and a thousand apps: what is on the page stays small, everything is reached. */
import { strict as assert } from "node:assert";
import { withBrowser } from "./browser.mjs";

const url = process.env.TRACKPLANE_CONSOLE_URL;
const { events, last } = JSON.parse(process.env.TRACKPLANE_SCENE);

await withBrowser(async (driver) => {
  const { page } = driver;
  await page.goto(url);
  await page.getByLabel(/token/i).first().fill(process.env.TRACKPLANE_TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation").first().waitFor();

  const rows = page.locator(".tp-hits tr[data-row]");
  const seen = new Set();
  let most = 0;
  const look = async () => {
    const shown = await rows.evaluateAll((all) => all.map((row) => row.querySelector("a").textContent));
    most = Math.max(most, shown.length);
    for (const name of shown) seen.add(name);
  };
  await driver.step("the catalogue scrolls to its end with a window of rows", async () => {
    await page.goto(`${url}/events?kind=${encodeURIComponent(JSON.stringify(["event"]))}&app=${encodeURIComponent(JSON.stringify(["huge"]))}&sort=name`);
    await rows.first().waitFor();
    for (let steps = 0; seen.size < events && steps < 2_000; steps += 1) {
      await look();
      await page.evaluate(() => {
        const box = document.querySelector(".tp-hits");
        box.scrollTop += box.clientHeight + 300; // some rows stand beyond each end
      });
      await page.evaluate(() => new Promise((done) => window.requestAnimationFrame(() => window.requestAnimationFrame(done))));
    }
    assert.equal(seen.size, events);
    assert(most <= 60, `${most} rows were on the page`);
  });

  await driver.step("who comes back is where they were, and nothing is read again", async () => {
    const before = await page.evaluate(() => document.querySelector(".tp-hits").scrollTop);
    await rows.nth(10).click();
    await page.waitForURL(/\/events\/huge\//);
    let searches = 0;
    page.on("request", (request) => {
      if (request.url().includes("/api/v1/search")) searches += 1;
    });
    await page.goBack();
    await rows.first().waitFor();
    await page.waitForFunction((top) => Math.abs(document.querySelector(".tp-hits")?.scrollTop - top) < 60, before);
    assert(searches <= 1, `${searches} pages were read again`);
  });

  await driver.step("any of a thousand apps is chosen by typing", async () => {
    await page.goto(`${url}/changes`);
    const box = page.getByLabel("App", { exact: true }).first();
    await box.click();
    await page.getByRole("option").first().waitFor();
    assert((await page.getByRole("option").count()) <= 61);
    await box.fill(last);
    await page.getByRole("option", { name: last }).click();
    await page.waitForURL((at) => at.search.includes(last));
  });
  assert.deepEqual(driver.problems, []);
});
