/** The three autoencoders of LTX-Video, by the release that brought each (Lightricks/LTX-Video; diffusers). */
import type { LtxVaeConfig } from "./config.ts";

export const vaeGenerations = ["0.9.0", "0.9.1", "0.9.5"] as const;
export type VaeGeneration = (typeof vaeGenerations)[number];

const strided: LtxVaeConfig["encoder"] = {
  channels: [128, 256, 512, 512],
  layers: [4, 3, 3, 3, 4],
  down: ["both", "both", "both", "none"],
  downsampler: "conv",
  causal: true,
};

const base = { latentChannels: 128, patch: 4, shortcutEpsilon: 1e-6 } as const;

const conditioned = {
  channels: [256, 512, 1024],
  up: [true, true, true],
  residual: [true, true, true],
  factor: [2, 2, 2],
  causal: false,
  timestep: true,
} as const;

export const publishedVaes: Readonly<Record<VaeGeneration, LtxVaeConfig>> = {
  "0.9.0": {
    ...base,
    encoder: strided,
    decoder: {
      channels: [128, 256, 512, 512],
      layers: [4, 3, 3, 3, 4],
      up: [true, true, true, false],
      injectNoise: [false, false, false, false, false],
      residual: [false, false, false, false],
      factor: [1, 1, 1, 1],
      causal: false,
      timestep: false,
    },
  },
  "0.9.1": {
    ...base,
    encoder: strided,
    decoder: { ...conditioned, layers: [5, 6, 7, 8], injectNoise: [true, true, true, false] },
  },
  /** Also of 0.9.6, 0.9.7 and 0.9.8. */
  "0.9.5": {
    ...base,
    encoder: {
      channels: [128, 256, 512, 1024, 2048],
      layers: [4, 6, 6, 2, 2],
      down: ["space", "time", "both", "both"],
      downsampler: "space-to-depth",
      causal: true,
    },
    decoder: { ...conditioned, layers: [5, 5, 5, 5], injectNoise: [false, false, false, false] },
  },
};

/** The generation that an autoencoder is built like, whatever its widths. */
export function generationOf({ encoder, decoder }: LtxVaeConfig): VaeGeneration {
  if (encoder.downsampler === "space-to-depth") return "0.9.5";
  return decoder.timestep ? "0.9.1" : "0.9.0";
}
