/** Flags and config files as one request. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { parse } from "yaml";
import { InputError } from "../base/errors.ts";
import type { SeededRequest } from "../platform/node/generate/prepare.ts";
import {
  compats,
  devices,
  type GenerateRequest,
  limits,
  type RequestKey,
  requestKeys,
  requestSchema,
} from "../schema/request.ts";
import { nearest } from "./nearest.ts";
import { numberFor, parseList } from "./numbers.ts";

/** Other names, as diffusers has them. */
const aliases: Readonly<Record<string, RequestKey>> = {
  numFrames: "frames",
  numInferenceSteps: "steps",
  cfgScale: "guidanceScale",
};

type Flags = Record<string, unknown> & { config?: string; image?: string };

/** Adds what `generate`, `plan` and `eval` have in common. */
export function addRequestFlags(command: Command): Command {
  const number = (flags: string, what: string, key: keyof typeof limits) =>
    command.addOption(new Option(flags, what).argParser(numberFor(/--[a-z-]+/.exec(flags)![0], limits[key])));
  command.option(
    "--model <model>",
    "mini, a diffusers folder, an original checkpoint, or ORG/NAME on a hub (default: mini)",
  );
  command.option("--size <size>", "2k, 1080p, 720p or WxH");
  number("--width <n>", "with --height, in place of --size", "width");
  number("--height <n>", "with --width", "height");
  number("--frames <n>", "length of the video (also --num-frames)", "frames");
  number("--seconds <s>", "length in seconds, in place of --frames", "seconds");
  number("--fps <n>", "frames a second", "fps");
  number("--steps <n>", "denoising steps (also --num-inference-steps)", "steps");
  number("--hr-steps <n>", "steps of the second of two stages", "hrSteps");
  number("--stages <n>", "1: directly at full size; 2: a draft, then the high-resolution stage", "stages");
  number("--guidance-scale <x>", "how closely to follow the prompt; 1 is off (also --cfg-scale)", "guidanceScale");
  number(
    "--guidance-rescale <x>",
    "share of the guided estimate brought back to the prompt's spread",
    "guidanceRescale",
  );
  number("--stg-scale <x>", "spatio-temporal guidance; 0 is off", "stgScale");
  command.addOption(
    new Option("--stg-blocks <list>", "blocks that it perturbs: 19,25").argParser((text) =>
      parseList(text, "--stg-blocks", { least: 0, most: 1000, whole: true }),
    ),
  );
  command.option("-n, --negative-prompt <text>", "what to stay away from");
  number("--seed <n>", "the same seed gives the same video (default: random)", "seed");
  command.addOption(
    new Option("--sigmas <list>", "noise levels in place of --steps: 1,0.75,0.5,0.25").argParser((text) =>
      parseList(text, "--sigmas", { least: 0, most: 1, whole: false }),
    ),
  );
  command.addOption(
    new Option("--compat <code>", "whose defaults a published checkpoint gets (default: original)").choices([
      ...compats,
    ]),
  );
  addParts(command);
  addDevice(command);
  command.option("--memory <size>", "what it may take: 12GB (default: what the machine has)");
  // Beside it --no-cache has no value of its own, which would go before a config file's.
  command.addOption(new Option("--cache", "the opposite of --no-cache").hideHelp());
  command.option("--no-cache", "encode the prompt anew, and keep nothing of it");
  command.option("--config <file>", "settings from a yaml or json file; flags have the last word");
  for (const [flags, key] of [
    ["--num-frames <n>", "frames"],
    ["--num-inference-steps <n>", "steps"],
    ["--cfg-scale <x>", "guidanceScale"],
  ] as const)
    command.addOption(new Option(flags).argParser(numberFor(flags.split(" ")[0]!, limits[key])).hideHelp());
  addLora(command);
  addGiven(command);
  return command;
}

export const addDevice = (command: Command): Command =>
  command.addOption(new Option("--device <device>", "what computes (default: auto)").choices([...devices]));

/** Where the parts of a model are that lie apart. */
export const addParts = (command: Command): Command =>
  addDecoderParts(
    command
      .option("--text-encoder <path>", "text encoder of a single-file checkpoint: a file or folder")
      .option(
        "--upsampler <path>",
        "latent upsampler for the multi-scale pipeline: a file, a folder, or ORG/NAME on a hub",
      ),
  );

/** Of those the ones that decoding needs. */
export const addDecoderParts = (command: Command): Command =>
  command
    .option("--vae <path>", "autoencoder of a single-file checkpoint: a file or folder")
    .option("--comfy-root <folder>", "ComfyUI's folder: the model, its parts and LoRAs are looked for there");

/** `--lora FILE[:WEIGHT]`, as often as wanted. */
export const addLora = (command: Command): Command =>
  command.addOption(
    new Option("--lora <file[:weight]>", "adapt the model; may be given several times").argParser(
      (text: string, before: string[] | undefined) => [...(before ?? []), text],
    ),
  );

/** `--image FILE[@FRAME[:STRENGTH]]`, as often as wanted, and `--extend FILE[:FRAMES]`. */
export const addGiven = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--image <file[@frame[:strength]]>",
        "a picture that is part of the video; may be given several times",
      ).argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]),
    )
    .option("--extend <file[:frames]>", "go on from the last frames of a video");

/** The request of a command line; flags go before the config file. */
export async function requestOf(prompt: string | undefined, flags: Flags): Promise<GenerateRequest> {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(flags)) {
    const key = aliases[name] ?? name;
    if (!requestKeys.includes(key as RequestKey)) continue;
    if (key in given && key !== name) throw new InputError(`--${dashed(name)} and --${dashed(key)} are the same flag`);
    given[key] = value;
  }
  const config = flags.config === undefined ? {} : await readConfig(flags.config);
  const request = { ...withoutRivals(config, given), ...given, ...(prompt === undefined ? {} : { prompt }) };
  return checked(request, "the request");
}

/** A seed of its own where none was asked for. */
export const seeded = (request: GenerateRequest): SeededRequest => ({ seed: randomInt(2 ** 32), ...request });

/** Settings of a file that a flag replaces under another name: `--size` goes before a `width` in the file. */
function withoutRivals(config: GenerateRequest, given: Record<string, unknown>): GenerateRequest {
  const rivals: readonly (readonly RequestKey[])[] = [
    ["size", "width", "height"],
    ["frames", "seconds"],
    ["steps", "sigmas"],
  ];
  const gone = new Set(rivals.flatMap((group) => (group.some((key) => key in given) ? group : [])));
  return Object.fromEntries(Object.entries(config).filter(([key]) => !gone.has(key as RequestKey)));
}

async function readConfig(path: string): Promise<GenerateRequest> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("this config file cannot be read", { where: path, cause });
  });
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (cause) {
    throw new InputError(`not YAML or JSON: ${(cause as Error).message}`, { where: path, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError("expected settings by name", { where: path, hint: "for example: steps: 20" });
  const renamed: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(value)) {
    const camel = name.replace(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = aliases[camel] ?? camel;
    if (!requestKeys.includes(key as RequestKey)) {
      const meant = nearest(dashed(camel), [...requestKeys, ...Object.keys(aliases)].map(dashed));
      const hint = meant ? `did you mean ${meant}?` : `settings are ${requestKeys.map(dashed).join(", ")}`;
      throw new InputError(`unknown setting ${JSON.stringify(name)}`, { where: path, hint });
    }
    renamed[key] = setting;
  }
  return checked(renamed, path);
}

function checked(value: Record<string, unknown>, where: string): GenerateRequest {
  const parsed = requestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.map((p) => dashed(String(p))).join(".")}: ${message}`,
  );
  throw new InputError(faults.join("; "), { where });
}

/** `guidanceScale` to `guidance-scale`. */
export const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
