/** Flaws of generated latents, put on true ones: the arm that is guided by latents must not trust them too much. */
import type { Random } from "../base/philox.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";

/** Clean tokens [n, C] with one of: noise of half the strength, a blur over 3 x 3 cells, means of blocks of 2 x 2 cells; of random strength. */
export function degrade(tokens: Float32Array, grid: Grid, random: Random): Float32Array {
  const strength = random.uniform();
  const kind = random.below(3);
  if (kind === 0) return tokens.map((z) => z + 0.5 * strength * random.normal());
  const softened =
    kind === 1 ? smooth(tokens, grid, (y, x) => [y - 1, y + 1, x - 1, x + 1]) : smooth(tokens, grid, block);
  return tokens.map((z, i) => z + strength * (softened[i]! - z));
}

const block = (y: number, x: number): Box => [y - (y % 2), y - (y % 2) + 1, x - (x % 2), x - (x % 2) + 1];

/** First and last row, first and last column. */
type Box = readonly [top: number, bottom: number, left: number, right: number];

/** Each cell as the mean of a box around it, as far as that lies in the picture. */
function smooth(tokens: Float32Array, grid: Grid, boxAt: (y: number, x: number) => Box): Float32Array {
  const { height, width } = grid;
  const channels = tokens.length / tokensOf(grid);
  const out = new Float32Array(tokens.length);
  for (let n = 0; n < tokensOf(grid); n++) {
    const [frame, y, x] = [Math.floor(n / (height * width)), Math.floor(n / width) % height, n % width];
    const [top, bottom, left, right] = boxAt(y, x);
    let count = 0;
    for (let row = Math.max(0, top); row <= Math.min(height - 1, bottom); row++)
      for (let column = Math.max(0, left); column <= Math.min(width - 1, right); column++) {
        const from = ((frame * height + row) * width + column) * channels;
        for (let c = 0; c < channels; c++) out[n * channels + c]! += tokens[from + c]!;
        count++;
      }
    for (let c = 0; c < channels; c++) out[n * channels + c]! /= count;
  }
  return out;
}
