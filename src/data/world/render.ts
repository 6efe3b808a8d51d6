import { InputError } from "../../base/errors.ts";
import type { Frame } from "../../video/frame.ts";
import { drawBackdrop, type Window } from "./backdrop.ts";
import { Light, lightPast, shade } from "./light.ts";
import { clipTime, poseAt, type View, viewAt } from "./motion.ts";
import { bodyColours, encodeScale, encodeTable, partner } from "./palette.ts";
import type { Scene } from "./scene.ts";
import { hit, Solid } from "./solids.ts";

export interface RenderOptions {
  /** Size of the whole picture in pixels. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Draw only this part of the picture; it costs as much as its share, and equals the same part of the whole. */
  readonly window?: Window;
  /** Draw only these frames of the clip. */
  readonly range?: { readonly first: number; readonly count: number };
}

export interface Rendering {
  readonly frames: Frame[];
  /** For each frame and pixel: 0 for the backdrop, or 1 + the index of the body under the pixel's centre. */
  readonly masks: Uint8Array[];
}

/** Edge pixels are the mean of `grid` x `grid` rays; everything else is band-limited by its formula. */
const grid = 4;

/** Draws the clip. The same scene at another size is the same picture, sharper. */
export function render(scene: Scene, options: RenderOptions): Rendering {
  const { width, height, frames } = options;
  const window = options.window ?? { x: 0, y: 0, width, height };
  if (![width, height, frames, window.width, window.height].every((count) => Number.isInteger(count) && count > 0))
    throw new InputError(`a rendering needs whole positive sizes, got ${width}x${height}, ${frames} frames`);
  const painter = new Painter(scene, width, height, window);
  const out: Rendering = { frames: [], masks: [] };
  const { first, count } = options.range ?? { first: 0, count: frames };
  for (let frame = first; frame < first + count; frame++) {
    const mask = new Uint8Array(window.width * window.height);
    out.frames.push(painter.paint(clipTime(frame, frames), mask));
    out.masks.push(mask);
  }
  return out;
}

/** Columns [left, right) and rows [top, bottom) of the whole picture. */
interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

class Painter {
  readonly #scene: Scene;
  readonly #width: number;
  readonly #height: number;
  readonly #window: Window;
  readonly #light: Light;
  readonly #colours;
  /** Linear light and bytes of what is behind the bodies; kept from frame to frame while the camera stands. */
  #backdrop: Float32Array | undefined;
  #bytes: Uint8Array | undefined;

  constructor(scene: Scene, width: number, height: number, window: Window) {
    this.#scene = scene;
    this.#width = width;
    this.#height = height;
    this.#window = window;
    this.#light = new Light(scene);
    this.#colours = scene.bodies.map(({ colour }) => [bodyColours[colour], partner(colour)] as const);
  }

  paint(s: number, mask: Uint8Array): Frame {
    const window = this.#window;
    const view = viewAt(this.#scene, s);
    if (!this.#backdrop || !this.#bytes || this.#scene.camera !== "static") {
      this.#backdrop = drawBackdrop(this.#scene, view, this.#width, this.#height, window);
      this.#bytes = new Uint8Array(this.#backdrop.length);
      for (let at = 0; at < this.#bytes.length; at++) this.#bytes[at] = encode(this.#backdrop[at]!);
    }
    const data = this.#bytes.slice();
    const aspect = this.#width / this.#height;
    const solids = this.#scene.bodies.map((body) => new Solid(body, poseAt(body, s, aspect), view));
    const bodies = solids.map((solid) => this.#boxOf(solid, view, false));
    this.#paintShadows(data, solids, view);
    for (const box of apart(bodies)) this.#paintBodies(data, mask, solids, bodies, box, view);
    return { width: window.width, height: window.height, data };
  }

  /** Darkens the ground under and beside the bodies. */
  #paintShadows(data: Uint8Array, solids: Solid[], view: View): void {
    const window = this.#window;
    for (const box of apart(solids.map((solid) => this.#boxOf(solid, view, true)))) {
      for (let y = Math.max(box.top, window.y); y < Math.min(box.bottom, window.y + window.height); y++) {
        for (let x = Math.max(box.left, window.x); x < Math.min(box.right, window.x + window.width); x++) {
          const light = this.#lightAt(solids, view, x + 0.5, y + 0.5);
          if (light > 0.998) continue;
          const at = ((y - window.y) * window.width + x - window.x) * 3;
          for (let channel = 0; channel < 3; channel++)
            data[at + channel] = encode(this.#backdrop![at + channel]! * light);
        }
      }
    }
  }

  /** Share of light on the ground seen at a point of the picture; 1 in the sky. */
  #lightAt(solids: Solid[], view: View, x: number, y: number): number {
    const pixel = (2 * view.tangent) / this.#height;
    const u = (x - this.#width / 2) * pixel,
      v = (this.#height / 2 - y) * pixel;
    const { eye, right, up, forward } = view;
    const dy = forward[1] + v * up[1];
    if (dy >= -1e-3) return 1;
    const t = -eye[1] / dy;
    const gx = eye[0] + t * (forward[0] + u * right[0] + v * up[0]),
      gz = eye[2] + t * (forward[2] + u * right[2] + v * up[2]);
    let light = 1;
    for (const solid of solids) light *= lightPast(solid, this.#light, gx, gz);
    return light;
  }

  #paintBodies(data: Uint8Array, mask: Uint8Array, solids: Solid[], bodies: Box[], box: Box, view: View): void {
    const window = this.#window;
    const { right, up, forward } = view;
    const pixel = (2 * view.tangent) / this.#height;
    const left = Math.max(box.left, window.x),
      top = Math.max(box.top, window.y);
    const across = Math.min(box.right, window.x + window.width) - left,
      down = Math.min(box.bottom, window.y + window.height) - top;
    if (across <= 0 || down <= 0) return;
    // One pixel of margin, so that edges are found alike in a window and in the whole.
    const stride = across + 2;
    const faces = new Uint8Array(stride * (down + 2));
    const colour = new Float64Array(3);
    const ray = (x: number, y: number, paint: boolean): number => {
      const u = (x - this.#width / 2) * pixel,
        v = (this.#height / 2 - y) * pixel;
      const dx = forward[0] + u * right[0] + v * up[0],
        dy = forward[1] + v * up[1],
        dz = forward[2] + u * right[2] + v * up[2];
      let nearest = Number.POSITIVE_INFINITY,
        best = -1,
        last = -1;
      for (let index = 0; index < solids.length; index++) {
        const { left, right, top, bottom } = bodies[index]!;
        if (x < left || x >= right || y < top || y >= bottom) continue;
        const t = solids[index]!.intersect(dx, dy, dz, pixel);
        if (t === Number.POSITIVE_INFINITY) continue;
        last = index;
        if (t < nearest) {
          nearest = t;
          best = index;
        }
      }
      if (best < 0) return 0;
      const solid = solids[best]!;
      if (last !== best) solid.intersect(dx, dy, dz, pixel);
      const face = 1 + best * 8 + hit.face;
      if (paint) {
        const [base, second] = this.#colours[best]!;
        const height = (view.eye[1] + nearest * dy) / (2 * solid.half);
        shade(this.#light, solid, base, second, dx, dy, dz, height, colour);
      }
      return face;
    };
    for (let row = -1; row <= down; row++) {
      for (let column = -1; column <= across; column++) {
        const inside = row >= 0 && row < down && column >= 0 && column < across;
        const face = ray(left + column + 0.5, top + row + 0.5, inside);
        faces[(row + 1) * stride + column + 1] = face;
        if (face === 0 || !inside) continue;
        const at = (top + row - window.y) * window.width + left + column - window.x;
        mask[at] = 1 + ((face - 1) >> 3);
        for (let channel = 0; channel < 3; channel++) data[at * 3 + channel] = encode(colour[channel]!);
      }
    }
    for (let row = 0; row < down; row++) {
      for (let column = 0; column < across; column++) {
        const here = (row + 1) * stride + column + 1,
          face = faces[here]!;
        if (
          face === faces[here - 1] &&
          face === faces[here + 1] &&
          face === faces[here - stride] &&
          face === faces[here + stride]
        )
          continue;
        let red = 0,
          green = 0,
          blue = 0,
          missed = 0;
        for (let sample = 0; sample < grid * grid; sample++) {
          const x = left + column + ((sample % grid) + 0.5) / grid,
            y = top + row + (Math.floor(sample / grid) + 0.5) / grid;
          if (ray(x, y, true) === 0) missed++;
          else {
            red += colour[0]!;
            green += colour[1]!;
            blue += colour[2]!;
          }
        }
        const at = ((top + row - window.y) * window.width + left + column - window.x) * 3;
        const behind = missed ? missed * this.#lightAt(solids, view, left + column + 0.5, top + row + 0.5) : 0;
        const share = 1 / (grid * grid);
        data[at] = encode((red + behind * this.#backdrop![at]!) * share);
        data[at + 1] = encode((green + behind * this.#backdrop![at + 1]!) * share);
        data[at + 2] = encode((blue + behind * this.#backdrop![at + 2]!) * share);
      }
    }
  }

  /** A box of whole pixels that holds the solid, or its shadow. */
  #boxOf(solid: Solid, view: View, shadow: boolean): Box {
    const { x, y, z, lift } = solid.pose;
    const box = { left: this.#width, top: this.#height, right: 0, bottom: 0 };
    if (!shadow) {
      const side = solid.body.shape === "cube" ? solid.radius * Math.SQRT2 : Math.max(solid.radius, solid.half * 0.2);
      const wide = solid.body.shape === "torus" ? solid.half : side;
      for (let corner = 0; corner < 8; corner++)
        this.#extend(
          box,
          view,
          x + (corner & 1 ? wide : -wide),
          y + (corner & 2 ? solid.half : -solid.half),
          z + (corner & 4 ? wide : -wide),
        );
      return { left: box.left - 1, top: box.top - 1, right: box.right + 1, bottom: box.bottom + 1 };
    }
    const [sx, sz] = this.#light.slant;
    const tall = lift + 2 * solid.half;
    const reach = solid.reach * 1.5 + this.#light.climate.softness * (0.12 + tall) + 0.6 * lift;
    for (let point = 0; point < 24; point++) {
      const height = [0, lift, tall][point % 3]!,
        angle = (Math.floor(point / 3) * Math.PI) / 4;
      this.#extend(
        box,
        view,
        x + sx * height + 1.1 * reach * Math.cos(angle),
        0,
        z + sz * height + 1.1 * reach * Math.sin(angle),
      );
    }
    return box;
  }

  #extend(box: Box, view: View, x: number, y: number, z: number): void {
    const px = x - view.eye[0],
      py = y - view.eye[1],
      pz = z - view.eye[2];
    const depth = Math.max(0.3, px * view.forward[0] + py * view.forward[1] + pz * view.forward[2]);
    const scale = this.#height / (2 * view.tangent * depth);
    const column = this.#width / 2 + scale * (px * view.right[0] + pz * view.right[2]);
    const row = this.#height / 2 - scale * (px * view.up[0] + py * view.up[1] + pz * view.up[2]);
    box.left = Math.max(0, Math.min(box.left, Math.floor(column)));
    box.right = Math.min(this.#width, Math.max(box.right, Math.ceil(column)));
    box.top = Math.max(0, Math.min(box.top, Math.floor(row)));
    box.bottom = Math.min(this.#height, Math.max(box.bottom, Math.ceil(row)));
  }
}

const encode = (light: number): number => encodeTable[Math.min(2 * encodeScale - 1, (light * encodeScale) | 0)]!;

/** Boxes that share no pixel with one another: overlapping ones are merged. */
function apart(boxes: readonly Box[]): Box[] {
  const out: Box[] = [];
  for (let box of boxes) {
    for (let index = 0; index < out.length; index++) {
      const other = out[index]!;
      if (box.left >= other.right || other.left >= box.right || box.top >= other.bottom || other.top >= box.bottom)
        continue;
      box = {
        left: Math.min(box.left, other.left),
        top: Math.min(box.top, other.top),
        right: Math.max(box.right, other.right),
        bottom: Math.max(box.bottom, other.bottom),
      };
      out.splice(index, 1);
      index = -1;
    }
    out.push(box);
  }
  return out;
}
