/** Training settings as they stand in `recipes/*.yaml`; unknown keys are refused. */
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { mostMoments } from "../models/ltx/resize.ts";
import { fusionForms, guidances, guideConvs, placements } from "../models/ltx/two-stage-config.ts";
import { samplerSchema } from "../pipelines/model.ts";
import {
  channelPower,
  count,
  defaults,
  type folder,
  matching,
  objectWeight,
  picture,
  shared,
  textEncoder,
} from "./recipe-parts.ts";
import { distill, teacher } from "./recipe-teacher.ts";
import { tune } from "./recipe-tune.ts";

const vaeModel = z.strictObject({
  latentChannels: count,
  patch: count,
  encoder: z.strictObject({
    channels: z.array(count),
    layers: z.array(z.number().int().nonnegative()),
    down: z.array(z.enum(["none", "space", "time", "both"])),
    downsampler: z.enum(["conv", "space-to-depth"]),
    causal: z.boolean(),
  }),
  decoder: z.strictObject({
    channels: z.array(count),
    layers: z.array(z.number().int().nonnegative()),
    up: z.array(z.boolean()),
    injectNoise: z.array(z.boolean()),
    residual: z.array(z.boolean()),
    factor: z.array(count),
    causal: z.boolean(),
    timestep: z.boolean(),
  }),
});

const vae = z.strictObject({
  kind: z.literal("vae"),
  ...shared,
  model: vaeModel,
  /** Folder of an autoencoder of this very model, or of it without resnets, to go on from; relative to the recipe. */
  from: z.string().optional(),
  /**
   * Most noise that latents get while the decoder learns, in their own units: each crop draws a deviation up to it. The decoder
   * then repairs from neighbouring cells what a sampler leaves wrong, as LTX-Video's, which does the last denoising step
   * (arXiv 2501.00103, abstract).
   */
  latentNoise: z.number().nonnegative().default(0),
  /** Parts that stay as they start, by path: with `encoder` frozen, latents keep their meaning and students need no retraining. */
  frozen: z.array(z.string()).default([]),
  /** Clips that starting weights are fitted to. */
  startClips: count.default(100),
  /** One after the other; the optimiser and the learning-rate curve run through. */
  stages: z
    .array(
      z.strictObject({
        steps: count,
        batch: count,
        crop: picture,
        /** Whole clips that crops are cut from. */
        pictures: z.array(picture).min(1),
        centred: z.number().min(0).max(1).default(0.8),
      }),
    )
    .min(1),
  loss: z.strictObject({
    /** Weight of the object's pixels against 1 for the rest. */
    object: z.number().positive(),
    /** Weight of the squared error beside the absolute one. */
    square: z.number().nonnegative().default(1),
    /** Weight of the difference of neighbouring pixels (edges). */
    gradient: z.number().nonnegative(),
    kl: z.number().nonnegative(),
  }),
});

const flow = z.strictObject({
  kind: z.literal("text-to-video"),
  ...matching,
  /** Folder of the trained autoencoder (a module folder), relative to the recipe. */
  vae: z.string(),
  /** Folder of a model of this very text encoder and transformer to go on from; its autoencoder may be another. */
  from: z.string().optional(),
  channelPower,
  objectWeight,
  transformer: z.strictObject({ layers: count, heads: count, headWidth: count }),
  text: textEncoder.extend({ tokens: count }),
  fps: z.number().positive(),
  defaults,
});

/** Frames a second of a recipe's clips: a folder's are brought to its rate, rendered ones have the model's. */
export const clipRate = ({ folder }: Pick<Recipe, "folder">, fps: number): number => folder?.fps ?? fps;

/** WxH in latent cells. */
const cells = z
  .string()
  .regex(/^\d+x\d+$/, "must look like 24x16 (columns x rows of latent cells)")
  .transform((text) => {
    const [width, height] = text.split("x").map(Number) as [number, number];
    return { width, height };
  });

/** Its counts of clips are for each size and window. */
const hr = z.strictObject({
  kind: z.literal("high-resolution"),
  ...matching,
  /** Folder of the finished low-resolution model, relative to the recipe; its autoencoder and text encoder are used as they are. */
  model: z.string(),
  /** Folder of a model whose second stage has this shape, to go on from; it follows what the draft has changed since: `followDraft`. */
  from: z.string().optional(),
  channelPower,
  /** Size of the low-resolution picture. */
  draft: cells,
  /** Blocks whose output is handed over; at the paper's depths when left out. */
  taps: z.array(z.number().int().nonnegative()).optional(),
  guidance: z.enum(guidances).default("features"),
  form: z.enum(fusionForms).default("residual"),
  conv: z.enum(guideConvs).default("depthwise"),
  placement: z.enum(placements).default("field"),
  /** How finely a cell reads the guide at its own place within the cell that it comes from; 0 is the paper's interpolation. */
  moments: z.number().int().min(0).max(mostMoments).default(0),
  /** Clips that share the place of their window, so that they can be learned from together. */
  group: count.default(8),
  stages: z
    .array(
      z.strictObject({
        steps: count,
        /** Items a step for each size; the window is a part of the large picture, all of it when left out. */
        buckets: z
          .array(
            z.strictObject({
              picture,
              window: cells.optional(),
              batch: count,
              weight: z.number().positive().default(1),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
  /** What the finished second stage does by default. */
  defaults: z.strictObject({
    steps: count,
    shift: z.number().positive(),
    guidanceScale: z.number().nonnegative().default(1),
    sampler: samplerSchema.optional(),
  }),
});

export const recipeSchema = z.discriminatedUnion("kind", [vae, flow, hr, teacher, distill, tune]);
export type Recipe = z.infer<typeof recipeSchema>;
export type HrRecipe = z.infer<typeof hr>;
export type VaeRecipe = z.infer<typeof vae>;
export type FlowRecipe = z.infer<typeof flow>;
export type TeacherRecipe = z.infer<typeof teacher>;
export type DistillRecipe = z.infer<typeof distill>;
export type FolderSettings = z.infer<typeof folder>;

/** A recipe from parsed YAML; throws an InputError that lists every fault with its place. */
export function parseRecipe(value: unknown, where: string): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) {
    const { world, folder } = parsed.data;
    if (!world === !folder)
      throw new InputError(`expected either world or folder, got ${world ? "both" : "neither"}`, {
        where,
        hint: "world: mini, or folder: { path: ../clips, fps: 24 }",
      });
    return parsed.data;
  }
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "recipe"}: ${issue.message}`);
  throw new InputError(faults.join("; "), { where, hint: "see recipes/ for working examples" });
}
