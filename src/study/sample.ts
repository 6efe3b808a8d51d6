import { widthOf } from "../models/ltx/config.ts";
import { placeTokens } from "../models/ltx/placement.ts";
import { resizing, resizingOf } from "../models/ltx/resize.ts";
import { coordinates, type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import { guideChannels, type HrConfig } from "../models/ltx/two-stage-config.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { guideSigma } from "../pipelines/draft.ts";
import { addNoise, timestepOf } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime, Weights } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { type Drafter, FrozenDraft } from "../training/hr-draft.ts";
import { guidedEuler, inTurns, noiseOf, type PairVelocity, type SampleRequest } from "./guided.ts";

/** Text states of no words and of the captions, together [2 P, T, W], and their masks. */
async function textPairs(text: FrozenDraft, captions: readonly string[], grid: Grid) {
  const both = [...captions.map(() => ""), ...captions];
  const said = await text.run({ grid, noisy: new Float32Array(), sigmas: both.map(() => 0), captions: both });
  return { text: said.text, mask: said.mask };
}

const sinusoidOf = (batch: number, sigma: number) =>
  timestepSinusoid(new Array<number>(batch).fill(timestepOf(sigma)), [batch, 1]);

/** Latents [N, C] of each prompt by the low-resolution model, at any size. */
export async function sampleStudent(model: Drafter, runtime: Runtime, request: SampleRequest): Promise<Float32Array[]> {
  const { grid, sampler } = request;
  const { config, weights } = model.transformer;
  const { settings, compression } = model;
  const [tokens, words] = [tokensOf(grid), settings.textLength];
  const tables = ropeTables(coordinates(grid, { fps: settings.fps, compression }), widthOf(config), {
    theta: config.ropeTheta,
  });
  const transformer = mount(new LtxTransformer(config));
  const text = new FrozenDraft(model, runtime, []);
  const compiled = new Map<number, Awaited<ReturnType<Runtime["compile"]>>>();
  const programFor = async (batch: number) => {
    const known = compiled.get(batch);
    if (known) return known;
    const velocity = transformer.forward({
      latents: input("latents", [batch, tokens, config.channels]),
      text: input("text", [batch, words, config.captionChannels]),
      textMask: input("mask", [batch, words]),
      sinusoid: input("sinusoid", [batch, 1, 256]),
      rope: { cos: input("cos", tables.cos.shape), sin: input("sin", tables.sin.shape) },
    });
    const made = await runtime.compile(buildProgram({ velocity }, { keep: runtime.keeps }), { weights });
    compiled.set(batch, made);
    return made;
  };
  try {
    return await inTurns(request, async (captions, seeds) => {
      const batch = 2 * captions.length;
      const program = await programFor(batch);
      const said = await textPairs(text, captions, grid);
      const velocity: PairVelocity = async (x, sigma) => {
        const latents = hostTensor(x, [batch, tokens, config.channels]);
        const feeds = { latents, ...said, ...tables, sinusoid: sinusoidOf(batch, sigma) };
        return (await program.run(feeds))["velocity"]!.data as Float32Array;
      };
      return guidedEuler(velocity, noiseOf(seeds, tokens * config.channels, `student ${tokens}`), sampler);
    });
  } finally {
    text.dispose();
    for (const program of compiled.values()) program.dispose();
  }
}

export interface HrSampleRequest extends SampleRequest {
  readonly small: Grid;
  /** Clean low-resolution latents [n, C] of each prompt. */
  readonly drafts: readonly Float32Array[];
  readonly config: HrConfig;
  readonly weights: Weights;
}

/** Latents [N, C] of each prompt by a high-resolution model, guided as it was trained, `grid` being the large one. */
export async function sampleHr(model: Drafter, runtime: Runtime, request: HrSampleRequest): Promise<Float32Array[]> {
  const { grid, small, config, weights, sampler } = request;
  const { settings, compression } = model;
  const { transformer } = config;
  const [tokens, words] = [tokensOf(grid), settings.textLength];
  const places = placeTokens(grid, small, config.placement, { fps: settings.fps, compression });
  const tables = ropeTables(places, widthOf(transformer), { theta: transformer.ropeTheta });
  const matrices = resizing(small, grid, config);
  const hr = mount(new HrTransformer(config));
  const usesFeatures = config.guidance === "features" || config.guidance === "features-synced";
  const draft = new FrozenDraft(model, runtime, usesFeatures ? config.taps : []);
  const text = new FrozenDraft(model, runtime, []);
  const compiled = new Map<number, Awaited<ReturnType<Runtime["compile"]>>>();
  const programFor = async (batch: number) => {
    const known = compiled.get(batch);
    if (known) return known;
    const taps = hr.fusion.map((_, k) => input(`tap${k}`, [batch, tokensOf(small), guideChannels(config)]));
    const matrix = resizingOf(matrices);
    const velocity = hr.forward(
      {
        latents: input("latents", [batch, tokens, transformer.channels]),
        text: input("text", [batch, words, transformer.captionChannels]),
        textMask: input("mask", [batch, words]),
        sinusoid: input("sinusoid", [batch, 1, 256]),
        rope: { cos: input("cos", tables.cos.shape), sin: input("sin", tables.sin.shape) },
      },
      hr.upsample(taps, matrix),
    );
    const made = await runtime.compile(buildProgram({ velocity }, { keep: runtime.keeps }), { weights });
    compiled.set(batch, made);
    return made;
  };
  try {
    return await inTurns(request, async (captions, seeds, first) => {
      const count = captions.length;
      const program = await programFor(2 * count);
      const said = await textPairs(text, captions, small);
      const drafts = request.drafts.slice(first, first + count);
      const taps = await openTaps(draft, config, { captions, seeds, small, drafts });
      const velocity: PairVelocity = async (x, sigma) => {
        const feeds = {
          latents: hostTensor(x, [2 * count, tokens, transformer.channels]),
          ...said,
          ...tables,
          sinusoid: sinusoidOf(2 * count, sigma),
          ...(config.guidance === "none" ? {} : matrices),
          ...(await taps(sigma)),
        };
        return (await program.run(feeds))["velocity"]!.data as Float32Array;
      };
      return guidedEuler(velocity, noiseOf(seeds, tokens * transformer.channels, `hr ${tokens}`), sampler);
    });
  } finally {
    draft.dispose();
    text.dispose();
    for (const program of compiled.values()) program.dispose();
  }
}

interface Drafted {
  readonly captions: readonly string[];
  readonly seeds: readonly number[];
  readonly small: Grid;
  readonly drafts: readonly Float32Array[];
}

/** What the low-resolution stage hands over at a noise level of the high resolution, for both halves of guidance. */
async function openTaps(
  draft: FrozenDraft,
  config: HrConfig,
  { captions, seeds, small, drafts }: Drafted,
): Promise<(sigma: number) => Promise<Record<string, HostTensor>>> {
  if (config.guidance === "none") return async () => ({});
  const size = drafts[0]!.length;
  const clean = new Float32Array(drafts.length * size);
  for (const [i, one] of drafts.entries()) clean.set(one, i * size);
  const named = (taps: readonly HostTensor[]) => Object.fromEntries(taps.map((tap, k) => [`tap${k}`, twice(tap)]));
  if (config.guidance === "latents") {
    const latents = hostTensor(clean, [drafts.length, tokensOf(small), config.transformer.channels]);
    const feeds = named(config.taps.map(() => latents));
    return async () => feeds;
  }
  const noise = noiseOf(seeds, size, "guide");
  const at = async (sigma: number) => {
    const noisy = addNoise(clean, noise, sigma);
    return named((await draft.run({ grid: small, noisy, sigmas: drafts.map(() => sigma), captions })).features);
  };
  if (config.guidance === "features-synced") return at;
  const feeds = await at(guideSigma);
  return async () => feeds;
}

function twice({ data, shape }: HostTensor): HostTensor {
  const out = new Float32Array(2 * data.length);
  out.set(data as Float32Array);
  out.set(data as Float32Array, data.length);
  return hostTensor(out, [2 * shape[0]!, ...shape.slice(1)]);
}
