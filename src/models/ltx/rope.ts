/**
 * Rotary tables of the LTX-Video transformer: one rotation of the whole width, by position in time, height and width
 * (Lightricks/LTX-Video, `transformer3d.py`). Made on the host in the published order of f32 operations: angles
 * reach 15,708, where one f32 step is 1e-3.
 */
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";

/** Size of a latent clip. */
export interface Grid {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

export const tokensOf = ({ frames, height, width }: Grid): number => frames * height * width;

export interface Positions {
  readonly fps: number;
  /** Pixels per latent cell along time, height and width. */
  readonly compression: readonly [number, number, number];
  /** From LTX 0.9.5 on: frame 0 stands for one pixel frame, so later ones lie `compression - 1` earlier. */
  readonly causal?: boolean;
}

const f = Math.fround;
/** Positions are fractions of these extents: seconds, and pixels. */
const extents = [20, 2048, 2048] as const;

/** Coordinates [3][tokens] in seconds and pixels, tokens frame-major, then rows, then columns. */
export function coordinates(grid: Grid, { fps, compression, causal = false }: Positions): Float32Array[] {
  const [t, h, w] = compression;
  const scale = [f(t / fps), h, w] as const;
  return [0, 1, 2].map((axis) => {
    const out = new Float32Array(tokensOf(grid));
    for (let token = 0; token < out.length; token++) {
      const index = [
        Math.floor(token / (grid.height * grid.width)),
        Math.floor(token / grid.width) % grid.height,
        token % grid.width,
      ][axis]!;
      out[token] = axis === 0 && causal ? f(Math.max(0, index * t + 1 - t) * f(1 / fps)) : f(index * scale[axis]!);
    }
    return out;
  });
}

/** The frequencies (π/2) θ^(k / (K - 1)), K = floor(width / 6). */
export function frequencies(width: number, theta = 10000): Float32Array {
  const count = Math.floor(width / 6);
  const out = new Float32Array(count);
  const step = count > 1 ? f(1 / (count - 1)) : 0;
  for (let k = 0; k < count; k++) {
    // linspace(0, 1, K) is built from both ends.
    const exponent = count === 1 ? 0 : k < count >> 1 ? f(step * k) : f(1 - step * (count - 1 - k));
    out[k] = f(f(f(theta ** exponent) * f(Math.PI)) / 2);
  }
  return out;
}

/**
 * Cosines and sines [tokens, width / 2], one per channel pair: the first (width mod 6) / 2 pairs stand still, then
 * frequency by frequency one pair each for time, height and width.
 * @param positions per axis, as fractions of the extents unless `raw`
 */
export function ropeTables(
  positions: readonly Float32Array[],
  width: number,
  { theta = 10000, raw = false } = {},
): { cos: HostTensor; sin: HostTensor } {
  const waves = frequencies(width, theta);
  const tokens = positions[0]!.length;
  const pairs = width / 2;
  const still = (width % 6) / 2;
  const cos = new Float32Array(tokens * pairs).fill(1);
  const sin = new Float32Array(tokens * pairs);
  for (let token = 0; token < tokens; token++)
    for (let axis = 0; axis < 3; axis++) {
      const place = raw ? positions[axis]![token]! : f(positions[axis]![token]! / extents[axis]!);
      const turn = f(f(place * 2) - 1);
      for (const [k, wave] of waves.entries()) {
        const at = token * pairs + still + 3 * k + axis;
        const angle = f(wave * turn);
        cos[at] = Math.cos(angle);
        sin[at] = Math.sin(angle);
      }
    }
  return { cos: hostTensor(cos, [tokens, pairs]), sin: hostTensor(sin, [tokens, pairs]) };
}
