/** Latents to twice their height and width, with the statistics that they had. */
import type { Grid } from "../models/ltx/rope.ts";
import type { UpsamplerConfig } from "../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../models/ltx-upsampler/upsampler.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { Part } from "./model.ts";

const shapeOf = ({ channels }: UpsamplerConfig, { frames, height, width }: Grid) => [
  1,
  channels,
  frames,
  height,
  width,
];

/** Latents, not normalised, [1, C, f, h, w] to [1, C, f, 2 h, 2 w]. */
export function upscaleProgram(config: UpsamplerConfig, grid: Grid, keep: Runtime["keeps"] = () => false): Program {
  const upscaled = mount(new LatentUpsampler(config)).forward(input("latents", shapeOf(config, grid)));
  return buildProgram({ upscaled }, { keep });
}

/** Upscales latents [C, f, h, w], not normalised; each channel keeps its mean and deviation (AdaIN, Huang and Belongie 2017). */
export async function upscale(
  { config, weights }: Part<UpsamplerConfig>,
  runtime: Runtime,
  latents: Float32Array,
  grid: Grid,
): Promise<Float32Array> {
  const executable = await runtime.compile(upscaleProgram(config, grid, runtime.keeps), { weights });
  try {
    const results = await executable.run({ latents: hostTensor(latents, shapeOf(config, grid)) });
    return matchStatistics(results["upscaled"]!.data as Float32Array, latents, config.channels);
  } finally {
    executable.dispose();
  }
}

/** Channels [C, ...] moved and scaled to the mean and deviation of those of another tensor. */
export function matchStatistics(x: Float32Array, reference: Float32Array, channels: number): Float32Array {
  const [area, other] = [x.length / channels, reference.length / channels];
  const out = new Float32Array(x.length);
  for (let c = 0; c < channels; c++) {
    const from = statisticsOf(x.subarray(c * area, (c + 1) * area));
    const to = statisticsOf(reference.subarray(c * other, (c + 1) * other));
    // A channel that is the same everywhere has no spread to scale.
    const scale = from.deviation > 0 ? to.deviation / from.deviation : 0;
    for (let i = c * area; i < (c + 1) * area; i++) out[i] = (x[i]! - from.mean) * scale + to.mean;
  }
  return out;
}

/** Mean and unbiased deviation. */
function statisticsOf(x: Float32Array): { mean: number; deviation: number } {
  const mean = x.reduce((sum, value) => sum + value / x.length, 0);
  const squares = x.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: x.length > 1 ? Math.sqrt(squares / (x.length - 1)) : 0 };
}
