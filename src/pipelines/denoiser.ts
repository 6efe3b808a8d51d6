/** A transformer with its prompt, as samplers want it. */
import { widthOf } from "../models/ltx/config.ts";
import { coordinates, type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import type { Denoiser } from "../samplers/euler.ts";
import { guide } from "../samplers/guidance.ts";
import { denoised, timestepOf } from "../samplers/process.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { TextToVideoModel } from "./model.ts";
import type { TextStates } from "./text.ts";

export interface DenoiserOptions {
  readonly grid: Grid;
  readonly fps: number;
  /** Prompts a step: 2 with guidance (without the prompt, then with it), else 1. */
  readonly batch: number;
}

export type DenoiserModel = Pick<TextToVideoModel, "settings"> & {
  readonly transformer: Pick<TextToVideoModel["transformer"], "config">;
};

/** The velocity of `batch` copies of the latents, as a program; its rotary tables are inputs. */
export function velocityProgram(
  model: DenoiserModel,
  { grid, batch }: Pick<DenoiserOptions, "grid" | "batch">,
  keep: Runtime["keeps"] = () => false,
): Program {
  const { config } = model.transformer;
  const { textLength } = model.settings;
  const table = [tokensOf(grid), widthOf(config) / 2];
  const velocity = mount(new LtxTransformer(config)).forward({
    latents: input("latents", [batch, tokensOf(grid), config.channels]),
    text: input("text", [batch, textLength, config.captionChannels]),
    textMask: input("mask", [batch, textLength]),
    sinusoid: input("sinusoid", [batch, 1, 256]),
    rope: { cos: input("cos", table), sin: input("sin", table) },
  });
  return buildProgram({ velocity }, { keep });
}

/** Compiles the transformer for one size and answers its denoiser on packed tokens [N, C]. */
export async function openDenoiser(
  model: TextToVideoModel,
  runtime: Runtime,
  options: DenoiserOptions & { readonly text: TextStates; readonly guidanceScale: number },
): Promise<{ denoise: Denoiser; dispose(): void }> {
  const { grid, fps, batch, text, guidanceScale } = options;
  const { config } = model.transformer;
  const shape = [batch, tokensOf(grid), config.channels];
  const places = coordinates(grid, { fps, compression: compression(model.vae.config) });
  const tables = ropeTables(places, widthOf(config), { theta: config.ropeTheta });
  const executable = await runtime.compile(velocityProgram(model, options, runtime.keeps), {
    weights: model.transformer.weights,
  });
  const denoise: Denoiser = async (x, sigma) => {
    const latents = new Float32Array(batch * x.length);
    for (let item = 0; item < batch; item++) latents.set(x, item * x.length);
    const results = await executable.run({
      latents: hostTensor(latents, shape),
      ...tables,
      text: text.states,
      mask: text.mask,
      sinusoid: timestepSinusoid(new Array<number>(batch).fill(timestepOf(sigma)), [batch, 1]),
    });
    const velocity = results["velocity"]!.data as Float32Array;
    if (batch === 1) return denoised(x, velocity, sigma);
    const [without, given] = [velocity.subarray(0, x.length), velocity.subarray(x.length)];
    return denoised(x, guide(given, without, guidanceScale), sigma);
  };
  return { denoise, dispose: () => executable.dispose() };
}
