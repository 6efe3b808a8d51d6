import { mkdir, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hashesOf } from "../../../pipelines/receipt.ts";
import { parseModelFiles } from "../../../schema/model-files.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { openModel } from "../models/open-model.ts";
import { inFolder } from "../video/testing.ts";
import { exportStudio, type StudioFolders } from "./page.ts";
import { serveStudio } from "./serve.ts";

/** A page of one line, with a model and a secret beside it. */
async function inStudio<T>(work: (folders: StudioFolders, folder: string) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    const folders = { page: join(folder, "page"), model: join(folder, "model") };
    await mkdir(folders.page);
    await writeFile(join(folders.page, "index.html"), "<p>page</p>");
    await writeFile(join(folder, "secret.json"), "secret");
    await saveTinyModel(folders.model);
    return work(folders, folder);
  });
}

/** The path goes as it is: `fetch` would tidy it up first. */
const statusOf = (url: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    get({ hostname, port, path }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).on("error", reject);
  });

test("the server sends the page isolated, and the model with a list of its files", () =>
  inStudio(async (folders) => {
    const { url, close } = await serveStudio(folders, { port: 0 });
    try {
      const page = await fetch(url);
      expect(await page.text()).toBe("<p>page</p>");
      expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
      const { files, modules } = parseModelFiles(await (await fetch(`${url}model/files.json`)).text(), "files.json");
      for (const { path, bytes } of files) {
        const body = new Uint8Array(await (await fetch(`${url}model/${path}`)).arrayBuffer());
        expect(body.byteLength, path).toBe(bytes);
      }
      const model = await openModel(folders.model);
      await model.close();
      expect(Object.entries(modules)).toEqual((await hashesOf(model.files)).map(({ name, sha256 }) => [name, sha256]));
      expect((await fetch(url, { method: "POST" })).status).toBe(405);
    } finally {
      await close();
    }
  }));

test.each([
  "/../secret.json",
  "/model/../../secret.json",
  "/model/%2e%2e/%2e%2e/secret.json",
  "/..%2fsecret.json",
  "/.hidden",
  "//etc/passwd",
  "/nothing",
])("the server has nothing at %s", (path) =>
  inStudio(async (folders) => {
    const { url, close } = await serveStudio(folders, { port: 0 });
    try {
      expect(await statusOf(url, path)).toBe(404);
    } finally {
      await close();
    }
  }),
);

test("a port that is taken is an error when it was asked for, and passed over when it was not", () =>
  inStudio(async (folders) => {
    const first = await serveStudio(folders);
    const second = await serveStudio(folders);
    try {
      expect(second.url).not.toBe(first.url);
      await expect(serveStudio(folders, { port: Number(new URL(first.url).port) })).rejects.toThrow(/is taken/);
    } finally {
      await first.close();
      await second.close();
    }
  }));

test("an exported folder has page, model and list, and never replaces another folder", () =>
  inStudio(async (folders, folder) => {
    const out = join(folder, "out");
    await exportStudio(folders, out);
    expect(await readFile(join(out, "index.html"), "utf8")).toBe("<p>page</p>");
    const { files } = parseModelFiles(await readFile(join(out, "model", "files.json"), "utf8"), "files.json");
    expect(files.map(({ path }) => path)).toContain("vae/diffusion_pytorch_model.safetensors");
    await expect(exportStudio(folders, out)).rejects.toThrow(/exists already/);
  }));
