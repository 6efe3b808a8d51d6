import { type Body, pictureHeight, type Scene } from "./scene.ts";

/**
 * Where everything is at clip time `s` in [0, 1]: 0 is the first frame, 1 the last. Motion is tied to the clip, not to
 * seconds, so that the same words look alike in 9 frames and in 250. x is right, y up, z away from the camera.
 */
export interface Pose {
  /** Centre of the solid in world units. */
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly yaw: number;
  /** Gap between the solid and the ground. */
  readonly lift: number;
}

/** A pinhole camera without roll; the three axes are unit vectors. */
export interface View {
  readonly eye: readonly [number, number, number];
  readonly right: readonly [number, number, number];
  readonly up: readonly [number, number, number];
  readonly forward: readonly [number, number, number];
  /** Tangent of half the vertical field of view. */
  readonly tangent: number;
}

/** Horizontal distance between the camera and depth 0, and how far down it looks (tangent). */
export const distance = 3.2;
const tangent = pictureHeight / 2 / distance;
/** The horizon lies this far above the picture's centre, in half heights. */
export const horizonLift = 0.42;

const hops = 2;

export function clipTime(frame: number, frames: number): number {
  return frames > 1 ? frame / (frames - 1) : 0;
}

/** `aspect` is width / height of the picture: sideways travel is measured in picture widths. */
export function poseAt(body: Body, s: number, aspect: number): Pose {
  const run = body.travel * (s - 0.5);
  let across = body.across,
    z = body.depth,
    lift = 0,
    yaw = body.yaw;
  switch (body.motion) {
    case "still":
      break;
    case "left":
      across -= run;
      break;
    case "right":
      across += run;
      break;
    case "up":
      lift = body.travel * s;
      break;
    case "down":
      lift = body.travel * (1 - s);
      break;
    case "toward":
      z -= run;
      break;
    case "away":
      z += run;
      break;
    case "spin":
      yaw += body.travel * s;
      break;
    case "bounce": {
      const hop = (s * hops) % 1;
      lift = body.travel * 4 * hop * (1 - hop);
      break;
    }
  }
  // A body farther away spreads over more world units for the same part of the picture.
  const x = across * pictureHeight * aspect * ((distance + body.depth) / distance);
  return { x, y: lift + solidHeight(body) / 2, z, yaw, lift };
}

/** Height of the solid above its foot: a cube of the same edge would look larger than the others. */
export function solidHeight(body: Body): number {
  return body.shape === "cube" ? 0.84 * body.height : body.height;
}

/** The camera at clip time `s`. */
export function viewAt(scene: Scene, s: number): View {
  const slope = horizonLift * tangent;
  let yaw = 0,
    zoom = 1,
    eye: [number, number, number] = [0, scene.eye, -distance];
  switch (scene.camera) {
    case "static":
      break;
    case "pan left":
      yaw = -0.2 * (s - 0.5);
      break;
    case "pan right":
      yaw = 0.2 * (s - 0.5);
      break;
    case "orbit": {
      yaw = 0.7 * (s - 0.5);
      eye = [-distance * Math.sin(yaw), scene.eye, -distance * Math.cos(yaw)];
      break;
    }
    case "zoom in":
      zoom = 0.72 * (1 - s) + 1.05 * s;
      break;
  }
  const length = Math.hypot(1, slope);
  const flat = 1 / length,
    drop = -slope / length;
  const sin = Math.sin(yaw),
    cos = Math.cos(yaw);
  return {
    eye,
    right: [cos, 0, -sin],
    up: [-sin * drop, flat, -cos * drop],
    forward: [sin * flat, drop, cos * flat],
    tangent: tangent / zoom,
  };
}
