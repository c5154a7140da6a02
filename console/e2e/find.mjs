/**
 * Finding, understanding and editing what is planned, in Chromium, on a platform with traffic.
 *
 * TRACKPLANE_CONSOLE_URL, TRACKPLANE_TOKEN: the platform. SCREENSHOTS=1: new pictures in docs/screenshots.
 * tests/browser/test_console.py starts the platform, sends events (`checkout_click` without a plan) and calls this.
 */
import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { must, withBrowser } from "./browser.mjs";

const base = process.env.TRACKPLANE_CONSOLE_URL;
const token = process.env.TRACKPLANE_TOKEN;
must(base && token, "set TRACKPLANE_CONSOLE_URL and TRACKPLANE_TOKEN");

const call = async (method, path, body) => {
  const answer = await fetch(`${base}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...(method === "PUT" && { "If-Match": "*" }) }, body: body && JSON.stringify(body) });
  must(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

/** A picture of one colour, as a PNG file. */
function png(width, height, [red, green, blue]) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    let crc = ~0;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    const whole = Buffer.alloc(body.length + 8);
    whole.writeUInt32BE(data.length, 0);
    body.copy(whole, 4);
    whole.writeUInt32BE(~crc >>> 0, body.length + 4);
    return whole;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.concat(Array.from({ length: width }, () => Buffer.from([red, green, blue])))]);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))), chunk("IEND", Buffer.alloc(0))]);
}

await withBrowser(async (driver) => {
  const { page } = driver;
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
  const tab = (name) => page.getByRole("tab", { name }).click();
  const hits = page.getByRole("region", { name: "Catalogue" });
  const search = page.getByPlaceholder("Search names, titles, descriptions, owners, tags, values");
  const status = page.getByTestId("check");
  const source = page.locator('.cm-content[aria-label="Source of the part"]');
  const choose = (group, name) => page.getByRole("radiogroup", { name: group }).getByText(name, { exact: true }).click();
  const write = async (text) => {
    await source.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(text);
    await page.keyboard.press("Escape");
  };

  await driver.step("one signs in", async () => {
    await page.goto(base);
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.keyboard.press("Enter");
    await heading("Home");
  });

  await driver.step("keys lead everywhere, and a dialog tells which", async () => {
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Show these keys").waitFor();
    await driver.accessible("the keys");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await heading("Metrics");
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await heading("Home");
  });

  await driver.step("a search from anywhere forgives a slip and leads to the event", async () => {
    await page.keyboard.press("/");
    await page.getByRole("combobox", { name: /Search events/ }).fill("purchse");
    await page.getByRole("option", { name: /purchase.*Event/ }).first().waitFor();
    await driver.accessible("the search from anywhere");
    await driver.picture("quick-search");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/events\/shop\/purchase|\/metrics\/shop\//);
  });

  await driver.step("the catalogue finds in Chinese, narrows, and its address says what is shown", async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("e");
    await heading("Catalogue");
    await hits.locator("[data-row]").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("购买");
    await hits.getByRole("link", { name: "purchase", exact: true }).waitFor();
    await search.fill("");
    await page.waitForFunction(() => !window.location.search.includes("q="));
    await page.getByRole("group", { name: "Grade" }).getByLabel(/^P0/).check();
    await page.waitForFunction(() => decodeURIComponent(window.location.search).includes('grade=["P0"]'));
    await page.waitForFunction(() => [...document.querySelectorAll(".tp-hits tbody [data-row]")].every((row) => row.textContent.includes("P0")));
    await page.reload();
    await hits.getByRole("link", { name: "purchase", exact: true }).waitFor();
    must(await page.getByRole("group", { name: "Grade" }).getByLabel(/^P0/).isChecked(), "the address does not keep the filter");
    await page.getByRole("button", { name: "Without P0" }).click();
    await page.waitForFunction(() => !window.location.search.includes("grade"));
    await hits.locator("[data-row]").nth(8).waitFor();
    await driver.accessible("the catalogue");
    await driver.picture("catalogue");
  });

  await driver.step("j and k move through the hits, Enter opens one", async () => {
    await search.fill("purchase");
    await page.waitForFunction(() => window.location.search.includes("purchase"));
    await hits.getByRole("link", { name: "purchase", exact: true }).waitFor();
    await search.press("ArrowDown");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    must(await page.evaluate(() => document.activeElement.matches("[data-row]") && document.activeElement.textContent.includes("purchase")), "the first row has not the focus");
    await page.keyboard.press("Enter");
    await heading("purchase");
  });

  await driver.step("an event says what it means, what it really carries and whether to trust it", async () => {
    await page.getByText("Sent once for each paid order").waitFor();
    await page.getByText(/real values from [1-9]/).waitFor();
    const row = page.locator('tr[data-path="what.order_id"]');
    await row.getByRole("button").click();
    await page.locator(".tp-property-more").getByText(/in [1-9]\d* of [1-9]\d* events/).waitFor();
    await page.getByRole("button", { name: /^Trust: / }).click();
    await page.getByRole("dialog").getByText("It has an owner", { exact: true }).waitFor();
    await driver.accessible("the trust badge");
    await driver.picture("event-trust");
    await page.keyboard.press("Escape");
    await row.getByRole("button").click();
    await page.waitForTimeout(250);
    await driver.accessible("an event");
    await driver.picture("event");
  });

  await driver.step("its data, its consumers and its history have their tabs", async () => {
    await tab("Data");
    await page.locator("canvas").waitFor();
    await page.getByRole("region", { name: "By platform and release" }).getByText("9.2.0").waitFor();
    await page.getByRole("region", { name: "What is wrong with it" }).getByText("/what/order_id").waitFor();
    await driver.accessible("an event's data");
    await driver.picture("event-data");
    await tab("Use");
    await page.getByRole("link", { name: "gmv", exact: true }).waitFor();
    await page.getByText("tracker.purchase(").waitFor();
    await driver.accessible("an event's consumers");
    await tab("History");
    await page.getByRole("link", { name: "Revision 1" }).first().waitFor();
    await page.getByRole("radiogroup", { name: "History by" }).getByText("By property").click();
    await page.getByRole("region", { name: "Who last changed what" }).getByText("what.order_id").first().waitFor();
    await driver.accessible("an event's history");
  });

  await driver.step("e opens the editor; the form and the YAML are one text", async () => {
    await page.keyboard.press("e");
    await heading(/purchase/);
    await status.getByText("Reads and keeps the rules").waitFor();
    await page.getByLabel("Description · Chinese").fill("支付成功后为每笔订单上报一次。");
    await choose("View", "YAML");
    await page.waitForFunction(() => document.querySelector(".cm-content")?.textContent.includes("支付成功后"));
    const text = await page.evaluate(() => [...document.querySelectorAll(".cm-line")].map((line) => line.textContent).join("\n"));
    must(text.includes("pattern: "), "the rest of the text is gone");
    await write(text.replace("type: money", "type: monney"));
    await status.getByText(/^\d+ errors?$/).waitFor();
    await page.getByRole("tab", { name: /Findings/ }).click();
    await page.getByRole("button", { name: /monney/ }).waitFor();
    await page.locator(".cm-lintRange-error").first().waitFor();
    await driver.accessible("a finding in the editor");
    await driver.picture("editor-finding");
    await write(text);
    await status.getByText("Reads and keeps the rules").waitFor();
    await choose("View", "Form");
  });

  await driver.step("a property cannot take another one's name", async () => {
    const names = page.getByRole("textbox", { name: "Name of the property" });
    const [first, second] = [await names.nth(0).inputValue(), await names.nth(1).inputValue()];
    await names.nth(1).fill(first);
    await page.keyboard.press("Tab");
    await page.getByText("There is one of this name already").waitFor();
    await names.nth(1).fill(second);
    await page.getByText("There is one of this name already").waitFor({ state: "detached" });
  });

  await driver.step("what is not saved outlasts a reload", async () => {
    await page.getByText("Not saved; kept in this browser").waitFor();
    await page.waitForTimeout(400);
    await page.reload();
    await page.getByText(/did not save it/).waitFor();
    must((await page.getByLabel("Description · Chinese").inputValue()).includes("支付成功后"), "the text was lost");
  });

  await driver.step("the preview shows what differs, an example, the schema and code", async () => {
    await tab("Preview");
    await page.getByRole("region", { name: "purchase" }).getByText("description", { exact: true }).waitFor();
    await choose("Preview", "Example");
    await page.locator("pre", { hasText: '"order_id": "ORD-' }).waitFor();
    await choose("Preview", "Code");
    await page.locator("pre", { hasText: "def purchase" }).waitFor();
    await choose("Preview", "JSON Schema");
    await page.locator("pre", { hasText: "2020-12/schema" }).waitFor();
    await choose("Preview", "Difference");
    await driver.accessible("the preview");
  });

  await driver.step("a screenshot is added to the event", async () => {
    await page.locator("main input[type=file]").setInputFiles({ name: "confirmation.png", mimeType: "image/png", buffer: png(320, 200, [66, 99, 235]) });
    await page.getByRole("img", { name: "Screenshot 1, large" }).waitFor();
  });

  let change = 0;
  await driver.step("it is saved into a change request that is started for it", async () => {
    await page.keyboard.press("Control+s");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Say it in Chinese");
    await driver.accessible("starting a change request");
    await dialog.getByRole("button", { name: /^Save/ }).click();
    await page.getByText(/Saved as version \d+ of change request #\d+/).waitFor();
    change = Number(new URL(page.url()).searchParams.get("change"));
    must(change > 0, "the address does not name the change request");
    const part = await call("GET", `/changes/${change}/part?section=events&name=purchase`);
    must(part.text.includes("支付成功后") && part.text.includes("sha256:"), "the change request has not what was written");
    await driver.accessible("the editor");
    await tab(/Proposals/);
    await page.getByText(/% complete/).first().waitFor();
    await driver.picture("editor");
  });

  await driver.step("who saved meanwhile is shown side by side, and nothing is lost", async () => {
    const part = await call("GET", `/changes/${change}/part?section=events&name=purchase`);
    await call("PUT", `/changes/${change}/parts`, { parts: [{ section: "events", name: "purchase", text: part.text.replace("The confirmation page is shown.", "The confirmation page is on the screen.") }] });
    await page.getByLabel("Title · English").fill("Purchase paid");
    await page.keyboard.press("Control+s");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Somebody was faster").waitFor();
    await dialog.locator(".cm-mergeView").waitFor();
    await driver.accessible("a conflict in the editor");
    await driver.picture("editor-conflict");
    await dialog.getByRole("button", { name: /merge/i }).click();
    await status.getByText("Reads and keeps the rules").waitFor();
    must((await page.getByLabel("Title · English").inputValue()) === "Purchase paid", "the merge lost mine");
    must((await page.getByLabel("Trigger · English").inputValue()).includes("on the screen"), "the merge lost theirs");
    await page.keyboard.press("Control+s");
    await page.getByText(/Saved as version/).waitFor();
  });

  await driver.step("what arrives unplanned becomes an event, with a group that is proposed", async () => {
    await page.getByRole("button", { name: "Edit something else in it" }).click();
    await heading("New event");
    await driver.accessible("a new event");
    await page.getByRole("button", { name: /From what arrives/ }).click();
    await page.getByRole("dialog").getByText("checkout_click", { exact: true }).waitFor();
    await driver.accessible("unplanned events");
    await driver.picture("unplanned");
    await page.getByRole("dialog").getByText("checkout_click", { exact: true }).click();
    await heading(/checkout_click/);
    await page.getByRole("textbox", { name: "Name of the property" }).first().waitFor();
    await page.getByText(/% complete/).first().waitFor();
    await driver.accessible("proposals");
    await driver.picture("editor-proposals");
    const take = page.getByRole("button", { name: /^Use: / }).first();
    const group = (await take.getAttribute("aria-label")).slice("Use: ".length);
    await take.click();
    await page.getByRole("region", { name: "Groups", exact: true }).getByText(group, { exact: true }).first().waitFor();
  });

  await driver.step("a template is opened and left again", async () => {
    await page.goto(`${base}/edit?section=events`);
    await page.getByRole("button", { name: /From a template/ }).click();
    await page.getByRole("dialog").getByText(/\d+ events, /).first().waitFor();
    await driver.accessible("templates");
    await driver.picture("templates");
    await page.keyboard.press("Escape");
  });

  await driver.step("a metric says how it is computed, in words and in a chart", async () => {
    await page.goto(`${base}/metrics`);
    await page.getByRole("link", { name: "gmv", exact: true }).waitFor();
    await driver.accessible("metrics");
    await page.getByRole("link", { name: "gmv", exact: true }).click();
    await page.getByText("sum(what.total.value)", { exact: true }).first().waitFor();
    await page.locator("canvas").waitFor();
    await driver.accessible("a metric");
    await driver.picture("metric");
  });

  await driver.step("any two revisions of a plan are compared, in meaning and as text", async () => {
    const plan = await call("GET", "/apps/shop/plan");
    const [path, text] = Object.entries(plan.files).find(([, one]) => one.includes("purchase:"));
    await call("PUT", "/apps/shop/plan", { files: { ...plan.files, [path]: text.replace("max: 99, required: true}", "max: 50, required: true}") }, message: "Fewer of one article" });
    await page.goto(`${base}/plans/shop`);
    await page.getByText("Fewer of one article").waitFor();
    await page.getByRole("region", { name: "purchase", exact: true }).waitFor();
    await driver.accessible("revisions");
    await driver.picture("plan-diff");
    await choose("How to show", "Text");
    await page.locator(".cm-mergeView").waitFor();
    await driver.accessible("revisions as text");
    await tab("Property groups");
    await page.getByRole("region", { name: "Properties" }).getByText("items").first().waitFor();
    await driver.accessible("groups");
    await driver.picture("groups");
    await tab("Types");
    await page.getByRole("region", { name: "Properties" }).getByText("postcode").waitFor();
  });

  await driver.step("all of it is accessible in the dark, in Chinese", async () => {
    await page.goto(`${base}/events`);
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitem", { name: "中文" }).click();
    await page.getByRole("button", { name: "深色" }).click();
    await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
    for (const [path, ready, name] of [
      ["/events", ".tp-hits [data-row]", "catalogue-dark-zh"],
      ["/events/shop/purchase", ".tp-examples code", "event-dark-zh"],
      ["/events/shop/purchase?tab=data", "canvas", "event-data-dark-zh"],
      [`/edit?app=shop&section=events&name=purchase&change=${change}`, "[data-form]", "editor-dark-zh"],
      ["/metrics/shop/gmv", "canvas", "metric-dark-zh"],
      ["/plans/shop", ".tp-diff", "plan-diff-dark-zh"],
      ["/plans", "table", ""],
      ["/edit?section=events", ".tp-way", ""],
    ]) {
      await page.goto(`${base}${path}`);
      await page.locator(ready).first().waitFor();
      await page.waitForTimeout(500);
      await driver.accessible(`${path}, dark`);
      if (name) await driver.picture(name);
    }
  });

  must(driver.problems.length === 0, `problems on the way:\n${driver.problems.join("\n")}`);
  console.log("what is planned is found, understood and edited");
});
