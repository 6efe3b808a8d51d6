import type { Frame } from "../../video/frame.ts";
import { type Blob, findBlobs, findForeground, grow, isWhite, joinParts, open, peel } from "./detect/foreground.ts";
import { median, plateOf } from "./detect/lab.ts";
import { bodyLab, grainOf, nameColour, nameMaterial } from "./detect/looks.ts";
import { hullOf, matchShapes, type Outline } from "./detect/outline.ts";
import { findGround, findSky } from "./detect/surroundings.ts";
import { findCamera, nameMotion } from "./detect/track.ts";
import { distance } from "./motion.ts";
import {
  type Camera,
  type Colour,
  type Ground,
  isFine,
  type Material,
  type Motion,
  pictureHeight,
  type Relation,
  type Scene,
  type Shape,
  type Size,
  type Sky,
  shapes,
} from "./scene.ts";

/** What was recovered of one body. Confidence is a margin over the second best answer, about 0 to 1. */
export interface DetectedBody {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly material: Material;
  readonly size: Size;
  readonly motion: Motion;
  readonly confidence: { readonly shape: number; readonly colour: number };
  /** Centre at the middle of the clip and part of the frames in which it was found. */
  readonly x: number;
  readonly y: number;
  readonly found: number;
}

export interface Detected {
  /** Largest first. */
  readonly bodies: readonly DetectedBody[];
  readonly sky: Sky;
  readonly ground: Ground;
  readonly camera: Camera;
  readonly relation: Relation | undefined;
  readonly confidence: { readonly sky: number; readonly camera: number };
}

/** Rows at which shape and motion are judged; larger frames are shrunk to this. */
const workingHeight = 144;

/**
 * Recovers the attributes of a clip of this world from its pixels alone: the sky by its gradient, the ground by its
 * pattern, bodies as what is neither, their shape by overlap with rendered outlines, their colour by hue under that sky,
 * their motion by the track of their outline over the ground. `most` is how many bodies there can be.
 */
export function detect(frames: readonly Frame[], most = 2): Detected {
  const plates = frames.map((frame) => plateOf(frame, workingHeight));
  const { width, height } = plates[0]!;
  const sky = findSky(plates);
  const foregrounds = findForeground(plates, sky.value);
  const raw = foregrounds.map(({ mask }) => mask);
  const masks = raw.map((mask) => open(mask, width, height));
  for (const mask of masks) (globalThis as any).__masks?.push({ mask, width, height });
  const middle = frames.length >> 1;
  const least = Math.max(6, 0.0015 * width * height);
  const blobs = masks.map((mask, frame) =>
    joinParts(findBlobs(mask, width, 6), plates[frame]!).filter(
      (blob) => blob.pixels.length >= least && isBody(blob, width),
    ),
  );
  const ground = findGround(plates, masks, sky.value);
  // Over plain ground a camera that moves cannot be told from bodies that do, and this world has none.
  const camera = ground.value === "plain" ? { value: "static" as const, margin: 0 } : findCamera(plates, raw);
  const factor = Math.max(1, Math.ceil(frames[0]!.height / workingHeight));
  const bodies: (DetectedBody & { depth: number; tall: number })[] = [];
  for (const found of follow(blobs, width, most)) {
    const raw = found.map((blob, frame) =>
      blob && isWhite(blob, plates[frame]!) ? grow(blob, foregrounds[frame]!, width, height) : blob,
    );
    const peeled = raw.map((blob, frame) => blob && peel(blob, foregrounds[frame]!.far, width));
    const nearest = nearestTo(raw, middle);
    const material = materialOf(peeled);
    // The dark bands of a pattern may be nearer to the backdrop than its bright ones: peeling would take them.
    const chain = material === "plain" ? peeled : raw;
    const outlines = chain.map((blob) => blob && hullOf(blob, width));
    const { motion, depth } = nameMotion(outlines, plates, camera.value);
    const votes = voteShape(outlines, chain, width, height);
    const labs = votes.sampled.map((frame) => {
      const inner = innerPixels(chain[frame]!, width, height);
      return bodyLab(plates[frame]!, inner.length > 4 ? inner : chain[frame]!.pixels);
    });
    const lab = [0, 1, 2].map((axis) => median(labs.map((one) => one[axis]!))) as [number, number, number];
    const colour = nameColour(lab, sky.value);
    bodies.push({
      shape: votes.shape,
      colour: colour.value,
      material,
      size: "large",
      motion,
      confidence: { shape: votes.margin, colour: Math.min(1, colour.margin / 30) },
      x: outlines[nearest]!.x / width,
      y: outlines[nearest]!.y / height,
      found: outlines.filter(Boolean).length / outlines.length,
      depth,
      tall: votes.tall / height,
    });
  }
  function materialOf(chain: Chain): Material {
    const nearest = chain[nearestTo(chain, middle)]!;
    const { shape } = voteShape([hullOf(nearest, width)], [nearest], width, height);
    const sampled = new Set([0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (frames.length - 1))));
    const grains = [...sampled]
      .filter((frame) => chain[frame])
      .map((frame) => {
        const plate = factor > 1 ? plateOf(frames[frame]!, Number.POSITIVE_INFINITY) : plates[frame]!;
        const ring = shape === "torus" ? maskOf(chain[frame]!, width, height) : undefined;
        return grainOf(plate, hullOf(chain[frame]!, width), ring, factor);
      });
    return nameMaterial(grains, shape);
  }
  const two = bodies.length > 1;
  const sized = bodies.map((body) => ({ ...body, size: sizeOf(body, two) }));
  return {
    bodies: sized,
    sky: sky.value,
    ground: ground.value,
    camera: camera.value,
    relation: two ? relate(sized[0]!, sized[1]!) : undefined,
    confidence: { sky: Math.min(1, sky.margin / 30), camera: Math.min(1, camera.margin / 5) },
  };
}

/** Not a cloud at the picture's top, and not a strip along its side or the horizon. */
const isBody = (blob: Blob, width: number): boolean => {
  const wide = blob.right - blob.left,
    tall = blob.bottom - blob.top;
  return blob.top > 0 && wide < 0.75 * width && wide < 4 * tall && tall < 5 * wide;
};

/** One body through the frames; undefined where it was not found. */
type Chain = readonly (Blob | undefined)[];

/** Chains of blobs through the frames, at most `most`: each the nearest of like size to where it was. */
function follow(blobs: readonly Blob[][], width: number, most: number): Chain[] {
  const middle = blobs.length >> 1;
  const start = blobs[middle]!.length ? middle : blobs.findIndex((list) => list.length > 0);
  if (start < 0) return [];
  const seeds = blobs[start]!.filter((blob) => blob.pixels.length > 0.04 * blobs[start]![0]!.pixels.length);
  const chains = seeds.slice(0, most + 1).map((seed) => {
    const chain: (Blob | undefined)[] = new Array(blobs.length).fill(undefined);
    chain[start] = seed;
    for (const step of [-1, 1]) {
      let last = seed;
      for (let frame = start + step; frame >= 0 && frame < blobs.length; frame += step) {
        let best: Blob | undefined,
          least = 0.3 * width;
        for (const blob of blobs[frame]!) {
          const ratio = Math.abs(Math.log(blob.pixels.length / last.pixels.length));
          const far = Math.hypot(blob.x - last.x, blob.y - last.y) + 0.15 * width * ratio;
          if (far < least) {
            least = far;
            best = blob;
          }
        }
        if (best) last = chain[frame] = best;
      }
    }
    return chain;
  });
  // A second body that comes and goes is a flaw of the picture.
  return chains.filter((chain, index) => index === 0 || chain.filter(Boolean).length > 0.5 * chain.length).slice(0, most);
}

function nearestTo(outlines: readonly unknown[], middle: number): number {
  let best = -1;
  for (const [index, outline] of outlines.entries())
    if (outline && (best < 0 || Math.abs(index - middle) < Math.abs(best - middle))) best = index;
  return best;
}

/**
 * Sums the overlaps over up to nine frames, so that one bad outline does not decide; frames in which the body hardly moves
 * count most, because codecs smear what is fast. `tall` is the height of the solid in pixels if it stood at depth 0.
 */
function voteShape(
  outlines: readonly (Outline | undefined)[],
  chain: Chain,
  width: number,
  height: number,
): { shape: Shape; margin: number; tall: number; sampled: number[] } {
  const step = Math.max(1, Math.floor(outlines.length / 9));
  const sums = Object.fromEntries(shapes.map((shape) => [shape, 0])) as Record<Shape, number>;
  const talls = Object.fromEntries(shapes.map((shape) => [shape, [] as [number, number][]])) as Record<
    Shape,
    [number, number][]
  >;
  const sampled: number[] = [];
  let total = 0;
  for (let frame = 0; frame < outlines.length; frame += step) {
    const outline = outlines[frame];
    if (!outline) continue;
    sampled.push(frame);
    const side = Math.sqrt(outline.area);
    const speeds = [outlines[frame - 1], outlines[frame + 1]].map((other) =>
      other ? Math.hypot(other.x - outline.x, other.y - outline.y) / side : 0,
    );
    const weight = 1 / (1 + (Math.max(...speeds) / 0.06) ** 2);
    total += weight;
    const matches = matchShapes(outline, maskOf(chain[frame]!, width, height), width);
    for (const shape of shapes) {
      sums[shape] += weight * matches[shape].overlap;
      talls[shape].push([side * matches[shape].scale, weight]);
    }
  }
  const ranked = shapes.toSorted((a, b) => sums[b] - sums[a]);
  const [first, second] = ranked as [Shape, Shape];
  if (!sampled.length) sampled.push(nearestTo(outlines, outlines.length >> 1));
  return {
    shape: first,
    margin: Math.min(1, ((sums[first] - sums[second]) / Math.max(1e-6, total)) * 5),
    tall: weightedMedian(talls[first]),
    sampled,
  };
}

/** The value below which half of the weight lies; of (value, weight) pairs. */
function weightedMedian(pairs: readonly (readonly [number, number])[]): number {
  const sorted = pairs.toSorted((a, b) => a[0] - b[0]);
  let left = sorted.reduce((sum, [, weight]) => sum + weight, 0) / 2;
  return sorted.find(([, weight]) => (left -= weight) <= 0)?.[0] ?? 0;
}

/** Pixels of a blob that are more than two away from its edge. */
function innerPixels(blob: Blob, width: number, height: number): number[] {
  const mask = maskOf(blob, width, height);
  const ring = [-1, 1, -width, width, -2, 2, -2 * width, 2 * width];
  return blob.pixels.filter((pixel) => ring.every((offset) => mask[pixel + offset]! > 0));
}

function maskOf(blob: Blob, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  for (const pixel of blob.pixels) mask[pixel] = 1;
  return mask;
}

/** Halfway between the small and the large bodies of `draw.ts`; of two bodies the farther one looks smaller. */
function sizeOf({ tall, depth }: { depth: number; tall: number }, two: boolean): Size {
  if (!two) return tall > 0.74 ? "large" : "small";
  return (tall * (distance + depth)) / distance > 0.52 ? "large" : "small";
}

/** Where the first is, seen from the second: nearer or farther when the feet stand at clearly different depths. */
function relate(a: { x: number; depth: number }, b: { x: number; depth: number }): Relation {
  if (Math.abs(a.depth - b.depth) > 0.6) return a.depth < b.depth ? "in front of" : "behind";
  return a.x < b.x ? "left of" : "right of";
}

export type Attribute = "shape" | "colour" | "material" | "size" | "motion" | "sky" | "ground" | "camera" | "relation";

/** The attributes that a caption asks for; missing ones are not scored. */
export type Expected = {
  readonly [key in "sky" | "ground" | "camera" | "relation"]?: Scene[key];
} & { readonly bodies: readonly Partial<Pick<DetectedBody, "shape" | "colour" | "material" | "size" | "motion">>[] };

/** Everything that pixels of this many rows can show of a scene: a pattern needs four pixels a period. */
export function expectedOf(scene: Scene, height: number, frames: number): Expected {
  return {
    sky: scene.sky,
    ground: scene.ground,
    camera: frames > 1 ? scene.camera : undefined,
    relation: scene.relation,
    bodies: scene.bodies.map(({ shape, colour, material, size, motion, period }) => ({
      shape,
      colour,
      size,
      motion: frames > 1 ? motion : undefined,
      material: isFine(material) && (period / pictureHeight) * height < 3.5 ? undefined : material,
    })),
  };
}

/** For each expected attribute whether it was recovered (of two bodies: of both). A body that was not found is wrong. */
export function score(expected: Expected, detected: Detected): Partial<Record<Attribute, boolean>> {
  const keys = ["shape", "colour", "material", "size", "motion"] as const;
  const orders =
    expected.bodies.length > 1
      ? [
          [0, 1],
          [1, 0],
        ]
      : [[0]];
  let best: { hits: number; marks: Partial<Record<Attribute, boolean>> } | undefined;
  for (const order of orders) {
    const marks: Partial<Record<Attribute, boolean>> = {};
    let hits = 0;
    for (const key of keys) {
      for (const [index, body] of expected.bodies.entries()) {
        if (body[key] === undefined) continue;
        const right = detected.bodies[order[index]!]?.[key] === body[key];
        marks[key] = (marks[key] ?? true) && right;
        if (right) hits += key === "colour" || key === "shape" ? 2 : 1;
      }
    }
    if (expected.relation) {
      const swapped = {
        "left of": "right of",
        "right of": "left of",
        "in front of": "behind",
        behind: "in front of",
      } as const;
      const seen = detected.relation && (order[0] === 0 ? detected.relation : swapped[detected.relation]);
      marks.relation = seen === expected.relation;
      if (marks.relation) hits += 0.5;
    }
    if (!best || hits > best.hits) best = { hits, marks };
  }
  const marks = best!.marks;
  for (const key of ["sky", "ground", "camera"] as const)
    if (expected[key] !== undefined) marks[key] = detected[key] === expected[key];
  return marks;
}
