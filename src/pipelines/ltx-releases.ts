/**
 * The published LTX-Video checkpoints and what their makers run them with: `original` as Lightricks/LTX-Video does
 * (`configs/*.yaml`, `inference.py`), `diffusers` as LTXPipeline (0.9.0, 0.9.1) and LTXConditionPipeline do.
 */
import { ltx2b, ltx13b } from "../models/ltx/config.ts";
import type { VaeGeneration } from "../models/ltx-vae/published.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import type { Compat } from "../schema/request.ts";
import { publishedDecode, type Settings } from "./model.ts";

export const ltxSizes = { "2B": ltx2b, "13B": ltx13b } as const;
export type LtxSize = keyof typeof ltxSizes;

export interface LtxRelease {
  readonly version: string;
  readonly size: LtxSize;
  readonly vae: VaeGeneration;
  readonly distilled: boolean;
  readonly settings: Readonly<Record<Compat, Omit<Settings, "name">>>;
}

/** Noise levels of the distilled models, which their files list as the only ones allowed. */
export const distilledSigmas = [1, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725, 0.4219] as const;

const negativePrompt = "worst quality, inconsistent motion, blurry, jittery, distorted";
const shifted = { kind: "dynamic-shift", base: "even", clamp: false, terminal: 0.1 } as const;
const linearQuadratic = { kind: "linear-quadratic" } as const;

const early = { width: 704, height: 480, frames: 121, fps: 25, textLength: 128, schedule: shifted } as const;
const late = { width: 1216, height: 704, frames: 121, fps: 30, textLength: 256, schedule: linearQuadratic } as const;

const guided2b = {
  steps: 40,
  guidanceScale: 3,
  guidance: [{ from: 0, scale: 3, stg: 1, blocks: [19], rescale: 0.7 }],
  negativePrompt,
} as const;
const unguided = { guidanceScale: 1, negativePrompt } as const;

/** Guidance of the 13B model: little at both ends, most where motion and composition are settled. */
export const guidance13b: readonly GuidanceStage[] = [
  { from: 1, scale: 1, star: true },
  { from: 0.996, scale: 1, star: true },
  { from: 0.9933, scale: 6, stg: 4, blocks: [22, 35, 39], rescale: 0.5, star: true },
  { from: 0.985, scale: 8, stg: 4, blocks: [28], rescale: 0.5, star: true },
  { from: 0.9767, scale: 6, stg: 4, blocks: [28], star: true },
  { from: 0.9008, scale: 1, stg: 2, blocks: [28], star: true },
  { from: 0.618, scale: 1, stg: 1, blocks: [28], star: true },
];

/** Both passes of the 13B model; the second is unguided but for its own perturbed predictions. */
const multiScale13b: NonNullable<Settings["multiScale"]> = {
  downscale: 0.6666666,
  first: { steps: 30, skipFirst: 0, skipLast: 3 },
  second: {
    steps: 30,
    skipFirst: 17,
    skipLast: 0,
    guidance: [{ from: 1, scale: 1, stg: 1, blocks: [27], star: true }],
  },
};

/** Both passes of the distilled models; the 13B of 0.9.8 maps tones besides. */
const multiScaleDistilled: NonNullable<Settings["multiScale"]> = {
  downscale: 0.6666666,
  first: { sigmas: [1, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725], skipFirst: 0, skipLast: 0 },
  second: { sigmas: [0.9094, 0.725, 0.4219], skipFirst: 0, skipLast: 0 },
};

const mutable = (stages: readonly GuidanceStage[]) =>
  stages.map(({ blocks, ...stage }) => ({ ...stage, ...(blocks ? { blocks: [...blocks] } : {}) }));

type Defaults = Omit<Settings, "name">;

/** What diffusers' pipelines do unless told otherwise. */
function throughDiffusers(own: Defaults): Defaults {
  const { schedule, textLength } = own;
  const size = { width: 704, height: 512, frames: 161, fps: 25 };
  const decode = { ...publishedDecode, space: "raw" } as const;
  const steps = own.guidanceScale === 1 ? own.steps : 50;
  const guidanceScale = own.guidanceScale === 1 ? 1 : 3;
  const base = {
    ...size,
    steps,
    guidanceScale,
    textLength,
    schedule,
    decode,
    maskText: textLength === 256,
    ...(own.multiScale ? { multiScale: own.multiScale } : {}),
  };
  return own.sigmas ? { ...base, sigmas: own.sigmas } : base;
}

const release = (size: LtxSize, version: string, vae: VaeGeneration, own: Defaults, distilled = false): LtxRelease => ({
  size,
  version,
  vae,
  distilled,
  settings: { original: own, diffusers: throughDiffusers(own) },
});

const early2b: Defaults = { ...early, ...guided2b, guidance: mutable(guided2b.guidance) };
const late2b: Defaults = { ...late, ...guided2b, guidance: mutable(guided2b.guidance), decode: publishedDecode };
const late13b: Defaults = {
  ...late,
  steps: 30,
  guidanceScale: 8,
  guidance: mutable(guidance13b),
  negativePrompt,
  decode: publishedDecode,
  multiScale: multiScale13b,
};
const distilled: Defaults = {
  ...late,
  ...unguided,
  steps: distilledSigmas.length,
  sigmas: [...distilledSigmas],
  decode: publishedDecode,
  multiScale: multiScaleDistilled,
};
const distilled13b098: Defaults = { ...distilled, multiScale: { ...multiScaleDistilled, toneMap: 0.6 } };
/** Distilled for eight steps of the linear-quadratic schedule, each with fresh noise. */
const distilled096: Defaults = { ...late, ...unguided, steps: 8, sampler: "stochastic", decode: publishedDecode };

/** Of releases that files alone cannot tell apart, the first is taken for granted. */
export const ltxReleases: readonly LtxRelease[] = [
  release("2B", "0.9.0", "0.9.0", early2b),
  release("2B", "0.9.1", "0.9.1", { ...early2b, decode: publishedDecode }),
  release("2B", "0.9.5", "0.9.5", late2b),
  release("2B", "0.9.6-dev", "0.9.5", late2b),
  release("2B", "0.9.6-distilled", "0.9.5", distilled096, true),
  release("2B", "0.9.8-distilled", "0.9.5", distilled, true),
  release("13B", "0.9.7-dev", "0.9.5", late13b),
  release("13B", "0.9.7-distilled", "0.9.5", distilled, true),
  release("13B", "0.9.8-dev", "0.9.5", late13b),
  release("13B", "0.9.8-distilled", "0.9.5", distilled13b098, true),
];
