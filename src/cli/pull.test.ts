/** A model by the name that it has on a hub, from the command line. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commit, type FakeHub, type HubFile, openFakeHub } from "../platform/node/hub/testing.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
let hub: FakeHub;
const before = { ...process.env };
beforeAll(async () => {
  bench = await openBench();
  const files: Record<string, HubFile> = {};
  for (const entry of await readdir(bench.model, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      files[relative(bench.model, path)] = { content: await readFile(path), plain: path.endsWith(".json") };
    }
  hub = await openFakeHub("tiny/video", files);
  Object.assign(process.env, {
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: join(bench.folder, "cache"),
    HF_TOKEN: "hf_x",
  });
});
afterAll(async () => {
  process.env = before;
  await hub.close();
  await bench.close();
});

const generate = (...flags: string[]) =>
  run(["generate", "a red ball", "--model", "tiny/video", "-o", join(bench.folder, "x.mp4"), "--force", ...flags]);

test("a plan downloads nothing, generate does, and then no network is needed", async () => {
  const plan = await run(["plan", "--model", "tiny/video"]);
  expect(plan).toMatchObject({ code: 3, err: expect.stringContaining("turbo2k pull tiny/video") });
  expect(hub.requests).toEqual([]);

  const notes: string[] = [];
  const first = await run(["generate", "a red ball", "--model", "tiny/video", "-o", join(bench.folder, "x.mp4")], {
    onNote: (line) => notes.push(line),
  });
  expect(first).toMatchObject({ code: 0 });
  expect(first.err).toMatch(/tiny\/video at aaaaaaaa: \d+ files, \d+ MB/);
  expect(notes.some((line) => line.startsWith("download MB"))).toBe(true);
  expect(first.err).not.toContain("hf_x");

  hub.requests.length = 0;
  process.env["HF_HUB_OFFLINE"] = "1";
  expect((await generate()).code).toBe(0);
  expect((await run(["replay", join(bench.folder, "x.mp4"), "--model", "tiny/video"])).code).toBe(0);
  expect((await run(["info", "tiny/video"])).code).toBe(0);
  expect(hub.requests).toEqual([]);
  delete process.env["HF_HUB_OFFLINE"];
});

test("pull prints where the model is", async () => {
  const { code, out } = await run(["pull", "tiny/video", "--json"]);
  const path = join(bench.folder, "cache", "models--tiny--video", "snapshots", commit);
  expect({ code, ...JSON.parse(out) }).toEqual({ code: 0, model: "tiny/video", revision: "main", path });
});

test("pull says in words what is not there", async () => {
  expect(await run(["pull", "tiny/none"])).toMatchObject({
    code: 3,
    err: expect.stringContaining("no such model, or it is private"),
  });
  expect(await run(["pull", "./folder"])).toMatchObject({ code: 2 });
  expect(await run(["pull", "tiny/video", "--revision", "v9"])).toMatchObject({
    code: 3,
    err: expect.stringContaining('"v9"'),
  });
});
