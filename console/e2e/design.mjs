/**
 * A change of a tracking plan from need to enforcement, in Chromium, by people of several roles.
 *
 * TRACKPLANE_CONSOLE_URL: the platform; TRACKPLANE_SCENE: its people's tokens, a write key, the collector's address.
 * SCREENSHOTS=1: new pictures in docs/screenshots. tests/browser/test_design.py prepares the platform and calls this.
 */
import { must, withBrowser } from "./browser.mjs";

const base = process.env.TRACKPLANE_CONSOLE_URL;
must(base && process.env.TRACKPLANE_SCENE, "set TRACKPLANE_CONSOLE_URL and TRACKPLANE_SCENE");
const scene = JSON.parse(process.env.TRACKPLANE_SCENE);
const tokens = { ...scene.tokens, admin: scene.admin };

/** Call the API as somebody. */
const call = async (who, method, path, body) => {
  const answer = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${tokens[who]}`, "Content-Type": "application/json", ...(method === "GET" || method === "POST" ? {} : { "If-Match": "*" }) },
    body: body && JSON.stringify(body),
  });
  must(answer.ok, `${method} ${path} as ${who}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

let sent = 0;
/** Send a purchase as a client does; return what became of it. */
const purchase = async (what = {}) => {
  sent += 1;
  const event = { id: `story-${sent}`, event: "purchase", when: { client: Date.now() }, how: { platform: "mobile", app_version: "9.2.0" }, what: { order_id: `ORD-${90_000 + sent}`, total: { value: 12.5, currency: "SGD" }, ...what } };
  const answer = await fetch(`${scene.collector}/v1/records`, { method: "POST", headers: { Authorization: `Bearer ${scene.key}`, "Content-Type": "application/json" }, body: JSON.stringify({ header: {}, events: [event] }) });
  must(answer.ok, `the collector answered ${answer.status}`);
  return (await answer.json()).events[0];
};

const EDITED = {
  purchase: (text) => text.replace("    coupon:", "    method: {type: string, enum: [card, wallet, transfer], required: true}\n    coupon:"),
};
const WALLET = `wallet_bound:
  title: {en: Wallet bound, zh: 绑定钱包}
  description: {en: A person connects a wallet to the account., zh: 用户将钱包绑定到账户。}
  owner: team:growth
  grade: P2
  groups: [visit]
  what:
    provider: {type: string, enum: [alipay, grabpay, paypal], required: true}
`;

await withBrowser(async (driver) => {
  const { page } = driver;
  const main = page.locator("#main");
  const button = (name) => page.getByRole("button", { name, exact: true });
  const tab = async (name) => {
    await page.getByRole("tab", { name }).click();
    await page.waitForTimeout(50);
  };
  const dialog = page.getByRole("dialog");
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
  /** Sign in as somebody, by the form the first time and then as the tab would keep it. */
  const as = async (who, path) => {
    await page.evaluate((token) => sessionStorage.setItem("trackplane.token", token), tokens[who]);
    await page.goto(base + path);
    await page.locator("nav").first().waitFor();
  };
  const show = async (scheme, language) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate(([kept, lang]) => {
      localStorage.setItem("mantine-color-scheme-value", kept);
      localStorage.setItem("trackplane.language", lang);
    }, [scheme, language]);
    await page.reload();
    await page.locator("nav").first().waitFor();
  };
  let change = 0;
  let other = 0;

  await driver.step("before: a purchase that does not say how was paid is accepted", async () => {
    const outcome = await purchase();
    must(["accepted", "warned"].includes(outcome.disposition), `it was ${JSON.stringify(outcome)}`);
    // Somebody else works on the same event: a conflict for later.
    other = (await call("cat", "POST", "/changes", { app: "shop", title: "Payment by cheque" })).id;
    const { text } = await call("cat", "GET", `/changes/${other}/part?section=events&name=purchase`);
    await call("cat", "PUT", `/changes/${other}/parts`, { parts: [{ section: "events", name: "purchase", text: text.replace("    coupon:", "    method: {type: string, enum: [card, cheque]}\n    coupon:") }] });
  });

  await driver.step("a designer writes a requirement down", async () => {
    await page.goto(base);
    await page.getByLabel("Token", { exact: true }).fill(tokens.ann);
    await page.keyboard.press("Enter");
    await page.locator('nav a[href="/requirements"]').click();
    await page.getByText("No requirements yet").waitFor();
    await driver.accessible("requirements, empty");
    await button("New requirement").first().click();
    await dialog.getByLabel("Title").fill("How do people pay?");
    await dialog.getByLabel("Description").fill("Growth wants to know how much of the sales goes through wallets.");
    await dialog.getByLabel("Link").fill("https://tracker.example/GROW-118");
    await dialog.getByLabel("Deadline").fill("2027-03-31");
    await driver.accessible("a new requirement");
    await dialog.getByRole("button", { name: "Save" }).click();
    await heading(/How do people pay\?/);
  });

  await driver.step("and starts a change request for it", async () => {
    await button("New change request").click();
    await dialog.getByLabel("Title").fill("Tell payments by wallet apart");
    await dialog.getByLabel("Description").fill("Every purchase says its method from now on.\n\nOld releases send none: look at the impact before this is merged.");
    await dialog.getByRole("button", { name: "Start" }).click();
    await heading(/Tell payments by wallet apart/);
    change = Number(new URL(page.url()).pathname.split("/").at(-1));
    await driver.accessible("a change request, empty");
    must(await button("Submit for review").isDisabled(), "an empty change request can be submitted");
  });

  await driver.step("she changes an event in the editor, checked while she writes", async () => {
    await tab(/^Changes/);
    await page.getByText("It changes nothing yet").waitFor();
    await page.goto(`${base}/edit?app=shop&section=events&name=purchase&change=${change}`);
    await page.getByText("YAML", { exact: true }).click();
    const editor = page.locator(".cm-content").first();
    await editor.waitFor();
    const { text } = await call("ann", "GET", `/changes/${change}/part?section=events&name=purchase`);
    await editor.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(EDITED.purchase(text));
    await page.keyboard.press("Escape");
    await page.getByText("Reads and keeps the rules").waitFor();
    await driver.accessible("the editor in a change request");
    await page.keyboard.press("Control+s");
    await button("Open the change request").click();
    await heading(/Tell payments by wallet apart/);
    await call("ann", "PUT", `/changes/${change}/parts`, { parts: [{ section: "events", name: "wallet_bound", text: WALLET }] });
  });

  await driver.step("she asks about a property where it stands, by keyboard", async () => {
    await page.reload();
    await tab(/^Changes/);
    await page.locator("#diff-wallet_bound pre").first().waitFor();
    const ask = page.getByRole("button", { name: "Comment on purchase what.method" });
    await ask.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("Is “transfer” still offered in Singapore?");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("article").getByText("Is “transfer” still offered").waitFor();
    await driver.accessible("changes with a thread");
  });

  await driver.step("she submits it, and may not approve it herself: it is P0", async () => {
    await button("Submit for review").click();
    await driver.accessible("submitting");
    await dialog.getByRole("button", { name: "Submit for review" }).click();
    await page.getByTestId("steps").locator('[aria-current="step"]', { hasText: "In review" }).waitFor();
    await tab("Overview");
    must(await button("Approve").isDisabled(), "the author can approve a P0 event");
    await page.getByText("Nobody approves their own change of a grade above P3").waitFor();
    await driver.accessible("a change request in review");
    await driver.picture("change-overview");
  });

  await driver.step("the data owner finds it in the inbox", async () => {
    await as("ben", "/my-events");
    await page.getByText("Waits for me").first().waitFor();
    await main.getByRole("link", { name: "Tell payments by wallet apart" }).waitFor();
    await driver.accessible("my events");
    await driver.picture("my-events");
    await page.getByRole("link", { name: /^Inbox/ }).first().click();
    await page.getByText("ann asks for your review").waitFor();
    await driver.accessible("inbox");
    await driver.picture("inbox");
    await page.getByText("ann asks for your review").click();
    await page.locator("#diff-purchase").waitFor();
  });

  await driver.step("he answers and resolves the thread, and marks what he has read", async () => {
    const thread = page.getByRole("article").first();
    await thread.getByRole("button", { name: "Answer" }).click();
    await page.keyboard.type("Yes, until the end of the year. Keep it.");
    await thread.getByRole("button", { name: "Answer" }).click();
    await thread.getByText("Keep it.").waitFor();
    await page.getByLabel("purchase viewed").check();
    await page.getByText(/^1 of \d viewed$/).waitFor();
    await page.waitForTimeout(150);
    await driver.picture("change-events");
    await thread.getByRole("button", { name: "Resolve" }).click();
    await thread.getByText("resolved by ben").waitFor();
    await page.getByText("Side by side", { exact: true }).click();
    await driver.accessible("changes side by side");
    await page.getByText("Text", { exact: true }).last().click();
    await page.locator(".tp-merge").first().waitFor();
    await driver.accessible("changes as text");
    await driver.picture("change-text");
    for (const [name, text] of [["Discussion", "resolved by ben"], ["Checks", /Nothing to find|remark/], ["History", "submitted it for review"]]) {
      await tab(name);
      await main.getByText(text).first().waitFor();
      await driver.accessible(name);
    }
  });

  await driver.step("the impact names who would fail, on real traffic", async () => {
    await tab("Impact");
    await page.getByText("Not assessed yet").waitFor();
    await button("Assess the impact").first().click();
    await page.getByRole("heading", { name: "Events that would newly fail, by app version and platform" }).waitFor();
    const impact = (await call("ben", "GET", `/changes/${change}/impact`)).impact;
    must(impact.replay.newly_fail > 0 && impact.replay.newly_fail < impact.replay.sampled, `newly failing: ${impact.replay.newly_fail} of ${impact.replay.sampled}`);
    const counted = (rows, version) => rows.find(([name]) => name === version)?.[1];
    const rows = await page.locator(".tp-bars tbody tr").evaluateAll((all) => all.map((row) => [row.cells[0].textContent, Number.parseInt(row.cells[2].firstChild.textContent.replaceAll(",", ""), 10)]));
    for (const version of new Set(impact.replay.segments.map((segment) => segment.version))) {
      const expected = impact.replay.segments.filter((segment) => segment.version === version).reduce((sum, segment) => sum + segment.estimated_fail, 0);
      must(counted(rows, version) === expected, `${version}: the bar says ${counted(rows, version)}, the report ${expected}`);
    }
    must(counted(rows, "10.0.0") === 0 && counted(rows, "9.2.0") > 0, "the new release fails, or the old one does not");
    must((await main.innerText()).includes("/what/method"), "the broken constraint is not named");
    await page.getByRole("button", { name: /samples?$/ }).first().click();
    await page.locator("pre[aria-label^='Values of the event']").first().waitFor();
    await driver.accessible("impact");
    await page.getByRole("button", { name: /samples?$/ }).first().click();
    await driver.picture("change-impact");
  });

  await driver.step("each part says who has to approve it; he approves all that is his", async () => {
    await tab(/^Reviewers/);
    await page.getByText("a data owner of the owning team, not the author").first().waitFor();
    await driver.accessible("reviewers");
    await driver.picture("change-reviewers");
    await button("Approve").click();
    await dialog.getByLabel("Words for the record").fill("Fine once 9.x is gone.");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await page.getByTestId("steps").locator('[aria-current="step"]', { hasText: "Approved" }).waitFor();
  });

  await driver.step("a change of what was approved makes the approval fall", async () => {
    const { text } = await call("ann", "GET", `/changes/${change}/part?section=events&name=wallet_bound`);
    await call("ann", "PUT", `/changes/${change}/parts`, { parts: [{ section: "events", name: "wallet_bound", text: text.replace("paypal]", "paypal, wechat]") }] });
    await page.reload();
    await page.getByText(/ben’s approval fell/).waitFor();
    await driver.accessible("reviewers, an approval fell");
    await page.getByLabel("Choose wallet_bound").check();
    await page.getByRole("button", { name: "Approve 1 chosen" }).click();
    await page.getByTestId("steps").locator('[aria-current="step"]', { hasText: "Approved" }).waitFor();
    await call("ben", "POST", `/changes/${change}/impact`, {});
  });

  await driver.step("a viewer can merge nothing, and is told why", async () => {
    await as("dan", `/changes/${change}`);
    must(await button("Merge").isDisabled(), "a viewer can merge");
    await page.getByText("The role of your token, Viewer, may not do this.").first().waitFor();
    await page.goto(`${base}/people?tab=permissions`);
    await page.getByText("You: Viewer, on all apps").waitFor();
    await driver.accessible("permissions");
    await driver.picture("permissions");
  });

  await driver.step("a developer merges; it is effective on every node", async () => {
    await as("cat", `/changes/${change}`);
    await button("Merge").click();
    await driver.accessible("merging");
    await dialog.getByText(/recent events.* would newly fail/).waitFor();
    await dialog.getByRole("button", { name: "Merge" }).click();
    await page.getByText(/^\d+ of \d+ nodes? in /).waitFor();
    await driver.accessible("merged");
    await driver.picture("change-merged");
  });

  await driver.step("after: the same purchase is dirty, for the right reason; one that says how was paid passes", async () => {
    const outcome = await purchase();
    must(outcome.disposition === "dirty", `it was ${JSON.stringify(outcome)}`);
    must(JSON.stringify(outcome).includes("/what/method") && JSON.stringify(outcome).includes("missing"), `violations: ${JSON.stringify(outcome)}`);
    const fine = await purchase({ method: "wallet" });
    must(["accepted", "warned"].includes(fine.disposition), `with a method it was ${JSON.stringify(fine)}`);
  });

  await driver.step("who changed the same is shown both sides, and decides", async () => {
    await page.goto(`${base}/changes/${other}`);
    await page.getByText(/The plan has moved on/).waitFor();
    await button("More").click();
    await page.getByRole("menuitem", { name: /Move to the plan in force/ }).click();
    await dialog.getByRole("button", { name: "Move to the plan in force" }).click();
    await page.getByText("1 part was changed on both sides").waitFor();
    await page.locator(".tp-merge").first().waitFor();
    await driver.accessible("conflicts");
    await driver.picture("change-conflict");
    await dialog.getByText("Take theirs", { exact: true }).click();
    await dialog.getByRole("button", { name: "Take these" }).click();
    await page.getByText(/The plan has moved on/).waitFor({ state: "hidden" });
  });

  await driver.step("several are approved at once, from the keyboard", async () => {
    for (const [title, name] of [["Shorter campaign names", "promo_page"], ["No more comparison", "compare"]]) {
      const { id } = await call("ann", "POST", "/changes", { app: "shop", title });
      const { text } = await call("ann", "GET", `/changes/${id}/part?section=events&name=${name}`);
      await call("ann", "PUT", `/changes/${id}/parts`, { parts: [{ section: "events", name, text: text.replace(/title: .*/, "title: {en: Said better, zh: 更好的说法}") }] });
      await call("ann", "POST", `/changes/${id}/submit`, {});
    }
    await as("ben", "/changes?view=waits");
    await page.getByText("No more comparison").waitFor();
    await driver.accessible("change requests");
    await driver.picture("changes");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.getByText("2 chosen").waitFor();
    await button("Approve all that I may").click();
    await dialog.getByRole("button", { name: "Approve all that I may" }).click();
    await dialog.getByText("1 approved, 0 still waiting").first().waitFor();
    must((await dialog.getByText("1 approved, 0 still waiting").count()) === 2, "not both were approved");
    await driver.accessible("bulk approval");
    await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
    await page.getByText("Nothing waits for you").waitFor();
  });

  await driver.step("the board, people, teams and preferences", async () => {
    const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    for (const [title, deadline, people, event] of [
      ["Do campaigns bring buyers?", day(-20), ["ann"], "promo_page"],
      ["会员等级对复购的影响", day(50), ["ann", "ben"], "account_page"],
      ["How many orders are paid?", day(-3), ["ben"], "purchase"],
      ["Which pages lose people on the way to the basket?", null, [], undefined],
    ]) await call("ann", "POST", "/requirements", { title, deadline, people, events: event ? [{ app: "shop", event }] : [] });
    await as("ann", "/requirements");
    await page.getByRole("region", { name: "Online" }).getByText("How many orders are paid?").waitFor();
    await page.getByText("20 days overdue").waitFor();
    await page.getByRole("switch", { name: "Overdue" }).press("Space");
    await page.getByText("会员等级对复购的影响").waitFor({ state: "hidden" });
    await page.getByRole("switch", { name: "Overdue" }).press("Space");
    await page.getByRole("link", { name: /How do people pay/ }).waitFor();
    await driver.accessible("requirements");
    await driver.picture("requirements");
    await page.getByRole("link", { name: /How do people pay/ }).click();
    await main.getByText("wallet_bound").waitFor();
    await driver.accessible("a requirement");
    await page.goto(`${base}/inbox?tab=preferences`);
    await page.getByText("A review waits for me").waitFor();
    await driver.accessible("preferences");
    await driver.picture("preferences");
    await as("admin", "/people");
    await main.getByText("ann", { exact: true }).first().waitFor();
    await driver.accessible("people");
    await tab("Teams");
    await main.getByText("Checkout", { exact: true }).waitFor();
    await driver.accessible("teams");
    await driver.picture("teams");
  });

  await driver.step("all of it in Chinese, in the dark", async () => {
    await as("ben", `/changes/${change}?tab=events`);
    await show("dark", "zh");
    await page.getByText("变更内容").first().waitFor();
    for (const [path, text, picture] of [
      [`/changes/${change}?tab=events`, "已看", "change-events-dark-zh"],
      [`/changes/${change}?tab=impact`, "将新增失败", "change-impact-dark-zh"],
      ["/changes", "变更单", "changes-dark-zh"],
      ["/requirements", "设计", "requirements-dark-zh"],
      ["/my-events", "我的事件", undefined],
      ["/people?tab=permissions", "数据负责人", undefined],
    ]) {
      await page.goto(base + path);
      await main.getByText(text).first().waitFor();
      await driver.accessible(`${path} in the dark`);
      if (picture) await driver.picture(picture);
    }
  });

  must(driver.problems.length === 0, `problems on the way:\n${driver.problems.join("\n")}`);
  console.log("designed, reviewed, assessed, approved, merged, enforced");
});
