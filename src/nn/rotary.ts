const f = Math.fround;

/** Frequencies θ^(-2i / d) for the d / 2 pairs of d channels, in the published f32 steps (Su et al. 2021, RoFormer). */
export function rotaryFrequencies(channels: number, theta: number): Float32Array {
  return Float32Array.from({ length: channels / 2 }, (_, i) => f(1 / f(theta ** f((2 * i) / channels))));
}
