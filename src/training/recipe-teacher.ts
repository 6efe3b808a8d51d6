/** Recipes of heterogeneous distillation: a HunyuanVideo-style teacher, and the training of a student with it. */
import { z } from "zod";
import { channelPower, count, defaults, matching, objectWeight, picture, textEncoder } from "./recipe-parts.ts";

/** HxW pixels by T frames, for example 8x8x4. */
const cell = z
  .string()
  .regex(/^\d+x\d+x\d+$/, "must look like 8x8x4 (height x width x frames)")
  .transform((text) => {
    const [height, width, frames] = text.split("x").map(Number) as [number, number, number];
    return [frames, height, width] as const;
  });

const plainTeacher = z.strictObject({
  kind: z.literal("teacher"),
  ...matching,
  /** Folder of a teacher of this very shape to go on from, on its own autoencoder. */
  from: z.string().optional(),
  /** A linear autoencoder fitted to clips when training starts, or the folder of a trained one. */
  codec: z.union([z.strictObject({ cell, channels: count, clips: count.default(200) }), z.string()]),
  channelPower,
  objectWeight,
  transformer: z.strictObject({
    doubleBlocks: count,
    singleBlocks: count,
    refinerBlocks: count,
    heads: count,
    /** Channels of a head that time, height and width turn. */
    ropeAxes: z.tuple([count, count, count]),
  }),
  /** A Llama for the words' states, a CLIP for the prompt as a whole; both are trained along. */
  text: textEncoder.extend({ keyHeads: count, tokens: count }),
  pooled: textEncoder,
  fps: z.number().positive(),
  defaults,
});

/** Weights that went through one autoencoder's latents mean nothing on those of another, even of one fitted likewise. */
export const teacher = plainTeacher.refine(({ from, codec }) => from === undefined || typeof codec === "string", {
  path: ["codec"],
  message: "must be the folder of the autoencoder that the teacher in `from` was trained on",
});

export const distill = z.strictObject({
  kind: z.literal("distill"),
  ...matching,
  /** Folders of the student to start from and of the teacher, relative to the recipe. */
  student: z.string(),
  teacher: z.string(),
  channelPower,
  objectWeight,
  /**
   * What the student is shown: the teacher's features at its own noise level, at one fixed level, none at all, or (a
   * control) those of another clip of the batch.
   */
  strategy: z.enum(["synchronised", "fixed", "data-only", "shuffled"]),
  /** The teacher's level where it is fixed. */
  fixedSigma: z.number().positive().max(1).default(0.1),
  /** λ of Eq. 4. */
  weight: z.number().nonnegative().default(0.5),
  /** Eq. 3 in the student's own terms, or literally; see `diffusionLoss`. */
  loss: z.enum(["velocity", "epsilon"]).default("velocity"),
  /** Blocks whose states are compared; -1 is the last. */
  taps: z
    .strictObject({ student: z.int().default(-1), teacher: z.int().default(-1) })
    .default({ student: -1, teacher: -1 }),
  /** Compare with what a clip's features differ by from the rest of its batch: see `centred`. */
  centre: z.boolean().default(false),
  /** How the student's frames become the teacher's: see `timeWeights`. */
  frames: z.enum(["nearest", "linear"]).default("nearest"),
  /** Guidance scale that a guidance-distilled teacher is told. */
  guidance: z.number().positive().default(6),
  /** Draws (noise, level, wording) of each clip whose features are kept on disk; 0 computes new ones at every step. */
  draws: z.int().nonnegative().default(0),
  /** Seed of draws and of the teacher's noise, so that runs of several seeds can share features; the run's own when left out. */
  drawSeed: z.int().nonnegative().optional(),
  /** File of text embeddings for the teacher (`turbo2k embed`), relative to the recipe; else its encoders run. */
  embeddings: z.string().optional(),
  /** Whether the student's text encoder learns too. */
  trainText: z.boolean().default(false),
  /** What the finished student makes by default; what it made before when left out. */
  picture: picture.optional(),
});
