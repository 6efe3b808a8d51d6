import { z } from "zod";
import { MediaError } from "../base/errors.ts";
import { compats, guidanceStageSchema, samplers } from "./request.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");
const size = z.int().positive();

const stageSchema = z.strictObject({
  name: z.string(),
  seconds: z.number().nonnegative(),
  /** The most memory that the process held meanwhile; a page cannot know. */
  peakBytes: z.number().nonnegative().optional(),
  /** Latent tokens of one run of its program, how often it runs (steps, tiles), its share of the seconds, and operations of all. */
  tokens: z.int().positive().optional(),
  runs: z.int().positive().optional(),
  secondsPerRun: z.number().nonnegative().optional(),
  flops: z.number().nonnegative().optional(),
});

const extent = z.strictObject({ frames: size, cells: size });
const tilingSchema = extent.extend({ overlap: extent });

/** What a finished video says about itself: enough to make the same frames again. */
export const receiptSchema = z.strictObject({
  engine: z.strictObject({ name: z.string(), version: z.string() }),
  models: z.array(z.strictObject({ name: z.string(), sha256 })),
  /** Adaptations of the transformer, with how strongly each acted. */
  loras: z.array(z.strictObject({ name: z.string(), sha256, weight: z.number() })).optional(),
  prompt: z.string(),
  negativePrompt: z.string(),
  /** Of the noise; an integer that a double holds exactly. */
  seed: z.int().nonnegative(),
  /** The noise levels that were stepped through, from noise to data. */
  sigmas: z.array(z.number()),
  /** The model's way to walk them (with given pictures it is Euler's all the same); its present one in receipts that do not say. */
  sampler: z.enum(samplers).optional(),
  guidanceScale: z.number(),
  /** By noise level, where it is more than a scale. */
  guidance: z.array(guidanceStageSchema).optional(),
  /** Whose defaults the model was opened with, where not its makers'. */
  compat: z.enum(compats).optional(),
  steps: z.int().nonnegative(),
  /** What was asked for, and what the file has. */
  width: size,
  height: size,
  /** What was generated, before the crop to what was asked for. */
  generatedWidth: size,
  generatedHeight: size,
  frames: size,
  /** In two stages: the low-resolution one. Noise levels and guidance above are those of the second. */
  draft: z
    .strictObject({
      width: size,
      height: size,
      sigmas: z.array(z.number()),
      sampler: z.enum(samplers).optional(),
      guidanceScale: z.number(),
      guidance: z.array(guidanceStageSchema).optional(),
      /** The second stage went on from its latents, upscaled. */
      upscaled: z.boolean().optional(),
    })
    .optional(),
  /** Pictures and clips that were given: files, how many of their last frames, where they stand. */
  given: z
    .array(
      z.strictObject({
        name: z.string(),
        sha256,
        kind: z.enum(["image", "video"]),
        frames: size,
        frame: z.int().nonnegative(),
        strength: z.number().gt(0).max(1),
      }),
    )
    .optional(),
  /** Windows of latents that were decoded, where smaller than usual. */
  tiling: tilingSchema.optional(),
  /** What each stage took until the file was closed. */
  stages: z.array(stageSchema).optional(),
  fps: z.number().positive(),
  device: z.string(),
  runtime: z.string(),
  /** Hash of the RGB frames before encoding, see `hashFrames`. */
  framesSha256: sha256,
  /** ISO date and time. */
  created: z.iso.datetime({ offset: true }),
  /** Anything a pipeline wants to add. */
  extra: z.record(z.string(), z.json()).optional(),
});

export type Receipt = z.infer<typeof receiptSchema>;

export const draftSchema = receiptSchema.omit({ framesSha256: true, created: true });

/** A receipt before the frames are known. */
export type ReceiptDraft = z.infer<typeof draftSchema>;

/** A receipt from the text in a file (`where`); what is wrong with it is said field by field. */
export function parseReceipt(text: string, where?: string): Receipt {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MediaError(`the receipt is not JSON: ${(cause as Error).message}`, { where, cause });
  }
  const result = receiptSchema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".") || "receipt"}: ${message}`);
  throw new MediaError(`the receipt is not valid: ${faults.join("; ")}`, { where, cause: result.error });
}

/** The text that goes into a file. Checked, so that nothing is written that could not be read back. */
export function formatReceipt(receipt: Receipt): string {
  return JSON.stringify(parseReceipt(JSON.stringify(receipt)));
}
