/** The console of a platform that was just started: every page says what to do, none is blank. */
import { must, withBrowser } from "./browser.mjs";

const base = process.env.TRACKPLANE_CONSOLE_URL;
const token = process.env.TRACKPLANE_TOKEN;
must(base && token, "set TRACKPLANE_CONSOLE_URL and TRACKPLANE_TOKEN");

await withBrowser(async (driver) => {
  const { page } = driver;

  await driver.step("a fresh platform leads to the first event", async () => {
    await page.goto(base);
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Nothing has arrived yet" }).waitFor();
    await page.getByLabel("Name of your first app").fill("try-out");
    await page.getByRole("button", { name: "Make the app" }).click();
    await page.getByRole("button", { name: /Make a write key/ }).click();
    await page.getByText(/Bearer tpk_/).waitFor();
    must((await page.getByText(/Bearer tpk_/).innerText()).includes("/v1/records"), "the line does not send to the collector");
    await page.waitForTimeout(300);
    await driver.accessible("Home, empty");
    await driver.picture("first-steps");
  });

  for (const [path, text] of [
    ["/live", "Nothing has come since you opened this page"],
    ["/rules", "No rules yet"],
    ["/functions", "No functions yet"],
    ["/events", "This app has no plan yet"],
    ["/query", "Run a query to see rows"],
    ["/dirty", "Nothing is dirty"],
  ]) {
    await driver.step(`${path} says what is missing`, async () => {
      await page.locator(`nav a[href="${path}"]`).click();
      await page.getByText(text).waitFor();
      await driver.accessible(`${path}, empty`);
    });
  }

  await driver.step("a page says that the control plane does not answer, and goes on when it does", async () => {
    await page.route("**/api/v1/**", (route) => route.abort());
    await page.locator('nav a[href="/rules"]').click();
    await page.locator('nav a[href="/dirty"]').click();
    await page.reload();
    await page.getByText("The control plane does not answer").first().waitFor();
    await driver.accessible("an error");
    await page.unroute("**/api/v1/**");
    await page.getByRole("button", { name: "Try again" }).first().click();
    await page.getByText("Nothing is dirty").waitFor();
  });

  await driver.step("a token that was revoked leads back to the sign-in", async () => {
    await page.route("**/api/v1/**", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: '{"status":401,"title":"Unauthorized","type":"about:blank"}' }));
    await page.locator('nav a[href="/rules"]').click();
    await page.getByText("Your token is no longer valid").waitFor();
  });

  must(driver.problems.length === 0, `problems on the way:\n${driver.problems.join("\n")}`);
  console.log("the console of an empty platform leads on");
});
