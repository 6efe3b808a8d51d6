/** What the encoding of given pictures and clips takes. */
import { tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { encodeProgram, encodeTiles, withMargin } from "./encode.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import { type Context, float, type StagePlan, stageOf } from "./plan-stage.ts";

/** At each size that is denoised, since each pass has its own. Every clip is taken to be as long as the longest. */
export function givenStages(context: Context): StagePlan[] {
  const { given, draft, made } = context.request;
  if (!given?.length) return [];
  const sizes = draft ? [draft, made] : [made];
  return sizes.map((size) =>
    givenStage(
      context,
      size,
      given.map(({ frames }) => frames),
    ),
  );
}

function givenStage(context: Context, size: VideoSize, lengths: readonly number[]): StagePlan {
  const { model, keeps } = context;
  const [t, h, w] = compression(model.vae.config);
  const most = Math.max(1, Math.min(Math.max(...lengths), size.frames - t));
  const frames = most - ((most - 1) % t);
  const grid = gridOf({ ...size, frames }, model.vae.config);
  const tiles = encodeTiles(grid).map((tile) => withMargin(tile, grid));
  const largest = tiles.reduce((a, b) => (b.height * b.width > a.height * a.width ? b : a));
  const program = encodeProgram(model, { frames, height: largest.height * h, width: largest.width * w }, keeps);
  return stageOf("given", program, context, {
    holding: "mapped",
    weights: model.vae.weights,
    runs: tiles.length * lengths.length,
    // The fitted pictures, and the latents of all clips twice.
    extraBytes:
      3 * size.width * size.height * frames +
      2 * lengths.length * tokensOf(grid) * model.transformer.config.channels * float,
  });
}
