/** What the two passes of a multi-scale pipeline walk through: their sizes and noise levels. */
import { tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { explicit } from "../samplers/schedules.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import { defaultSigmas, type MultiScale, type Settings, sigmasOf, type TextToVideoModel } from "./model.ts";

type Pass = NonNullable<MultiScale["first"]>;
type Sized = Pick<TextToVideoModel, "settings" | "vae">;

/** Noise levels of a second pass for models that name none: those of the distilled releases. */
const usualSecond = [0.9094, 0.725, 0.4219];

/** The first pass on the grid below its share of what is asked for, the second at twice its sides. */
export function passSizes(
  { width, height, frames }: VideoSize,
  { settings, vae }: Sized,
): { readonly first: VideoSize; readonly second: VideoSize } {
  const { downscale } = multiScaleOf(settings);
  const [t, h, w] = compression(vae.config);
  const down = (side: number, step: number) => Math.max(step, Math.floor(Math.floor(side * downscale) / step) * step);
  const first = {
    width: down(width, w),
    height: down(height, h),
    frames: Math.ceil(Math.max(0, frames - 1) / t) * t + 1,
  };
  return { first, second: { ...first, width: 2 * first.width, height: 2 * first.height } };
}

/** The model's own, or what any model can be run with. */
export const multiScaleOf = ({ multiScale }: Pick<Settings, "multiScale">): MultiScale =>
  multiScale ?? { downscale: 0.6666666 };

/** Of the first pass; a number of steps that is asked for leaves out the same share at its end. */
export function firstSigmas(asked: number | undefined, size: VideoSize, { settings, vae }: Sized): number[] {
  const tokens = tokensOf(gridOf(size, vae.config));
  const { first } = multiScaleOf(settings);
  return first ? sigmasOfPass(first, asked, tokens, settings) : defaultSigmas(settings, asked, tokens);
}

/** Of the second pass; steps that are asked for are even, from where it begins. */
export function secondSigmas(asked: number | undefined, size: VideoSize, { settings, vae }: Sized): number[] {
  const tokens = tokensOf(gridOf(size, vae.config));
  const { second = { sigmas: usualSecond, skipFirst: 0, skipLast: 0 } } = multiScaleOf(settings);
  const own = sigmasOfPass(second, undefined, tokens, settings);
  if (asked === undefined || asked === own.length - 1) return own;
  return Array.from({ length: asked + 1 }, (_, i) => own[0]! * (1 - i / asked));
}

function sigmasOfPass(
  { sigmas, steps, skipFirst, skipLast }: Pass,
  asked: number | undefined,
  tokens: number,
  settings: Settings,
): number[] {
  if (sigmas && (asked === undefined || asked === sigmas.length)) return explicit(sigmas);
  const all = steps ?? settings.steps;
  if (asked === undefined || asked === all - skipFirst - skipLast) {
    const levels = sigmasOf(settings.schedule, all, tokens);
    return [...levels.slice(skipFirst, all - skipLast), 0];
  }
  const share = sigmas ? 1 : all / (all - skipFirst - skipLast);
  const more = Math.round(asked * share);
  return [...sigmasOf(settings.schedule, more, tokens).slice(0, asked), 0];
}
