import type { Frame } from "../../video/frame.ts";
import type { Blob } from "./detect/blobs.ts";
import { findFigures, nameFigure, nameFill } from "./detect/figures.ts";
import { findTurn, nameGrain, settleDots } from "./detect/fills.ts";
import { plateOf } from "./detect/lab.ts";
import type { Drift, Figure, Place, StudyScene } from "./study.ts";

export type DetectedFigure = Pick<Figure, "shape" | "colour" | "fill" | "grain" | "size" | "motion"> & {
  readonly speed: Figure["speed"] | undefined;
  readonly x: number;
  readonly y: number;
};

export interface DetectedStudy {
  /** Largest first. */
  readonly figures: readonly DetectedFigure[];
  readonly place: Place | undefined;
}

/**
 * Recovers the figures of a flat clip from its pixels: the background is what the sides of a row show; colour and the share
 * of the second colour come from one fit to the mean light, the fill's direction and period from swings of lightness, and
 * turning from which rotation takes the first frame to the last. `detail` is the height at which fine fills have 3 pixels.
 */
export function detectStudy(frames: readonly Frame[], detail = 128): DetectedStudy {
  const plates = frames.map((frame) => plateOf(frame, Number.POSITIVE_INFINITY));
  const blobs = plates.map(findFigures);
  const last = plates.length - 1;
  const pair = blobs[0]!.length > 1;
  const found = blobs[0]!.slice(0, 2).map((blob) => {
    const { width, height } = plates[0]!;
    const { shape, radius } = nameFigure(blob, width, height);
    const { colour, share } = nameFill(plates[0]!, blob);
    const track = blobs.map((list) => list.toSorted((a, b) => away(a, blob) - away(b, blob))[0] ?? blob);
    const [start, end] = [track[0]!, track[last]!];
    const across = (end.x - start.x) / height,
      down = (end.y - start.y) / height;
    let motion: Drift = "still",
      speed: Figure["speed"] | undefined;
    const far = Math.max(Math.abs(across), Math.abs(down));
    if (last > 0 && far > 0.08) {
      motion = Math.abs(across) > Math.abs(down) ? (across > 0 ? "right" : "left") : down > 0 ? "down" : "up";
      speed = far > 0.26 ? "fast" : "slow";
    } else if (last > 0) {
      // A triangle turns about the middle of its height, above its centre of mass.
      const pivot = { x: start.x, y: start.y - (shape === "triangle" ? 0.2 * radius * height : 0) };
      const turn = findTurn(plates[0]!, plates[last]!, pivot, radius * 1.2 * height);
      if (turn > 0) motion = "clockwise";
      if (turn > 0) speed = turn > 0.8 ? "fast" : "slow";
    }
    const rough = nameGrain(plates[0]!, blob, share, detail);
    const { fill, grain } = settleDots(plates[0]!, blob, { shape, colour, radius, ...rough }, detail);
    const size = radius > (pair ? 0.142 : 0.175) ? ("large" as const) : ("small" as const);
    return { shape, colour, fill, grain, size, motion, speed, x: blob.x, y: blob.y };
  });
  const [a, b] = found;
  let place: Place | undefined;
  if (a && b) {
    if (Math.abs(a.x - b.x) > Math.abs(a.y - b.y)) place = a.x < b.x ? "left of" : "right of";
    else place = a.y < b.y ? "above" : "below";
  }
  return { figures: found, place };
}

const away = (a: Blob, b: Blob): number =>
  Math.hypot(a.x - b.x, a.y - b.y) + Math.abs(Math.sqrt(a.pixels.length) - Math.sqrt(b.pixels.length));

export type StudyAttribute = "shape" | "colour" | "fill" | "grain" | "size" | "motion" | "speed" | "place" | "count";

/** For each attribute of a scene whether it was recovered, for both figures of a pair. */
export function scoreStudy(scene: StudyScene, seen: DetectedStudy): Partial<Record<StudyAttribute, boolean>> {
  const marks: Partial<Record<StudyAttribute, boolean>> = { count: scene.figures.length === seen.figures.length };
  const [first, second] = scene.figures;
  const [a, b] = seen.figures;
  // The order of a pair is that of the better match; figures that look alike are told by where they are.
  const inPlace = second && a && b ? (first!.x - second.x) * (a.x - b.x) - (first!.y - second.y) * (a.y - b.y) : 0;
  const match = (order: readonly DetectedFigure[]): number =>
    scene.figures.reduce(
      (sum, figure, index) =>
        sum + (["shape", "colour", "fill"] as const).filter((key) => order[index]?.[key] === figure[key]).length,
      order === seen.figures && inPlace > 0 ? 0.5 : 0,
    );
  const reversed = seen.figures.toReversed();
  const turned = second !== undefined && match(reversed) > match(seen.figures) - (inPlace > 0 ? 0 : 0.25);
  const order = turned ? reversed : seen.figures;
  for (const key of ["shape", "colour", "fill", "grain", "size", "motion"] as const)
    marks[key] = scene.figures.every((figure, index) => order[index]?.[key] === figure[key]);
  if (scene.figures[0]!.motion !== "still") marks.speed = order[0]?.speed === scene.figures[0]!.speed;
  const opposite = { "left of": "right of", "right of": "left of", above: "below", below: "above" } as const;
  if (scene.place)
    marks.place = seen.place !== undefined && (turned ? opposite[seen.place] : seen.place) === scene.place;
  return marks;
}

/** Marks what a clip shows against the scene that it should show. `detail` as in `detectStudy`. */
export function judgeStudy(
  scene: StudyScene,
  frames: readonly Frame[],
  detail?: number,
): Partial<Record<StudyAttribute, boolean>> {
  return scoreStudy(scene, detectStudy(frames, detail));
}
