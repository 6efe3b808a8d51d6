import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CancelledError, InputError } from "../base/errors.ts";
import { readVideo } from "../platform/node/video/read.ts";
import type { Frame } from "../video/frame.ts";
import { decodePng } from "../video/png.ts";
import { addWorld } from "./world.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-world-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `world` and answers what it prints. */
async function world(argv: readonly string[], signal = new AbortController().signal): Promise<string> {
  const out: string[] = [];
  const program = new Command("turbo2k").exitOverride().configureOutput({ writeErr: () => {} });
  addWorld(program, { out: (text) => void out.push(text), note: () => {}, progress: () => {}, signal });
  await program.parseAsync(["world", "--size", "64x48", "--frames", "5", ...argv], { from: "user" });
  return out.join("\n");
}

async function framesIn(file: string): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of readVideo(file)) frames.push(frame);
  return frames;
}

describe("turbo2k world", () => {
  test("writes clips, their captions and a contact sheet into a folder", async () => {
    const output = join(folder, "some");
    expect(await world(["-o", output, "--count", "3", "--sheet", "--fps", "12"])).toBe(output);
    expect((await readdir(output)).sort()).toEqual(["00000.mp4", "00001.mp4", "00002.mp4", "sheet.png", "world.json"]);
    const { clips, preset, fps, accuracy } = JSON.parse(await readFile(join(output, "world.json"), "utf8"));
    expect({ preset, fps, accuracy }).toEqual({ preset: "mini", fps: 12, accuracy: undefined });
    expect(clips.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
    expect(clips[0].caption).toMatch(/[a-z]/);
    expect(clips[0].scene.bodies[0].shape).toMatch(/[a-z]/);
    expect(clips[0].file).toBe("00000.mp4");
    const frames = await framesIn(join(output, "00000.mp4"));
    expect(frames).toHaveLength(5);
    expect(frames[0]).toMatchObject({ width: 64, height: 48 });
    expect(decodePng(await readFile(join(output, "sheet.png"))).width).toBeGreaterThan(64 * 5);
  });

  test.each(["mini", "miniTextured", "rich", "study"])("checks %s with the detectors", async (preset) => {
    const result = JSON.parse(
      await world(["-o", join(folder, preset), "--preset", preset, "--count", "2", "--check", "--json", "--seed", "4"]),
    );
    expect(result.accuracy.clips).toBe(2);
    expect(result.accuracy.attributes.colour.asked).toBe(2);
    expect(Object.keys(result.clips[1].marks)).toContain("shape");
  });

  test("prints what the detectors recover", async () => {
    const text = await world(["-o", join(folder, "checked"), "--count", "2", "--check", "--size", "128x128"]);
    expect(text).toMatch(/colour +100\.0 %.*2\/2/);
  });

  test("renders held-out combinations only", async () => {
    const { clips } = JSON.parse(await world(["-o", join(folder, "held"), "--count", "2", "--held-out", "--json"]));
    for (const clip of clips) expect(clip.heldOut).toBe(true);
  });

  test("writes one clip to a file, and replaces it only when told to", async () => {
    const file = join(folder, "one.mp4");
    expect(await world(["-o", file, "--count", "1"])).toBe(file);
    await expect(world(["-o", file, "--count", "1"])).rejects.toThrow("exists");
    await world(["-o", file, "--count", "1", "--force", "--seed", "2"]);
    expect(await framesIn(file)).toHaveLength(5);
  });

  test.each([
    [["--count", "0"], "--count must be a whole number from 1"],
    [["--count", "2.5"], 'got "2.5"'],
    [["--frames", "-3"], "--frames"],
    [["--fps", "fast"], "--fps"],
    [["--seed", "1e300"], "--seed"],
    [["--size", "64"], "size must be"],
    [["--size", "0x64"], "size must be"],
    [["-o", "x.mp4", "--count", "2"], "do not fit into one file"],
    [["-o", "x.mp4", "--count", "1", "--sheet"], "needs a folder"],
    [["-o", "x.avi", "--count", "1"], "cannot write"],
  ])("refuses %j", async (argv, message) => {
    const failure = await world(argv).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(InputError);
    expect((failure as Error).message).toContain(message);
  });

  test("stops when told to", async () => {
    const output = join(folder, "stopped");
    await expect(world(["-o", output, "--count", "5"], AbortSignal.abort())).rejects.toThrow(CancelledError);
  });
});
