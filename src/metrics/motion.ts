/** Smoothness and amount of motion: stand-ins for VBench's measures, which need learned interpolation and flow. */
import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { resizeFrame } from "../video/resize.ts";
import { type Flow, flowBetween, flowSide, motionAt, type Pyramid, pyramidOf, topMotion } from "./flow.ts";
import { type Meter, meanOf } from "./meter.ts";
import { halfToEven } from "./plane.ts";
import { shorterSide } from "./resample.ts";

/**
 * How well odd frames follow from their even neighbours, (255 - mean |difference|) / 255, as VBench's motion smoothness.
 * `blend` takes the neighbours' mean: a lower bound, 1 for still video only. `mc` moves them along matched blocks first,
 * in frames shrunk as for flow; patterns that repeat mislead it.
 */
export class SmoothnessMeter implements Meter {
  #even: Frame | undefined;
  #odd: Frame | undefined;
  readonly #blend: number[] = [];
  readonly #moved: number[] = [];

  take(frame: Frame): void {
    if (!this.#even) this.#even = frame;
    else if (!this.#odd) this.#odd = frame;
    else {
      const before = this.#even.data;
      this.#blend.push(differenceTo(this.#odd, (at) => (before[at]! + frame.data[at]!) >> 1));
      const between = midFrame(shrunk(this.#even), shrunk(frame));
      this.#moved.push(differenceTo(shrunk(this.#odd), (at) => between[at]!));
      [this.#even, this.#odd] = [frame, undefined];
    }
  }

  figures(): Record<string, number> {
    if (!this.#blend.length) return {};
    const score = (values: readonly number[]) => (255 - meanOf(values)) / 255;
    return { "wf/smooth_blend": score(this.#blend), "wf/smooth_mc": score(this.#moved) };
  }
}

function differenceTo({ data }: Frame, predicted: (at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += Math.abs(data[at]! - predicted(at));
  return sum / data.length;
}

const shrunk = (frame: Frame): Frame =>
  Math.min(frame.width, frame.height) > flowSide
    ? resizeFrame(frame, ...shorterSide(frame.width, frame.height, flowSide), "bilinear")
    : frame;

const cell = 8,
  reach = 4;
/** Half vectors that are tried around the one that flow suggests. */
const around = 2;

/**
 * The frame halfway between two: blocks of the middle frame look for the half vector h at which the frame before at x - h
 * and the one after at x + h agree best (windows of 16 x 16), and windows that overlap are averaged. Whole levels.
 */
export function midFrame(before: Frame, after: Frame): Uint8Array {
  const { width, height } = before;
  const across = Math.ceil(width / cell),
    down = Math.ceil(height / cell);
  const vectors = halfVectors(pyramidOf(before), pyramidOf(after));
  const place = (x: number, y: number) =>
    (Math.max(0, Math.min(height - 1, y)) * width + Math.max(0, Math.min(width - 1, x))) * 3;
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      // A window reaches four pixels beyond its cell on every side, so up to two by two of them hold a pixel.
      const [left, top] = [Math.floor((x - reach) / cell), Math.floor((y - reach) / cell)];
      let [red, green, blue, count] = [0, 0, 0, 0];
      for (let row = Math.max(0, top); row <= Math.min(down - 1, top + 1); row++)
        for (let column = Math.max(0, left); column <= Math.min(across - 1, left + 1); column++) {
          const [hx, hy] = vectors[row * across + column]!;
          const [a, b] = [place(x - hx, y - hy), place(x + hx, y + hy)];
          red += before.data[a]! + after.data[b]!;
          green += before.data[a + 1]! + after.data[b + 1]!;
          blue += before.data[a + 2]! + after.data[b + 2]!;
          count += 2;
        }
      const at = (y * width + x) * 3;
      out[at] = red / count;
      out[at + 1] = green / count;
      out[at + 2] = blue / count;
    }
  return out;
}

function halfVectors(before: Pyramid, after: Pyramid): [number, number][] {
  const [a, b] = [before[0], after[0]];
  const hint = flowBetween(before, after);
  const { width, height } = a;
  const across = Math.ceil(width / cell),
    down = Math.ceil(height / cell);
  const clampX = (x: number) => Math.max(0, Math.min(width - 1, x)),
    clampY = (y: number) => Math.max(0, Math.min(height - 1, y));
  const cost = (x: number, y: number, hx: number, hy: number): number => {
    let sum = 0;
    for (let dy = -reach; dy < cell + reach; dy++) {
      const [up, low] = [clampY(y + dy - hy) * width, clampY(y + dy + hy) * width];
      for (let dx = -reach; dx < cell + reach; dx++)
        sum += Math.abs(a.data[up + clampX(x + dx - hx)]! - b.data[low + clampX(x + dx + hx)]!);
    }
    return sum + 16 * (Math.abs(hx) + Math.abs(hy));
  };
  return Array.from({ length: across * down }, (_, at) => {
    const [x, y] = [(at % across) * cell, Math.floor(at / across) * cell];
    const [mx, my] = motionAt(hint, x + cell / 2, y + cell / 2).map((v) => Math.round(v / 2)) as [number, number];
    let [best, chosen] = [cost(x, y, 0, 0), [0, 0] as [number, number]];
    for (let hy = my - around; hy <= my + around; hy++)
      for (let hx = mx - around; hx <= mx + around; hx++) {
        const one = cost(x, y, hx, hy);
        if (one < best) [best, chosen] = [one, [hx, hy]];
      }
    return chosen;
  });
}

/** Pixels at a shorter side of 256 above which motion counts. */
const moves = 6,
  holds = 3;

/**
 * How much moves. `wf/dynamic_degree`: 1 where at least a quarter of the frame pairs, an eighth of a second apart, have
 * motion above 6 pixels in their top 5 % (as VBench, and as there always 1 for two frames); `wf/motion`: the mean of
 * those tops, in pixels, which does not saturate; `wf/jerk`: change of motion along motion against its size.
 */
export class DynamicsMeter implements Meter {
  readonly #stride: number;
  #index = 0;
  #last: Pyramid | undefined;
  #flow: Flow | undefined;
  #sampled = 0;
  readonly #tops: number[] = [];
  #change = 0;
  #size = 0;
  #places = 0;

  constructor(fps: number) {
    if (!(fps > 0)) throw new InputError(`fps must be more than 0, got ${fps}`);
    this.#stride = Math.max(1, halfToEven(fps / 8));
  }

  take(frame: Frame): void {
    if (this.#index++ % this.#stride) return;
    this.#sampled++;
    const pyramid = pyramidOf(frame);
    if (this.#last) {
      const flow = flowBetween(this.#last, pyramid);
      this.#tops.push(topMotion(flow, 0.05));
      if (this.#flow) this.#follow(this.#flow, flow);
      this.#flow = flow;
    }
    this.#last = pyramid;
  }

  #follow(before: Flow, now: Flow): void {
    for (let at = 0; at < before.vx.length; at++) {
      if (!before.reliable[at]) continue;
      const [vx, vy] = [before.vx[at]!, before.vy[at]!];
      const [x, y] = [(at % before.across) * 8 + 8 + vx, Math.floor(at / before.across) * 8 + 8 + vy];
      const [nx, ny] = motionAt(now, x, y);
      this.#change += Math.hypot(nx - vx, ny - vy);
      this.#size += Math.hypot(vx, vy);
      this.#places++;
    }
  }

  figures(): Record<string, number> {
    if (!this.#tops.length) return {};
    const needed = halfToEven((4 * this.#sampled) / 16);
    return {
      "wf/dynamic_degree": this.#tops.filter((top) => top > moves).length >= needed ? 1 : 0,
      "wf/motion": meanOf(this.#tops),
      ...(this.#places && { "wf/jerk": this.#change / (this.#size + 0.5 * this.#places) }),
    };
  }
}

/**
 * Whether a clip is still enough for temporal flickering to be scored: at most an eighth of neighbours move by more than
 * 3 pixels in their top 2 %, and first and last frame agree both ways.
 */
export class StillnessMeter implements Meter {
  #first: Pyramid | undefined;
  #last: Pyramid | undefined;
  #frames = 0;
  #moving = 0;

  take(frame: Frame): void {
    const pyramid = pyramidOf(frame);
    if (this.#last && topMotion(flowBetween(this.#last, pyramid), 0.02) > holds) this.#moving++;
    this.#first ??= pyramid;
    this.#last = pyramid;
    this.#frames++;
  }

  figures(): Record<string, number> {
    if (this.#frames < 2) return {};
    const allowed = halfToEven((2 * this.#frames) / 16);
    const closing = [flowBetween(this.#first!, this.#last!), flowBetween(this.#last!, this.#first!)];
    const still = this.#moving <= allowed && closing.every((flow) => topMotion(flow, 0.02) <= 2 * allowed * holds);
    return { "wf/static": still ? 1 : 0 };
  }
}
