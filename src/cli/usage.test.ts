import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { version } from "../base/version.ts";
import { saveTinyModel } from "../platform/node/generate/testing.ts";
import { kebab, programFor } from "./program.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** `generate` with the tiny model, up to the point where settings are printed. */
const settings = async (...argv: string[]): Promise<Record<string, unknown>> => {
  const { code, out, err } = await run(["generate", "--model", bench.model, "--print-config", ...argv]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return parse(out) as Record<string, unknown>;
};
const config = async (name: string, text: string): Promise<string> => {
  const path = join(bench.folder, name);
  await writeFile(path, text);
  return path;
};

test("version and help go to stdout", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, out: version, err: "" });
  const { code, out } = await run(["generate", "--help"]);
  expect(code).toBe(0);
  for (const flag of ["--size", "--seed", "--negative-prompt", "--plan"]) expect(out).toContain(flag);
  expect((await run(["--help"])).out).toContain("Examples:");
});

test("snake case is taken, except behind --", () => {
  expect(kebab(["--num_frames", "9", "--num_frames=9", "a_b", "--", "--num_frames"])).toEqual([
    "--num-frames",
    "9",
    "--num-frames=9",
    "a_b",
    "--",
    "--num_frames",
  ]);
});

describe("a wrong command line exits with 2 and says what helps", () => {
  test.each([
    [["generate", "x", "--stesp", "3"], "unknown option '--stesp'", "did you mean --steps?"],
    [["generate", "x", "--neg", "blue"], "unknown option '--neg'", "did you mean --negative-prompt?"],
    [["generate", "x", "--num_frame", "3"], "unknown option '--num-frame'", "did you mean --num-frames?"],
    [["genrate", "x"], "unknown command 'genrate'", "did you mean generate?"],
    [["generate", "a", "red", "ball"], "too many arguments", "in quotes"],
    [["generate", "x", "--frames"], "argument missing", "--help"],
    [["generate", "x", "--device", "cuda"], "cuda", "--help"],
    [[], "no command given", "turbo2k --help lists them"],
    [["eval"], "no command given after turbo2k eval", "turbo2k eval --help"],
    [["eval", "world", "--promtps", "3"], "--promtps", "did you mean --prompts?"],
    [["eval", "vae", "--zzzzzz", "3"], "--zzzzzz", "turbo2k eval vae --help"],
    [["generate", "x", "--steps", "0"], '--steps must be a whole number from 1 to 1000, got "0"', ""],
    [["generate", "x", "--num-frames", "2.5"], '--num-frames must be a whole number from 1 to 100000, got "2.5"', ""],
    [["generate", "x", "--seed", "-1"], 'got "-1"', ""],
    [["generate", "x", "--seed", "9007199254740992"], 'got "9007199254740992"', ""],
    [["generate", "x", "--fps", "fast"], '--fps must be a number from 1 to 240, got "fast"', ""],
    [["generate", "x", "--cfg_scale", "1e999"], '--cfg-scale must be a number from 0 to 100, got "1e999"', ""],
    [["train", "r.yaml", "--minutes", "soon"], "--minutes must be a number", ""],
    [["probe", "--module", "unet"], "unet", ""],
    [["decode", "video.mp4"], "video.mp4: this is no file of latents", "turbo2k replay"],
    [["train", "r.yaml", "--resume", "--force"], "give one", ""],
  ])("%j", async (argv, message, hint) => {
    const { code, out, err } = await run(argv);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^error: /);
    expect(err).not.toMatch(/^\s+at /m);
    expect(err).toContain(message);
    expect(err).toContain(hint);
  });

  test.each([
    [["--size", "big"], 'size must be 2k, 1080p, 720p or WIDTHxHEIGHT with sides from 16 to 16384, got "big"'],
    [["--size", "0x64"], "sides from 16 to 16384"],
    [["--size", "64x64", "--width", "64"], "a size, or a width and a height"],
    [["--width", "64"], "a width alone is not a size"],
    [["--frames", "9", "--seconds", "1"], "frames or seconds, not both"],
    [["--steps", "2", "--sigmas", "1,0.5"], "steps or sigmas, not both"],
    [["--sigmas", "0.5,0.7"], "sigmas must fall"],
    [["--frames", "9", "--num-frames", "17"], "--num-frames and --frames are the same flag"],
    [["-o", "out.avi"], "cannot tell the format"],
    [["-o", "out.mp4", "--size", "65x64"], "even width and height"],
  ])("%j", async (flags, message) => {
    const { code, err } = await run(["generate", "x", "--model", bench.model, ...flags]);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  test.each(["", "  \n"])("an empty prompt: %j", async (prompt) => {
    const { code, err } = await run(["generate", prompt, "--model", bench.model]);
    expect(err).toBe('error: the prompt is empty\nhint: for example "a red ball moving left"');
    expect(code).toBe(2);
  });
});

describe("files that cannot be read are mistakes of usage, and named", () => {
  test.each([
    ["generate", "x", "--image", "nowhere.png"],
    ["generate", "x", "--extend", "nowhere.png"],
    ["replay", "nowhere.png"],
  ])("%s %s %s", async (...argv) => {
    const { code, err } = await run([...argv, "--model", bench.model]);
    expect(err).toContain("nowhere.png: cannot read: no such file");
    expect(code).toBe(2);
  });

  test("also a picture that is none", async () => {
    const path = await config("text.png", "no picture");
    const { code, err } = await run(["generate", "x", "--model", bench.model, "--image", path]);
    expect(err).toContain("text.png: ");
    expect(code).toBe(2);
  });
});

describe("what would have no effect is refused", () => {
  test.each([
    ["--compat", "diffusers", 2, "tiny says itself what it is run with", "leave out --compat"],
    ["--vae", "somewhere", 2, "has its own text encoder and autoencoder", "leave out --vae"],
    ["--text-encoder", "somewhere", 2, "has its own text encoder and autoencoder", "leave out --text-encoder"],
    ["--lora", "none/style.safetensors", 3, "there is no such LoRA", "ORG/NAME/FILE.safetensors"],
  ])("%s %s", async (flag, value, exit, message, hint) => {
    const { code, err } = await run(["generate", "x", "--model", bench.model, flag, value]);
    expect(err).toContain(message);
    expect(err).toContain(hint);
    expect(code).toBe(exit);
  });
});

test("the guides use commands and flags that there are", async () => {
  const root = join(import.meta.dirname, "../..");
  const guides = (await readdir(join(root, "docs/guides"))).map((name) => join(root, "docs/guides", name));
  const texts = await Promise.all([join(root, "README.md"), ...guides].map((path) => readFile(path, "utf8")));
  // A line of code, or a span of it in a sentence, without a comment, quoted words and what follows a pipe.
  const lines = texts.flatMap((text) =>
    [...text.matchAll(/(?:^(?:npx )?|`(?:npx )?)turbo2k ([^`\n]*)/gm)].map(([, line]) =>
      line!.replace(/\s#.*|\s[|>].*/, ""),
    ),
  );
  expect(lines.length).toBeGreaterThan(40);
  const program = programFor({ out() {}, note() {}, progress() {}, signal: new AbortController().signal });
  for (const line of lines) {
    const words = line
      .replace(/"[^"]*"/g, "")
      .split(/\s+/)
      .filter(Boolean);
    let command: Command | undefined = program;
    while (command?.commands.length) {
      const name: string | undefined = words.shift();
      if (name === undefined || name.startsWith("-")) break;
      command = command.commands.find((one) => one.name() === name);
    }
    expect(command, line).toBeDefined();
    const known = command!.options.flatMap(({ long, short }) => [long, short]);
    for (const word of words.filter((word) => /^--?[a-z]/.test(word))) expect(known, line).toContain(word);
  }
});

describe("settings", () => {
  test("are the model's where nothing is said", async () => {
    expect(await settings("a red ball")).toMatchObject({
      prompt: "a red ball",
      width: 64,
      height: 64,
      frames: 9,
      fps: 8,
      steps: 2,
      "guidance-scale": 2,
      seed: expect.any(Number),
    });
  });

  test("have the names that other programs use", async () => {
    const same = ["--num_frames=17", "--num_inference_steps", "3", "--cfg-scale", "4.5", "--negative_prompt", "grey"];
    expect(await settings("x", ...same)).toMatchObject({
      frames: 17,
      steps: 3,
      "guidance-scale": 4.5,
      "negative-prompt": "grey",
    });
    expect(await settings("x", "--size", "720p", "--seconds", "2")).toMatchObject({
      width: 1280,
      height: 720,
      frames: 16,
    });
  });

  test("come from a file in YAML or JSON, and flags have the last word", async () => {
    const yaml = await config("a.yaml", "prompt: a blue cube\nnum_frames: 17\nsigmas: [1, 0.5]\nsize: 128x96\n");
    expect(await settings("--config", yaml)).toMatchObject({ prompt: "a blue cube", frames: 17, sigmas: [1, 0.5, 0] });
    const over = await settings(
      "--config",
      yaml,
      "a cone",
      "--steps",
      "4",
      "--seconds",
      "1",
      "--width",
      "64",
      "--height",
      "32",
    );
    expect(over).toMatchObject({ prompt: "a cone", frames: 8, steps: 4, width: 64, height: 32 });
    const json = await config("a.json", '{"guidanceScale": 1, "prompt": "x", "seed": 7}');
    expect(await settings("--config", json)).toMatchObject({ "guidance-scale": 1, seed: 7 });
  });

  test("printed as a file give themselves again", async () => {
    const printed = await run(["generate", "x", "--model", bench.model, "--print-config", "--size", "96x64"]);
    const path = await config("printed.yaml", printed.out);
    expect((await run(["generate", "--print-config", "--config", path])).out).toBe(printed.out);
  });

  test("printed as a file hold guidance that is more than a scale, and no scale of ours in its place", async () => {
    const flags = ["--stg-scale", "1", "--stg-blocks", "0", "--guidance-rescale", "0.5", "--no-cache"];
    const printed = await settings("x", ...flags);
    const more = { "stg-scale": 1, "stg-blocks": [0], "guidance-rescale": 0.5, cache: false };
    expect(printed).toMatchObject(more);
    expect(printed).not.toHaveProperty("guidance-scale");
    const path = await config("guided.yaml", stringify(printed));
    expect(await settings("--config", path)).toEqual(printed);
  });

  test("printed as a file leave noise levels to a model that has its own", async () => {
    const model = join(bench.folder, "levels");
    await saveTinyModel(model, { sigmas: [1, 0.9, 0.2, 0] });
    const { out } = await run(["generate", "x", "--model", model, "--print-config"]);
    expect(parse(out)).not.toHaveProperty("steps");
    expect(parse(out)).not.toHaveProperty("sigmas");
  });

  test.each([
    ["stesp: 3", 'unknown setting "stesp"'],
    ["steps: 0", "steps: must be a whole number from 1 to 1000, got 0"],
    ["frames: many", 'frames: must be a whole number from 1 to 100000, got "many"'],
    ["guidance-scale: .inf", "guidance-scale: must be a number"],
    ["- 1", "expected settings by name"],
    ["a: [", "not YAML or JSON"],
  ])("of a file are checked: %j", async (text, message) => {
    const { code, err } = await run(["generate", "x", "--config", await config("bad.yaml", text)]);
    expect(err).toContain(message);
    expect(err).toContain("bad.yaml");
    expect(code).toBe(2);
  });
});
