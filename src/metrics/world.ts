/**
 * Caption accuracy on the procedural world: how many of the attributes that prompts ask for can be read off the frames.
 * What an attribute is and how it is read is the judge's affair, `judgeOf` of `data/world/detect.ts` or
 * `judgeStudy` of `data/world/study-detect.ts`.
 */
import type { Frame } from "../video/frame.ts";
import { type Estimate, estimate } from "./interval.ts";
import { meanOf } from "./meter.ts";
import { psnr } from "./psnr.ts";
import { ssim } from "./ssim.ts";
import { difference, type Share, shareOf } from "./wilson.ts";

/** For each attribute that was asked for, whether it was recovered; what could not be told counts as wrong. */
export type Marks = Readonly<Partial<Record<string, boolean>>>;

/** Marks frames against what they should show. */
export type Judge<Expected> = (expected: Expected, frames: readonly Frame[]) => Marks;

export interface Accuracy {
  readonly clips: number;
  readonly attributes: Readonly<Record<string, Share>>;
  /** Clips with every attribute right. */
  readonly joint: Share;
  /** Mean of the attributes' rates. */
  readonly mean: number;
}

/** What one clip's marks add up to. */
export const isAllRight = (marks: Marks): boolean => !Object.values(marks).includes(false);

/** Accuracy over the marks of many clips, each attribute over the clips that were asked for it. */
export function accuracyOf(marks: readonly Marks[]): Accuracy {
  const names = [...new Set(marks.flatMap((one) => Object.keys(one).filter((name) => one[name] !== undefined)))];
  const attributes = Object.fromEntries(
    names.map((name) => {
      const asked = marks.filter((one) => one[name] !== undefined);
      return [name, shareOf(asked.filter((one) => one[name]).length, asked.length)];
    }),
  );
  const rates = Object.values(attributes).map(({ rate }) => rate);
  return {
    clips: marks.length,
    attributes,
    joint: shareOf(marks.filter(isAllRight).length, marks.length),
    mean: meanOf(rates),
  };
}

/** Accuracy of clips that were generated from prompts: `expected` is what the prompt asks for. */
export function promptAccuracy<Expected>(
  clips: Iterable<{ readonly expected: Expected; readonly frames: readonly Frame[] }>,
  judge: Judge<Expected>,
): Accuracy {
  return accuracyOf(Array.from(clips, ({ expected, frames }) => judge(expected, frames)));
}

export interface RoundTripClip<Expected> {
  readonly expected: Expected;
  readonly truth: readonly Frame[];
  /** What came back from a codec. */
  readonly trip: readonly Frame[];
  /** Where the bodies are in each frame, not 0. */
  readonly masks?: readonly Uint8Array[];
}

/** Percentage points fewer that are right, with a 95 % interval, of so many that were asked for. */
export interface Loss {
  readonly points: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface RoundTrip {
  readonly truth: Accuracy;
  readonly trip: Accuracy;
  /** What the codec costs. */
  readonly lost: Readonly<Record<string, Loss>>;
  /** Means over clips: decibels, decibels inside the bodies (of no clips without masks), SSIM. Clips without loss have no decibels. */
  readonly psnr: Estimate;
  readonly bodyPsnr: Estimate;
  readonly ssim: Estimate;
}

/** How much of what the judge reads off true clips it still reads off them after a codec, clip by clip; none is kept. */
export class RoundTripTally<Expected> {
  readonly #judge: Judge<Expected>;
  readonly #before: Marks[] = [];
  readonly #after: Marks[] = [];
  readonly #whole: number[] = [];
  readonly #inside: number[] = [];
  readonly #alike: number[] = [];

  constructor(judge: Judge<Expected>) {
    this.#judge = judge;
  }

  take({ expected, truth, trip, masks }: RoundTripClip<Expected>): void {
    this.#before.push(this.#judge(expected, truth));
    this.#after.push(this.#judge(expected, trip));
    this.#whole.push(psnr(truth, trip));
    if (masks) this.#inside.push(psnr(truth, trip, masks));
    this.#alike.push(ssim(truth, trip));
  }

  result(): RoundTrip {
    const truth = accuracyOf(this.#before),
      trip = accuracyOf(this.#after);
    const points = (a: Share, b: Share): Loss => {
      const { value, low, high } = difference(a, b);
      return { points: 100 * value, low: 100 * low, high: 100 * high, n: a.asked };
    };
    const over = (values: readonly number[]) => estimate(values.filter(Number.isFinite));
    const names = Object.keys(truth.attributes);
    return {
      truth,
      trip,
      lost: {
        ...Object.fromEntries(names.map((name) => [name, points(truth.attributes[name]!, trip.attributes[name]!)])),
        joint: points(truth.joint, trip.joint),
      },
      psnr: over(this.#whole),
      bodyPsnr: over(this.#inside),
      ssim: over(this.#alike),
    };
  }
}

/** The table as text: one line an attribute, in percent, with its Wilson 95 % interval and how many it is of. */
export function formatAccuracy({ attributes, joint, clips }: Accuracy): string {
  const percent = (value: number): string => (100 * value).toFixed(1).padStart(5);
  const rows = [...Object.entries(attributes), ["all of a clip", joint] as const];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(
      ([name, { rate, low, high, right, asked }]) =>
        `${name.padEnd(width)}  ${percent(rate)} %  [${percent(low)}, ${percent(high)}]  ${right}/${asked}`,
    )
    .concat(`${clips} clip${clips === 1 ? "" : "s"}; 95 % intervals`)
    .join("\n");
}
