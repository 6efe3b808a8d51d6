/** What a run is heading for, while it runs: the first frame of the clean estimate. */
import type { Grid } from "../../../models/ltx/rope.ts";
import { compression } from "../../../models/ltx-vae/config.ts";
import { type DecoderModel, TileDecoder } from "../../../pipelines/decode.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { type Frame, planarToFrames } from "../../../video/frame.ts";

/** Previews may take this share of the time. */
const share = 0.15;

export class Previewer {
  readonly #decoder: TileDecoder;
  readonly #model: DecoderModel;
  readonly #started = performance.now();
  #spent = 0;
  /** What the last one took; the first one also compiles. */
  #last = 0;

  constructor(model: DecoderModel, runtime: Runtime) {
    this.#model = model;
    this.#decoder = new TileDecoder(model, runtime);
  }

  /** The first frame of latents on this grid, where time allows for one. */
  async step(estimate: () => Float32Array, grid: Grid): Promise<Frame | undefined> {
    const before = performance.now();
    if (this.#spent + this.#last > share * (before - this.#started)) return undefined;
    const { height, width } = grid;
    const first = await this.#decoder.decode(firstOf(estimate(), grid), { frames: 1, height, width });
    const [, h, w] = compression(this.#model.vae.config);
    this.#last = performance.now() - before;
    this.#spent += this.#last;
    return planarToFrames(first, 1, height * h, width * w)[0]!;
  }

  dispose(): void {
    this.#decoder.dispose();
  }
}

/** The first frame of latents [C, f, h, w]: [C, 1, h, w]. */
function firstOf(latents: Float32Array, { frames, height, width }: Grid): Float32Array {
  const area = height * width;
  const channels = latents.length / (frames * area);
  const out = new Float32Array(channels * area);
  for (let c = 0; c < channels; c++) {
    const from = c * frames * area;
    out.set(latents.subarray(from, from + area), c * area);
  }
  return out;
}
