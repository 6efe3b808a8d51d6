/** The high-resolution model with its prompt and guide, as samplers want it. */
import { widthOf } from "../models/ltx/config.ts";
import { placeTokens } from "../models/ltx/placement.ts";
import { type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { Denoiser } from "../samplers/euler.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { denoiserOf, openTransformer } from "./denoiser.ts";
import type { Execution } from "./execution.ts";
import type { Guide } from "./guide.ts";
import type { Settings, TextToVideoModel, TransformerPart } from "./model.ts";
import type { TextStates } from "./text.ts";
import { withLinears } from "./w8a8.ts";

/** The velocity on the large grid, given the upsampled guides [1, N, W]: both halves of guidance share them. */
export function refineProgram(
  {
    hr,
    settings,
  }: {
    readonly hr: Pick<TransformerPart<HrConfig>, "config" | "linears">;
    readonly settings: Pick<Settings, "textLength">;
  },
  { grid, batch }: { grid: Grid; batch: number },
  keep: Runtime["keeps"] = () => false,
): Program {
  const { transformer } = hr.config;
  const [tokens, width] = [tokensOf(grid), widthOf(transformer)];
  const model = mount(withLinears(new HrTransformer(hr.config), hr));
  const table = [tokens, width / 2];
  const velocity = model.forward(
    {
      latents: input("latents", [batch, tokens, transformer.channels]),
      text: input("text", [batch, settings.textLength, transformer.captionChannels]),
      textMask: input("mask", [batch, settings.textLength]),
      sinusoid: input("sinusoid", [batch, 1, 256]),
      rope: { cos: input("cos", table), sin: input("sin", table) },
    },
    model.fusion.map((_, k) => input(`guide${k}`, [1, tokens, width])),
  );
  return buildProgram({ velocity }, { keep });
}

export interface RefinerOptions {
  readonly large: Grid;
  readonly small: Grid;
  readonly fps: number;
  readonly batch: number;
  readonly guidanceScale: number;
  readonly text: TextStates;
  readonly guide: Guide;
  readonly execution?: Execution | undefined;
}

/** Compiles the high-resolution transformer for one size and answers its denoiser on packed tokens [N, C]. */
export async function openRefiner(
  model: TextToVideoModel,
  runtime: Runtime,
  { large, small, fps, guide, ...rest }: RefinerOptions,
): Promise<{ denoise: Denoiser; dispose(): void }> {
  const hr = model.hr!;
  const { transformer, placement } = hr.config;
  const positions = { fps, compression: compression(model.vae.config), causal: transformer.causalPositions ?? false };
  const places = placeTokens(large, small, placement, positions);
  const tables = ropeTables(places, widthOf(transformer), { theta: transformer.ropeTheta });
  const program = refineProgram({ hr, settings: model.settings }, { grid: large, batch: rest.batch }, runtime.keeps);
  const executable = await openTransformer(runtime, program, hr.weights, rest);
  const more = (sigma: number) => guide.at(sigma);
  const denoise = denoiserOf(executable, { ...rest, tables: { ...tables }, more }, transformer.channels);
  return { denoise, dispose: () => executable.dispose() };
}
