/**
 * The console in Chromium, against a platform that runs and takes traffic.
 *
 * TRACKPLANE_CONSOLE_URL, TRACKPLANE_TOKEN: the platform. SCREENSHOTS=1: new pictures in docs/screenshots.
 * tests/browser/test_console.py starts the platform and calls this.
 */
import { must, withBrowser } from "./browser.mjs";

const base = process.env.TRACKPLANE_CONSOLE_URL;
const token = process.env.TRACKPLANE_TOKEN;
must(base && token, "set TRACKPLANE_CONSOLE_URL and TRACKPLANE_TOKEN");

const number = (text) => Number(text.replaceAll(/[^\d.]/g, ""));
const call = async (method, path, body, headers = {}) => {
  const answer = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  must(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

await withBrowser(async (driver) => {
  const { page } = driver;
  const button = (name) => page.getByRole("button", { name });
  const go = (path) => page.locator(`nav a[href="${path}"]`).click();
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
  const editor = page.locator('.cm-content[aria-label="Rule source"]');
  const write = async (text) => {
    await editor.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(text);
    await page.keyboard.press("Escape"); // typing offers completions, which would stand over the text
  };
  const checked = () => page.getByText("Checked: types, plan and tests are fine").waitFor();
  const tab = (name) => page.getByRole("tab", { name, exact: true }).click();
  /** Say why in the dialog that stands open, and publish. */
  const publish = async (reason) => {
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Why (kept in the history)").fill(reason);
    await dialog.getByRole("button", { name: "Publish", exact: true }).click();
  };

  await driver.step("a wrong token is refused in words", async () => {
    await page.goto(base);
    await page.getByLabel("Token", { exact: true }).fill("tpt_wrong");
    await button("Sign in").click();
    await page.getByText("This token is not known here.").waitFor();
    await driver.accessible("sign-in");
    await driver.picture("sign-in");
  });

  await driver.step("a right token signs in, by keyboard alone", async () => {
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.keyboard.press("Enter");
    await heading("Home");
    must(!page.url().includes("tpt_"), "the token is in the address");
    must(await page.evaluate(() => !document.cookie && !JSON.stringify(localStorage).includes("tpt_")), "the token is kept outside the tab");
  });

  await driver.step("Home shows what flows, and its ledger adds up", async () => {
    await page.locator("[data-kind=stored]").first().waitFor();
    await page.waitForFunction(() => /[1-9]/.test(document.querySelector("[data-kind=stored]").textContent));
    const kinds = ["transmitted", "stored", "dirty", "dropped", "deduplicated", "refused", "retry"];
    // One reading of the page: figures change every two seconds.
    const [transmitted, ...terms] = await page.evaluate((wanted) => wanted.map((kind) => document.querySelector(`[data-kind=${kind}]`).textContent), kinds).then((all) => all.map(number));
    must(transmitted > 300, `only ${transmitted} events were transmitted`);
    must(terms.reduce((total, term) => total + term, 0) === transmitted, `${transmitted} is not the sum of ${terms.join(" + ")}`);
    must(terms[1] > 0, "the broken events are not counted as dirty");
    await page.getByText("worker-1").waitFor();
    await page.getByText("Flowing", { exact: true }).waitFor();
    await page.locator("canvas").waitFor();
    if (process.env.SCREENSHOTS) await page.waitForTimeout(20_000); // a chart with a line in it
    await driver.accessible("Home");
    await driver.picture("home");
  });

  await driver.step("Live shows events as they arrive, with violations", async () => {
    await go("/live");
    await heading("Live");
    await page.getByText(/\d violation/).first().waitFor();
    await page.getByText("event_missing").first().waitFor();
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("[data-testid=live-rate]").textContent) > 0);
  });

  await driver.step("Live stands still while paused, and goes on", async () => {
    await button(/Pause/).click();
    const first = await page.locator(".tp-live tbody tr").first().innerText();
    await page.getByText(/Paused · [1-9]\d* passed by/).waitFor();
    must((await page.locator(".tp-live tbody tr").first().innerText()) === first, "rows changed while paused");
    await page.locator(".tp-live tr[data-flawed] button").first().click();
    await page.locator("pre", { hasText: "violations" }).first().waitFor();
    await driver.accessible("Live");
    await driver.picture("live");
    await page.locator(".tp-live tr[data-flawed] button").first().click();
    await button(/Resume/).click();
    await page.waitForFunction((old) => document.querySelector(".tp-live tbody tr").innerText !== old, first);
  });

  await driver.step("Live filters by text, event and violations", async () => {
    await page.getByLabel("Any text").fill("event_missing");
    await page.waitForFunction(() => {
      const rows = [...document.querySelectorAll(".tp-live tbody tr")];
      return rows.length > 0 && rows.every((row) => row.textContent.includes("event_missing"));
    });
    await page.getByLabel("Any text").fill("");
    await page.getByRole("switch", { name: "Only with violations" }).click({ force: true });
    await page.waitForFunction(() => {
      const rows = [...document.querySelectorAll(".tp-live tbody tr")];
      return rows.length > 0 && rows.every((row) => row.hasAttribute("data-flawed") || row.hasAttribute("data-dirty"));
    });
  });

  await driver.step("Rules are listed and one is opened", async () => {
    await go("/rules");
    await heading("Rules");
    const listed = page.getByRole("region", { name: "Rules", exact: true });
    await listed.getByRole("link", { name: "purchases" }).waitFor();
    await page.getByRole("region", { name: "What rules do" }).waitFor();
    await driver.accessible("Rules");
    await driver.picture("rules");
    await listed.getByRole("link", { name: "trouble" }).click();
    await editor.waitFor();
  });

  const { source } = await call("GET", "/rules/trouble");
  const better = source.replace('"checkout_bug"', '"checkout_bug", "support_chat"');
  must(better !== source, "the example rule is not as this test expects it");

  await driver.step("an error is shown in place, with a hint, and cannot be published", async () => {
    await write(source.replace("where: event in", "where: evnt in"));
    await page.locator(".cm-lintRange-error", { hasText: "evnt" }).waitFor();
    await page.getByText("did you mean 'event'?").first().waitFor();
    must(await button(/Publish/).isDisabled(), "a rule with an error can be published");
    await driver.accessible("the rule editor");
    await driver.picture("rule-finding");
    await page.locator(".tp-finding").first().click();
    must(await editor.evaluate((content) => content.contains(document.activeElement)), "a finding does not lead into the editor");
  });

  await driver.step("a mended rule is published by keyboard and is effective on every node", async () => {
    await write(better);
    await checked();
    await page.keyboard.press("Control+Enter");
    await page.getByRole("dialog").getByText("Budget").or(page.getByRole("dialog").getByText(/budget/)).first().waitFor();
    await page.waitForTimeout(300); // the dialog fades in: half-transparent text has no contrast yet
    await driver.accessible("the publish dialog");
    await driver.picture("rule-publish");
    await publish("support chats are trouble too");
    await page.getByText(/Effective on (\d+) of \1 nodes in [\d.]+ m?s/).waitFor();
    must((await call("GET", "/rules/trouble")).source === better, "what was published is not what was written");
    await driver.accessible("a published rule");
    await driver.picture("rule-published");
  });

  await driver.step("when somebody was faster both sides are shown, and nothing is overwritten", async () => {
    await write(`${better}\n# mine\n`);
    const now = await call("GET", "/rules/trouble");
    await call("PUT", "/rules/trouble", { source: `${better}\n# theirs\n` }, { "If-Match": `"${now.etag}"` });
    await checked();
    await button(/Publish/).click();
    await publish("mine");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Somebody was faster").waitFor();
    await dialog.getByText("# theirs").waitFor();
    await dialog.getByText("# mine").waitFor();
    must((await call("GET", "/rules/trouble")).source.includes("# theirs"), "their rule was overwritten");
    await page.waitForTimeout(300); // the dialog fades in: half-transparent text has no contrast yet
    await driver.accessible("the conflict");
    await driver.picture("rule-conflict");
    await dialog.getByRole("button", { name: "Take theirs" }).click();
    await page.locator(".cm-line", { hasText: "# theirs" }).waitFor();
  });

  const fresh = `browser_${Date.now() % 1_000_000}`; // of its own in each run
  const made = 'rule: ' + fresh + '\nfrom: events\napps: [shop]\nwhere: event == "product_view"\nselect:\n  id: id\n  event: event\n  reason: \'"made in the browser"\'\n  page: where.page\nto: shop.trouble\nowner: team:checkout\n';

  await driver.step("a new rule is kept as a draft, tried on live events, and published", async () => {
    await go("/rules");
    await button("New rule").click();
    await editor.waitFor();
    await write(made);
    await checked();
    await page.getByText("Draft saved").waitFor();
    must((await call("GET", `/rules/${fresh}/draft`)).source === made, "the draft is not what was written");
    await tab("Preview");
    await page.getByRole("region", { name: "Preview" }).getByText("made in the browser").first().waitFor();
    await driver.accessible("a preview");
    await driver.picture("rule-preview");
    await button(/Publish/).click();
    await publish("a first try");
    await page.getByText(/Effective on (\d+) of \1 nodes/).waitFor();
  });

  await driver.step("its history tells what changed and why, and goes back", async () => {
    await write(made.replace("page: where.page", "page: upper(where.page)"));
    await checked();
    await button(/Publish/).click();
    await publish("pages in capitals");
    await page.getByText(/Effective on (\d+) of \1 nodes/).waitFor();
    await tab("History");
    await page.getByText("pages in capitals").waitFor();
    await page.getByText("column changed").waitFor();
    await page.locator("ins.tp-mono", { hasText: "upper(where.page)" }).waitFor();
    await driver.accessible("the history");
    await driver.picture("rule-history");
    await page.getByRole("button", { name: /^Version 1/ }).click();
    await button("Put this version in force again").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Why (kept in the history)").fill("capitals are hard to read");
    await dialog.getByRole("button", { name: "Put this version in force again" }).click();
    await page.getByText("capitals are hard to read").waitFor();
    must((await call("GET", `/rules/${fresh}`)).source === made, "the first version is not in force again");
  });

  await driver.step("a changed rule runs in the shadow, and its differences are counted", async () => {
    await tab("Text");
    await write(made.replace("made in the browser", "changed in the browser"));
    await checked();
    await tab("Shadow and canary");
    await button("Start shadow").click();
    await page.getByText(/[1-9]\d* events? compared/).waitFor();
    await page.getByText("What changes", { exact: true }).waitFor();
    await page.getByRole("progressbar", { name: "reason" }).waitFor();
    await page.locator("details", { hasText: "product_view" }).locator("summary").first().click();
    await page.getByRole("cell", { name: /changed in the browser/ }).first().waitFor();
    await driver.accessible("a shadow");
    await driver.picture("rule-shadow");
    await button("Stop").first().click();
    await page.getByText(/^Ended/).waitFor();
  });

  await driver.step("what it does is drawn", async () => {
    await tab("Statistics");
    await page.getByText("CPU time").waitFor();
    await page.locator("canvas").first().waitFor();
    await driver.accessible("statistics");
    await driver.picture("rule-statistics");
  });

  await driver.step("the builder shows the same rule, and what is changed there is in the text", async () => {
    await tab("Text");
    await write(made);
    await checked();
    await tab("Builder");
    must((await page.getByLabel("Property", { exact: true }).first().inputValue()) === "event", "the builder does not show the filter");
    await page.getByRole("button", { name: "Condition", exact: true }).first().click();
    const second = page.getByRole("group", { name: "all of these are true" }).first();
    await second.getByLabel("Property", { exact: true }).nth(1).fill("how.platform");
    await second.getByLabel("Value", { exact: true }).nth(1).fill("mobile");
    await page.keyboard.press("Tab");
    await checked();
    await driver.accessible("the builder");
    await driver.picture("rule-builder");
    await tab("Text");
    await button("Format").click();
    await page.getByRole("menuitem", { name: "as Python expressions" }).click();
    await page.locator(".cm-line", { hasText: 'event == "product_view" and how.platform == "mobile"' }).waitFor();
    await page.getByText("Draft saved").waitFor();
  });

  await driver.step("the language completes, and says what a function is", async () => {
    await editor.click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("drop: ends_");
    await page.getByRole("option", { name: /ends_with/ }).waitFor();
    await page.locator(".cm-completionInfo .tp-card").getByText(/ends_with\(string, string\)/).waitFor();
    await page.keyboard.press("Escape");
    await write(made);
    await page.getByText("Draft saved").waitFor();
  });

  await driver.step("it is withdrawn", async () => {
    await button("Delete").first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    const listed = page.getByRole("region", { name: "Rules", exact: true });
    await listed.getByRole("link", { name: "trouble" }).waitFor();
    await listed.getByRole("link", { name: fresh, exact: true }).waitFor({ state: "detached" });
  });

  await driver.step("a function is made and changed, its history goes back, and it is deleted", async () => {
    const text = page.locator('.cm-content[aria-label="Source"]');
    const net = `${fresh}_net`;
    const put = async (body) => {
      await text.click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(`function: ${net}\nparameters: {price: float64}\nreturns: float64\nbody: ${body}\nowner: team:data\n`);
      await page.getByText("Checked, with the rules that use it").waitFor();
      await button("Publish").click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Why (kept in the history)").fill(`as ${body}`);
      await dialog.getByRole("button", { name: "Publish" }).click();
      await page.getByText(/Effective on (\d+) of \1 nodes/).or(page.getByText(/^Version \d/)).first().waitFor();
      await dialog.waitFor({ state: "detached" });
    };
    await go("/functions");
    await heading("Functions");
    await driver.accessible("Functions");
    await button("New function").first().click();
    await text.waitFor();
    await put("price / 1.2");
    await heading(net);
    await put("price / 1.3");
    await driver.accessible("a function");
    await driver.picture("function");
    await tab("History");
    await page.getByRole("button", { name: /^Version 1/ }).click();
    await button("Put this version in force again").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Put this version in force again" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^Version 3/ }).waitFor();
    await driver.accessible("a function's history");
    must((await call("GET", `/functions/${net}`)).source.includes("1.2"), "the first version is not in force again");
    await button("Delete").click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await heading("Functions");
  });

  await driver.step("tables and scripts have their pages, and a template that is fine", async () => {
    for (const kind of ["Lookup tables", "Scripts"]) {
      await page.getByRole("radiogroup").getByText(kind, { exact: true }).click();
      await heading(kind);
      await driver.accessible(kind);
    }
    await button("New script").first().click();
    await page.getByText("Checked, with the rules that use it").waitFor();
    await driver.accessible("a new script");
    await driver.picture("script");
  });

  await driver.step("Query runs a SELECT, and says in words why another is refused", async () => {
    await go("/query");
    await button(/Run/).click();
    await page.getByRole("cell", { name: "purchase", exact: true }).waitFor();
    await driver.accessible("Query");
    await driver.picture("query");
    await page.locator('.cm-content[aria-label="SQL"]').click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText("copy events to 'x'");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("alert").getByText(/not allowed|SELECT/).first().waitFor();
  });

  await driver.step("Dirty groups what failed alike and shows the client's bytes", async () => {
    await go("/dirty");
    await page.getByRole("cell", { name: "event_missing" }).first().click();
    await page.getByRole("table").getByRole("button", { name: "(no name)" }).first().click();
    await page.locator("pre", { hasText: "no name" }).waitFor();
    await driver.accessible("Dirty");
    await driver.picture("dirty");
  });

  await driver.step("dirty events are mended, tried, replayed, and the replay is undone", async () => {
    await page.getByRole("checkbox", { name: /^Choose / }).first().check();
    await button("Add an edit").click();
    await page.getByLabel("Path").fill("event");
    await page.getByLabel("Value (JSON)").fill("search");
    await button("Dry run").click();
    await page.getByText("1 would be taken now · 0 would fail again").waitFor();
    await page.locator("summary", { hasText: "would be" }).click();
    await page.getByLabel("Why (kept in the audit log)").fill("the name was forgotten");
    await driver.accessible("a dry run");
    await driver.picture("dirty-fix");
    await button("Replay 1").click();
    await page.getByText("1 mended, 0 dirty again, 0 skipped").first().waitFor();
    await page.getByText(/^Mended 1$/).waitFor();
    await button("Undo").click();
    await page.getByText(/taken out of tables/).first().waitFor();
    await page.getByText(/^Mended 0$/).waitFor();
    await driver.accessible("a replay");
  });

  await driver.step("an address that leads nowhere says so", async () => {
    await page.goto(`${base}/nowhere`);
    await heading("There is nothing here");
  });

  await driver.step("every page is accessible in the dark, in Chinese", async () => {
    await go("/");
    await button("Language").click();
    await page.getByRole("menuitem", { name: "中文" }).click();
    await heading("首页");
    if (process.env.SCREENSHOTS) await page.waitForTimeout(20_000);
    await driver.picture("home-zh");
    await button("深色").click();
    await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
    await page.locator("[data-kind=stored]").first().waitFor();
    await page.waitForTimeout(400); // colours change gradually
    await driver.accessible("Home, dark");
    await driver.picture("home-dark-zh");
    for (const [path, ready] of [["/live", ".tp-live tbody tr"], ["/rules", "a[href='/rules/edit/purchases']"], ["/functions", "h1"], ["/events", "table"], ["/query", ".cm-content"], ["/dirty", "table"]]) {
      await go(path);
      await page.locator(ready).first().waitFor();
      await driver.accessible(`${path}, dark`);
      if (path === "/live") await driver.picture("live-dark-zh");
    }
    await go("/rules");
    await page.locator("a[href='/rules/edit/purchases']").click();
    await page.locator(".cm-content").waitFor();
    await driver.accessible("the rule editor, dark");
    await driver.picture("rule-dark-zh");
    for (const name of ["构建器", "影子与灰度", "统计", "历史"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      await page.waitForTimeout(400);
      await driver.accessible(`the rule's ${name}, dark`);
      if (name === "构建器") await driver.picture("rule-builder-dark-zh");
    }
  });

  await driver.step("language and colours outlast a reload; signing out forgets the token", async () => {
    await page.reload();
    await page.waitForFunction(() => document.documentElement.lang === "zh-CN" && document.documentElement.dataset.mantineColorScheme === "dark");
    await button("退出登录").or(button("退出")).click();
    await page.locator("input[type=password]").waitFor();
    must(await page.evaluate(() => sessionStorage.length === 0), "the token outlasts signing out");
    await driver.accessible("sign-in, dark");
  });

  must(driver.problems.length === 0, `problems on the way:\n${driver.problems.join("\n")}`);
  console.log("the console does its jobs");
});
