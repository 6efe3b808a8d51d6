/** Classifier-free guidance (Ho and Salimans 2022): v = v_u + g (v_c - v_u). */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  return conditional.map((c, i) => unconditional[i]! + scale * (c - unconditional[i]!));
}

/** Blends in a copy with the conditional prediction's spread (Lin et al. 2023, "common diffusion noise schedules are flawed"). */
export function rescale(guided: Float32Array, conditional: Float32Array, share: number): Float32Array {
  const factor = share * (deviation(conditional) / deviation(guided)) + (1 - share);
  return guided.map((v) => v * factor);
}

/** Unbiased standard deviation. */
function deviation(x: Float32Array): number {
  let mean = 0;
  for (const value of x) mean += value / x.length;
  let sum = 0;
  for (const value of x) sum += (value - mean) ** 2;
  return Math.sqrt(sum / (x.length - 1));
}
