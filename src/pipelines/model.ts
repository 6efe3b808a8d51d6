/** What a text-to-video pipeline is made of. Platforms load it; see `platform/node/models`. */
import { z } from "zod";
import type { LtxConfig } from "../models/ltx/config.ts";
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import type { LtxVaeConfig } from "../models/ltx-vae/config.ts";
import type { T5Config } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { dynamicShift, linearQuadratic, ltxShift, uniform } from "../samplers/schedules.ts";
import type { Weights } from "../tensor/runtime.ts";

const count = z.int().positive();

/** How noise levels are spaced. */
export const scheduleSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("dynamic-shift") }),
  z.strictObject({ kind: z.literal("linear-quadratic") }),
  z.strictObject({ kind: z.literal("uniform"), shift: z.number().positive().default(1) }),
]);

/** What a model does when nothing else is asked; `turbo2k.json` beside `model_index.json`. */
export const settingsSchema = z.strictObject({
  name: z.string(),
  width: count,
  height: count,
  frames: count,
  fps: z.number().positive(),
  steps: count,
  guidanceScale: z.number().nonnegative(),
  /** Text tokens, padding included. */
  textLength: count,
  schedule: scheduleSchema,
  /** The second stage, for models that have one: few steps, without classifier-free guidance unless `guidanceScale` says so. */
  hr: z
    .strictObject({
      steps: count,
      schedule: scheduleSchema,
      guidanceScale: z.number().nonnegative().default(1),
    })
    .optional(),
  /** Preset of the procedural world that the model was trained on: it knows no other words. */
  world: z.string().optional(),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Defaults of LTX-Video 0.9.0 and 0.9.1, for folders without a turbo2k.json. */
export const ltxSettings: Settings = {
  name: "LTX-Video",
  width: 704,
  height: 480,
  frames: 121,
  fps: 25,
  steps: 40,
  guidanceScale: 3,
  textLength: 128,
  schedule: { kind: "dynamic-shift" },
};

/** A module's settings and its weights by our own field paths. */
export interface Part<Config> {
  readonly config: Config;
  readonly weights: Weights;
}

export interface TextToVideoModel {
  readonly settings: Settings;
  readonly tokenizer: TextTokenizer;
  readonly text: Part<T5Config>;
  readonly transformer: Part<LtxConfig>;
  /** The high-resolution model of two-stage synthesis, where there is one. */
  readonly hr?: Part<HrConfig> | undefined;
  readonly vae: Part<LtxVaeConfig>;
  /** Per latent channel: models see (z - mean) / deviation. */
  readonly statistics: { readonly mean: Float32Array; readonly deviation: Float32Array };
  /** Files and hashes, for receipts. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/** Noise levels of a schedule, 1 first and 0 last. */
export function sigmasOf(schedule: Settings["schedule"], steps: number, tokens: number): number[] {
  switch (schedule.kind) {
    case "dynamic-shift":
      return dynamicShift(steps, tokens, ltxShift);
    case "linear-quadratic":
      return linearQuadratic(steps);
    case "uniform":
      return uniform(steps, schedule.shift);
  }
}
