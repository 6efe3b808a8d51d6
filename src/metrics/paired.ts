/** Measures of two videos frame by frame, with only the present pair in memory. */
import type { Frame } from "../video/frame.ts";
import { agreementOf } from "./agreement.ts";
import { Spectrum } from "./detail.ts";
import { meanOf } from "./meter.ts";
import { lumaOf } from "./plane.ts";
import { decibels, meanSquare } from "./psnr.ts";
import { msSsimOfPlanes, ssimOfPlanes } from "./ssim.ts";

/** Follows pairs of frames and ends in figures. */
export interface PairMeter {
  take(frame: Frame, other: Frame): void;
  figures(): Record<string, number>;
}

/** Code units below which energy above a cut is taken for none. */
const leastRms = 1e-3;

/** Against a reference of the same size. Equal videos have no PSNR that is a number, and leave it out. */
export class FidelityMeter implements PairMeter {
  readonly #cut: number;
  /** Of the video, and of the reference. */
  #spectra: readonly [Spectrum, Spectrum] | undefined;
  readonly #squares: number[] = [];
  readonly #ssim: number[] = [];
  readonly #msSsim: number[] = [];

  /** @param cut cycles a pixel from which detail counts: see `novelBand` */
  constructor(cut: number) {
    this.#cut = cut;
  }

  take(frame: Frame, reference: Frame): void {
    this.#squares.push(meanSquare([reference], [frame]));
    const [a, b] = [lumaOf(reference), lumaOf(frame)];
    this.#ssim.push(ssimOfPlanes(a, b));
    if (Math.min(a.width, a.height) >= 176) this.#msSsim.push(msSsimOfPlanes(a, b));
    if (Math.min(a.width, a.height) < 32) return;
    this.#spectra ??= [Spectrum.fitting(b), Spectrum.fitting(a)];
    this.#spectra[0].take(b);
    this.#spectra[1].take(a);
  }

  figures(): Record<string, number> {
    if (!this.#squares.length) return {};
    const psnr = decibels(meanOf(this.#squares));
    const [own, other] = this.#spectra?.map((one) => Math.max(leastRms, one.rms(this.#cut))) ?? [];
    return {
      ...(Number.isFinite(psnr) && { psnr }),
      ssim: meanOf(this.#ssim),
      ...(this.#msSsim.length && { ms_ssim: meanOf(this.#msSsim) }),
      ...(own && other && { "wf/detail_log_ratio": Math.abs(Math.log(own / other)) }),
    };
  }
}

/** Against the low-resolution video that a video was made from. */
export class AgreementMeter implements PairMeter {
  readonly #ssim: number[] = [];
  readonly #edges: number[] = [];
  readonly #low: number[] = [];

  take(frame: Frame, low: Frame): void {
    const { ssim, edges, lowBandPsnr } = agreementOf(low, frame);
    this.#ssim.push(ssim);
    this.#edges.push(edges);
    if (Number.isFinite(lowBandPsnr)) this.#low.push(lowBandPsnr);
  }

  figures(): Record<string, number> {
    if (!this.#ssim.length) return {};
    return {
      "wf/lr_ssim": meanOf(this.#ssim),
      "wf/lr_edges": meanOf(this.#edges),
      ...(this.#low.length && { "wf/lr_low_band_psnr": meanOf(this.#low) }),
    };
  }
}
