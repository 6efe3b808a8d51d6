import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportStudio, placeModel } from "../src/platform/node/studio/page.ts";
import { type ServedStudio, serveStudio } from "../src/platform/node/studio/serve.ts";
import { readReceipt, readVideo } from "../src/platform/node/video/read.ts";
import { collect, psnr } from "../src/platform/node/video/testing.ts";
import type { Frame } from "../src/video/frame.ts";
import {
  buildExample,
  chromiumPath,
  drop,
  type OpenedPage,
  openPage,
  openStudio,
  type Studio,
  serveFiles,
} from "./testing.ts";

if (!chromiumPath) console.warn("the page's tests are skipped: there is no Chromium here (apt-get install chromium)");

describe.skipIf(!chromiumPath)("the studio's page", () => {
  let studio: Studio;
  let served: ServedStudio;
  beforeAll(async () => {
    studio = await openStudio();
    served = await serveStudio(studio.folders, { port: 0 });
  });
  afterAll(async () => {
    await served?.close();
    await studio?.close();
  });

  /** Fills in the form as a person would and waits for the end. */
  async function makeVideo({ page }: OpenedPage, settings: Record<string, string> = {}): Promise<void> {
    await page.getByLabel("What happens in the video?").fill("a red ball moves left");
    for (const [label, value] of Object.entries({ Seed: "7", ...settings })) await page.getByLabel(label).fill(value);
    await page.getByRole("button", { name: "Make video" }).click();
    await page.getByText(/^Made in/).waitFor();
  }

  async function download({ page }: OpenedPage, name: string): Promise<string> {
    const [event] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).click(),
    ]);
    const path = join(studio.folder, name);
    await event.saveAs(path);
    expect(event.suggestedFilename()).toBe("a-red-ball-moves-left-7.mp4");
    return path;
  }

  test("makes a video that our own reader decodes, with its receipt inside", async () => {
    const opened = await openPage(studio.browser, served.url);
    const { page } = opened;
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
    await makeVideo(opened);
    const path = await download(opened, "made.mp4");
    const frames = await collect(readVideo(path));
    expect(frames).toHaveLength(9);
    expect(frames[0]).toMatchObject({ width: 64, height: 64 });
    const receipt = await readReceipt(path);
    expect(receipt).toMatchObject({
      prompt: "a red ball moves left",
      seed: 7,
      steps: 2,
      frames: 9,
      runtime: "ort",
      device: "wasm",
    });
    expect(receipt.models.map(({ name }) => name)).toEqual(["transformer", "vae", "text_encoder"]);
    expect(opened.faults).toEqual([]);

    // The gallery is there after a reload, and so is the model without asking the server for its weights.
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.reload();
    await page.locator("#device").waitFor();
    expect(asked.filter((url) => url.includes(".safetensors"))).toEqual([]);
    const card = page.getByRole("list").getByRole("button", { name: /a red ball moves left.*64 × 64/ });
    await card.click();
    await page.getByText("Receipt", { exact: true }).click();
    expect(await page.locator("#facts").textContent()).toContain(receipt.framesSha256);

    // A file from outside tells what it is; made again, it has the same frames.
    await drop(page, path);
    await page.getByRole("button", { name: "Make again" }).click();
    await page.getByText("the very same, bit for bit").waitFor();

    await page.getByRole("button", { name: "Delete" }).click();
    await page.locator("#status").getByText("Deleted.").waitFor();
    await page.reload();
    await page.locator("#device").waitFor();
    expect(await page.locator("#videos li").count()).toBe(1);
    await opened.context.close();
  });

  test("is worked by the keyboard alone, and stops when it is told to", async () => {
    const opened = await openPage(studio.browser, served.url);
    const { page } = opened;
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // skip to the prompt
    await page.keyboard.type("a blue cube");
    await page.getByLabel("Steps").fill("1000");
    await page.getByLabel("What happens in the video?").press("Control+Enter");
    await page.getByText(/Denoising, step [2-9]/).waitFor();
    const cancel = page.getByRole("button", { name: "Cancel" });
    await cancel.focus();
    const before = Date.now();
    await page.keyboard.press("Enter");
    await page.getByText("Cancelled.", { exact: true }).first().waitFor();
    expect(Date.now() - before).toBeLessThan(3000);
    expect(await page.locator("#videos li").count()).toBe(0);
    expect(await page.evaluate("document.activeElement.id")).toBe("make");
    // and goes on working
    await makeVideo(opened, { Steps: "2" });
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test("may be asked before its model is open, and to compute by something else in the middle of a run", async () => {
    const opened = await openPage(studio.browser, served.url, { isOpen: false });
    const { page } = opened;
    await makeVideo(opened);
    await page.getByLabel("Steps").fill("1000");
    await page.getByRole("button", { name: "Make video" }).click();
    await page.getByText(/Denoising, step [2-9]/).waitFor();
    await page.getByText("More settings").click();
    await page.getByLabel("Computed by").selectOption("wasm");
    await page.locator("#notices").getByText("As asked, the processor computes").waitFor();
    await page.getByRole("button", { name: "Make video" }).waitFor();
    await makeVideo(opened, { Steps: "1" });
    expect(await page.locator("#videos li").count()).toBe(2);
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test("says in words what it cannot do, and what it does differently", async () => {
    const opened = await openPage(studio.browser, served.url);
    const { page } = opened;
    await page.getByLabel("Size").selectOption("another size");
    await page.getByLabel("Width").fill("16000");
    await page.getByLabel("Height").fill("9000");
    await page.getByLabel("What happens in the video?").fill("a cat");
    await page.getByRole("button", { name: "Make video" }).click();
    const alert = page.getByRole("alert");
    await expect.poll(() => alert.textContent()).toMatch(/16000x9000 with 9 frames needs about .* GB.*would fit/);
    await page.getByLabel("Width").fill("70");
    await page.getByLabel("Height").fill("60");
    await page.getByRole("button", { name: "Make video" }).click();
    await page.getByText(/does not know "cat"/).waitFor();
    await page.getByText(/96x64 is made and cropped/).waitFor();
    await page.getByText(/^Made in/).waitFor();
    await page
      .getByLabel("Open a video")
      .setInputFiles({ name: "notes.mp4", mimeType: "video/mp4", buffer: Buffer.from("no video") });
    await expect.poll(() => alert.textContent()).toMatch(/notes\.mp4.*not a video of a known kind/i);
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test("makes large videos in two stages, and again from their receipt", async () => {
    const opened = await openPage(studio.browser, served.url);
    const { page } = opened;
    expect(await page.getByLabel("Size").textContent()).toContain("2560 × 1440, 2K");
    await page.getByLabel("Size").selectOption("another size");
    await makeVideo(opened, { Width: "128", Height: "96" });
    await page.getByText(/refine \d/).waitFor();
    const receipt = await readReceipt(await download(opened, "large.mp4"));
    expect(receipt).toMatchObject({ width: 128, height: 96, draft: { width: 64, height: 64 } });
    expect(receipt.stages?.map(({ name }) => name)).toEqual(["text", "draft", "guide", "refine", "decode", "encode"]);
    await page.getByRole("button", { name: "Make again" }).click();
    await page.getByText("the very same, bit for bit").waitFor();
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test("makes the same picture with WebGPU, where it is asked for", async () => {
    const pictures: Frame[][] = [];
    for (const device of ["webgpu", "wasm"]) {
      const opened = await openPage(studio.browser, `${served.url}?device=${device}`);
      const { page } = opened;
      // A software adapter is slow: one picture of one latent cell.
      await page.getByLabel("Size").selectOption("another size");
      await page.getByLabel("Length").evaluate((select: HTMLSelectElement) => {
        select.append(new Option("1 frame", "1"));
        select.value = "1";
      });
      await makeVideo(opened, { Width: "32", Height: "32", Steps: "1" });
      const path = await download(opened, `${device}.mp4`);
      expect(await readReceipt(path)).toMatchObject({ device: expect.stringContaining(device) });
      pictures.push(await collect(readVideo(path)));
      expect(opened.faults).toEqual([]);
      await opened.context.close();
    }
    expect(pictures[0]).toHaveLength(1);
    expect(psnr(pictures[0]!, pictures[1]!)).toBeGreaterThan(35);
  });

  test("is also a library: the guide's example makes a video", async () => {
    const folder = join(studio.folder, "example");
    await buildExample(folder);
    await placeModel(studio.folders.model, folder);
    const host = await serveFiles(folder, "/");
    try {
      const page = await studio.browser.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      await page.goto(host.url);
      await page.locator("video[src^=blob]").waitFor({ state: "attached", timeout: 120_000 });
      expect(faults).toEqual([]);
      await page.close();
    } finally {
      await host.close();
    }
  });

  test("works from a plain static host, below a path, with one thread", async () => {
    const folder = join(studio.folder, "static");
    await exportStudio(studio.folders, folder);
    const host = await serveFiles(folder, "/some/where/");
    try {
      const opened = await openPage(studio.browser, host.url);
      expect(await opened.page.evaluate("crossOriginIsolated")).toBe(false);
      await opened.page
        .locator("#notices")
        .getByText(/has one thread only/)
        .waitFor();
      await makeVideo(opened);
      const path = await download(opened, "static.mp4");
      expect(await collect(readVideo(path))).toHaveLength(9);
      expect(opened.faults).toEqual([]);
      await opened.context.close();
    } finally {
      await host.close();
    }
  });
});
