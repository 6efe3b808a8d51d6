/** One stage of a plan: what running a program so many times takes. */
import type { Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { type FootprintOptions, footprint, type GpuBytes } from "./footprint.ts";
import type { Holding } from "./holding.ts";
import type { TextToVideoModel } from "./model.ts";
import type { ResolvedRequest } from "./resolve.ts";

export interface StagePlan {
  readonly name: "text" | "given" | "denoise" | "draft" | "guide" | "upscale" | "refine" | "decode" | "encode";
  /** Latent tokens that a run works on. */
  readonly tokens?: number;
  /** How often its program runs: steps, tiles, frames. */
  readonly runs: number;
  readonly flops: number;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly holding?: Holding;
}

/** What is known about the machine. */
export interface Machine {
  /** Matrix products, billions of operations a second. */
  readonly gflops: number;
  /** Memory that the process has before it loads anything. */
  readonly baseBytes: number;
  /** Memory that it may have in all. Default: no limit. */
  readonly memoryBytes?: number;
  /** See `Execution.once`. */
  readonly once?: boolean;
  /** Where programs run on a GPU: bytes are then of its memory, not of the process. */
  readonly gpu?: GpuBytes | undefined;
  readonly keeps: Runtime["keeps"];
}

export type PlannedModel = Pick<TextToVideoModel, "settings"> & {
  readonly [part in "text" | "transformer" | "vae"]: Planned<TextToVideoModel[part]>;
} & {
  readonly hr?: Planned<NonNullable<TextToVideoModel["hr"]>> | undefined;
  readonly upsampler?: Planned<NonNullable<TextToVideoModel["upsampler"]>> | undefined;
};

/** Without weights they are taken to be stored in 16 bits. */
type Planned<P extends { config: unknown; weights: unknown }> = Pick<P, "config"> & Partial<Pick<P, "weights">>;

export type PlannedRequest = Pick<
  ResolvedRequest,
  "made" | "asked" | "sigmas" | "guidanceScale" | "guidance" | "draft" | "given"
>;

/**
 * Share of a matrix product's rate that whole programs reach. Measured on mini sizes with one thread: 0.9 to 1.1 and
 * 0.8 to 0.95; a little is left for threads that wait for each other.
 */
const efficiency = {
  text: 0.3,
  given: 0.8,
  denoise: 0.9,
  draft: 0.9,
  guide: 0.1,
  upscale: 0.8,
  refine: 0.9,
  decode: 0.8,
} as const;
/** What compiled programs, the runtime's library and the encoder of the video take besides. */
const programBytes = 70e6;
/** Bytes of a number. */
export const float = 4;

export interface Context extends Pick<Machine, "gflops" | "baseBytes" | "keeps" | "gpu"> {
  readonly model: PlannedModel;
  readonly request: PlannedRequest;
  readonly once: boolean;
}

/** One way to run some stages. */
export interface Choice {
  readonly stages: readonly StagePlan[];
}

export const peakOf = (stages: readonly StagePlan[]): number => Math.max(...stages.map(({ peakBytes }) => peakBytes));
export const secondsOf = (stages: readonly StagePlan[]): number =>
  stages.reduce((sum, { seconds }) => sum + seconds, 0);

interface StageOptions extends FootprintOptions {
  readonly runs: number;
  /** Values of the pipeline around the program. */
  readonly extraBytes: number;
  readonly tokens?: number;
  /** Runs of the program that a step takes. */
  readonly turns?: number;
}

export function stageOf(
  name: keyof typeof efficiency,
  program: Program,
  { gflops, baseBytes, gpu }: Context,
  { runs, extraBytes, tokens, turns = 1, ...options }: StageOptions,
): StagePlan {
  const { bytes, flops, flopsOnce, secondsOnce, secondsEach } = footprint(program, {
    ...options,
    gpu,
    isRepeated: runs * turns > 1,
  });
  const all = Math.round(turns * (flopsOnce + runs * flops));
  const seconds = all / (gflops * 1e9 * efficiency[name]) + secondsOnce + turns * runs * secondsEach;
  const peakBytes = baseBytes + bytes + (gpu ? 0 : programBytes + extraBytes);
  return { name, runs, flops: all, seconds, peakBytes, holding: options.holding, ...(tokens ? { tokens } : {}) };
}
