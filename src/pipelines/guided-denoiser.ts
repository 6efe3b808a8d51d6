/** A transformer under guidance that changes from one noise level to the next, with perturbed predictions where asked. */
import { combine, type GuidanceStage, guidanceAt, isGuided, isPerturbed } from "../samplers/guidance.ts";
import { denoised } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import type { TokenDenoiser } from "./conditioning.ts";
import {
  type DenoiserOptions,
  type OpenDenoiser,
  openDenoiser,
  openTransformer,
  tablesOf,
  velocitiesOf,
  velocityProgram,
} from "./denoiser.ts";
import { batchOf, roomy } from "./execution.ts";
import type { TextToVideoModel } from "./model.ts";
import type { TextStates } from "./text.ts";

export interface GuidedOptions extends Pick<DenoiserOptions, "grid" | "fps" | "execution" | "conditioned" | "taps"> {
  /** Of the negative prompt, where any stage is guided, then of the prompt. */
  readonly text: TextStates;
  readonly guidance: readonly GuidanceStage[];
}

/** Predictions of a step: with the prompt, without it, perturbed. */
export const predictionsOf = (stage: GuidanceStage): number => 1 + Number(isGuided(stage)) + Number(isPerturbed(stage));

/** Predictions of the dearest step. */
export const mostPredictions = (guidance: readonly GuidanceStage[]): number => Math.max(...guidance.map(predictionsOf));

/** Some prompts by their rows, and the blocks that the last of them goes without. */
interface Run {
  readonly rows: readonly number[];
  readonly perturbed: readonly number[];
}

/** Answers the denoiser on packed tokens [N, C]. Programs that the step at hand does not need are not kept. */
export async function openGuidedDenoiser(
  model: TextToVideoModel,
  runtime: Runtime,
  { text, guidance, execution = roomy, conditioned, ...clip }: GuidedOptions,
): Promise<OpenDenoiser> {
  const [only] = guidance;
  if (guidance.length === 1 && !isPerturbed(only!) && !only!.rescale && !only!.star) {
    const batch = batchOf(only!.scale, execution);
    const { scale: guidanceScale } = only!;
    return openDenoiser(model, runtime, { ...clip, text, batch, guidanceScale, execution, conditioned });
  }
  const { grid } = clip;
  const { tables, given } = tablesOf(model, { ...clip, conditioned });
  const { channels } = model.transformer.config;
  const last = text.states.shape[0]! - 1;
  const batchFor = ({ rows }: Run) => (execution.sequential ? 1 : rows.length);
  const loaded = new Map<string, Executable>();

  const runsOf = (stage: GuidanceStage): Run[] => {
    const prompts = [...(isGuided(stage) ? [0] : []), last];
    if (!isPerturbed(stage)) return [{ rows: prompts, perturbed: [] }];
    const perturbed = stage.blocks ?? [];
    return execution.sequential
      ? [
          { rows: prompts, perturbed: [] },
          { rows: [last], perturbed },
        ]
      : [{ rows: [...prompts, last], perturbed }];
  };
  const keyOf = (run: Run) => JSON.stringify([batchFor(run), run.perturbed]);
  const load = async (runs: readonly Run[]): Promise<void> => {
    const wanted = new Map(runs.map((run) => [keyOf(run), run]));
    for (const [key, executable] of loaded) {
      if (wanted.has(key)) continue;
      executable.dispose();
      loaded.delete(key);
    }
    for (const [key, run] of wanted) {
      if (loaded.has(key)) continue;
      const program = velocityProgram(
        model,
        { grid, batch: batchFor(run), perturbed: run.perturbed, given },
        runtime.keeps,
      );
      loaded.set(key, await openTransformer(runtime, program, model.transformer.weights, { execution }));
    }
  };

  const denoise: TokenDenoiser = async (x, sigma, levels) => {
    const stage = guidanceAt(guidance, sigma);
    const runs = runsOf(stage);
    await load(runs);
    const velocities: Float32Array[] = [];
    for (const run of runs) {
      const feeds = { tables, text: rowsOf(text, run.rows), batch: batchFor(run) };
      velocities.push(...(await velocitiesOf(loaded.get(keyOf(run))!, feeds, { x, sigma, levels, channels })));
    }
    const unconditional = isGuided(stage) ? velocities.shift() : undefined;
    const [conditional, perturbed] = velocities;
    return denoised(x, combine({ conditional: conditional!, unconditional, perturbed }, stage), sigma);
  };
  return {
    denoise: conditioned?.denoise(denoise) ?? denoise,
    features: () => [],
    dispose: () => {
      for (const executable of loaded.values()) executable.dispose();
      loaded.clear();
    },
  };
}

/** States of some prompts, in the order asked for. */
function rowsOf({ states, mask, truncated }: TextStates, rows: readonly number[]): TextStates {
  const pick = ({ shape, data }: HostTensor): HostTensor => {
    const size = data.length / shape[0]!;
    const picked = new Float32Array(rows.length * size);
    for (const [to, row] of rows.entries())
      picked.set((data as Float32Array).subarray(row * size, (row + 1) * size), to * size);
    return hostTensor(picked, [rows.length, ...shape.slice(1)]);
  };
  return { states: pick(states), mask: pick(mask), truncated: rows.map((row) => truncated[row]!) };
}
