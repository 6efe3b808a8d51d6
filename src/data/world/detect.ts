import { InputError } from "../../base/errors.ts";
import type { Frame } from "../../video/frame.ts";
import { findBlobs, open } from "./detect/blobs.ts";
import { readBody } from "./detect/body.ts";
import { joinParts } from "./detect/extent.ts";
import { follow, isBody } from "./detect/follow.ts";
import { findForeground } from "./detect/foreground.ts";
import { plateOf } from "./detect/lab.ts";
import type { BodyReading, Detected, Within } from "./detect/reading.ts";
import { findGround, findSky } from "./detect/surroundings.ts";
import { findCamera } from "./detect/track.ts";
import { rich } from "./draw.ts";
import { distance } from "./motion.ts";
import type { Relation, Size } from "./scene.ts";
import { askedWithin, type Expected, type Marks, score } from "./score.ts";

/** Rows at which shape and motion are judged; larger frames are shrunk to this. */
const workingHeight = 144;

/**
 * Recovers the attributes of a clip of this world from its pixels alone: the sky by its gradient, the ground by its
 * pattern, bodies as what is neither, their shape by overlap with rendered outlines, their colour by hue under that sky,
 * their motion by the track of their outline over the ground. `within` (a preset)
 * says which answers there are.
 */
export function detect(frames: readonly Frame[], within: Within = rich): Detected {
  if (!frames.length) throw new InputError("there is nothing to see in a clip without frames");
  const plates = frames.map((frame) => plateOf(frame, workingHeight));
  const factor = Math.max(1, Math.ceil(frames[0]!.height / workingHeight));
  const { width, height } = plates[0]!;
  const sky = findSky(plates);
  const foregrounds = findForeground(plates, sky.value);
  const masks = foregrounds.map(({ mask }) => open(mask, width, height));
  const least = Math.max(6, 0.0015 * width * height);
  const blobs = masks.map((mask, frame) =>
    joinParts(findBlobs(mask, width, 6), plates[frame]!).filter(
      (blob) => blob.pixels.length >= least && isBody(blob, width),
    ),
  );
  const ground = findGround(plates, masks, sky.value);
  // Over plain ground a camera that moves cannot be told from bodies that do, and this world has none.
  const raw = foregrounds.map(({ mask }) => mask);
  const camera =
    ground.value === "plain" || within.cameras.every((value) => value === "static")
      ? { value: "static" as const, margin: 0 }
      : findCamera(plates, raw);
  const stage = { frames, plates, factor, foregrounds, sky: sky.value, camera: camera.value, within };
  const bodies = follow(blobs, width, within.pairs > 0 ? 2 : 1).map((chain) => readBody(stage, chain));
  const [first, second] = bodies;
  return {
    bodies: bodies.map(({ depth, tall, ...body }) => ({
      ...body,
      size: sizeOf({ depth, tall }, second !== undefined),
    })),
    sky: sky.value,
    ground: ground.value,
    camera: camera.value,
    relation: first && second && relate(first, second),
    confidence: { sky: Math.min(1, sky.margin / 30), camera: Math.min(1, camera.margin / 5) },
  };
}

/** Halfway between the small and the large bodies of `draw.ts`; of two bodies the farther one looks smaller. */
function sizeOf({ tall, depth }: Pick<BodyReading, "tall" | "depth">, two: boolean): Size {
  if (!two) return tall > 0.74 ? "large" : "small";
  return (tall * (distance + depth)) / distance > 0.52 ? "large" : "small";
}

/** Where the first is, seen from the second: nearer or farther when the feet stand at clearly different depths. */
function relate(a: BodyReading, b: BodyReading): Relation {
  if (Math.abs(a.depth - b.depth) > 0.6) return a.depth < b.depth ? "in front of" : "behind";
  return a.x < b.x ? "left of" : "right of";
}

/**
 * Marks clips of a preset against what they should show. What cannot differ within the preset (the material and the camera
 * of `mini`) is not asked, and where one body is expected, a second is taken for a flaw of the picture.
 */
export const judgeOf =
  (within: Within) =>
  (expected: Expected, frames: readonly Frame[]): Marks => {
    const pairs = expected.bodies.length > 1 ? 1 : 0;
    return score(askedWithin(expected, within), detect(frames, { ...within, pairs }));
  };

export type { Detected, DetectedBody, Within } from "./detect/reading.ts";
export { type Attribute, type Expected, expectedOf, type Marks, score } from "./score.ts";
