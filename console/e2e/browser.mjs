/** A browser for the end-to-end test: Debian's Chromium, axe, screenshots, steps with names. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Run `test` with a page of a fresh browser; tear everything down whatever happens. */
export async function withBrowser(test) {
  const profile = mkdtempSync(join(tmpdir(), "trackplane-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport: { width: 1360, height: 900 },
    locale: "en-GB",
    colorScheme: "light",
    reducedMotion: "reduce",
  });
  try {
    context.setDefaultTimeout(15_000);
    const page = context.pages()[0] ?? (await context.newPage());
    await test(new Driver(page));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

export class Driver {
  constructor(page) {
    this.page = page;
    this.problems = [];
    // A refused script or style, an exception: the page may look right and still be broken.
    page.on("pageerror", (error) => this.problems.push(`exception: ${error.stack ?? error}`));
    page.on("console", (message) => {
      // Answers that are errors are the page's business: it has to show them.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.problems.push(`console: ${message.text()}`);
    });
  }

  async step(name, act) {
    const started = Date.now();
    try {
      await act();
    } catch (error) {
      await this.page.screenshot({ path: join(tmpdir(), "trackplane-console-failure.png") }).catch(() => undefined);
      const shown = await this.page.locator("body").innerText().catch(() => "");
      throw new Error(`${name}: ${error.message}\n--- the page showed ---\n${shown.slice(0, 3_000)}\n--- problems ---\n${this.problems.join("\n")}`, { cause: error });
    }
    console.log(`ok  ${name} (${Date.now() - started} ms)`);
  }

  /** Note accessibility violations that are serious or critical; the end of the run fails on them. */
  async accessible(where) {
    await this.page.evaluate(AXE);
    // What is half faded in has half of its contrast.
    await this.page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== "running" || one.effect.getTiming().iterations === Infinity));
    const violations = await this.page.evaluate(async () => {
      const { violations: found } = await window.axe.run(document, { resultTypes: ["violations"] });
      return found
        .filter((one) => one.impact === "serious" || one.impact === "critical")
        .map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.any?.[0]?.message ?? ""}`).join("; ")}`);
    });
    for (const violation of violations) this.problems.push(`axe on ${where}: ${violation}`);
  }

  async picture(name) {
    if (!process.env.SCREENSHOTS) return;
    // A tooltip or a half-faded transition is not what a page looks like.
    await this.page.mouse.move(0, 0);
    await this.page.waitForTimeout(350);
    await this.page.screenshot({ path: `${PICTURES}${name}.png` });
  }
}

/** Fail with a sentence unless it is so. */
export function must(met, otherwise) {
  if (!met) throw new Error(otherwise);
}
