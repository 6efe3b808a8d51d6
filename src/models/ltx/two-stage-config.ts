/** Settings of the high-resolution model of two-stage synthesis (Turbo2K, arXiv 2504.14470, Sec. 3.2). */
import { InputError } from "../../base/errors.ts";
import { type Json, PublishedSettings } from "../../base/published-settings.ts";
import { fromDiffusers, type LtxConfig, toDiffusers, widthOf } from "./config.ts";
import { mostMoments } from "./resize.ts";

/** How a fusion block joins guide and stream; see `fusion.ts`. */
export const fusionForms = ["residual", "figure", "literal"] as const;
/** The local convolution on the upsampled guide. */
export const guideConvs = ["depthwise", "dense"] as const;
/**
 * What guides the high-resolution model: block features of the low-resolution model at t = 0.1, the same at the
 * high-resolution model's own t, its latents, or nothing. All but the first are arms of the paper's Table 5.
 */
export const guidances = ["features", "features-synced", "latents", "none"] as const;
/**
 * Where the tokens of the large picture lie for the rotary embedding: at their pixels, beyond the trained range, or within the
 * field of view of the small picture. The paper does not say.
 */
export const placements = ["pixels", "field"] as const;

export interface HrConfig {
  /** The transformer, equal to that of the low-resolution model. */
  readonly transformer: LtxConfig;
  /** Blocks whose output is handed over; the guide of block i enters after block i. */
  readonly taps: readonly number[];
  readonly guidance: (typeof guidances)[number];
  readonly form: (typeof fusionForms)[number];
  readonly conv: (typeof guideConvs)[number];
  readonly placement: (typeof placements)[number];
  /**
   * Legendre polynomials along each side of a source cell by which a large cell reads the guide at its own place within it; 0,
   * as in the paper: interpolation alone.
   */
  readonly moments: number;
}

/** Four taps at the depths of the paper: 0, 7, 14 and 21 of 28 blocks; 0, 1, 3 and 4 of 6. */
export const proportionalTaps = (layers: number, count = 4): number[] => [
  ...new Set(Array.from({ length: count }, (_, k) => Math.floor((k * layers) / count))),
];

const doRise = (taps: readonly number[], layers: number): boolean =>
  taps.length > 0 &&
  taps.every((tap, k) => Number.isInteger(tap) && tap >= 0 && tap < layers && tap > (taps[k - 1] ?? -1));
const risingTo = (layers: number): string => `taps must rise from 0 to ${layers - 1} at most`;

/** @throws InputError for taps that do not exist, repeat or fall */
export function checkTaps(taps: readonly number[], layers: number): void {
  if (!doRise(taps, layers))
    throw new InputError(`${risingTo(layers)}, got ${taps.join(", ") || "none"}`, {
      hint: `for example ${proportionalTaps(layers).join(", ")}`,
    });
}

/** Channels of what is handed over from the low resolution. */
export const guideChannels = ({ guidance, transformer }: HrConfig): number =>
  guidance === "latents" ? transformer.channels : widthOf(transformer);

/** What the `config.json` of a high-resolution model calls itself. */
export const hrClass = "Turbo2kHighResolutionTransformer";

/** The `config.json` of these settings: that of the transformer, and ours beside it. */
export function toJson({ transformer, ...rest }: HrConfig): Record<string, unknown> {
  return { ...toDiffusers(transformer), _class_name: hrClass, ...rest };
}

/** What a recipe does by default stands for what is absent. @throws CheckpointError for what cannot be */
export function fromJson(json: Json): HrConfig {
  const transformer = fromDiffusers(json);
  const own = new PublishedSettings("the second stage's settings", json);
  const { layers } = transformer;
  const taps = own.counts("taps", proportionalTaps(layers), 0);
  own.check(doRise(taps, layers), `${risingTo(layers)}, got ${taps.join(", ")}`);
  const moments = own.count("moments", 0, 0);
  own.check(moments <= mostMoments, `moments must be ${mostMoments} at most, got ${moments}`);
  return {
    transformer,
    taps,
    guidance: own.word("guidance", guidances, "features"),
    form: own.word("form", fusionForms, "residual"),
    conv: own.word("conv", guideConvs, "depthwise"),
    placement: own.word("placement", placements, "field"),
    moments,
  };
}
