/** Generated videos against real ones as two sets, by features of random nets. */
import { CancelledError, InputError } from "../../../base/errors.ts";
import { middleFrames } from "../../../metrics/frame-picker.ts";
import { frechetInfinity, kid } from "../../../metrics/frechet.ts";
import type { Estimate } from "../../../metrics/interval.ts";
import { RandomFeatures } from "../../../metrics/random-features.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { Frame } from "../../../video/frame.ts";
import { readVideo } from "../video/read.ts";

/** What features are taken of: so many frames of each video, from the middles of equal parts, at this size. */
const [width, height, frames] = [64, 64, 9];
const least = 4;

/** Distances over nets, `n` the size of the smaller set; `low` and `high` are the range of the nets. */
export async function compareSets(
  generated: readonly string[],
  real: readonly string[],
  runtime: Runtime,
  { signal, progress }: { signal: AbortSignal; progress(stage: string, done: number, of: number): void },
): Promise<(Estimate & { metric: string })[]> {
  if (Math.min(generated.length, real.length) < least)
    throw new InputError(
      `sets of ${generated.length} and ${real.length} videos are too small to compare, ${least} are needed`,
    );
  const features = new RandomFeatures(runtime);
  try {
    let done = 0;
    const rowsOf = async (files: readonly string[]) => {
      const rows: Float64Array[][] = [];
      for (const file of files) {
        if (signal.aborted) throw new CancelledError();
        rows.push(await features.of(await clipOf(file)));
        progress("features", ++done, generated.length + real.length);
      }
      return features.seeds.map((_, net) => rows.map((row) => row[net]!));
    };
    const [ours, theirs] = [await rowsOf(generated), await rowsOf(real)];
    const n = Math.min(generated.length, real.length);
    const over = (metric: string, distance: (net: number) => number) => {
      const values = features.seeds.map((_, net) => distance(net));
      const value = values.reduce((a, b) => a + b) / values.length;
      return { metric, value, low: Math.min(...values), high: Math.max(...values), n };
    };
    return [
      over("wf/kid_random", (net) => kid(ours[net]!, theirs[net]!).value),
      over("wf/fd_random", (net) => frechetInfinity(ours[net]!, theirs[net]!)),
    ];
  } finally {
    await features.dispose();
  }
}

async function clipOf(file: string): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const frame of readVideo(file, { width, height, method: "bilinear" })) all.push(frame);
  return middleFrames(all.length, frames).map((index) => all[index]!);
}
