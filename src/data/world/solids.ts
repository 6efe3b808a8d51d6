import { type Pose, solidHeight, type View } from "./motion.ts";
import { type Body, isChecker, isFine, shapes } from "./scene.ts";

/**
 * What the last hit of any solid left here: the normal (world axes), the two pattern coordinates in periods with their
 * extent under one pixel, and which face was hit (edges between faces need supersampling as silhouettes do).
 */
export const hit = {
  normal: new Float64Array(3),
  pattern: new Float64Array(4),
  face: 0,
};

const [sphere, cube, cylinder, cone, torus] = [0, 1, 2, 3, 4];
const turn = 2 * Math.PI;

/**
 * One body at one moment, seen from one eye: meets rays in its own axes (origin at its centre, turned by its yaw).
 * The lower side is never met: no camera of this world looks up at a body.
 */
export class Solid {
  readonly #kind: number;
  readonly #sin: number;
  readonly #cos: number;
  readonly #eye: readonly [number, number, number];
  readonly #patterned: boolean;
  readonly #checker: boolean;
  readonly #perPeriod: number;
  readonly #sectors: number;
  /** Half its height; its radius, or half its edge; radius of a torus's tube. */
  readonly half: number;
  readonly radius: number;
  readonly tube: number;
  readonly body: Body;
  readonly pose: Pose;

  constructor(body: Body, pose: Pose, view: View) {
    this.body = body;
    this.pose = pose;
    this.#kind = shapes.indexOf(body.shape);
    this.half = solidHeight(body) / 2;
    this.tube = body.shape === "torus" ? 0.32 * this.half : 0;
    this.radius = this.half * { sphere: 1, cube: 1, cylinder: 0.76, cone: 1, torus: 0.68 }[body.shape];
    this.#sin = Math.sin(pose.yaw);
    this.#cos = Math.cos(pose.yaw);
    const x = view.eye[0] - pose.x,
      z = view.eye[2] - pose.z;
    this.#eye = [x * this.#cos - z * this.#sin, view.eye[1] - pose.y, x * this.#sin + z * this.#cos];
    this.#patterned = body.period > 0;
    this.#checker = isChecker(body.material);
    this.#perPeriod = body.period > 0 ? 1 / body.period : 0;
    // A whole number of periods around, so that the pattern closes.
    const around = Math.round((turn * this.radius) / (body.period || 1));
    this.#sectors = Math.max(isFine(body.material) ? 4 : 3, around);
  }

  /** Distance to a sphere that holds the whole solid, from its centre. */
  get reach(): number {
    if (this.body.shape === "cube") return this.half * Math.sqrt(3);
    return this.body.shape === "sphere" || this.body.shape === "torus" ? this.half : Math.hypot(this.half, this.radius);
  }

  /**
   * How many times (dx, dy, dz) the eye is away from the surface; Infinity when it looks past. `pixel` is the size of one
   * pixel at depth 1, to band-limit the pattern. Fills `hit`.
   */
  intersect(dx: number, dy: number, dz: number, pixel: number): number {
    const sin = this.#sin,
      cos = this.#cos;
    const ex = this.#eye[0],
      ey = this.#eye[1],
      ez = this.#eye[2];
    const x = dx * cos - dz * sin,
      z = dx * sin + dz * cos;
    const half = this.half,
      radius = this.radius;
    let t = Number.POSITIVE_INFINITY,
      nx = 0,
      ny = 0,
      nz = 0,
      face = 0;
    switch (this.#kind) {
      case sphere: {
        const a = x * x + dy * dy + z * z,
          b = ex * x + ey * dy + ez * z;
        const root = b * b - a * (ex * ex + ey * ey + ez * ez - radius * radius);
        if (root <= 0) return t;
        t = (-b - Math.sqrt(root)) / a;
        nx = (ex + t * x) / radius;
        ny = (ey + t * dy) / radius;
        nz = (ez + t * z) / radius;
        break;
      }
      case cube: {
        const sx = x > 0 ? -1 : 1,
          sz = z > 0 ? -1 : 1;
        const tx = (sx * half - ex) / x,
          tz = (sz * half - ez) / z,
          ty = (half - ey) / dy;
        if (tx > 0 && Math.abs(ey + tx * dy) <= half && Math.abs(ez + tx * z) <= half) {
          t = tx;
          nx = sx;
          face = 1;
        } else if (tz > 0 && Math.abs(ey + tz * dy) <= half && Math.abs(ex + tz * x) <= half) {
          t = tz;
          nz = sz;
          face = 2;
        } else if (dy < 0 && ty > 0 && Math.abs(ex + ty * x) <= half && Math.abs(ez + ty * z) <= half) {
          t = ty;
          ny = 1;
        } else return t;
        break;
      }
      case cylinder: {
        const top = (half - ey) / dy;
        if (dy < 0 && top > 0) {
          const px = ex + top * x,
            pz = ez + top * z;
          if (px * px + pz * pz <= radius * radius) {
            t = top;
            ny = 1;
            face = 1;
            break;
          }
        }
        const a = x * x + z * z,
          b = ex * x + ez * z;
        const root = b * b - a * (ex * ex + ez * ez - radius * radius);
        if (root <= 0) return t;
        const side = (-b - Math.sqrt(root)) / a;
        if (Math.abs(ey + side * dy) > half) return t;
        t = side;
        nx = (ex + t * x) / radius;
        nz = (ez + t * z) / radius;
        break;
      }
      case cone: {
        // x² + z² = slope² (half - y)²
        const slope = radius / (2 * half),
          k = slope * slope,
          oy = half - ey;
        const a = x * x + z * z - k * dy * dy,
          b = ex * x + ez * z + k * oy * dy,
          c = ex * ex + ez * ez - k * oy * oy;
        const root = b * b - a * c;
        if (root <= 0) return t;
        const near = (-b - Math.sqrt(root)) / a,
          far = (-b + Math.sqrt(root)) / a;
        const first = Math.min(near, far);
        if (first > 0 && Math.abs(ey + first * dy) <= half) t = first;
        else {
          const second = Math.max(near, far);
          if (second <= 0 || Math.abs(ey + second * dy) > half) return t;
          t = second;
        }
        const px = ex + t * x,
          pz = ez + t * z;
        const out = 1 / Math.hypot(px, pz, slope * Math.hypot(px, pz));
        nx = px * out;
        nz = pz * out;
        ny = slope * Math.hypot(px, pz) * out;
        break;
      }
      case torus: {
        t = this.#march(x, dy, z);
        if (t === Number.POSITIVE_INFINITY) return t;
        const px = ex + t * x,
          py = ey + t * dy,
          pz = ez + t * z;
        const ring = Math.hypot(px, py) || 1e-9;
        const fromRing = (ring - radius) / ring;
        nx = (px * fromRing) / this.tube;
        ny = (py * fromRing) / this.tube;
        nz = pz / this.tube;
        break;
      }
    }
    const normal = hit.normal;
    normal[0] = nx * cos + nz * sin;
    normal[1] = ny;
    normal[2] = -nx * sin + nz * cos;
    hit.face = face;
    if (this.#patterned) this.#place(ex + t * x, ey + t * dy, ez + t * z, normal, dx, dy, dz, t * pixel, face, ny);
    return t;
  }

  /** Walks along the ray by the distance to the torus (its axis is z). */
  #march(x: number, y: number, z: number): number {
    const [ex, ey, ez] = this.#eye;
    const length = Math.hypot(x, y, z);
    const a = length * length,
      b = ex * x + ey * y + ez * z;
    const root = b * b - a * (ex * ex + ey * ey + ez * ez - this.half * this.half);
    if (root <= 0) return Number.POSITIVE_INFINITY;
    const leave = (-b + Math.sqrt(root)) / a;
    let t = (-b - Math.sqrt(root)) / a;
    for (let step = 0; step < 64 && t < leave; step++) {
      const py = ey + t * y,
        px = ex + t * x,
        pz = ez + t * z;
      const inPlane = Math.sqrt(px * px + py * py) - this.radius;
      const gap = Math.sqrt(inPlane * inPlane + pz * pz) - this.tube;
      if (gap < 4e-4) return t;
      t += gap / length;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Pattern coordinates of a point, and how far they run under one pixel of world size `size`. */
  #place(
    x: number,
    y: number,
    z: number,
    normal: Float64Array,
    dx: number,
    dy: number,
    dz: number,
    size: number,
    face: number,
    up: number,
  ): void {
    const out = hit.pattern,
      per = this.#perPeriod;
    const facing = Math.abs(normal[0]! * dx + normal[1]! * dy + normal[2]! * dz) / Math.hypot(dx, dy, dz) + 1e-3;
    const flat = up === 1;
    const v = y + this.half,
      along = Math.min(1e3, size / facing);
    out[0] = 0;
    out[1] = 1e-6;
    // Bands follow the height; the flat top continues them inward.
    out[2] = flat && this.#kind === cube ? (z + this.half) * per : v * per - (flat ? 1e-4 : 0);
    out[3] = flat && this.#kind === cube ? along * per : size * per;
    if (!this.#checker) return;
    if (this.#kind === cube) {
      out[0] = ((face === 1 ? z : x) + this.half) * per;
      out[1] = along * per;
      return;
    }
    const sectors = this.#sectors / turn;
    if (this.#kind === torus) {
      const ring = Math.hypot(x, y);
      const around = Math.max(2, Math.round((turn * this.tube) / this.body.period)) / turn;
      out[0] = Math.atan2(y, x) * sectors;
      out[1] = (along * sectors) / ring;
      out[2] = Math.atan2(z, ring - this.radius) * around;
      out[3] = (along * around) / this.tube;
      return;
    }
    out[0] = Math.atan2(x, z) * sectors;
    out[1] = (along * sectors) / Math.max(1e-6, Math.hypot(x, z));
  }
}
