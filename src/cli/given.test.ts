import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeFileAtomically } from "../platform/node/files/atomic-file.ts";
import { readReceipt, readVideo } from "../platform/node/video/read.ts";
import { encodePng } from "../video/png.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
const path = (name: string) => join(bench.folder, name);
const generate = (output: string, ...flags: string[]) =>
  run(["generate", "a red ball", "--model", bench.model, "--seed", "5", "-o", path(output), ...flags]);

beforeAll(async () => {
  bench = await openBench();
  for (const [name, shade] of [
    ["dark.png", 20],
    ["light.png", 220],
  ] as const)
    await writeFileAtomically(path(name), [
      encodePng({ width: 80, height: 60, data: new Uint8Array(80 * 60 * 3).fill(shade) }),
    ]);
});
afterAll(() => bench.close());

const hashOf = async (name: string) => (await readReceipt(path(name))).framesSha256;

test("pictures decide frames, stand in the receipt, and are needed to make the video again", async () => {
  expect((await generate("plain.mp4")).code).toBe(0);
  const flags = ["--image", path("dark.png"), "--image", `${path("light.png")}@8:0.7`];
  expect(await generate("given.mp4", ...flags)).toMatchObject({ code: 0 });
  const receipt = await readReceipt(path("given.mp4"));
  expect(receipt.given).toMatchObject([
    { name: "dark.png", kind: "image", frame: 0, strength: 1, frames: 1 },
    { name: "light.png", kind: "image", frame: 8, strength: 0.7, frames: 1 },
  ]);
  expect(receipt.framesSha256).not.toBe(await hashOf("plain.mp4"));
  expect(JSON.stringify(receipt)).not.toContain(bench.folder);

  const replay = (...more: string[]) => run(["replay", path("given.mp4"), "--model", bench.model, ...more]);
  // In any order, without places: the receipt knows them.
  expect((await replay("--image", path("light.png"), "--image", path("dark.png"))).out).toContain("match");
  const missing = await replay("--image", path("dark.png"));
  expect(missing).toMatchObject({ code: 2 });
  expect(missing.err).toContain("made from light.png");
});

test("a video goes on from another one's last frames", async () => {
  const flags = ["--extend", `${path("plain.mp4")}:9`, "--frames", "25"];
  expect(await generate("more.mp4", ...flags)).toMatchObject({ code: 0 });
  const receipt = await readReceipt(path("more.mp4"));
  expect(receipt.given).toMatchObject([{ name: "plain.mp4", kind: "video", frames: 9, frame: 0 }]);
  const frames = [];
  for await (const frame of readVideo(path("more.mp4"))) frames.push(frame);
  expect(frames).toHaveLength(25);
  const replay = await run(["replay", path("more.mp4"), "--model", bench.model, "--extend", path("plain.mp4")]);
  expect(replay.out).toContain("match");
});

test.each([
  [["--image", "dark.png@99"], "frame 99 is outside the video"],
  [["--image", "dark.png@4:1.5"], "an image is FILE"],
  [["--image", "dark.png@-1"], "an image is FILE"],
  [["--image", "dark.png:0.5"], "an image is FILE"],
  [["--image", "dark.png", "--extend", "plain.mp4"], "the first frame is given twice"],
  [["--extend", "plain.mp4:7"], "cannot begin a video"],
])("%j is refused", async (flags, message) => {
  const { code, err } = await generate("no.mp4", ...flags.map((flag) => (flag.startsWith("--") ? flag : path(flag))));
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test("a missing picture is named by replay, too", async () => {
  const { code, err } = await run(["replay", path("given.mp4"), "--model", bench.model, "--image", path("absent.png")]);
  expect(err).toContain("absent.png: cannot read: no such file");
  expect(code).toBe(2);
});
