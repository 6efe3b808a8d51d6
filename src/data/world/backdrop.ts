import { Random } from "../../base/philox.ts";
import { wave } from "./light.ts";
import type { View } from "./motion.ts";
import { climates, tints } from "./palette.ts";
import { pictureHeight, type Scene } from "./scene.ts";

/** A part of the picture, in pixels of the whole. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Sky and ground without bodies, in linear light: [height, width, 3] of `window`, seen in a picture of `width` x `height`
 * pixels. The ground's pattern is box-filtered under each pixel, so it fades into its mean where cells get too small.
 */
export function drawBackdrop(scene: Scene, view: View, width: number, height: number, window: Window): Float32Array {
  const out = new Float32Array(window.width * window.height * 3);
  const climate = climates[scene.sky];
  const [light, dark] = tints[scene.tint % tints.length]!;
  const { eye, right, up, forward, tangent } = view;
  const pixel = (2 * tangent) / height;
  const mood = climate.ground;
  const glowAt = 0.25;
  for (let row = 0; row < window.height; row++) {
    const v = (height / 2 - (window.y + row + 0.5)) * pixel;
    for (let column = 0; column < window.width; column++) {
      const u = (window.x + column + 0.5 - width / 2) * pixel;
      const dx = forward[0] + u * right[0] + v * up[0],
        dy = forward[1] + v * up[1],
        dz = forward[2] + u * right[2] + v * up[2];
      const at = (row * window.width + column) * 3;
      const flat = Math.sqrt(dx * dx + dz * dz);
      // Elevation of the ray, with the horizon drawn out over a few pixels' worth so that it does not alias.
      const rise = dy / flat;
      let cover = 0.5 - rise / pixel;
      cover = Math.max(0, Math.min(1, cover));
      const side = dx / flat - glowAt;
      const warm = climate.glow[0] > 0 ? Math.exp(-side * side * 12) : 0;
      let r = 0,
        g = 0,
        b = 0;
      if (cover < 1) {
        const e = Math.max(0, rise);
        const low = Math.min(1, e / 0.09),
          high = Math.max(0, Math.min(1, (e - 0.05) / 0.24));
        const a = low * low * (3 - 2 * low),
          c = high * high * (3 - 2 * high);
        r = climate.horizon[0] + a * (climate.middle[0] - climate.horizon[0]);
        g = climate.horizon[1] + a * (climate.middle[1] - climate.horizon[1]);
        b = climate.horizon[2] + a * (climate.middle[2] - climate.horizon[2]);
        r += c * (climate.zenith[0] - r);
        g += c * (climate.zenith[1] - g);
        b += c * (climate.zenith[2] - b);
        const glow = warm * Math.exp(-e * e * 90);
        r += climate.glow[0] * glow;
        g += climate.glow[1] * glow;
        b += climate.glow[2] * glow;
        if (scene.weather) {
          const veil = cloudiness(Math.atan2(dx, dz), e, scene.weather) * (scene.sky === "night" ? 0.5 : 0.8);
          r += veil * (climate.cloud[0] - r);
          g += veil * (climate.cloud[1] - g);
          b += veil * (climate.cloud[2] - b);
        }
      }
      if (cover > 0) {
        const down = Math.max(-dy, pixel * 0.5);
        const t = eye[1] / down;
        const x = eye[0] + t * dx,
          z = eye[2] + t * dz;
        let shade = 0;
        if (scene.ground !== "plain") {
          const size = (t * pixel) / scene.cell / 2;
          const du = size * (Math.abs(right[0]) + Math.abs(dx) / down);
          shade = wave(x / scene.cell / 2 + scene.phase[0], du);
          if (scene.ground === "checkered") {
            const dv = size * (Math.abs(right[2]) + Math.abs(dz) / down);
            shade *= wave(z / scene.cell / 2 + scene.phase[1], dv);
          }
        }
        const far = t * flat;
        // Two airs: a slow one that lightens the distance, and one that only dissolves the horizon.
        const haze = 1 - 0.92 * Math.exp(-far / 60) - 0.08 * Math.exp(-far / 9);
        const mix = scene.ground === "plain" ? 0.3 : 0.5 - 0.5 * shade;
        // A pool of light around the stage keeps even plain ground from looking flat.
        const pool = 0.82 + 0.3 / (1 + 0.12 * (x * x + 0.6 * z * z));
        const gr = (light[0] + mix * (dark[0] - light[0])) * mood[0] * pool,
          gg = (light[1] + mix * (dark[1] - light[1])) * mood[1] * pool,
          gb = (light[2] + mix * (dark[2] - light[2])) * mood[2] * pool;
        r += cover * (gr + haze * (climate.horizon[0] + warm * climate.glow[0] - gr) - r);
        g += cover * (gg + haze * (climate.horizon[1] + warm * climate.glow[1] - gg) - g);
        b += cover * (gb + haze * (climate.horizon[2] + warm * climate.glow[2] - gb) - b);
      }
      out[at] = r;
      out[at + 1] = g;
      out[at + 2] = b;
    }
  }
  if (scene.weather && scene.sky === "night") drawStars(out, scene, view, width, height, window);
  return out;
}

/** Smooth noise in [0, 1] on the integer lattice. */
export function noise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x),
    iy = Math.floor(y);
  const corner = (cx: number, cy: number): number => {
    let bits = Math.imul(cx, 0x27d4eb2d) ^ Math.imul(cy, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
    bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
  let fx = x - ix,
    fy = y - iy;
  fx = fx * fx * (3 - 2 * fx);
  fy = fy * fy * (3 - 2 * fy);
  const top = corner(ix, iy) * (1 - fx) + corner(ix + 1, iy) * fx;
  const bottom = corner(ix, iy + 1) * (1 - fx) + corner(ix + 1, iy + 1) * fx;
  return top + (bottom - top) * fy;
}

/** How much cloud hides the sky in one direction (azimuth, tangent of elevation). */
function cloudiness(azimuth: number, elevation: number, seed: number): number {
  const x = azimuth * 5,
    y = elevation * 22;
  const sum = 0.55 * noise(x, y, seed) + 0.28 * noise(2 * x, 2 * y, seed + 1) + 0.17 * noise(4 * x, 4 * y, seed + 2);
  const dense = Math.max(0, Math.min(1, (sum - 0.46) / 0.3)) * Math.min(1, elevation / 0.05);
  return dense * dense * (3 - 2 * dense);
}

function drawStars(out: Float32Array, scene: Scene, view: View, width: number, height: number, window: Window): void {
  const random = new Random(scene.weather, "stars");
  const { right, up, forward, tangent } = view;
  const pixel = (2 * tangent) / height;
  for (let star = 0; star < 90; star++) {
    const azimuth = random.between(-1, 1),
      rise = random.between(0.02, 0.6);
    const glow = 0.25 + 0.75 * random.uniform() ** 3;
    const dx = Math.sin(azimuth),
      dz = Math.cos(azimuth);
    const depth = dx * forward[0] + rise * forward[1] + dz * forward[2];
    const x = (dx * right[0] + dz * right[2]) / depth / pixel + width / 2 - window.x,
      y = height / 2 - (dx * up[0] + rise * up[1] + dz * up[2]) / depth / pixel - window.y;
    // At least about a pixel wide; a star smaller than that keeps its total light.
    const size = 0.0016 * pictureHeight * (0.5 + glow),
      spread = Math.max(0.6, size / pixel / 3.2);
    const power = glow * Math.min(1, size / pixel / 3.2 / 0.6) ** 2;
    const reach = Math.ceil(3 * spread);
    for (let py = Math.floor(y) - reach; py <= y + reach; py++) {
      for (let px = Math.floor(x) - reach; px <= x + reach; px++) {
        if (px < 0 || py < 0 || px >= window.width || py >= window.height) continue;
        const far = ((px + 0.5 - x) ** 2 + (py + 0.5 - y) ** 2) / (2 * spread * spread);
        const add = power * Math.exp(-far);
        const at = (py * window.width + px) * 3;
        for (let channel = 0; channel < 3; channel++) out[at + channel]! += add * (channel === 2 ? 0.9 : 0.75);
      }
    }
  }
}
