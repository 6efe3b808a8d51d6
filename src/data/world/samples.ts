/** Captioned clips of any preset, the flat study's included, rendered and judged one at a time. */

import type { Frame } from "../../video/frame.ts";
import { type PresetName, sceneAt } from "./clip.ts";
import { expectedOf, judgeOf } from "./detect.ts";
import { presets } from "./draw.ts";
import { render } from "./render.ts";
import type { Scene } from "./scene.ts";
import { isHeldOut } from "./split.ts";
import { isStudyHeldOut, type StudyScene, studyAt } from "./study.ts";
import { judgeStudy } from "./study-detect.ts";
import { renderStudy } from "./study-render.ts";

export type SamplePreset = PresetName | "study";
export const samplePresets: readonly SamplePreset[] = [...(Object.keys(presets) as PresetName[]), "study"];

export interface SampleRequest {
  readonly preset: SamplePreset;
  readonly seed: number;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Only combinations that training never sees, instead of only those that it does. */
  readonly heldOut: boolean;
}

export interface Sample {
  /** Its number in the endless list of the preset and seed. */
  readonly index: number;
  readonly caption: string;
  readonly heldOut: boolean;
  /** The ground truth. */
  readonly scene: Scene | StudyScene;
  readonly frames: Frame[];
  /** Which attributes the detectors recover. */
  judge(): Readonly<Partial<Record<string, boolean>>>;
}

export function* samples(request: SampleRequest): Generator<Sample> {
  const sampleAt = request.preset === "study" ? studySample : worldSample;
  for (let index = 0, found = 0; found < request.count; index++) {
    const sample = sampleAt(request, index);
    if (!sample) continue;
    found++;
    yield sample;
  }
}

function worldSample(request: SampleRequest, index: number): Sample | undefined {
  const { seed, width, height, frames: length, heldOut } = request;
  const preset = request.preset as PresetName;
  const { scene, caption } = sceneAt(preset, seed, index, { split: heldOut ? "all" : "train", moving: length > 1 });
  if (heldOut && !isHeldOut(scene)) return undefined;
  const { frames } = render(scene, { width, height, frames: length });
  return {
    index,
    caption,
    heldOut,
    scene,
    frames,
    judge: () => judgeOf(presets[preset])(expectedOf(scene, height, length), frames),
  };
}

function studySample(
  { seed, width, height, frames: length, heldOut }: SampleRequest,
  index: number,
): Sample | undefined {
  const { scene, caption } = studyAt(seed, index, { detail: height, scenes: "all" }, heldOut ? "all" : "train");
  if (heldOut && !isStudyHeldOut(scene)) return undefined;
  const { frames } = renderStudy(scene, { width, height, frames: length });
  return { index, caption, heldOut, scene, frames, judge: () => judgeStudy(scene, frames, height) };
}
