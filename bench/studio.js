// One video in a real tab: `node bench/studio.js [wasm|webgpu] [SIZE]` serves the built page with mini, presses the
// button in Chromium, and prints what the page says it took. Needs `npm run build` and a Chromium.
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { builtPage } from "../dist/platform/node/studio/page.js";
import { serveStudio } from "../dist/platform/node/studio/serve.js";

const [device = "wasm", size] = process.argv.slice(2);
const model = fileURLToPath(new URL("../assets/mini", import.meta.url));
const { url, close } = await serveStudio({ page: await builtPage(), model }, { port: 0 });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-webgpu"],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(1_800_000);
  await page.goto(`${url}?device=${device}`);
  await page.locator("#device, #failure").and(page.locator(":visible")).first().waitFor();
  await page.getByLabel("What happens in the video?").fill("a large red cube moves left on checkered ground");
  await page.getByLabel("Seed").fill("7");
  if (size) await page.getByLabel("Size").selectOption(size);
  await page.getByRole("button", { name: "Make video" }).click();
  const failure = page.getByRole("alert");
  await Promise.race([page.getByText(/^Made in/).waitFor(), failure.waitFor()]);
  const took = (await failure.isVisible()) ? await failure.textContent() : await page.locator("#status").textContent();
  const machine = `${cpus()[0].model.trim()}, ${availableParallelism()} threads`;
  console.log(JSON.stringify({ machine, chromium: browser.version(), device, took }, null, 2));
} finally {
  await browser.close();
  await close();
}
