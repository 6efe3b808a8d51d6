/** A transformer with its prompt, as samplers want it. */
import { widthOf } from "../models/ltx/config.ts";
import { coordinates, type Grid, type Positions, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { forwardWithTaps } from "../models/ltx/two-stage.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import type { Denoiser } from "../samplers/euler.ts";
import { guide } from "../samplers/guidance.ts";
import { denoised, timestepOf } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime, Weights } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { Conditioned, TokenDenoiser } from "./conditioning.ts";
import { type Execution, roomy } from "./execution.ts";
import { openHeld, steadyInputs } from "./holding.ts";
import type { TextToVideoModel } from "./model.ts";
import type { TextStates } from "./text.ts";
import { withLinears } from "./w8a8.ts";

export interface DenoiserOptions {
  readonly grid: Grid;
  readonly fps: number;
  /** Prompts a step: 2 with guidance (without the prompt, then with it), else 1. */
  readonly batch: number;
  /** Blocks whose output the denoiser keeps, for the second stage. */
  readonly taps?: readonly number[];
  /** Blocks in which the last of the batch goes without self-attention. */
  readonly perturbed?: readonly number[];
  readonly execution?: Execution | undefined;
  /** Pictures and clips that are given. */
  readonly conditioned?: Conditioned | undefined;
}

export type DenoiserModel = Pick<TextToVideoModel, "settings"> & {
  readonly transformer: Pick<TextToVideoModel["transformer"], "config" | "linears">;
};

export interface VelocityOptions extends Pick<DenoiserOptions, "grid" | "batch" | "taps" | "perturbed"> {
  /** With given pictures each token has a noise level of its own; those that stand late are this many more tokens. */
  readonly given?: { readonly extraTokens: number } | undefined;
}

/** The velocity of `batch` copies of the latents, and the features of tapped blocks; its rotary tables are inputs. */
export function velocityProgram(
  model: DenoiserModel,
  { grid, batch, taps = [], perturbed = [], given }: VelocityOptions,
  keep: Runtime["keeps"] = () => false,
): Program {
  const { config } = model.transformer;
  const { textLength } = model.settings;
  const tokens = tokensOf(grid) + (given?.extraTokens ?? 0);
  const table = [tokens, widthOf(config) / 2];
  const transformer = mount(withLinears(new LtxTransformer(config), model.transformer));
  const inputs = {
    latents: input("latents", [batch, tokens, config.channels]),
    text: input("text", [batch, textLength, config.captionChannels]),
    textMask: input("mask", [batch, textLength]),
    sinusoid: input("sinusoid", [batch, given ? tokens : 1, 256]),
    rope: { cos: input("cos", table), sin: input("sin", table) },
  };
  if (!taps.length) return buildProgram({ velocity: transformer.forward(inputs, { perturbed }) }, { keep });
  const { velocity, features } = forwardWithTaps(transformer, inputs, taps);
  // Of the conditional half alone: it comes last.
  const kept = features.map((x, k) => [`feature${k}`, x.slice(0, batch - 1)] as const);
  return buildProgram({ velocity, ...Object.fromEntries(kept) }, { keep });
}

export interface OpenDenoiser {
  readonly denoise: Denoiser;
  /** What the tapped blocks gave in the last step, with the prompt [1, N, W] each. */
  readonly features: () => readonly HostTensor[];
  readonly dispose: () => void;
}

type Feeds = Readonly<Record<string, HostTensor>>;

export interface DenoiserFeeds {
  /** Rotary tables `cos` and `sin`. */
  readonly tables: Feeds;
  readonly text: TextStates;
  readonly batch: number;
  /** What a program takes beyond that at a noise level. */
  readonly more?: (sigma: number) => Promise<Feeds>;
  /** Hears what each run gave. */
  readonly heard?: (results: Feeds) => void;
}

/** A program of the transformer, held as the plan wants it. */
export const openTransformer = (
  runtime: Runtime,
  program: Program,
  weights: Weights,
  { execution = roomy }: Pick<DenoiserOptions, "execution">,
): Promise<Executable> =>
  openHeld(runtime, program, {
    weights,
    holding: execution.transformer,
    ...(execution.once ? { steady: steadyInputs } : {}),
  });

/** Packed tokens [N, C] at a noise level, or each at one of its own. */
interface Noisy {
  readonly x: Float32Array;
  readonly sigma: number;
  readonly levels?: Float32Array | undefined;
  readonly channels: number;
}

/**
 * The velocities with each of the texts by a compiled velocity program. With more prompts than its batch holds, it runs
 * once for each.
 */
export async function velocitiesOf(
  executable: Executable,
  { tables, text, batch, more = async () => ({}), heard = () => {} }: DenoiserFeeds,
  { x, sigma, levels = Float32Array.of(sigma), channels }: Noisy,
): Promise<Float32Array[]> {
  const timesteps = Array.from(levels, timestepOf);
  const sinusoid = timestepSinusoid(Array.from({ length: batch }, () => timesteps).flat(), [batch, levels.length]);
  const latents = new Float32Array(batch * x.length);
  for (let item = 0; item < batch; item++) latents.set(x, item * x.length);
  const velocities: Float32Array[] = [];
  for (const turn of textTurns(text, batch)) {
    const results = await executable.run({
      latents: hostTensor(latents, [batch, x.length / channels, channels]),
      ...tables,
      ...turn,
      sinusoid,
      ...(await more(sigma)),
    });
    heard(results);
    const velocity = results["velocity"]!.data as Float32Array;
    for (let item = 0; item < batch; item++) velocities.push(velocity.subarray(item * x.length, (item + 1) * x.length));
  }
  return velocities;
}

/** The clean estimate of packed tokens [N, C]; of two texts the first is what to stay away from. */
export function denoiserOf(
  executable: Executable,
  { guidanceScale, ...feeds }: DenoiserFeeds & { readonly guidanceScale: number },
  channels: number,
): TokenDenoiser {
  return async (x, sigma, levels) => {
    const [first, second] = await velocitiesOf(executable, feeds, { x, sigma, levels, channels });
    return denoised(x, second ? guide(second, first!, guidanceScale) : first!, sigma);
  };
}

/** The prompts that each run of a step takes, as inputs of the program. */
function textTurns({ states, mask }: TextStates, batch: number): { text: HostTensor; mask: HostTensor }[] {
  const prompts = states.shape[0]!;
  if (prompts === batch) return [{ text: states, mask }];
  const part = ({ data, shape }: HostTensor, i: number) => {
    const each = (data.length / prompts) * batch;
    return hostTensor((data as Float32Array).slice(i * each, (i + 1) * each), [batch, ...shape.slice(1)]);
  };
  return Array.from({ length: prompts / batch }, (_, i) => ({ text: part(states, i), mask: part(mask, i) }));
}

/** Where tokens stand in time and in the picture. */
export const positionsOf = ({ transformer, vae }: TextToVideoModel, fps: number): Positions => ({
  fps,
  compression: compression(vae.config),
  causal: transformer.config.causalPositions ?? false,
});

/** Rotary tables of the clip that a transformer works on, and how many tokens are given besides. */
export function tablesOf(
  model: TextToVideoModel,
  { grid, fps, conditioned }: Pick<DenoiserOptions, "grid" | "fps" | "conditioned">,
): { readonly tables: Feeds; readonly given: VelocityOptions["given"] } {
  const { config } = model.transformer;
  const places = conditioned?.places ?? coordinates(grid, positionsOf(model, fps));
  const tables = { ...ropeTables(places, widthOf(config), { theta: config.ropeTheta }) };
  return { tables, given: conditioned && { extraTokens: places[0]!.length - tokensOf(grid) } };
}

/** Compiles the transformer for one size and answers its denoiser on packed tokens [N, C]. */
export async function openDenoiser(
  model: TextToVideoModel,
  runtime: Runtime,
  options: DenoiserOptions & { readonly text: TextStates; readonly guidanceScale: number },
): Promise<OpenDenoiser> {
  const { taps = [], conditioned } = options;
  const { config, weights } = model.transformer;
  const { tables, given } = tablesOf(model, options);
  const program = velocityProgram(model, { ...options, given }, runtime.keeps);
  const executable = await openTransformer(runtime, program, weights, options);
  let features: readonly HostTensor[] = [];
  const heard = (results: Feeds) => {
    features = taps.map((_, k) => results[`feature${k}`]!);
  };
  const plain = denoiserOf(executable, { ...options, tables: { ...tables }, heard }, config.channels);
  const denoise = conditioned?.denoise(plain) ?? plain;
  return { denoise, features: () => features, dispose: () => executable.dispose() };
}
