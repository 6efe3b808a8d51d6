/** What the low-resolution stage hands to the high-resolution one: the guide, upsampled. */
import { resizing, resizingOf } from "../models/ltx/resize.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import { guideChannels, type HrConfig } from "../models/ltx/two-stage-config.ts";
import { addNoise } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { openDenoiser } from "./denoiser.ts";
import { guideSigma } from "./draft.ts";
import type { Execution } from "./execution.ts";
import type { TextToVideoModel } from "./model.ts";
import type { TextStates } from "./text.ts";
import { initialNoise } from "./text-to-video.ts";

/** Inputs `guide0`, `guide1`, … of the high-resolution program. */
export interface Guide {
  at(sigma: number): Promise<Readonly<Record<string, HostTensor>>>;
  dispose(): void;
}

/** Guides of all taps [1, n, C] to the large grid [1, N, W]. */
export function guideProgram(
  config: HrConfig,
  small: Grid,
  large: Grid,
  keep: Runtime["keeps"] = () => false,
): Program {
  const hr = mount(new HrTransformer(config));
  const matrices = resizing(small, large, config);
  const taps = hr.fusion.map((_, k) => input(`tap${k}`, [1, tokensOf(small), guideChannels(config)]));
  const guides = hr.upsample(taps, resizingOf(matrices));
  return buildProgram(Object.fromEntries(guides.map((guide, k) => [`guide${k}`, guide])), { keep });
}

/** The finished low-resolution video, as the second stage finds it. */
export interface FinishedDraft {
  readonly grid: Grid;
  /** Clean normalised tokens [n, C]. */
  readonly tokens: Float32Array;
  /** What the taps gave in a last step at `guideSigma`, where the draft had one. */
  readonly features: readonly HostTensor[] | undefined;
}

export interface GuideOptions {
  readonly draft: FinishedDraft;
  readonly large: Grid;
  readonly text: TextStates;
  readonly fps: number;
  readonly seed: number;
  readonly execution?: Execution | undefined;
}

const noGuide: Guide = { at: async () => ({}), dispose() {} };

/** Opens the guide that a model was trained with. All but `features-synced` are computed here, once for the video. */
export async function openGuide(model: TextToVideoModel, runtime: Runtime, options: GuideOptions): Promise<Guide> {
  const { config } = model.hr!;
  if (config.guidance === "none") return noGuide;
  const upsampler = await openUpsampler(model, runtime, options);
  if (config.guidance === "features-synced") return syncedGuide(model, runtime, options, upsampler);
  try {
    const guides = await upsampler.run(await tapsOf(model, runtime, options));
    return { at: async () => guides, dispose() {} };
  } finally {
    upsampler.dispose();
  }
}

async function openUpsampler({ hr }: TextToVideoModel, runtime: Runtime, { draft, large }: GuideOptions) {
  const { config, weights } = hr!;
  const executable: Executable = await runtime.compile(guideProgram(config, draft.grid, large, runtime.keeps), {
    weights,
  });
  const matrices = resizing(draft.grid, large, config);
  return {
    run: (taps: readonly HostTensor[]) =>
      executable.run({ ...Object.fromEntries(taps.map((tap, k) => [`tap${k}`, tap])), ...matrices }),
    dispose: () => executable.dispose(),
  };
}

/** One tensor a tap, on the small grid. */
async function tapsOf(
  model: TextToVideoModel,
  runtime: Runtime,
  options: GuideOptions,
): Promise<readonly HostTensor[]> {
  const { config } = model.hr!;
  const { grid, tokens, features } = options.draft;
  if (config.guidance === "latents") {
    const latents = hostTensor(tokens, [1, tokensOf(grid), config.transformer.channels]);
    return config.taps.map(() => latents);
  }
  if (features) return features;
  const source = await openFeatures(model, runtime, options);
  try {
    return await source.at(guideSigma);
  } finally {
    source.dispose();
  }
}

/** Features of the finished draft, noised again to any level: one forward pass of the low-resolution model each. */
async function openFeatures(
  model: TextToVideoModel,
  runtime: Runtime,
  { draft, text, fps, seed, execution }: GuideOptions,
) {
  const { grid, tokens } = draft;
  const { taps, transformer } = model.hr!.config;
  const noise = initialNoise(transformer.channels, grid, seed, "guide");
  const { denoise, features, dispose } = await openDenoiser(model, runtime, {
    grid,
    fps,
    batch: 1,
    taps,
    text,
    guidanceScale: 1,
    execution,
  });
  const at = async (sigma: number): Promise<readonly HostTensor[]> => {
    await denoise(addNoise(tokens, noise, sigma), sigma);
    return features();
  };
  return { at, dispose };
}

/** Features at the high-resolution model's own noise level (an arm of the paper's Table 5): computed at each step. */
async function syncedGuide(
  model: TextToVideoModel,
  runtime: Runtime,
  options: GuideOptions,
  upsampler: Awaited<ReturnType<typeof openUpsampler>>,
): Promise<Guide> {
  const source = await openFeatures(model, runtime, options);
  return {
    at: async (sigma) => upsampler.run(await source.at(sigma)),
    dispose() {
      source.dispose();
      upsampler.dispose();
    },
  };
}
