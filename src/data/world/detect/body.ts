import type { Frame } from "../../../video/frame.ts";
import type { Camera, Material, Sky } from "../scene.ts";
import { type Blob, innerPixels, maskOf, widen } from "./blobs.ts";
import { coverOf } from "./cover.ts";
import { grow, isWhite, peel } from "./extent.ts";
import { type Chain, nearestTo } from "./follow.ts";
import type { Foreground } from "./foreground.ts";
import { median, type Plate, plateOf } from "./lab.ts";
import { bodyLab, grainOf, nameColour, nameMaterial } from "./looks.ts";
import { hullOf } from "./outline.ts";
import type { BodyReading, Within } from "./reading.ts";
import { nameMotion } from "./track.ts";
import { voteShape } from "./vote.ts";

/** A clip, and what is known of it before its bodies are looked at. */
export interface Stage {
  readonly frames: readonly Frame[];
  /** The frames shrunk by `factor`; blobs are in their pixels. */
  readonly plates: readonly Plate[];
  readonly factor: number;
  readonly foregrounds: readonly Foreground[];
  readonly sky: Sky;
  readonly camera: Camera;
  readonly within: Within;
}

/** Reads everything off one body that was followed through a clip. */
export function readBody(stage: Stage, found: Chain): BodyReading {
  const { plates, foregrounds, sky, camera, within } = stage;
  const { width, height } = plates[0]!;
  const whole = found.map((blob, frame) =>
    blob && isWhite(blob, plates[frame]!) ? grow(blob, foregrounds[frame]!, width, height) : blob,
  );
  const peeled = whole.map((blob, frame) => blob && peel(blob, foregrounds[frame]!.far, width));
  const material = readMaterial(stage, peeled);
  // The dark bands of a pattern may be nearer to the backdrop than its bright ones: peeling would take them.
  const chain = material === "plain" ? peeled : whole;
  const outlines = chain.map((blob) => blob && hullOf(blob, width));
  const covers = chain.map((blob, frame) =>
    blob && material === "plain"
      ? coverOf(widen(whole[frame]!, 2, width, height), blob, foregrounds[frame]!.far, width, height)
      : undefined,
  );
  const { motion, depth } = nameMotion(outlines, covers, plates, camera);
  const votes = voteShape(outlines, chain, covers, width, height, within.shapes);
  const labs = votes.sampled.map((frame) => {
    const inner = innerPixels(chain[frame]!, width, height);
    return bodyLab(plates[frame]!, inner.length > 4 ? inner : chain[frame]!.pixels);
  });
  const lab = [0, 1, 2].map((axis) => median(labs.map((one) => one[axis]!))) as [number, number, number];
  const colour = nameColour(lab, sky);
  const { x, y } = outlines[nearestTo(chain, plates.length >> 1)]!;
  return {
    shape: votes.shape,
    colour: colour.value,
    material,
    motion,
    confidence: { shape: votes.margin, colour: Math.min(1, colour.margin / 30) },
    x: x / width,
    y: y / height,
    found: outlines.filter(Boolean).length / outlines.length,
    depth,
    tall: votes.tall / height,
  };
}

/** The pattern, judged on up to five frames at their own size. */
function readMaterial({ frames, plates, factor, within }: Stage, chain: Chain): Material {
  const { width, height } = plates[0]!;
  const possible = new Set(within.materials);
  if (possible.size === 1) return within.materials[0]!;
  const middle: Blob = chain[nearestTo(chain, frames.length >> 1)]!;
  const { shape } = voteShape([hullOf(middle, width)], [middle], [], width, height, within.shapes);
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
