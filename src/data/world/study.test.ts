import { describe, expect, test } from "vitest";
import { Random } from "../../base/philox.ts";
import { visibleMarks } from "../../study/measure.ts";
import { samples } from "./samples.ts";
import { figures, isStudyHeldOut, studyAt, studyCaption, studyPrompts, studyVocabulary, turnShows } from "./study.ts";
import { judgeStudy } from "./study-detect.ts";
import { renderStudy } from "./study-render.ts";
import { studyFrames } from "./study-source.ts";

const small = { detail: 64, scenes: "all" } as const;
const picture = { width: 64, height: 64, frames: 9 };

describe("the flat study", () => {
  test("is the same every time, and the same picture at another size", () => {
    const { scene, caption } = studyAt(3, 7, small);
    expect(studyAt(3, 7, small)).toEqual({ scene, caption });
    const mean = (data: Uint8Array): number => data.reduce((a, b) => a + b, 0) / data.length;
    const [low, high] = [64, 128].map(
      (size) => renderStudy(scene, { width: size, height: size, frames: 1 }).frames[0]!,
    );
    expect(Math.abs(mean(low!.data) - mean(high!.data))).toBeLessThan(1.5);
  });

  test("masks the figures", () => {
    for (let index = 0; index < 8; index++) {
      const { scene } = studyAt(1, index, small);
      const { masks } = renderStudy(scene, picture);
      for (const mask of masks)
        for (const number of scene.figures.keys()) expect(mask.some((value) => value === number + 1)).toBe(true);
    }
  });

  test("shows all it claims", () => {
    for (let index = 0; index < 300; index++)
      for (const { shape, fill, grain, motion } of studyAt(1, index).scene.figures)
        expect(motion !== "clockwise" || turnShows(shape, fill, grain)).toBe(true);
  });

  test("has detectors that recover all of it where fine fills have three pixels a period", () => {
    for (const { scene, frames, caption, judge } of samples({
      ...picture,
      preset: "study",
      seed: 5,
      count: 16,
      heldOut: false,
    })) {
      const wrong = Object.entries(judge()).filter(([, right]) => !right);
      expect(wrong, `${caption} ${JSON.stringify(scene)}`).toEqual([]);
      expect(frames).toHaveLength(9);
    }
  });

  test("shows close figures whole at 32 rows", () => {
    const world = { detail: 64, scenes: "close" } as const;
    const picture = { width: 32, height: 32, frames: 9 };
    const motions = new Set<string>();
    for (let index = 0; index < 24; index++) {
      const { scene } = studyAt(5, index, world, "all");
      motions.add(scene.figures[0]!.motion);
      const marks = judgeStudy(scene, studyFrames(scene, picture, world.detail), world.detail);
      const wrong = Object.entries(visibleMarks(scene, marks)).filter(([, right]) => !right);
      expect(wrong, JSON.stringify(scene)).toEqual([]);
    }
    expect(motions.size).toBe(5);
  });

  test("loses fine fills, and only these, at half of the size", () => {
    let fine = 0,
      lost = 0;
    for (let index = 0; index < 16; index++) {
      const { scene } = studyAt(8, index, undefined, "all");
      const { frames } = renderStudy(scene, picture);
      const marks = judgeStudy(scene, frames, 128);
      expect(marks.shape).toBe(true);
      if (!scene.figures.some(({ grain }) => grain === "fine")) continue;
      fine++;
      if (!marks.fill || !marks.grain) lost++;
    }
    expect(fine).toBeGreaterThan(5);
    expect(lost).toBeGreaterThan(0.7 * fine);
  });

  test("says nothing that is not in its vocabulary", () => {
    const words = new Set(studyVocabulary());
    for (let index = 0; index < 300; index++)
      for (const word of studyAt(6, index).caption.replaceAll(",", " , ").split(/\s+/)) expect(words).toContain(word);
  });

  test("holds combinations out", () => {
    for (let index = 0; index < 200; index++) expect(isStudyHeldOut(studyAt(2, index).scene)).toBe(false);
    for (const { heldOut, scene } of studyPrompts()) expect(isStudyHeldOut(scene)).toBe(heldOut);
    expect(studyPrompts().filter(({ heldOut }) => heldOut)).toHaveLength(60);
  });

  test("captions say all when nothing is dropped", () => {
    for (let index = 0; index < 50; index++) {
      const { scene } = studyAt(4, index);
      const text = studyCaption(scene, new Random(9, index), 0);
      for (const { shape, colour, size } of scene.figures)
        for (const word of [shape, colour, size]) expect(text).toContain(word);
      expect(text).not.toMatch(/\ba [aeiou]| {2}|undefined/);
      expect(figures.some((shape) => text.includes(shape))).toBe(true);
    }
  });
});
