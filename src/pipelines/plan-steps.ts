/** What the denoising of a request takes: in one pass, in two stages, or around an upsampler. */
import { widthOf } from "../models/ltx/config.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { guidanceAt } from "../samplers/guidance.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { Program } from "../tensor/program.ts";
import { velocityProgram } from "./denoiser.ts";
import { type Draft, givesFeatures } from "./draft.ts";
import { batchOf, type Execution } from "./execution.ts";
import { guideProgram } from "./guide.ts";
import { mostPredictions, predictionsOf } from "./guided-denoiser.ts";
import { type Holding, steadyInputs } from "./holding.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import {
  type Choice,
  type Context,
  float,
  type PlannedModel,
  type PlannedRequest,
  peakOf,
  type StagePlan,
  secondsOf,
  stageOf,
} from "./plan-stage.ts";
import { refineProgram } from "./refiner.ts";
import type { GivenClip } from "./resolve.ts";
import { upscaleProgram } from "./upscale.ts";

/** Noise, latents before and after a step, estimate and packed copies, in sizes of the latents. */
const copies = 6;

type StepChoice = Choice & Pick<Execution, "sequential"> & { readonly holding: Holding };

/** Every way to hold weights and to take guidance, in turns or at once. */
export function stepChoices(context: Context): StepChoice[] {
  return [false, ...(hasBatches(context.request) ? [true] : [])].flatMap((sequential) => {
    const stages = stagesOf(context, sequential);
    return holdingsOf(context).map((holding) => ({
      holding,
      sequential,
      stages: stages(holding),
    }));
  });
}

/** A GPU keeps weights as they are stored; layers come and go where they do not fit. */
const holdingsOf = ({ gpu }: Context): readonly Holding[] =>
  gpu ? ["widened", "streamed"] : ["widened", "mapped", "streamed"];

/** The stages as they are with the transformer's weights held in one way or another. */
type Stages = (holding: Holding) => StagePlan[];

const steady = ({ once }: Context) => (once ? { steady: steadyInputs } : {});

/** Runs of the transformer a step. */
const turnsOf = (guidanceScale: number, batch: number): number => (guidanceScale === 1 ? 1 : 2) / batch;

/** Whether any step runs the transformer on more than one item: with and without the prompt, or perturbed. */
const hasBatches = ({ draft, ...request }: PlannedRequest): boolean =>
  [request, ...(draft ? [draft] : [])].some(
    ({ guidance, guidanceScale }) => guidanceScale !== 1 || (guidance && mostPredictions(guidance) > 1),
  );

function stagesOf(context: Context, sequential: boolean): Stages {
  const { draft, made } = context.request;
  if (draft?.upscaled) return planMultiScale(context, draft, sequential);
  if (draft) return planTwoStages(context, draft, sequential);
  return planPass(context, { ...context.request, name: "denoise", size: made, sequential });
}

interface Pass extends Pick<PlannedRequest, "sigmas" | "guidance" | "guidanceScale"> {
  readonly name: "denoise" | "draft" | "refine";
  readonly size: VideoSize;
  readonly sequential: boolean;
  /** Blocks whose features are kept. */
  readonly taps?: readonly number[];
}

/** Steps of the transformer at one size. */
function planPass(
  context: Context,
  { name, size, sequential, sigmas, guidanceScale, guidance, taps = [] }: Pass,
): Stages {
  const { model, keeps } = context;
  const { given = [] } = context.request;
  const grid = gridOf(size, model.vae.config);
  const extraTokens = given.reduce((sum, clip) => sum + extraOf(clip, grid, model), 0);
  const tokens = tokensOf(grid) + extraTokens;
  const runs = sigmas.length - 1;
  const most = guidance ? mostPredictions(guidance) : batchOf(guidanceScale, { sequential: false });
  const predictions = guidance
    ? sigmas.slice(0, runs).reduce((sum, sigma) => sum + predictionsOf(guidanceAt(guidance, sigma)), 0)
    : most * runs;
  const batch = sequential ? 1 : most;
  const program = velocityProgram(
    model,
    { grid, batch, taps, given: given.length ? { extraTokens } : undefined },
    keeps,
  );
  const options = {
    ...steady(context),
    weights: model.transformer.weights,
    runs,
    // Steps of fewer predictions run smaller batches.
    turns: predictions / (batch * runs),
    extraBytes: copies * tokens * model.transformer.config.channels * float,
    tokens,
  } as const;
  return (holding) => [stageOf(name, program, context, { ...options, holding })];
}

/** What is given later than at frame 0 has tokens of its own. */
function extraOf({ frame, frames }: GivenClip, { height, width }: Grid, { vae }: PlannedModel): number {
  const [t] = compression(vae.config);
  return frame > 0 ? ((frames - 1) / t + 1) * height * width : 0;
}

function planMultiScale(context: Context, draft: Draft, sequential: boolean): Stages {
  const { model, keeps, request } = context;
  const { config, weights } = model.upsampler!;
  const grid = gridOf(draft, model.vae.config);
  const first = planPass(context, { ...draft, name: "draft", size: draft, sequential });
  const second = planPass(context, { ...request, name: "refine", size: request.made, sequential });
  const upscaled = stageOf("upscale", upscaleProgram(config, grid, keeps), context, {
    holding: "widened",
    weights,
    runs: 1,
    extraBytes: copies * tokensOf(grid) * 4 * config.channels * float,
    tokens: tokensOf(grid),
  });
  return (holding) => [...first(holding), upscaled, ...second(holding)];
}

function planTwoStages(context: Context, draft: Draft, sequential: boolean): Stages {
  const { model, keeps } = context;
  const { made, sigmas, guidanceScale } = context.request;
  const hr = model.hr!;
  const { taps, guidance, transformer } = hr.config;
  const [small, large] = [gridOf(draft, model.vae.config), gridOf(made, model.vae.config)];
  const many = tokensOf(large);
  const secondBatch = batchOf(guidanceScale, { sequential });
  const isFree = givesFeatures(draft, model);
  const handed = isFree ? taps : [];
  const first = planPass(context, { ...draft, name: "draft", size: draft, sequential, taps: handed });
  const second = refineProgram({ ...model, hr }, { grid: large, batch: secondBatch }, keeps);
  const latents = (tokens: number) => copies * tokens * transformer.channels * float;
  const guides = taps.length * many * widthOf(transformer) * float;
  const isSynced = guidance === "features-synced";
  const upsampling = guidance === "none" ? undefined : guideProgram(hr.config, small, large, keeps);
  const features =
    isSynced || (guidance === "features" && !isFree)
      ? velocityProgram(model, { grid: small, batch: 1, taps }, keeps)
      : undefined;
  const runs = sigmas.length - 1;
  return (holding) => {
    const refine = stageOf("refine", second, context, {
      ...steady(context),
      holding,
      weights: hr.weights,
      runs,
      turns: turnsOf(guidanceScale, secondBatch),
      extraBytes: latents(many) + guides,
      tokens: many,
    });
    if (!upsampling) return [...first(holding), refine];
    const times = isSynced ? runs : 1;
    const upsample = stageOf("guide", upsampling, context, {
      holding: "widened",
      weights: hr.weights,
      runs: times,
      extraBytes: guides,
      tokens: many,
    });
    if (!features) return [...first(holding), upsample, refine];
    const seen = stageOf("draft", features, context, {
      ...steady(context),
      holding,
      weights: model.transformer.weights,
      runs: times,
      // Beside the opened upsampler.
      extraBytes: latents(tokensOf(small)) + weightBytes(upsampling),
      tokens: tokensOf(small),
    });
    // Guides of each step's own level are made while it refines, and all three programs stay open.
    if (isSynced) return [...first(holding), joined(refine, [seen, upsample], "beside", context)];
    return [...first(holding), joined(upsample, [seen], "in turn", context), refine];
  };
}

const weightBytes = ({ nodes, parameters }: Program): number =>
  [...parameters.values()].reduce((sum, at) => sum + float * sizeOf(nodes[at]!.shape), 0);

/** A stage with others that run as part of it. */
function joined(
  stage: StagePlan,
  others: readonly StagePlan[],
  how: "beside" | "in turn",
  { baseBytes }: Context,
): StagePlan {
  const all = [stage, ...others];
  const sum = (of: (one: StagePlan) => number) => all.reduce((total, one) => total + of(one), 0);
  return {
    ...stage,
    flops: sum(({ flops }) => flops),
    seconds: secondsOf(all),
    peakBytes: how === "in turn" ? peakOf(all) : baseBytes + sum(({ peakBytes }) => peakBytes - baseBytes),
  };
}
