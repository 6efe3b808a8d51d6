import type { Camera, Colour, Ground, Material, Motion, Relation, Shape, Size, Sky } from "../scene.ts";

/** What a preset can show: the answers that there are. */
export interface Within {
  readonly shapes: readonly Shape[];
  readonly materials: readonly Material[];
  readonly cameras: readonly Camera[];
  /** Share of scenes with two bodies. */
  readonly pairs: number;
}

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

/** A body before its size is judged: how far behind the line where bodies stand its foot is (world units), and its height as a part of the picture's if it stood there. */
export type BodyReading = Omit<DetectedBody, "size"> & { readonly depth: number; readonly tall: number };

export interface Detected {
  /** Largest first. */
  readonly bodies: readonly DetectedBody[];
  readonly sky: Sky;
  readonly ground: Ground;
  readonly camera: Camera;
  readonly relation: Relation | undefined;
  readonly confidence: { readonly sky: number; readonly camera: number };
}
