/**
 * What a scene of the procedural world is: named attributes (the words of a caption) and the exact numbers behind
 * them. A scene knows no resolution and no frame rate: `motion.ts` places it at a clip time, `render.ts` draws it.
 */
export const shapes = ["sphere", "cube", "cylinder", "cone", "torus"] as const;
export const colours = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "white"] as const;
export const materials = ["plain", "striped", "checkered", "finely striped", "finely checkered"] as const;
export const sizes = ["small", "large"] as const;
export const motions = ["still", "left", "right", "up", "down", "toward", "away", "spin", "bounce"] as const;
export const skies = ["clear", "sunset", "night", "overcast"] as const;
export const grounds = ["plain", "checkered", "striped"] as const;
export const cameras = ["static", "pan left", "pan right", "orbit", "zoom in"] as const;
export const relations = ["left of", "right of", "in front of", "behind"] as const;

export type Shape = (typeof shapes)[number];
export type Colour = (typeof colours)[number];
export type Material = (typeof materials)[number];
export type Size = (typeof sizes)[number];
export type Motion = (typeof motions)[number];
export type Sky = (typeof skies)[number];
export type Ground = (typeof grounds)[number];
export type Camera = (typeof cameras)[number];
/** Where the first body is, seen from the second. */
export type Relation = (typeof relations)[number];

/** One solid. Lengths are world units; a picture is about `pictureHeight` units high where bodies stand (depth 0). */
export interface Body {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly material: Material;
  readonly size: Size;
  readonly motion: Motion;
  /** Height of the solid. */
  readonly height: number;
  /** Where it is at the middle of the clip, as a fraction of the picture's width from its centre, in [-0.5, 0.5]. */
  readonly across: number;
  /** How far behind the line where bodies stand, at the middle of the clip. */
  readonly depth: number;
  /** Angle about the vertical axis at the start of the clip, radians. */
  readonly yaw: number;
  /** How far it goes: fraction of the picture's width (left, right), world units (up, down, toward, away, bounce), radians (spin). */
  readonly travel: number;
  /** Length of one period (two bands) of its pattern; 0 when plain. */
  readonly period: number;
}

export interface Scene {
  readonly bodies: readonly Body[];
  /** Of the first body to the second; only with two bodies. */
  readonly relation: Relation | undefined;
  readonly sky: Sky;
  readonly ground: Ground;
  readonly camera: Camera;
  /** Index into the tints of `palette.ts`. */
  readonly tint: number;
  /** Width of one cell of the ground's pattern, and where the pattern starts, in cells. */
  readonly cell: number;
  readonly phase: readonly [number, number];
  /** Height of the camera above the ground. */
  readonly eye: number;
  /** Direction from which the sun shines, radians from straight behind the camera, positive from the left. */
  readonly sun: number;
  /** Seed of what no word names: clouds and stars; 0 for a clean sky. */
  readonly weather: number;
}

/** World units between the lower and the upper edge of the picture, at depth 0. */
export const pictureHeight = 2.1;

const patterned = (material: Material): boolean => material !== "plain";
export const isFine = (material: Material): boolean => material.startsWith("finely");
export const isChecker = (material: Material): boolean => material.endsWith("checkered");

/** Whether pixels can show this motion: a solid of revolution that looks alike from all sides cannot be seen to spin. */
export function spinShows(shape: Shape, material: Material): boolean {
  if (shape === "cube" || shape === "torus") return true;
  return patterned(material) && material === "checkered";
}

/** Whether pixels can show everything this scene claims. */
export function isVisible(scene: Scene): boolean {
  // Without a pattern underfoot a camera that turns looks like a body that moves; stripes that run towards the horizon
  // look nearly the same from nearer by.
  if (scene.camera !== "static" && scene.ground === "plain") return false;
  if (scene.camera === "zoom in" && scene.ground === "striped") return false;
  // A camera that goes around a body shows its sides in turn, and so does a body that spins.
  if (scene.camera === "orbit" && scene.bodies.some(({ motion }) => motion === "spin")) return false;
  return scene.bodies.every((body) => body.motion !== "spin" || spinShows(body.shape, body.material));
}
