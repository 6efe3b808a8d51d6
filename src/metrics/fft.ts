/** Discrete Fourier transforms of any length (Stockham's self-sorting form, decimation in frequency, mixed radix). */

interface Stage {
  readonly radix: number;
  /** Length of the transforms before this stage, and the stride between their elements. */
  readonly length: number;
  readonly stride: number;
  /** cos and sin of -2 pi k / length. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const smallestFactor = (n: number): number => {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return factor;
  return n;
};

function stagesOf(size: number): Stage[] {
  const stages: Stage[] = [];
  for (let length = size, stride = 1; length > 1; ) {
    const radix = smallestFactor(length);
    const turn = (k: number) => (-2 * Math.PI * k) / length;
    stages.push({
      radix,
      length,
      stride,
      cos: Float64Array.from({ length }, (_, k) => Math.cos(turn(k))),
      sin: Float64Array.from({ length }, (_, k) => Math.sin(turn(k))),
    });
    length /= radix;
    stride *= radix;
  }
  return stages;
}

/** A transform of one length, with its tables and scratch. */
export class Fourier {
  readonly size: number;
  readonly #stages: Stage[];
  readonly #re: Float64Array;
  readonly #im: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.#stages = stagesOf(size);
    this.#re = new Float64Array(size);
    this.#im = new Float64Array(size);
  }

  /** In place: X[k] = sum over n of x[n] exp(-2 pi i k n / size). */
  transform(re: Float64Array, im: Float64Array): void {
    let [a, b, c, d] = [re, im, this.#re, this.#im];
    for (const stage of this.#stages) {
      if (stage.radix === 2) butterfly2(stage, a, b, c, d);
      else butterfly(stage, a, b, c, d);
      [a, b, c, d] = [c, d, a, b];
    }
    if (a !== re) {
      re.set(a);
      im.set(b);
    }
  }

  /** |X|² of a real size x size picture. */
  power(picture: Float64Array): Float64Array {
    const n = this.size;
    const re = picture.slice(),
      im = new Float64Array(n * n);
    for (let row = 0; row < n; row++)
      this.transform(re.subarray(row * n, (row + 1) * n), im.subarray(row * n, (row + 1) * n));
    const [columnRe, columnIm, out] = [new Float64Array(n), new Float64Array(n), new Float64Array(n * n)];
    for (let x = 0; x < n; x++) {
      for (let y = 0; y < n; y++) {
        columnRe[y] = re[y * n + x]!;
        columnIm[y] = im[y * n + x]!;
      }
      this.transform(columnRe, columnIm);
      for (let y = 0; y < n; y++) out[y * n + x] = columnRe[y]! ** 2 + columnIm[y]! ** 2;
    }
    return out;
  }
}

type Buffers = [re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array];

function butterfly2({ length, stride, cos, sin }: Stage, ...[re, im, outRe, outIm]: Buffers): void {
  const half = length / 2;
  for (let p = 0; p < half; p++)
    for (let q = 0; q < stride; q++) {
      const a = q + stride * p,
        b = a + stride * half,
        to = q + stride * 2 * p;
      const [x, y] = [re[a]! - re[b]!, im[a]! - im[b]!];
      outRe[to] = re[a]! + re[b]!;
      outIm[to] = im[a]! + im[b]!;
      outRe[to + stride] = x * cos[p]! - y * sin[p]!;
      outIm[to + stride] = x * sin[p]! + y * cos[p]!;
    }
}

function butterfly({ radix, length, stride, cos, sin }: Stage, ...[re, im, outRe, outIm]: Buffers): void {
  const part = length / radix;
  for (let p = 0; p < part; p++)
    for (let q = 0; q < stride; q++)
      for (let t = 0; t < radix; t++) {
        let [sumRe, sumIm] = [0, 0];
        for (let k = 0; k < radix; k++) {
          const from = q + stride * (p + part * k),
            turn = (k * t * part + p * t) % length;
          sumRe += re[from]! * cos[turn]! - im[from]! * sin[turn]!;
          sumIm += re[from]! * sin[turn]! + im[from]! * cos[turn]!;
        }
        const to = q + stride * (radix * p + t);
        outRe[to] = sumRe;
        outIm[to] = sumIm;
      }
}
