import { clipTime, viewAt } from "../motion.ts";
import { type Camera, cameras, type Motion, pictureHeight } from "../scene.ts";
import type { Cover } from "./cover.ts";
import { labAt, type Plate } from "./lab.ts";
import type { Outline } from "./outline.ts";
import { emptyScene } from "./surroundings.ts";
import { turning, turns } from "./turning.ts";

const viewOf = (camera: Camera, s: number): ReturnType<typeof viewAt> => viewAt({ ...emptyScene("clear"), camera }, s);

/** Where a world point is in the picture, in parts of its width and height; undefined behind the camera. */
function project(
  view: ReturnType<typeof viewAt>,
  aspect: number,
  x: number,
  y: number,
  z: number,
): [number, number, number] | undefined {
  const px = x - view.eye[0],
    py = y - view.eye[1],
    pz = z - view.eye[2];
  const depth = px * view.forward[0] + py * view.forward[1] + pz * view.forward[2];
  if (depth < 0.2) return undefined;
  const scale = 1 / (2 * view.tangent * depth);
  return [
    0.5 + (scale * (px * view.right[0] + pz * view.right[2])) / aspect,
    0.5 - scale * (px * view.up[0] + py * view.up[1] + pz * view.up[2]),
    scale,
  ];
}

/**
 * What the camera does: of the five courses it can take the one under which the ground, put back into world axes, changes
 * least. `masks` are the bodies. On plain ground nothing can be told, so it is taken to stand.
 */
export function findCamera(plates: readonly Plate[], masks: readonly Uint8Array[]): { value: Camera; margin: number } {
  if (plates.length < 2) return { value: "static", margin: 0 };
  const { width, height } = plates[0]!;
  const aspect = width / height;
  const times = Array.from({ length: Math.min(5, plates.length) }, (_, index, list = Math.min(5, plates.length)) =>
    Math.round((index * (plates.length - 1)) / (list - 1)),
  );
  const changes = cameras.map((camera) => {
    const views = times.map((frame) => viewOf(camera, clipTime(frame, plates.length)));
    let sum = 0,
      count = 0;
    for (let row = 0; row < 14; row++) {
      const z = -0.25 + row * 0.14;
      for (let column = 0; column < 40; column++) {
        const x = (column / 39 - 0.5) * pictureHeight * aspect * 1.1;
        let first = 0,
          second = 0,
          seen = 0;
        for (const [index, frame] of times.entries()) {
          const at = project(views[index]!, aspect, x, 0, z);
          if (!at || at[0] < 0 || at[0] >= 1 || at[1] < 0 || at[1] >= 1) continue;
          const pixel = ((at[1] * height) | 0) * width + ((at[0] * width) | 0);
          if (masks[frame]![pixel]) continue;
          const light = labAt(plates[frame]!, pixel)[0];
          first += light;
          second += light * light;
          seen++;
        }
        if (seen < 3) continue;
        sum += Math.sqrt(Math.max(0, second / seen - (first / seen) ** 2));
        count++;
      }
    }
    return { camera, change: sum / Math.max(1, count) };
  });
  const still = changes[0]!.change;
  const sorted = changes.toSorted((a, b) => a.change - b.change);
  // Standing is the plain answer unless another course explains the ground clearly better.
  if (still < 2 || sorted[0]!.change > 0.7 * still)
    return { value: "static", margin: sorted.find(({ camera }) => camera !== "static")!.change - still };
  return { value: sorted[0]!.camera, margin: sorted[1]!.change - sorted[0]!.change };
}

export interface Track {
  readonly motion: Motion;
  /** Way across and down the clip in parts of width and height, growth (log of size), hop height, change inside. */
  readonly across: number;
  readonly down: number;
  readonly growth: number;
  readonly hop: number;
  readonly change: number;
  /** How far behind the line where bodies stand its foot is when on the ground, world units. */
  readonly depth: number;
}

/** Least-squares slope of values over clip time [0, 1], and the value at its middle. */
function slope(values: readonly number[]): number {
  const n = values.length;
  let sum = 0,
    norm = 0;
  for (const [index, value] of values.entries()) {
    const s = index / (n - 1) - 0.5;
    sum += s * value;
    norm += s * s;
  }
  return sum / norm;
}

/** Motion of one body over the ground from its outlines; frames in which it was not found are `undefined`. */
export function nameMotion(
  outlines: readonly (Outline | undefined)[],
  covers: readonly (Cover | undefined)[],
  plates: readonly Plate[],
  camera: Camera,
): Track {
  const { width, height } = plates[0]!;
  const aspect = width / height;
  const n = outlines.length;
  const found = outlines.filter((outline) => outline !== undefined);
  const none: Track = { motion: "still", across: 0, down: 0, growth: 0, hop: 0, change: 0, depth: 0 };
  if (found.length < 2 || found.length < 0.5 * n) return none;
  // Gaps take the value of the last frame before.
  let last = found[0]!;
  const filled = outlines.map((outline) => (last = outline ?? last));
  const xs: number[] = [],
    ys: number[] = [],
    talls: number[] = [],
    spans: number[] = [];
  const middle = filled[n >> 1]!;
  // Where a body that stands at the same place would go for the camera alone. Its foot tells how far away it is, in the
  // frame in which it is on the ground.
  const view = viewOf(camera, clipTime(n >> 1, n));
  const depth = Math.min(
    ...filled.map((outline, index) => footDepth(outline, height, viewOf(camera, clipTime(index, n)))),
  );
  const steps = depth - view.eye[2];
  const worldX = (middle.x / width - 0.5) * 2 * view.tangent * aspect * steps;
  const worldY = view.eye[1] + steps * (view.forward[1] + (0.5 - middle.y / height) * 2 * view.tangent);
  for (const [index, outline] of filled.entries()) {
    const { x, y, area, tall } = covers[index] ?? { ...outline, tall: outline.left.length };
    const drift = project(viewOf(camera, clipTime(index, n)), aspect, worldX, worldY, depth) ?? [0, 0, 1];
    xs.push(x / width - drift[0]);
    ys.push(y / height - drift[1]);
    talls.push(Math.log(tall / drift[2]));
    spans.push(Math.log(Math.sqrt(area) / drift[2]));
  }
  const across = slope(xs),
    down = slope(ys),
    // What turns changes its width, and what rises shows less of its top; what comes nearer grows in every way.
    growths = [slope(talls), slope(spans)].sort((a, b) => Math.abs(a) - Math.abs(b)),
    growth = growths[0]! * growths[1]! > 0 ? growths[0]! : 0;
  // A hop leaves the line between the ends and comes back.
  const hop = Math.max(...ys) - Math.min(...ys);
  const line = Math.abs(ys[n - 1]! - ys[0]!);
  const change = turning(filled, plates);
  let motion: Motion = "still";
  if (n >= 5 && hop > 0.1 && line < 0.4 * hop && Math.abs(across) < 0.12) motion = "bounce";
  else {
    motion = nearestCourse(across, down, growth);
    if (motion === "still" && change > turns(camera) && camera !== "orbit") motion = "spin";
  }
  return { motion, across, down, growth, hop, change, depth };
}

/** What motions look like: way across and down in parts of width and height, and growth. */
const courses: readonly (readonly [Motion, number, number, number])[] = [
  ["still", 0, 0, 0],
  ["left", -0.36, 0, 0],
  ["right", 0.36, 0, 0],
  ["up", 0, -0.32, 0],
  ["down", 0, 0.32, 0],
  ["toward", 0, 0.14, 0.4],
  ["away", 0, -0.14, -0.4],
];

function nearestCourse(across: number, down: number, growth: number): Motion {
  // What stands hardly moves at all, so it gets less than half of the way.
  const far = ([motion, a, d, g]: (typeof courses)[number]): number =>
    (motion === "still" ? 2 : 1) * Math.hypot((across - a) / 0.36, (down - d) / 0.32, (growth - g) / 0.4);
  return courses.toSorted((a, b) => far(a) - far(b))[0]![0];
}

/** How far behind the line where bodies stand the lower edge of an outline touches the ground. */
function footDepth(outline: Outline, height: number, view: ReturnType<typeof viewAt>): number {
  const v = (0.5 - (outline.top + outline.left.length) / height) * 2 * view.tangent;
  const fall = view.forward[1] + v * view.up[1];
  return Math.max(-0.5, Math.min(1.8, fall < -0.05 ? -view.eye[1] / fall + view.eye[2] : 1.8));
}
