import type { Detected, DetectedBody, Within } from "./detect/reading.ts";
import { isFine, pictureHeight, type Scene } from "./scene.ts";

export type Attribute = "shape" | "colour" | "material" | "size" | "motion" | "sky" | "ground" | "camera" | "relation";

/** Whether each expected attribute was recovered. */
export type Marks = Partial<Record<Attribute, boolean>>;

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
      // Sizes are meant at the middle of the way towards the camera or away from it.
      size: frames > 1 || (motion !== "toward" && motion !== "away") ? size : undefined,
      motion: frames > 1 ? motion : undefined,
      material: isFine(material) && (period / pictureHeight) * height < 3.5 ? undefined : material,
    })),
  };
}

/** What is expected, without the attributes that have one value in a preset: to get those right is no merit. */
export function askedWithin(expected: Expected, { shapes, materials, cameras }: Within): Expected {
  const differ = (values: readonly string[]): boolean => new Set(values).size > 1;
  return {
    ...expected,
    camera: differ(cameras) ? expected.camera : undefined,
    bodies: expected.bodies.map((body) => ({
      ...body,
      shape: differ(shapes) ? body.shape : undefined,
      material: differ(materials) ? body.material : undefined,
    })),
  };
}

/** For each expected attribute whether it was recovered (of two bodies: of both). A body that was not found is wrong. */
export function score(expected: Expected, detected: Detected): Marks {
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
    const marks: Marks = {};
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
