/** Temporal consistency along motion (Lai et al. 2018): what a frame shows, looked for where it has gone in the next. */
import type { Frame } from "../video/frame.ts";
import { type Flow, flowBetween, motionAt, type Pyramid, pyramidOf, sampleAt } from "./flow.ts";
import { type Meter, meanOf } from "./meter.ts";
import { channelOf } from "./plane.ts";

/** Mean squared difference, RGB from 0 to 1, at places that stay visible; NaN where none does. */
export function warpError(frame: Frame, next: Frame, forward: Flow, backward: Flow): number {
  const { width, height } = frame;
  const scale = width / forward.width;
  const seen = visible(forward, backward);
  const channels = ([0, 1, 2] as const).map((channel) => channelOf(next, channel));
  let [sum, count] = [0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [sx, sy] = [(x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5];
      const nearest = Math.min(forward.height - 1, Math.max(0, Math.round(sy))) * forward.width;
      if (!seen[nearest + Math.min(forward.width - 1, Math.max(0, Math.round(sx)))]) continue;
      const [vx, vy] = motionAt(forward, sx, sy);
      for (let channel = 0; channel < 3; channel++) {
        const other = sampleAt(channels[channel]!, x + scale * vx, y + scale * vy);
        sum += ((frame.data[(y * width + x) * 3 + channel]! - other) / 255) ** 2;
      }
      count++;
    }
  return sum / (3 * count);
}

/** 0 where flow there and back disagrees, or at the edges of moving things, by the usual thresholds. */
function visible(forward: Flow, backward: Flow): Uint8Array {
  const { width, height } = forward;
  const field = Array.from({ length: width * height }, (_, at) =>
    motionAt(forward, at % width, Math.floor(at / width)),
  );
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [vx, vy] = field[y * width + x]!;
      const [toX, toY] = [x + vx, y + vy];
      if (toX < 0 || toY < 0 || toX > width - 1 || toY > height - 1) continue;
      const [bx, by] = motionAt(backward, toX, toY);
      const [there, back] = [vx * vx + vy * vy, bx * bx + by * by];
      if ((vx + bx) ** 2 + (vy + by) ** 2 > 0.01 * (there + back) + 0.5) continue;
      const [rx, ry] = field[y * width + Math.min(width - 1, x + 1)]!,
        [dx, dy] = field[Math.min(height - 1, y + 1) * width + x]!;
      const edges = (rx - vx) ** 2 + (dx - vx) ** 2 + (ry - vy) ** 2 + (dy - vy) ** 2;
      out[y * width + x] = edges > 0.01 * there + 0.002 ? 0 : 1;
    }
  return out;
}

/** `wf/warp_error` to the next frame and `wf/warp_error_long` to the first, times 1000; a still or blurred video wins. */
export class WarpMeter implements Meter {
  #first: { frame: Frame; pyramid: Pyramid } | undefined;
  #last: { frame: Frame; pyramid: Pyramid } | undefined;
  readonly #near: number[] = [];
  readonly #far: number[] = [];

  take(frame: Frame): void {
    const now = { frame, pyramid: pyramidOf(frame) };
    if (this.#last) this.#near.push(errorOf(this.#last, now));
    if (this.#first && this.#first !== this.#last) this.#far.push(errorOf(this.#first, now));
    this.#first ??= now;
    this.#last = now;
  }

  figures(): Record<string, number> {
    const mean = (values: readonly number[]) => 1000 * meanOf(values.filter((value) => !Number.isNaN(value)));
    const [near, far] = [mean(this.#near), mean(this.#far)];
    return {
      ...(!Number.isNaN(near) && { "wf/warp_error": near }),
      ...(!Number.isNaN(far) && { "wf/warp_error_long": far }),
    };
  }
}

type Seen = { frame: Frame; pyramid: Pyramid };
const errorOf = (a: Seen, b: Seen): number =>
  warpError(a.frame, b.frame, flowBetween(a.pyramid, b.pyramid), flowBetween(b.pyramid, a.pyramid));
