/** The gates that need no trained model: detectors and distances. */

import { Random } from "../../../base/philox.ts";
import { judgeStudy } from "../../../data/world/study-detect.ts";
import { studyFrames } from "../../../data/world/study-source.ts";
import { detectorGate, distanceGate } from "../../../study/gates.ts";
import { type Figures, visibleMarks } from "../../../study/measure.ts";
import { picturesOf } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import type { GateLine } from "../../../study/results.ts";
import type { Frame } from "../../../video/frame.ts";
import { resizeFrame } from "../../../video/resize.ts";
import { type Distances, trueClips } from "./evaluate.ts";
import type { Workshop } from "./workshop.ts";

/** G1: what the detectors read off true clips of the prompts, and off the same after the student's autoencoder. */
export async function checkDetectors({ preset, prompts, student }: Workshop): Promise<GateLine> {
  const clips = {
    true: { small: [] as Figures[], large: [] as Figures[] },
    coded: { small: [] as Figures[], large: [] as Figures[] },
  };
  for (const { scene } of prompts.slice(0, preset.clips))
    for (const size of ["small", "large"] as const) {
      const picture = picturesOf(preset)[size];
      const frames = studyFrames(scene, picture, preset.detail);
      const coded = await student.decodeTokens(await student.encodeTokens(frames), student.grid(picture));
      for (const [when, seen] of [
        ["true", frames],
        ["coded", coded],
      ] as const) {
        const marks = judgeStudy(scene, seen, preset.detail);
        const asked = size === "small" ? visibleMarks(scene, marks) : marks;
        const entries = Object.entries(asked).map(([name, right]) => [`is_${name}`, Number(right)] as const);
        clips[when][size].push(Object.fromEntries(entries));
      }
    }
  return detectorGate(clips);
}

type Change = (frames: readonly Frame[], random: Random) => Frame[];

const blurred =
  (factor: number): Change =>
  (frames) =>
    frames.map((frame) => {
      const { width, height } = frame;
      return resizeFrame(
        resizeFrame(frame, Math.round(width / factor), Math.round(height / factor), "area"),
        width,
        height,
      );
    });

const noisy =
  (levels: number): Change =>
  (frames, random) =>
    frames.map(({ width, height, data }) => ({
      width,
      height,
      data: data.map((value) => Math.min(255, Math.max(0, Math.round(value + levels * random.normal())))),
    }));

const shuffled: Change = (frames, random) => {
  const left = [...frames];
  return frames.map(() => left.splice(random.below(left.length), 1)[0]!);
};

/** Red and blue change places: every colour is another's. */
const swapped: Change = (frames) =>
  frames.map(({ width, height, data }) => ({
    width,
    height,
    data: data.map((_, at) => data[at + (at % 3 === 0 ? 2 : at % 3 === 2 ? -2 : 0)]!),
  }));

const same: Change = (frames) => [...frames];
const ladders: Record<string, readonly Change[]> = {
  blur: [same, blurred(1.5), blurred(3)],
  noise: [same, noisy(8), noisy(24)],
  "shuffled frames": [same, shuffled],
  "swapped colours": [same, swapped],
};

/** G5: whether the distance that arms are given tells true clips from worse ones. */
export async function checkDistances(workshop: Workshop, distances: Distances): Promise<GateLine> {
  const found: Record<string, number[]> = {};
  for (const [name, changes] of Object.entries(ladders)) {
    found[name] = [];
    for (const change of changes) {
      const random = new Random(seeds.pool, name);
      const clips = Array.from(trueClips(workshop, "small", 2), (frames) => change(frames, random));
      found[name].push(await distances.to("small", clips));
    }
  }
  return distanceGate(found);
}
