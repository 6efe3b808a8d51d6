import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requestsOf } from "./batch.ts";
import { openBench, run } from "./testing.ts";

test("each prompt with seeds that follow each other, each in a file of its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-batch-"));
  try {
    const path = join(folder, "prompts.txt");
    await writeFile(path, "# two\na red ball\n\n  a blue cube  \r\n");
    const requests = await requestsOf({ seed: 7, output: "v/out.mp4" }, { prompts: path, numVideos: 2 });
    expect(requests.map(({ prompt, seed, output }) => [prompt, seed, output])).toEqual([
      ["a red ball", 7, join("v", "out-1.mp4")],
      ["a red ball", 8, join("v", "out-2.mp4")],
      ["a blue cube", 7, join("v", "out-3.mp4")],
      ["a blue cube", 8, join("v", "out-4.mp4")],
    ]);
    await expect(requestsOf({ seed: 7, prompt: "x" }, { prompts: path })).rejects.toThrow("not both");
    await writeFile(path, "# none\n");
    await expect(requestsOf({ seed: 7 }, { prompts: path })).rejects.toThrow("no prompts");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("one video keeps its name; a series of pictures gets a folder each", async () => {
  const output = join("a", "%05d.png");
  expect((await requestsOf({ seed: 1, prompt: "x", output }, {}))[0]!.output).toBe(output);
  const two = await requestsOf({ seed: 1, prompt: "x", output }, { numVideos: 2 });
  expect(two.map((one) => one.output)).toEqual([join("a-1", "%05d.png"), join("a-2", "%05d.png")]);
});

test("a plan is of all videos, and settings are of one", async () => {
  const { folder, model, close } = await openBench();
  try {
    const path = join(folder, "prompts.txt");
    await writeFile(path, "a red ball\na blue cube\n");
    const flags = ["generate", "--model", model, "--prompts", path, "--num-videos", "2"];
    expect((await run([...flags, "--plan"])).out).toMatch(/\n4 videos: .+ on disk$/);
    expect(JSON.parse((await run([...flags, "--plan", "--json"])).out)).toMatchObject({ videos: 4 });
    expect(await run([...flags, "--print-config"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("one video"),
    });
  } finally {
    await close();
  }
});

test("a file that is not there is named", async () => {
  const { code, err } = await run(["generate", "--prompts", "/nowhere/prompts.txt"]);
  expect(code).toBe(2);
  expect(err).toContain("/nowhere/prompts.txt");
});
