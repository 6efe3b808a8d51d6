import { type Climate, climates, type Rgb } from "./palette.ts";
import type { Scene } from "./scene.ts";
import { hit, type Solid } from "./solids.ts";

/** Where the sun is and what colours its light has; one for a whole clip. */
export class Light {
  readonly climate: Climate;
  /** Unit vector towards the sun. */
  readonly to: readonly [number, number, number];
  /** Where the shadow of a point one unit above the ground falls, along x and z. */
  readonly slant: readonly [number, number];

  constructor(scene: Scene) {
    this.climate = climates[scene.sky];
    const flat = Math.cos(this.climate.elevation),
      up = Math.sin(this.climate.elevation);
    this.to = [-flat * Math.sin(scene.sun), up, -flat * Math.cos(scene.sun)];
    this.slant = [-this.to[0] / up, -this.to[2] / up];
  }
}

/** Box-filtered square wave of period 1 between -1 and 1: its mean over `width` around `at`. */
export function wave(at: number, width: number): number {
  const low = at - width / 2,
    high = at + width / 2;
  return (Math.abs(low - Math.floor(low) - 0.5) - Math.abs(high - Math.floor(high) - 0.5)) / width;
}

/**
 * Light that the point of the last `hit` sends to the eye, into `out`: Lambert with a softened terminator, sky light from
 * above and ground light from below, a broad highlight and a little sky at grazing angles. (dx, dy, dz) is the ray.
 */
export function shade(
  light: Light,
  solid: Solid,
  base: Rgb,
  second: Rgb,
  dx: number,
  dy: number,
  dz: number,
  height: number,
  out: Float64Array,
): void {
  const normal = hit.normal;
  const nx = normal[0]!,
    ny = normal[1]!,
    nz = normal[2]!;
  const { sun, ambient, zenith, ground } = light.climate;
  const inverse = 1 / Math.sqrt(dx * dx + dy * dy + dz * dz);
  const vx = -dx * inverse,
    vy = -dy * inverse,
    vz = -dz * inverse;
  const [lx, ly, lz] = light.to;
  const cosine = nx * lx + ny * ly + nz * lz;
  const direct = Math.max(0, (cosine + 0.15) / 1.15);
  // Half of the sky is hidden where the body meets the ground.
  const open = 0.76 + 0.24 * Math.min(1, height * 2.2);
  const above = (0.72 + 0.28 * ny) * open;
  const hx = lx + vx,
    hy = ly + vy,
    hz = lz + vz;
  const shine = Math.max(0, (nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz));
  const shine4 = shine * shine * shine * shine,
    shine16 = shine4 * shine4 * shine4 * shine4;
  const highlight = solid.body.shape === "cube" ? 0.05 * shine16 : 0.3 * shine16 * shine16 * shine4;
  const edge = 1 - Math.max(0, nx * vx + ny * vy + nz * vz);
  const rim = 0.16 * edge * edge * edge * edge;
  let mix = 0;
  if (solid.body.period > 0) {
    const [u, du, v, dv] = hit.pattern as unknown as [number, number, number, number];
    const across = du < 1e-5 ? 1 : wave(u, du);
    mix = 0.5 - 0.5 * across * wave(v, dv);
  }
  for (let channel = 0; channel < 3; channel++) {
    const albedo = base[channel]! + mix * (second[channel]! - base[channel]!);
    const sky = ambient[channel]! * above + 0.1 * ground[channel]! * (1 - ny) * sun[channel]!;
    out[channel] =
      albedo * (sun[channel]! * direct + sky) + sun[channel]! * highlight + rim * (0.4 * zenith[channel]! + 0.1);
  }
}

const smooth = (edge: number): number => {
  const x = Math.max(0, Math.min(1, edge));
  return x * x * (3 - 2 * x);
};

/**
 * Which part of the light reaches the ground at (x, z) past a solid: 1 is all. The outline of the shadow is exact (a
 * shadow of these solids is a plane figure with a known distance); its edge widens with the height of what casts it.
 */
export function lightPast(solid: Solid, light: Light, x: number, z: number): number {
  const { shadow, softness } = light.climate;
  const [sx, sz] = light.slant;
  const { lift } = solid.pose;
  const qx = x - solid.pose.x,
    qz = z - solid.pose.z;
  const tall = 2 * solid.half,
    radius = solid.radius;
  const slant = Math.hypot(sx, sz);
  // Along the shadow, from the foot's to the top's; and beside it.
  const along = (qx * sx + qz * sz) / slant,
    beside = (qx * sz - qz * sx) / slant;
  const start = lift * slant,
    length = tall * slant;
  const part = Math.max(0, Math.min(1, (along - start) / length));
  let gap: number;
  switch (solid.body.shape) {
    case "sphere": {
      const [lx, ly, lz] = light.to;
      const up = lift + radius;
      const dot = -qx * lx - qz * lz + up * ly;
      gap = Math.sqrt(Math.max(0, qx * qx + qz * qz + up * up - dot * dot)) - radius;
      break;
    }
    case "cylinder":
      gap = Math.hypot(beside, along - start - part * length) - radius;
      break;
    case "cone": {
      const lean = radius / length;
      const px = Math.abs(beside),
        py = along - start;
      if (lean >= 1) gap = Math.hypot(px, py) - radius;
      else {
        const flank = Math.sqrt(1 - lean * lean),
          where = py * flank - px * lean;
        if (where < 0) gap = Math.hypot(px, py) - radius;
        else if (where > flank * length) gap = Math.hypot(px, py - length);
        else gap = px * flank + py * lean - radius;
      }
      break;
    }
    case "cube": {
      const sin = Math.sin(solid.pose.yaw),
        cos = Math.cos(solid.pose.yaw);
      const mx = qx - (lift + solid.half) * sx,
        mz = qz - (lift + solid.half) * sz;
      const a = Math.abs(mx * cos - mz * sin) - radius - solid.half * Math.abs(sx * cos - sz * sin);
      const b = Math.abs(mx * sin + mz * cos) - radius - solid.half * Math.abs(sx * sin + sz * cos);
      const c = Math.abs(beside) - (radius * (Math.abs(sz * cos + sx * sin) + Math.abs(sz * sin - sx * cos))) / slant;
      gap = Math.max(a, b, c);
      break;
    }
    case "torus": {
      const [lx, ly, lz] = light.to;
      const nx = Math.sin(solid.pose.yaw),
        nz = Math.cos(solid.pose.yaw);
      const tilt = lx * nx + lz * nz;
      const t = -(qx * nx + qz * nz) / (Math.abs(tilt) < 0.05 ? 0.05 : tilt);
      const px = qx + t * lx,
        py = t * ly - lift - solid.half,
        pz = qz + t * lz;
      gap = Math.abs(Math.hypot(px, py, pz) - radius) - solid.tube;
      break;
    }
  }
  const width = softness * (0.12 + lift + part * tall);
  const cast = shadow * smooth(0.5 - gap / (2 * width));
  // Sky light is missing under and beside the foot.
  const foot = solid.body.shape === "torus" ? solid.tube : solid.body.shape === "sphere" ? 0.55 * radius : radius;
  const away = Math.max(0, Math.hypot(qx, qz) - 0.8 * foot) / (0.55 * radius + 0.5 * lift);
  const contact = (0.5 * Math.exp(-away * away)) / (1 + 3 * lift);
  return (1 - cast) * (1 - contact);
}
