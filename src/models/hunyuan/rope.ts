/**
 * Rotary tables of HunyuanVideo: within each head, channel groups of their own for time, height and width, turned by
 * the token's whole-number place (Tencent-Hunyuan/HunyuanVideo, `posemb_layers.py`). Alike for all heads.
 */
import { rotaryFrequencies } from "../../nn/rotary.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import type { HunyuanConfig } from "./config.ts";

const f = Math.fround;

/** Places of tokens along time, height and width. */
export interface TokenGrid {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

export const tokensOf = ({ frames, height, width }: TokenGrid): number => frames * height * width;

/** The tokens of a latent clip [.., f, h, w]. */
export function tokenGrid({ frames, height, width }: TokenGrid, { patch }: Pick<HunyuanConfig, "patch">): TokenGrid {
  return { frames: frames / patch[0], height: height / patch[1], width: width / patch[2] };
}

/** Cosines and sines [N, headWidth / 2]; tokens frame-major, then rows, then columns. */
export function ropeTables(
  grid: TokenGrid,
  { ropeAxes, ropeTheta }: Pick<HunyuanConfig, "ropeAxes" | "ropeTheta">,
): { cos: HostTensor; sin: HostTensor } {
  const waves = ropeAxes.map((channels) => rotaryFrequencies(channels, ropeTheta));
  const pairs = waves.reduce((sum, { length }) => sum + length, 0);
  const tokens = tokensOf(grid);
  const [cos, sin] = [new Float32Array(tokens * pairs), new Float32Array(tokens * pairs)];
  for (let token = 0, at = 0; token < tokens; token++) {
    const row = Math.floor(token / grid.width);
    const place = [Math.floor(row / grid.height), row % grid.height, token % grid.width];
    for (const [axis, group] of waves.entries())
      for (const wave of group) {
        const angle = f(place[axis]! * wave);
        cos[at] = Math.cos(angle);
        sin[at++] = Math.sin(angle);
      }
  }
  return { cos: hostTensor(cos, [tokens, pairs]), sin: hostTensor(sin, [tokens, pairs]) };
}
