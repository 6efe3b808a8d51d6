/** What the denoising of a request takes: in one pass, in two stages, or around an upsampler. */
import { widthOf } from "../models/ltx/config.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { velocityProgram } from "./denoiser.ts";
import { type Draft, givesFeatures } from "./draft.ts";
import { batchOf, type Execution } from "./execution.ts";
import { guideProgram } from "./guide.ts";
import { mostPredictions } from "./guided-denoiser.ts";
import { type Holding, steadyInputs } from "./holding.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import {
  type Choice,
  type Context,
  float,
  type PlannedModel,
  type PlannedRequest,
  type StagePlan,
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
  const predictions = guidance ? mostPredictions(guidance) : batchOf(guidanceScale, { sequential: false });
  const batch = sequential ? 1 : predictions;
  const program = velocityProgram(
    model,
    { grid, batch, taps, given: given.length ? { extraTokens } : undefined },
    keeps,
  );
  const options = {
    ...steady(context),
    weights: model.transformer.weights,
    runs: sigmas.length - 1,
    turns: predictions / batch,
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
  const handed = givesFeatures(draft, model) ? taps : [];
  const first = planPass(context, { ...draft, name: "draft", size: draft, sequential, taps: handed });
  const second = refineProgram({ ...model, hr }, { grid: large, batch: secondBatch }, keeps);
  const latents = (tokens: number) => copies * tokens * transformer.channels * float;
  const guides = taps.length * many * widthOf(transformer) * float;
  const options = { ...steady(context) } as const;
  const guide = guidance === "none" ? undefined : guideProgram(hr.config, small, large, keeps);
  return (holding) => [
    ...first(holding),
    ...(!guide
      ? []
      : [
          stageOf("guide", guide, context, {
            holding: "widened",
            weights: hr.weights,
            runs: 1,
            extraBytes: guides,
            tokens: many,
          }),
        ]),
    stageOf("refine", second, context, {
      ...options,
      holding,
      weights: hr.weights,
      runs: sigmas.length - 1,
      turns: turnsOf(guidanceScale, secondBatch),
      extraBytes: latents(many) + guides,
      tokens: many,
    }),
  ];
}
