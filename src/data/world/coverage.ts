import type { Picture } from "../clip-source.ts";
import { render } from "./render.ts";
import type { Scene } from "./scene.ts";

/** Rays along each side of a cell. */
const rays = 8;

/**
 * How much of each cell of a latent grid [frames, height, width] bodies cover, 0 to 1. A cell's frames are those that a causal
 * autoencoder puts there: the first alone, then as many as follow for each.
 */
export function coverage(scene: Scene, frames: number, grid: Picture): Float32Array {
  const { width, height } = grid;
  const { masks } = render(scene, { width: width * rays, height: height * rays, frames });
  const out = new Float32Array(grid.frames * height * width);
  const depth = grid.frames > 1 ? (frames - 1) / (grid.frames - 1) : 1;
  for (const [f, mask] of masks.entries()) {
    const first = Math.ceil(f / depth) * height * width;
    const share = 1 / (rays * rays * (f ? depth : 1));
    for (const [i, body] of mask.entries()) {
      const cell = Math.floor(i / (width * rays * rays)) * width + Math.floor((i % (width * rays)) / rays);
      if (body) out[first + cell]! += share;
    }
  }
  return out;
}
