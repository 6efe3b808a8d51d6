import type { Random } from "../../base/philox.ts";
import { tints } from "./palette.ts";
import {
  type Body,
  type Camera,
  cameras,
  colours,
  type Ground,
  grounds,
  isFine,
  isVisible,
  type Material,
  type Motion,
  materials,
  motions,
  pictureHeight,
  type Relation,
  relations,
  type Scene,
  type Shape,
  type Size,
  type Sky,
  shapes,
  sizes,
  skies,
  spinShows,
} from "./scene.ts";

/** Which values occur and how often: a value's weight is how many times it stands in the list. */
export interface Preset {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly materials: readonly Material[];
  readonly motions: readonly Motion[];
  readonly grounds: readonly Ground[];
  readonly cameras: readonly Camera[];
  /** Share of scenes with two bodies, and of skies with clouds and stars. */
  readonly pairs: number;
  readonly weather: number;
  /** Picture height at which a fine pattern's period is 3 to 4 pixels. */
  readonly fineHeight: number;
}

const solids = shapes.filter((shape) => shape !== "torus");
const walks: readonly Motion[] = ["still", "left", "right", "up", "down"];

export const mini: Preset = {
  name: "mini",
  shapes: solids,
  materials: ["plain"],
  motions: [...walks, ...walks, "spin", "bounce", "toward", "away"],
  grounds: ["plain", "checkered"],
  cameras: ["static"],
  pairs: 0,
  weather: 0,
  fineHeight: 256,
};

export const miniTextured: Preset = {
  ...mini,
  name: "miniTextured",
  materials: ["plain", "plain", "striped", "checkered"],
};

export const rich: Preset = {
  name: "rich",
  shapes,
  materials: ["plain", "plain", ...materials],
  motions: [...walks, ...motions],
  grounds,
  cameras: ["static", "static", "static", ...cameras],
  pairs: 0.3,
  weather: 0.7,
  fineHeight: 512,
};

export const presets = { mini, miniTextured, rich } as const;

/** One scene, drawn at random; only scenes whose every attribute can be seen are returned. */
export function drawScene(preset: Preset, random: Random): Scene {
  for (;;) {
    const scene = draw(preset, random);
    if (isVisible(scene)) return scene;
  }
}

/** The attributes that a scene may be asked to have; the rest is drawn. */
export interface Wish {
  readonly shape?: Shape;
  readonly colour?: (typeof colours)[number];
  readonly material?: Material;
  readonly size?: Size;
  readonly motion?: Motion;
  readonly sky?: Sky;
  readonly ground?: Ground;
  readonly camera?: Camera;
}

function draw(preset: Preset, random: Random, wish: Wish = {}): Scene {
  const ground = wish.ground ?? random.pick(preset.grounds);
  const sky = wish.sky ?? random.pick(skies);
  const camera = wish.camera ?? random.pick(preset.cameras);
  const pair = random.chance(preset.pairs);
  const relation = pair ? random.pick(relations) : undefined;
  const first = drawBody(preset, random, wish, pair);
  const bodies = relation ? place(first, drawBody(preset, random, {}, pair), relation, random) : [first];
  return {
    bodies,
    relation,
    sky,
    ground,
    camera,
    tint: random.below(tints.length),
    cell: random.between(0.55, 0.68),
    phase: [random.uniform(), random.uniform()],
    eye: random.between(1.3, 1.4),
    sun: random.between(0.5, 0.9),
    weather: random.chance(preset.weather) ? 1 + random.below(2 ** 30) : 0,
  };
}

/** A scene with the wished attributes; throws nothing, but a wish that cannot be seen never returns: check first. */
export function drawWish(preset: Preset, wish: Wish, random: Random): Scene {
  return draw(preset, random, wish);
}

function drawBody(preset: Preset, random: Random, wish: Wish, pair: boolean): Body {
  let motion = wish.motion ?? random.pick(preset.motions);
  let shape = wish.shape ?? random.pick(preset.shapes),
    material = wish.material ?? random.pick(preset.materials);
  // Motion first: else spinning would be as rare as the solids that can be seen to spin.
  for (let tries = 0; motion === "spin" && !spinShows(shape, material) && tries < 100; tries++) {
    shape = wish.shape ?? random.pick(preset.shapes);
    material = wish.material ?? random.pick(preset.materials);
    if (wish.shape && wish.material && !wish.motion) motion = random.pick(preset.motions);
  }
  const colour = wish.colour ?? random.pick(colours);
  const size = wish.size ?? random.pick(sizes);
  if (pair && (motion === "left" || motion === "right" || motion === "toward" || motion === "away")) motion = "still";
  const inDepth = motion === "toward" || motion === "away";
  let height = size === "large" ? random.between(0.86, 1) : random.between(0.53, 0.63);
  if (pair) height *= size === "large" ? 0.72 : 0.68;
  // Sizes are meant at the middle of the clip, which lies deeper for these.
  if (inDepth) height *= 1.25;
  const fine = (pictureHeight / preset.fineHeight) * random.between(3, 4);
  const edge = shape === "cube" ? 0.84 * height : height;
  return {
    shape,
    colour,
    material,
    size,
    motion,
    height,
    across: random.between(-0.06, 0.06) * (motion === "left" || motion === "right" ? 0.6 : 1),
    depth: inDepth ? 0.9 : random.between(-0.1, 0.15),
    yaw: shape === "torus" ? random.between(-0.6, 0.6) : random.between(0.3, 1.2),
    travel: travelOf(motion, random),
    period: material === "plain" ? 0 : isFine(material) ? fine : edge / (material === "striped" ? 2.5 : 1.5),
  };
}

function travelOf(motion: Motion, random: Random): number {
  switch (motion) {
    case "left":
    case "right":
      return random.between(0.33, 0.4);
    case "up":
    case "down":
      return random.between(0.62, 0.75);
    case "toward":
    case "away":
      return random.between(1.5, 1.7);
    case "spin":
      return random.between(1.9, 2.4);
    case "bounce":
      return random.between(0.5, 0.62);
    case "still":
      return 0;
  }
}

/** Two bodies in a relation; the second stands still, so that the relation holds for the whole clip. */
function place(first: Body, second: Body, relation: Relation, random: Random): Body[] {
  const gap = random.between(0.21, 0.24);
  const still = { ...second, motion: "still", travel: 0 } as const;
  const side = relation === "left of" ? -1 : relation === "right of" ? 1 : random.chance(0.5) ? 1 : -1;
  if (relation === "left of" || relation === "right of")
    return [
      { ...first, across: side * gap },
      { ...still, across: -side * gap },
    ];
  const near = 0.05,
    far = 1.25;
  return [
    { ...first, across: side * 0.13, depth: relation === "in front of" ? near : far },
    { ...still, across: -side * 0.17, depth: relation === "in front of" ? far : near },
  ];
}
