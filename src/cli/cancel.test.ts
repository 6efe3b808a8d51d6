import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GenerateEvent } from "../platform/node/generate/events.ts";
import { generate } from "../platform/node/generate/generate.ts";
import { buildCommand, openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const folder = (name: string) => join(bench.folder, name);
const left = async (name: string) => (await readdir(folder(name)).catch(() => [])).sort();

describe("a run that is stopped", () => {
  const moments: Record<string, (event: GenerateEvent) => boolean> = {
    "before it begins": () => false,
    "when the model is open": (event) => event.type === "started",
    "before the first step": (event) => event.type === "progress" && event.stage === "denoise" && event.done === 0,
    "after a step": (event) => event.type === "progress" && event.stage === "denoise" && event.done === 1,
    "after the last step": (event) => event.type === "progress" && event.stage === "denoise" && event.done === event.of,
    "before the first frame": (event) => event.type === "progress" && event.stage === "decode" && event.done === 0,
    "after some frames": (event) => event.type === "progress" && event.stage === "decode" && event.done === 3,
  };

  test.each(Object.keys(moments))("%s leaves no half of a video, and latents where there were any", async (moment) => {
    const stop = new AbortController();
    if (moment === "before it begins") stop.abort();
    const output = join(folder(moment), "x.mp4");
    const kept: string[] = [];
    const attempt = async () => {
      const request = { prompt: "a cube", model: bench.model, seed: 1, output };
      for await (const event of generate(request, { signal: stop.signal })) {
        if (moments[moment]!(event)) stop.abort();
        if (event.type === "notice" && event.text.includes("turbo2k decode")) kept.push(event.text);
      }
    };
    await expect(attempt()).rejects.toMatchObject({ kind: "cancelled" });
    const names = await left(moment);
    expect(names).toEqual(moment.includes("frame") ? ["x.mp4.latents.safetensors"] : []);
    expect(kept).toHaveLength(names.length);
  });

  test("goes on from its latents to the frames that it would have made", async () => {
    const [name, stop] = ["resumed", new AbortController()];
    const flags = ["generate", "a cube", "--model", bench.model, "--seed", "1", "--json"];
    const whole = await run([...flags, "-o", join(folder(name), "whole.mp4")]);
    const onNote = (line: string) => void (line.startsWith("decode 3/") && stop.abort());
    const cut = await run([...flags, "-o", join(folder(name), "cut.mp4"), "--frames", "9"], {
      signal: stop.signal,
      onNote,
    });
    const latents = /turbo2k decode (\S+)/.exec(cut.err)?.[1];
    expect(cut.code).toBe(130);
    const decoded = await run(["decode", latents!, "-o", join(folder(name), "cut.mp4"), "--json"]);
    const hash = ({ out }: { out: string }) =>
      (JSON.parse(out) as { receipt: { framesSha256: string } }).receipt.framesSha256;
    expect(hash(decoded)).toBe(hash(whole));
  });

  test("by a caller that no longer listens cleans up as well", async () => {
    const output = join(folder("unheard"), "x.mp4");
    for await (const event of generate({ prompt: "a cube", model: bench.model, seed: 1, output }))
      if (event.type === "progress" && event.stage === "decode" && event.done === 2) break;
    expect(await left("unheard")).toEqual(["x.mp4.latents.safetensors"]);
  });
});

describe("Ctrl-C", () => {
  let command: Awaited<ReturnType<typeof buildCommand>>;
  beforeAll(async () => {
    command = await buildCommand("cancel");
  });
  afterAll(() => command.close());

  const start = (name: string, ...flags: string[]): { child: ChildProcess; exit: Promise<unknown[]> } => {
    const output = join(folder(name), "x.mp4");
    const child = spawn(process.execPath, [
      command.main,
      "generate",
      "a cube",
      "--model",
      bench.model,
      "-o",
      output,
      ...flags,
    ]);
    return { child, exit: once(child, "exit") };
  };
  /** Waits for a line on stderr. */
  const heard = (child: ChildProcess, part: string) =>
    new Promise<void>((resolve) => {
      let text = "";
      child.stderr!.on("data", (chunk) => {
        text += chunk;
        if (text.includes(part)) resolve();
      });
    });

  test("while denoising exits with 130 and leaves nothing", async () => {
    const { child, exit } = start("signal-denoise", "--steps", "1000", "--size", "128x128");
    await heard(child, "1000 steps");
    child.kill("SIGINT");
    const [code] = await exit;
    expect(code).toBe(130);
    expect(await left("signal-denoise")).toEqual([]);
  });

  test("while decoding keeps the latents", async () => {
    const { child, exit } = start("signal-decode", "--size", "256x256", "--frames", "241");
    await heard(child, "denoise 2/2");
    child.kill("SIGINT");
    const [code] = await exit;
    expect(code).toBe(130);
    const names = await left("signal-decode");
    expect(names.length).toBeLessThan(2);
    expect(names.join()).toMatch(/^(x\.mp4\.latents\.safetensors)?$/);
  });

  test("twice ends at once, and even then nothing half-written stays", async () => {
    const { child, exit } = start("signal-twice", "--size", "1024x1024", "--frames", "97", "--steps", "50");
    await heard(child, "50 steps");
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 600));
    child.kill("SIGINT");
    const [code, signal] = await exit;
    expect(signal ?? code).toBe(signal ? "SIGINT" : 130);
    expect(await left("signal-twice")).toEqual([]);
  });
});
