/** A request with everything decided: the model's defaults filled in, sizes moved to its grid. */
import { InputError } from "../base/errors.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import { explicit } from "../samplers/schedules.ts";
import { type Compat, type GenerateRequest, parseExtend, parseImage, parseSize } from "../schema/request.ts";
import { type Draft, draftSigmas, draftSize, hrSettings, wantsTwoStages } from "./draft.ts";
import { gridOf, snap, type VideoSize } from "./latents.ts";
import { defaultSigmas, guidanceOf, sigmasOf, type TextToVideoModel } from "./model.ts";
import { firstSigmas, passSizes, secondSigmas } from "./multi-scale-passes.ts";

export interface ResolvedRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
  readonly fps: number;
  readonly guidanceScale: number;
  /** Of one stage, by noise level, where it is more than a scale. */
  readonly guidance?: readonly GuidanceStage[] | undefined;
  /** Whose defaults the model was opened with, where a request says. */
  readonly compat?: Compat | undefined;
  /** In two stages: the first. Noise levels and guidance beside it are those of the second. */
  readonly draft?: Draft | undefined;
  /** Noise levels, 1 first and 0 last. */
  readonly sigmas: readonly number[];
  /** Pictures and clips that are given: where each begins, and how long it is. */
  readonly given?: readonly GivenClip[] | undefined;
  /** What the video will have. */
  readonly asked: VideoSize;
  /** What is generated, on the model's grid; then cropped and trimmed. */
  readonly made: VideoSize;
  /** What a user should be told about the choices made here. */
  readonly notices: readonly string[];
}

export interface GivenClip {
  readonly frame: number;
  readonly frames: number;
}

/** How many of the last frames of a video a new one begins with, unless told otherwise. */
export const usualTail = 17;

export const promptExample = 'for example "a red ball moving left"';

/** @throws InputError for an empty prompt, settings that exclude each other, bad sizes and sigmas */
export function checkRequest({
  prompt = "",
  size,
  width,
  height,
  frames,
  seconds,
  steps,
  sigmas,
  image,
  extend,
}: GenerateRequest): void {
  if (!prompt.trim()) throw new InputError("the prompt is empty", { hint: promptExample });
  if (size !== undefined) {
    if (width !== undefined || height !== undefined)
      throw new InputError("give a size, or a width and a height, not both");
    parseSize(size);
  }
  if ((width === undefined) !== (height === undefined))
    throw new InputError(`a ${width === undefined ? "height" : "width"} alone is not a size`, {
      hint: "give both, or --size WxH",
    });
  if (frames !== undefined && seconds !== undefined) throw new InputError("give frames or seconds, not both");
  if (sigmas && steps !== undefined)
    throw new InputError("give steps or sigmas, not both", { hint: "the number of sigmas is the number of steps" });
  if (sigmas) explicit(sigmas);
  if (image && extend !== undefined && image.some((text) => parseImage(text).frame === 0))
    throw new InputError("the first frame is given twice: by an image and by the video to go on from");
}

/** @throws InputError as `checkRequest` does */
export function resolveRequest(
  request: GenerateRequest & { readonly seed: number },
  model: Pick<TextToVideoModel, "settings" | "vae" | "hr" | "upsampler"> & {
    readonly transformer: Pick<TextToVideoModel["transformer"], "config">;
  },
): ResolvedRequest {
  checkRequest(request);
  const { settings, vae } = model;
  const { prompt = "", negativePrompt = settings.negativePrompt ?? "", seed } = request;
  const fps = request.fps ?? settings.fps;
  const asked = { ...sizeOf(request, settings), frames: framesOf(request, fps, settings.frames) };
  const given = givenOf(request);
  const isMultiScale = model.upsampler !== undefined && request.stages !== 1;
  const passes = isMultiScale ? passSizes(asked, model) : undefined;
  const made = passes?.second ?? snap(asked, vae.config);
  const tokens = tokensOf(gridOf(made, vae.config));
  if (given.length && request.stages === 2 && !isMultiScale)
    throw new InputError("pictures and clips can be given to one stage only", { hint: "leave out --stages 2" });
  const stages = request.stages ?? (wantsTwoStages(made, model) && !given.length ? 2 : 1);
  const noise = () => {
    if (passes) return passesOf(request, passes, model);
    return stages === 2 ? twoStagesOf(request, made, model) : oneStageOf(request, tokens, model);
  };
  return {
    prompt,
    negativePrompt,
    seed,
    fps,
    ...(request.compat ? { compat: request.compat } : {}),
    ...noise(),
    ...(given.length ? { given } : {}),
    asked,
    made,
    notices: movesOf(asked, made, compression(vae.config), isMultiScale),
  };
}

const givenOf = ({ image = [], extend }: GenerateRequest): GivenClip[] => [
  ...(extend === undefined ? [] : [{ frame: 0, frames: parseExtend(extend).frames ?? usualTail }]),
  ...image.map((text) => ({ frame: parseImage(text).frame, frames: 1 })),
];

type Noise = Pick<ResolvedRequest, "draft" | "sigmas" | "guidanceScale" | "guidance">;

function oneStageOf(
  request: GenerateRequest,
  tokens: number,
  {
    settings,
    transformer,
  }: Pick<TextToVideoModel, "settings"> & {
    readonly transformer: Pick<TextToVideoModel["transformer"], "config">;
  },
): Noise {
  const { sigmas, steps, hrSteps, keepStages } = request;
  if (hrSteps !== undefined || keepStages)
    throw new InputError("this video is made in one stage: there is no draft and no high-resolution stage", {
      hint: "two stages make large pictures (--size 2k), and any with --stages 2, where the model can",
    });
  return {
    ...guided(guidanceOf(settings, request), transformer.config.layers),
    sigmas: sigmas ? explicit(sigmas) : defaultSigmas(settings, steps, tokens),
  };
}

/** Guidance as a scale, and by noise level where it is more than that. @throws InputError as `checkBlocks` does */
function guided(guidance: GuidanceStage[], layers: number): Pick<Noise, "guidanceScale" | "guidance"> {
  checkBlocks(guidance, layers);
  const isPlain = guidance.length === 1 && Object.keys(guidance[0]!).length === 2;
  return {
    guidanceScale: Math.max(...guidance.map(({ scale }) => scale)),
    ...(isPlain ? {} : { guidance }),
  };
}

/** @throws InputError for spatio-temporal guidance without blocks, or with blocks that the model does not have */
function checkBlocks(guidance: readonly GuidanceStage[], layers: number): void {
  const beyond = guidance.flatMap(({ blocks = [] }) => blocks).find((block) => block >= layers);
  if (beyond !== undefined)
    throw new InputError(`there is no block ${beyond}: this model has blocks 0 to ${layers - 1}`);
  if (guidance.some(({ stg = 0 }) => stg !== 0) && guidance.every(({ blocks = [] }) => blocks.length === 0))
    throw new InputError("which blocks should spatio-temporal guidance perturb?", {
      hint: `--stg-blocks ${Math.floor((2 / 3) * layers)}`,
    });
}

/** Steps, noise levels and guidance that are asked for are those of the draft, which decides what is to be seen. */
function twoStagesOf(
  request: GenerateRequest,
  made: VideoSize,
  model: Pick<TextToVideoModel, "settings" | "vae" | "hr"> & {
    readonly transformer: Pick<TextToVideoModel["transformer"], "config">;
  },
): Noise {
  const { sigmas, steps, hrSteps } = request;
  const { settings, vae, transformer } = model;
  const hr = hrSettings(model);
  const size = draftSize(made, model);
  const tokens = tokensOf(gridOf(made, vae.config));
  return {
    draft: {
      ...size,
      sigmas: sigmas ? explicit(sigmas) : draftSigmas(size, steps ?? settings.steps, model),
      ...guided(guidanceOf(settings, request), transformer.config.layers),
    },
    guidanceScale: hr.guidanceScale,
    sigmas: sigmasOf(hr.schedule, hrSteps ?? hr.steps, tokens),
  };
}

/** As in two stages, what is asked for is the first pass's; the second goes on as the release has it. */
function passesOf(
  request: GenerateRequest,
  { first, second }: ReturnType<typeof passSizes>,
  { settings, vae, transformer }: PassModel,
): Noise {
  const { sigmas, steps, hrSteps } = request;
  const { layers } = transformer.config;
  const passes = settings.multiScale;
  const ofFirst = passes?.first?.guidance ? { ...settings, guidance: passes.first.guidance } : settings;
  // Without any of its own the second pass goes unguided: what there is to be seen is decided.
  const ofSecond: GuidanceStage[] = passes?.second?.guidance ?? [{ from: 0, scale: 1 }];
  return {
    draft: {
      ...first,
      upscaled: true,
      sigmas: sigmas ? explicit(sigmas) : firstSigmas(steps, first, { settings, vae }),
      ...guided(guidanceOf(ofFirst, request), layers),
    },
    ...guided([...ofSecond], layers),
    sigmas: secondSigmas(hrSteps, second, { settings, vae }),
  };
}

type PassModel = Pick<TextToVideoModel, "settings" | "vae"> & {
  readonly transformer: Pick<TextToVideoModel["transformer"], "config">;
};

function sizeOf({ size, width, height }: GenerateRequest, defaults: { width: number; height: number }) {
  return size === undefined ? { width: width ?? defaults.width, height: height ?? defaults.height } : parseSize(size);
}

const framesOf = ({ frames, seconds }: GenerateRequest, fps: number, fallback: number): number =>
  seconds === undefined ? (frames ?? fallback) : Math.max(1, Math.round(seconds * fps));

/** Sentences about what is made larger or longer than asked. */
function movesOf(
  asked: VideoSize,
  made: VideoSize,
  [t, h, w]: readonly [number, number, number],
  isScaled: boolean,
): string[] {
  const size = ({ width, height }: VideoSize) => `${width}x${height}`;
  const moves: string[] = [];
  if (size(asked) !== size(made) && isScaled) moves.push(`${size(made)} is made and resized to ${size(asked)}`);
  else if (size(asked) !== size(made))
    moves.push(
      `${size(asked)} is off the model's grid (multiples of ${w === h ? w : `${w} and ${h}`}): ${size(made)} is made and cropped`,
    );
  if (asked.frames !== made.frames)
    moves.push(`the model makes ${t}k+1 frames: ${made.frames} are made and the first ${asked.frames} kept`);
  return moves;
}
