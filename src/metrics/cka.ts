/**
 * Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414): ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) of centred features, how
 * alike two representations of the same n places are, whatever their widths and rotations; 1 at most.
 */
export interface Features {
  readonly width: number;
  /** [n, width] */
  readonly data: Float32Array;
}

export function linearCka(a: Features, b: Features): number {
  const [x, y] = [centred(a), centred(b)];
  return squaredNorm(x, y) / Math.sqrt(squaredNorm(x, x) * squaredNorm(y, y) || 1);
}

function centred({ width, data }: Features): { width: number; data: Float64Array } {
  const mean = new Float64Array(width);
  for (const [i, value] of data.entries()) mean[i % width]! += value;
  const count = data.length / width;
  return { width, data: Float64Array.from(data, (value, i) => value - mean[i % width]! / count) };
}

/** ‖YᵀX‖², by whichever of Gram matrices and covariances is smaller. */
function squaredNorm(x: { width: number; data: Float64Array }, y: { width: number; data: Float64Array }): number {
  const count = x.data.length / x.width;
  let sum = 0;
  if (x.width * y.width <= count * count) {
    const product = new Float64Array(x.width * y.width);
    for (let row = 0; row < count; row++)
      for (let i = 0; i < x.width; i++) {
        const value = x.data[row * x.width + i]!;
        for (let j = 0; j < y.width; j++) product[i * y.width + j]! += value * y.data[row * y.width + j]!;
      }
    for (const value of product) sum += value * value;
    return sum;
  }
  const dot = ({ width, data }: { width: number; data: Float64Array }, a: number, b: number) => {
    let total = 0;
    for (let i = 0; i < width; i++) total += data[a * width + i]! * data[b * width + i]!;
    return total;
  };
  for (let a = 0; a < count; a++) for (let b = 0; b < count; b++) sum += dot(x, a, b) * dot(y, a, b);
  return sum;
}
