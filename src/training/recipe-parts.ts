/** What several kinds of recipes have in common. */
import { z } from "zod";
import { presets } from "../data/world/draw.ts";
import { samplerSchema } from "../pipelines/model.ts";
import { guidanceStageSchema } from "../schema/request.ts";
import { momentStorages } from "./moments.ts";

export const count = z.number().int().positive();
/** WxHxF, for example 128x128x9. */
export const picture = z
  .string()
  .regex(/^\d+x\d+x\d+$/, "must look like 128x128x9 (width x height x frames)")
  .transform((text) => {
    const [width, height, frames] = text.split("x").map(Number) as [number, number, number];
    return { width, height, frames };
  });

const optimiser = z
  .strictObject({
    rate: z.number().positive(),
    warmup: z.number().int().nonnegative(),
    /** Learning rate at the last step as a share of `rate`; a cosine leads there. */
    final: z.number().min(0).max(1),
    beta1: z.number().min(0).max(1),
    beta2: z.number().min(0).max(1),
    weightDecay: z.number().nonnegative(),
    clip: z.number().positive(),
    average: z.number().min(0).max(1),
    fanIn: z.number().nonnegative(),
    /** `int8`: moments with 8 bits a value between steps, a quarter of their memory. */
    moments: z.enum(momentStorages),
    /** Steps whose gradients are averaged into one update. */
    accumulate: count,
  })
  .partial();

/** Somebody's own videos and pictures: docs/guides/own-data.md. */
export const folder = z.strictObject({
  /** Relative to the recipe, as all paths. */
  path: z.string(),
  /** JSON lines or CSV, a file and its caption each; without it, NAME.txt beside NAME.mp4. */
  captions: z.string().optional(),
  /** Where captions are needed: leave a file without one out, or train it with an empty one. */
  uncaptioned: z.enum(["skip", "empty"]).default("skip"),
  /** Frames a second that videos are brought to. */
  fps: z.number().positive(),
  /** How far frames may be enlarged to fill a size. */
  enlarge: z.number().min(1).default(1),
  /** Largest share of a frame that may be cut away to reach a size's shape. */
  crop: z.number().min(0).max(0.95).default(0.25),
  /** Most words that a new text encoder learns. */
  vocabulary: count.default(8000),
});

export const shared = {
  name: z.string().regex(/^[a-z0-9-]+$/),
  seed: z.number().int().nonnegative(),
  /** What clips come from: a preset of the procedural world, or a folder. */
  world: z.enum(Object.keys(presets) as [keyof typeof presets]).optional(),
  folder: folder.optional(),
  optimiser: optimiser.default({}),
  /** Minutes between checkpoints and previews. */
  checkpointMinutes: z.number().positive().default(5),
};

/** Sizes that are trained one stage after the other; each step draws one of its stage's, by weight. */
const stages = z
  .array(
    z.strictObject({
      steps: count,
      /** Items a step for each size. */
      buckets: z.array(z.strictObject({ picture, batch: count, weight: z.number().positive().default(1) })).min(1),
    }),
  )
  .min(1);

/** What the finished model does by default. */
export const defaults = z.strictObject({
  picture,
  steps: count,
  guidanceScale: z.number().nonnegative(),
  /** Guidance by noise level, where it is not one scale for all (Kynkäänniemi et al. 2024, arXiv 2404.07724). */
  guidance: z.array(guidanceStageSchema).min(1).optional(),
  /** Euler steps where left out; `stochastic` steps forgive what a small model gets wrong early on. */
  sampler: samplerSchema.optional(),
  shift: z.number().positive(),
});

/** What every training by flow matching has. */
export const matching = {
  ...shared,
  /** Compute each block's values again for its gradients, rather than keep them: a third more time, far less memory. */
  rematerialise: z.boolean().default(false),
  captionDropout: z.number().min(0).max(1),
  /** How many clips of each size are encoded once and then drawn from; WxHxF to a count. */
  clips: z.record(z.string(), count),
  stages,
  /** Share of noise levels drawn evenly, and the shift of all of them towards noise. */
  timesteps: z.strictObject({ uniform: z.number().min(0).max(1), shift: z.number().positive() }),
  /** Losses of `clips` clips that are not trained on, every so many steps: `validation.ts`. */
  validation: z.strictObject({ clips: count, every: count }).optional(),
  /** What each preview generates: test prompts at one size. */
  preview: z.strictObject({ picture, prompts: count }),
};

/**
 * Power of a latent channel's effect on pixels that its error is weighed by. Left out, all count alike, as in LTX-Video:
 * `velocityLoss` and docs/decisions/latent-scale.md.
 */
export const channelPower = z.number().min(0).max(1).optional();

/**
 * Weight of what known objects fill, of clips that know them (the world's), against 1 for the rest; less of it the noisier a clip
 * is: `tokenWeights`. Left out, all count alike.
 */
export const objectWeight = z.number().positive().optional();

/** A transformer encoder of text. */
export const textEncoder = z.strictObject({ layers: count, width: count, heads: count, inner: count });
