/** The first of two stages: what size it has and which noise levels it walks. */
import { InputError } from "../base/errors.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import { endAt } from "../samplers/schedules.ts";
import { gridOf, snap, type VideoSize } from "./latents.ts";
import { sigmasOf, type TextToVideoModel } from "./model.ts";
import { passSizes } from "./multi-scale-passes.ts";

/**
 * Noise level at which features are handed over (Turbo2K, Sec. 3.2). A draft whose last step starts there gives them
 * for nothing.
 */
export const guideSigma = 0.1;

/** A low-resolution video that a second stage goes on from. */
export interface Draft extends VideoSize {
  readonly sigmas: readonly number[];
  readonly guidanceScale: number;
  /** By noise level, where it is more than a scale. */
  readonly guidance?: readonly GuidanceStage[] | undefined;
  /** The second stage goes on from the draft's latents, upscaled and noised, and not from its features. */
  readonly upscaled?: boolean | undefined;
}

/** Of one pass, by noise level. */
export const guidanceIn = ({
  guidance,
  guidanceScale,
}: Pick<Draft, "guidance" | "guidanceScale">): readonly GuidanceStage[] =>
  guidance ?? [{ from: 0, scale: guidanceScale }];

/** Whether a draft's last step is a plain one at `guideSigma`, so that its features cost nothing. */
export const givesFeatures = (
  { sigmas, guidance }: Draft,
  { settings, hr }: Pick<TextToVideoModel, "settings"> & { readonly hr?: { readonly config: HrConfig } | undefined },
): boolean =>
  hr?.config.guidance === "features" && sigmas.at(-2) === guideSigma && !guidance && settings.sampler !== "stochastic";

type Sized = Pick<TextToVideoModel, "settings" | "vae" | "hr">;

/** As many pixels as the model's own size has, in the shape of the picture that is wanted, on the grid. */
export function draftSize({ width, height, frames }: VideoSize, { settings, vae }: Sized): VideoSize {
  const [, h, w] = compression(vae.config);
  const scale = Math.sqrt((settings.width * settings.height) / (width * height));
  const side = (wanted: number, step: number) => Math.max(step, Math.round((wanted * scale) / step) * step);
  return { width: side(width, w), height: side(height, h), frames };
}

/** Whether a picture is so much larger than the model's own that two stages make it. */
export const wantsTwoStages = ({ width, height }: VideoSize, { settings, hr }: Sized): boolean =>
  hr !== undefined && width * height > 2 * settings.width * settings.height;

/** The draft's noise levels, the last step's at `guideSigma`. */
export function draftSigmas(size: VideoSize, steps: number, { settings, vae }: Sized): number[] {
  return endAt(sigmasOf(settings.schedule, steps, tokensOf(gridOf(size, vae.config))), guideSigma);
}

/** @throws InputError for a model without a second stage */
export function hrSettings({ settings, hr }: Sized): NonNullable<TextToVideoModel["settings"]["hr"]> {
  if (!hr || !settings.hr)
    throw new InputError(`${settings.name} has no high-resolution stage`, {
      hint: "train one (recipes/mini-2k.yaml), or make the video in one stage: --stages 1",
    });
  return settings.hr;
}

/** @throws InputError for a model without a latent upsampler */
export function upsamplerOf({
  settings,
  upsampler,
}: Pick<TextToVideoModel, "settings" | "upsampler">): NonNullable<TextToVideoModel["upsampler"]> {
  if (!upsampler)
    throw new InputError(`${settings.name} has no latent upsampler here`, {
      hint: "say where it is: --upsampler FILE (ltxv-spatial-upscaler-0.9.7.safetensors or a later one)",
    });
  return upsampler;
}

/** How far strong latents are brought down before they are decoded: after a second pass, in some releases. */
export const toneMapOf = (
  { settings }: Pick<TextToVideoModel, "settings">,
  draft: Pick<Draft, "upscaled"> | undefined,
): number => (draft?.upscaled ? (settings.multiScale?.toneMap ?? 0) : 0);

/** What is made where another size is asked for, in the same way. */
export function resized(
  asked: VideoSize,
  draft: Draft | undefined,
  model: Sized,
): { readonly made: VideoSize; readonly draft: Draft | undefined } {
  if (draft?.upscaled) {
    const { first, second } = passSizes(asked, model);
    return { made: second, draft: { ...draft, ...first } };
  }
  const made = snap(asked, model.vae.config);
  return { made, draft: draft && { ...draft, ...draftSize(made, model) } };
}
