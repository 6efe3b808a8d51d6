/** Detail of a video frame by frame: spectrum, sharpness, grids, and what of it moves along. */
import type { Frame } from "../video/frame.ts";
import { coherentDetail } from "./coherent.ts";
import { blockiness, laplacianVariance, Spectrum, tenengrad } from "./detail.ts";
import { type Meter, meanOf } from "./meter.ts";
import { lumaOf } from "./plane.ts";

const pitches = [8, 16, 32];

export class DetailMeter implements Meter {
  readonly #cut: number;
  readonly #motion: boolean;
  #spectrum: Spectrum | undefined;
  #last: Frame | undefined;
  readonly #values = new Map<string, number[]>();

  /** @param cut cycles a pixel from which detail counts: see `novelBand`; `motion` adds coherent detail */
  constructor(cut: number, { motion = true } = {}) {
    this.#cut = cut;
    this.#motion = motion;
  }

  take(frame: Frame): void {
    if (Math.min(frame.width, frame.height) < 32) return;
    const plane = lumaOf(frame);
    this.#spectrum ??= Spectrum.fitting(plane);
    this.#spectrum.take(plane);
    this.#add("wf/lap_var", laplacianVariance(plane));
    this.#add("wf/tenengrad", tenengrad(plane));
    for (const pitch of pitches)
      if (Math.min(plane.width, plane.height) > pitch) this.#add(`wf/grid_${pitch}`, blockiness(plane, pitch));
    if (this.#motion && this.#last) this.#add("wf/coherent_detail", coherentDetail(this.#last, frame, this.#cut));
    this.#last = frame;
  }

  #add(name: string, value: number): void {
    if (!Number.isFinite(value)) return;
    const values = this.#values.get(name) ?? [];
    values.push(value);
    this.#values.set(name, values);
  }

  figures(): Record<string, number> {
    if (!this.#spectrum) return {};
    const spectral = {
      "wf/hf_rms": this.#spectrum.rms(this.#cut),
      "wf/hf_ratio": this.#spectrum.ratio(this.#cut),
      "wf/slope": this.#spectrum.slope(),
    };
    const rest = [...this.#values].map(([name, values]) => [name, meanOf(values)] as const);
    return Object.fromEntries([...Object.entries(spectral).filter(([, value]) => Number.isFinite(value)), ...rest]);
  }
}
