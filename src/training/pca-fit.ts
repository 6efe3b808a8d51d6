/** Fits a `PcaCodec` to clips: seconds of work, the same weights each time. */
import { leadingEigen } from "../base/algebra.ts";
import type { ClipSource, Picture } from "../data/clip-source.ts";
import type { PcaCodecConfig } from "../models/pca-codec/codec.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";

/** Blocks that a fit looks at, and the least deviation of a channel over the largest. */
const most = 6000;
/** Blocks of more numbers are fitted to fewer of them and in fewer rounds: work grows with the square of the size. */
const large = { size: 1000, most: 2000, rounds: 12 };
const floor = 1e-2;

type Cell = PcaCodecConfig["cell"];

/** Weights of the codec for `count` clips, each at all of the sizes. */
export async function fitPcaCodec(
  { cell, channels }: PcaCodecConfig,
  clips: ClipSource,
  count: number,
  pictures: readonly Picture[],
): Promise<Map<string, HostTensor>> {
  const [t, h, w] = cell;
  const firsts = new Moments(3 * h * w);
  const rests = new Moments(3 * t * h * w);
  const total = (frames: (picture: Picture) => number) =>
    count * pictures.reduce((sum, p) => sum + (((p.height / h) * p.width) / w) * frames(p), 0);
  const skipFirst = Math.max(1, total(() => 1) / mostOf(firsts.size));
  const skipRest = Math.max(1, total(({ frames }) => (frames - 1) / t) / mostOf(rests.size));
  for (let index = 0; index < count; index++)
    for (const picture of pictures) {
      const pixels = await clips.pixels(index, picture);
      firsts.add(pixels, picture, [0, 1], [1, h, w], skipFirst);
      rests.add(pixels, picture, [1, picture.frames], cell, skipRest);
    }
  return new Map([...weightsOf("first", firsts, channels), ...weightsOf("rest", rests, channels)]);
}

const mostOf = (size: number): number => (size > large.size ? large.most : most);

/** Sums and products of blocks as vectors. */
class Moments {
  readonly size: number;
  readonly sum: Float64Array;
  readonly products: Float64Array;
  count = 0;
  #wait = 0;

  constructor(size: number) {
    this.size = size;
    this.sum = new Float64Array(size);
    this.products = new Float64Array(size * size);
  }

  /** Every `skip`th block of the frames [from, to) of a clip [3, F, H, W]; elements ordered colour, frame, row, column. */
  add(
    pixels: Float32Array,
    { frames, height, width }: Picture,
    [from, to]: readonly [number, number],
    [t, h, w]: Cell,
    skip: number,
  ): void {
    const block = new Float64Array(this.size);
    for (let f = from; f < to; f += t)
      for (let y = 0; y < height; y += h)
        for (let x = 0; x < width; x += w) {
          this.#wait--;
          if (this.#wait >= 0) continue;
          this.#wait += skip;
          for (let i = 0; i < this.size; i++) {
            const [column, row, frame] = [i % w, Math.floor(i / w) % h, Math.floor(i / (w * h)) % t];
            const colour = Math.floor(i / (w * h * t));
            block[i] = pixels[((colour * frames + f + frame) * height + y + row) * width + x + column]!;
          }
          this.#take(block);
        }
  }

  #take(block: Float64Array): void {
    const { size, sum, products } = this;
    this.count++;
    for (let i = 0; i < size; i++) {
      const value = block[i]!;
      sum[i]! += value;
      for (let j = 0; j <= i; j++) products[i * size + j]! += value * block[j]!;
    }
  }

  covariance(): Float64Array {
    const { size, sum, products, count } = this;
    const out = new Float64Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j <= i; j++) {
        const value = products[i * size + j]! / count - (sum[i]! / count) * (sum[j]! / count);
        out[i * size + j] = value;
        out[j * size + i] = value;
      }
    return out;
  }
}

/** Encoder and decoder of one kind of blocks: components over their deviations, and back. */
function weightsOf(name: string, moments: Moments, channels: number): [string, HostTensor][] {
  const { size, sum, count } = moments;
  const { values, vectors } = leadingEigen(
    moments.covariance(),
    size,
    Math.min(channels, size),
    size > large.size ? large.rounds : undefined,
  );
  const encode = new Float32Array(channels * size);
  const shift = new Float32Array(channels);
  const decode = new Float32Array(size * channels);
  const mean = Float32Array.from(sum, (value) => value / count);
  for (let c = 0; c < Math.min(channels, size); c++) {
    const deviation = Math.sqrt(Math.max(values[c]!, (floor * Math.sqrt(values[0]!)) ** 2));
    for (let i = 0; i < size; i++) {
      const direction = vectors[c * size + i]!;
      encode[c * size + i] = direction / deviation;
      decode[i * channels + c] = direction * deviation;
      shift[c]! -= (direction / deviation) * mean[i]!;
    }
  }
  return [
    [`${name}.encode.weight`, hostTensor(encode, [channels, size])],
    [`${name}.encode.bias`, hostTensor(shift, [channels])],
    [`${name}.decode.weight`, hostTensor(decode, [size, channels])],
    [`${name}.decode.bias`, hostTensor(mean, [size])],
  ];
}
