/** The built page in a real Chromium, for tests. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { addTinyHr, saveTinyModel } from "../src/platform/node/generate/testing.ts";

/** Where distributions put it; another place by `CHROMIUM`. */
export const chromiumPath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (path) => path && existsSync(path),
);

export interface Studio {
  /** The built page and a tiny model. */
  readonly folders: { readonly page: string; readonly model: string };
  readonly folder: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Builds the page into a folder of its own and starts a browser. */
export async function openStudio(): Promise<Studio> {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-studio-"));
  const folders = { page: join(folder, "page"), model: join(folder, "tiny") };
  await saveTinyModel(folders.model);
  await addTinyHr(folders.model);
  await build({
    configFile: join(import.meta.dirname, "vite.config.ts"),
    logLevel: "silent",
    build: { outDir: folders.page, emptyOutDir: true },
  });
  const browser = await chromium.launch({
    executablePath: chromiumPath!,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
    ],
  });
  return {
    folders,
    folder,
    browser,
    async close() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface OpenedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What went wrong in the page without the page saying so. */
  readonly faults: string[];
}

/** A page of its own storage; at the moment when its model is open, unless told otherwise. */
export async function openPage(browser: Browser, url: string, { isOpen = true } = {}): Promise<OpenedPage> {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000); // machines that test are busy
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin)
      faults.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  if (isOpen) await page.locator("#device").waitFor();
  return { page, context, faults };
}

/** The example of the guide as a page of its own, bundled as a reader would do it. */
export async function buildExample(folder: string): Promise<void> {
  const guide = await readFile(join(import.meta.dirname, "../docs/guides/browser.md"), "utf8");
  const [, code = ""] = /```ts\n([\s\S]*?)```/.exec(guide) ?? [];
  // Inside the checkout, where its packages are found.
  const cache = join(import.meta.dirname, "../node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const root = await mkdtemp(join(cache, "turbo2k-example-"));
  try {
    await writeFile(join(root, "index.html"), '<video></video><script type="module" src="./main.ts"></script>');
    await writeFile(join(root, "main.ts"), code);
    await build({
      configFile: false,
      root,
      base: "./",
      logLevel: "silent",
      resolve: { alias: { "turbo2k/browser": join(import.meta.dirname, "../src/browser.ts") } },
      build: { outDir: folder, emptyOutDir: true, target: "es2023" },
    });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Drags a file from outside onto the page. */
export async function drop(page: Page, path: string): Promise<void> {
  const data = (await readFile(path)).toString("base64");
  const transfer = await page.evaluateHandle((base64: string) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const items = new DataTransfer();
    items.items.add(new File([bytes], "made.mp4", { type: "video/mp4" }));
    return items;
  }, data);
  for (const type of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("main", type, { dataTransfer: transfer });
}

/** The plainest host there is: files below a path, no headers that isolate, no types beyond what a browser needs. */
export async function serveFiles(folder: string, below: string): Promise<{ url: string; close(): Promise<void> }> {
  const types: Record<string, string> = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
  };
  const server = createServer((request, response) => {
    const path = request.url!.split("?")[0]!.slice(below.length) || "index.html";
    readFile(join(folder, path)).then(
      (bytes) => response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream").end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}${below}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
