/** What each measure of `eval videos` is; the names are those of its figures. */
import type { MetricInfo } from "./report.ts";

type Entry = readonly [better: MetricInfo["better"], about: string];

const exact: Record<string, Entry> = {
  temporal_mae: ["neither", "(255 - mean difference of neighbours) / 255; VBench's flickering on still scenes only"],
  psnr: ["higher", "dB over all frames, RGB"],
  ssim: ["higher", "luma, Gaussian window of 11"],
  ms_ssim: ["higher", "luma, five scales"],
  flat_share: ["neither", "share of exactly flat pixels: above 0.03, NIQE differs by 5 % between correct programs"],
};

const standIns: Record<string, Entry> = {
  "wf/smooth_blend": ["higher", "odd frames against the mean of their neighbours"],
  "wf/smooth_mc": ["higher", "odd frames against their neighbours moved halfway"],
  "wf/jerk": ["lower", "change of motion along motion, against its size"],
  "wf/dynamic_degree": ["neither", "1 where enough frame pairs an eighth of a second apart move by 6 px at 256 rows"],
  "wf/motion": ["neither", "px at 256 rows an eighth of a second, top 5 %"],
  "wf/static": ["neither", "1 where flickering may be scored"],
  "wf/temporal_flickering_static": ["higher", "temporal_mae of the videos that block motion finds static"],
  "wf/warp_error": ["lower", "x 1000, squared difference along block motion to the next frame"],
  "wf/warp_error_long": ["lower", "the same from the first frame to every later one"],
  "wf/consistency": ["higher", "gradients, colours and layout against previous and first frame"],
  "wf/hf_rms": ["neither", "rms in code units above the cut: compare with real video"],
  "wf/hf_ratio": ["neither", "share of energy above the cut"],
  "wf/slope": ["neither", "fall of the power spectrum; photographs are near 2"],
  "wf/lap_var": ["neither", "variance of the Laplacian"],
  "wf/tenengrad": ["neither", "mean squared Sobel gradient"],
  "wf/grid_8": ["neither", "steps along a grid of 8 px against others; 1 is none"],
  "wf/grid_16": ["neither", "steps along a grid of 16 px against others; 1 is none"],
  "wf/grid_32": ["neither", "steps along a grid of 32 px against others; 1 is none"],
  "wf/coherent_detail": ["neither", "detail above the cut that moves with the scene, code units"],
  "wf/detail_log_ratio": ["lower", "how far hf_rms is from the reference's: size of the logarithm of their ratio"],
  "wf/lr_ssim": ["neither", "SSIM with the low-resolution video, at its size"],
  "wf/lr_edges": ["neither", "correlation of edges with the low-resolution video"],
  "wf/lr_low_band_psnr": ["neither", "dB below 0.35 Nyquist of the low resolution"],
  "wf/kid_random": [
    "lower",
    "kernel distance to the reference set, fixed random features; the interval is the range of the nets",
  ],
  "wf/fd_random": [
    "lower",
    "Fréchet distance to the reference set, extrapolated to endless samples, fixed random features; the interval is the range of the nets",
  ],
  "wf/frozen": ["lower", "share of neighbours that are alike"],
  "wf/black": ["lower", "share of black frames"],
  "wf/white": ["lower", "share of white frames"],
  "wf/cuts": ["neither", "jumps of the whole picture"],
  "wf/drift": ["neither", "levels of luma a second"],
};

/** What a metric is, or undefined for names that come from elsewhere (NIQE models, learned metrics). */
export function builtInMetric(metric: string): MetricInfo | undefined {
  const entry = exact[metric] ?? standIns[metric];
  if (!entry) return undefined;
  const [better, about] = entry;
  return { conformance: metric in exact ? "exact" : "wf", better, about, version: 1, weights: null };
}
