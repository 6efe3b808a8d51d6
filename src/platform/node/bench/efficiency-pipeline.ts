/** What whole ways to a 2K video cost, in operations traced from the programs and in seconds by rates measured elsewhere. */
import { tokenCount, turbo2k } from "../../../metrics/efficiency.ts";
import { ltx2b } from "../../../models/ltx/config.ts";
import type { HrConfig } from "../../../models/ltx/two-stage-config.ts";
import { compression, fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { Encoder } from "../../../models/ltx-vae/encoder.ts";
import { t5xxl } from "../../../models/t5/encoder.ts";
import { guideSigma } from "../../../pipelines/draft.ts";
import { withMargin } from "../../../pipelines/encode.ts";
import { gridOf, type VideoSize } from "../../../pipelines/latents.ts";
import { ltxReleases } from "../../../pipelines/ltx-releases.ts";
import { type PlannedModel, planVideo, type VideoPlan } from "../../../pipelines/plan.ts";
import { windows } from "../../../pipelines/tiles.ts";
import { flops as flopsOf } from "../../../tensor/flops.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { input } from "../../../tensor/tensor.ts";

/** The paper names neither; both are what LTX-Video 0.9.0 is run with. */
const [steps, guidanceScale, forwards] = [40, 3, 2];

const hr: HrConfig = {
  transformer: ltx2b,
  taps: [0, 7, 14, 21],
  guidance: "features",
  form: "residual",
  conv: "dense",
  placement: "field",
  moments: 0,
};

/** LTX-Video 0.9.0, twice: 2 x 1.92 billion weights and four fusions. */
const model: PlannedModel = {
  settings: { name: "LTX-Video", ...ltxReleases[0]!.settings.original },
  text: { config: t5xxl },
  transformer: { config: ltx2b },
  vae: { config: fromDiffusers({}) },
  hr: { config: hr },
};

const large = (frames: number): VideoSize => ({ width: 2560, height: 1440, frames });
const small = (frames: number): VideoSize => ({ width: 960, height: 544, frames });

function planOf(made: VideoSize, draft?: VideoSize): VideoPlan {
  const sigmas = Array.from({ length: steps + 1 }, () => 0);
  // The last step ends where the guide is taken, so that its features cost nothing.
  const first = draft && { ...draft, sigmas: sigmas.with(-2, guideSigma), guidanceScale };
  const request = { made, asked: made, sigmas, guidanceScale, draft: first };
  return planVideo(model, request, { gflops: 1, baseBytes: 0, keeps: () => true });
}

/** Operations of one run of each stage; of autoencoders, for the whole clip. */
export interface StagePrograms {
  readonly draft: number;
  readonly guide: number;
  readonly refine: number;
  /** The transformer alone at the large size. */
  readonly direct: number;
  readonly decode: number;
  readonly decodeDraft: number;
  readonly encodeTiles: number;
}

const known = new Map<number, StagePrograms>();

/** Traces everything at a length; nothing is computed. */
export function stepPrograms(frames: number): StagePrograms {
  const made = known.get(frames) ?? trace(frames);
  known.set(frames, made);
  return made;
}

function trace(frames: number): StagePrograms {
  const [two, one, draft] = [planOf(large(frames), small(frames)), planOf(large(frames)), planOf(small(frames))];
  const of = ({ stages }: VideoPlan, name: string, runs = 1) => stages.find((s) => s.name === name)!.flops / runs;
  const each = steps * forwards;
  return {
    draft: of(two, "draft", each),
    guide: of(two, "guide"),
    refine: of(two, "refine", each),
    direct: of(one, "denoise", each),
    decode: of(one, "decode"),
    decodeDraft: of(draft, "decode"),
    encodeTiles: encodeFlops(large(frames)),
  };
}

/** As `encodeTiled` encodes, tiles with their margins. */
function encodeFlops(size: VideoSize): number {
  const { config } = model.vae;
  const grid = gridOf(size, config);
  const [, h, w] = compression(config);
  let total = 0;
  for (const { start: top, length: height } of windows(grid.height, 16, 0))
    for (const { start: left, length: width } of windows(grid.width, 16, 0)) {
      const seen = withMargin({ top, left, height, width }, grid);
      const pixels = input("pixels", [1, 3, size.frames, seen.height * h, seen.width * w]);
      const { mean } = mount(new Encoder(config), "encoder").forward(pixels);
      total += flopsOf(buildProgram({ mean }, { keep: () => true }));
    }
  return total;
}

export interface PipelineCosts {
  readonly way: "two-stage" | "direct" | "cascade";
  readonly frames: number;
  readonly steps: number;
  readonly forwards: number;
  readonly stages: readonly { readonly name: string; readonly flops: number; readonly seconds: number }[];
  readonly flops: number;
  readonly seconds: number;
}

/** Operations a second. */
export interface StageRates {
  readonly products: number;
  readonly decode: number;
  readonly encode: number;
}

/**
 * The ways to one video in as many steps: draft and guided second stage; the one model at the large size; and the cascade, which
 * decodes the draft, enlarges pixels (not counted), encodes them tile by tile and refines.
 * @param secondsOf of one forward pass over some tokens with some operations
 */
export function pipelineCosts(
  frames: number,
  secondsOf: (tokens: number, flops: number) => number,
  { products, decode, encode }: StageRates,
): PipelineCosts[] {
  const cost = stepPrograms(frames);
  const [few, many] = [tokenCount(small(frames), turbo2k), tokenCount(large(frames), turbo2k)];
  const runs = steps * forwards;
  const walk = (name: string, tokens: number, flops: number) => ({
    name,
    flops: runs * flops,
    seconds: runs * secondsOf(tokens, flops),
  });
  const once = (name: string, flops: number, rate: number) => ({ name, flops, seconds: flops / rate });
  const draft = walk("draft", few, cost.draft);
  const last = once("decode", cost.decode, decode);
  const ways = {
    "two-stage": [draft, once("guide", cost.guide, products), walk("refine", many, cost.refine), last],
    direct: [walk("denoise", many, cost.direct), last],
    cascade: [
      draft,
      once("decode draft", cost.decodeDraft, decode),
      once("encode tiles", cost.encodeTiles, encode),
      walk("refine", many, cost.direct),
      last,
    ],
  };
  return (Object.keys(ways) as (keyof typeof ways)[]).map((way) => {
    const stages = ways[way];
    const sum = (field: "flops" | "seconds") => stages.reduce((total, one) => total + one[field], 0);
    return { way, frames, steps, forwards, stages, flops: sum("flops"), seconds: sum("seconds") };
  });
}
