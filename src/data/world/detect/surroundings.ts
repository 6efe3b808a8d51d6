import { distance, horizonLift, viewAt } from "../motion.ts";
import { climates } from "../palette.ts";
import { render } from "../render.ts";
import { type Ground, type Scene, type Sky, skies } from "../scene.ts";
import { deltaE, type Lab, labAt, median, type Plate, plateOf } from "./lab.ts";

/** Row of the horizon of a camera at rest, from the top. */
export const horizonRow = (height: number): number => Math.round((height / 2) * (1 - horizonLift));

/** A scene without bodies, for what the world's own renderer says about a sky. */
export const emptyScene = (sky: Sky): Scene => ({
  bodies: [],
  relation: undefined,
  sky,
  ground: "plain",
  camera: "static",
  tint: 0,
  cell: 0.6,
  phase: [0, 0],
  eye: 1.35,
  sun: 0.7,
  weather: 0,
});

const drawn = new Map<string, Plate>();

/** The clean sky as the renderer draws it at this size (the lower part is some ground). */
export function skyPlate(sky: Sky, width: number, height: number): Plate {
  const key = `${sky} ${width} ${height}`;
  let plate = drawn.get(key);
  if (!plate) {
    const scene = emptyScene(sky);
    plate = plateOf(render(scene, { width, height, frames: 1 }).frames[0]!, height);
    if (drawn.size > 64) drawn.clear();
    drawn.set(key, plate);
  }
  return plate;
}

/** The sky whose gradient is nearest to the upper rows, and by how much it beats the next one (dE). */
export function findSky(plates: readonly Plate[]): { value: Sky; margin: number } {
  const { width, height } = plates[0]!;
  const rows = horizonRow(height) - Math.ceil(height * 0.04);
  const seen: Lab[] = [];
  for (let row = 0; row < rows; row += 2) {
    const sides: Lab[] = [];
    for (const plate of plates) {
      for (let column = 0; column < width; column += Math.max(1, width >> 4)) {
        if (column > width * 0.3 && column < width * 0.7) continue;
        sides.push(labAt(plate, row * width + column));
      }
    }
    seen.push([0, 1, 2].map((axis) => median(sides.map((lab) => lab[axis]!))) as unknown as Lab);
  }
  const misfits = skies.map((sky) => {
    const plate = skyPlate(sky, width, height);
    let sum = 0;
    for (const [index, lab] of seen.entries()) {
      const row = index * 2 * width;
      sum +=
        0.5 * deltaE(lab, labAt(plate, row + (width >> 3))) +
        0.5 * deltaE(lab, labAt(plate, row + width - 1 - (width >> 3)));
    }
    return { sky, misfit: sum / seen.length };
  });
  misfits.sort((a, b) => a.misfit - b.misfit);
  return { value: misfits[0]!.sky, margin: misfits[1]!.misfit - misfits[0]!.misfit };
}

/**
 * The pattern of the ground, from what bodies (`taken`) and their shadows (to the right of them) leave free in the first,
 * middle and last frame. The ground is unrolled into world axes and compared with itself half a cell further: to the side
 * it changes under any pattern, in depth only where it is checkered.
 */
export function findGround(
  plates: readonly Plate[],
  taken: readonly Uint8Array[],
  sky: Sky,
): { value: Ground; aside: number; ahead: number } {
  const { width, height } = plates[0]!;
  const view = viewAt(emptyScene("clear"), 0.5);
  const pixel = (2 * view.tangent) / height;
  const half = 0.3;
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
  const aside: number[] = [],
    ahead: number[] = [];
  const shadow = 1.4 / Math.tan(climates[sky].elevation);
  // Where next to nothing is left to compare with both sides, one has to do, and shadows have to be put up with.
  for (const [reach, both] of [
    [shadow, true],
    [shadow, false],
    [0.2, false],
  ] as const) {
    if (aside.length >= 20) break;
    for (const frame of new Set([0, plates.length >> 1, plates.length - 1])) compare(frame, reach, both);
  }
  function compare(frame: number, shadow: number, both: boolean): void {
    const plate = plates[frame]!;
    const hidden = hiddenColumns(taken[frame]!, width, shadow);
    /** Lightness of the ground at (x, z), NaN where it is hidden. */
    const lightness = (x: number, z: number): number => {
      const pz = z - view.eye[2],
        py = -view.eye[1];
      const depth = py * view.forward[1] + pz * view.forward[2];
      const column = Math.floor(width / 2 + x / depth / pixel),
        row = Math.floor(height / 2 - (py * view.up[1] + pz * view.up[2]) / depth / pixel);
      if (column < 0 || column >= width || row >= height || hidden[column]) return Number.NaN;
      if (column === 0 || column === width - 1 || row === height - 1) return Number.NaN;
      return smooth(plate, row * width + column);
    };
    for (let z = -0.4; z < 2.2; z += 0.08) {
      const reach = ((distance + z) * view.tangent * width) / height;
      const sideways: number[] = [],
        inward: number[] = [];
      for (let x = -reach; x < reach; x += 0.025) {
        const here = lightness(x, z);
        // Against the mean of both sides: light that changes smoothly from left to right is no pattern.
        const right = lightness(x + half, z),
          beside = both ? (lightness(x - half, z) + right) / 2 : right,
          behind = lightness(x, z + half);
        if (!Number.isNaN(here + beside)) sideways.push(Math.abs(beside - here));
        if (!Number.isNaN(here + behind)) inward.push(Math.abs(behind - here));
      }
      if (sideways.length > 3) aside.push(mean(sideways));
      if (inward.length > 3) ahead.push(mean(inward));
    }
  }
  // A row or a column of cells changes all along or not at all, so only the mean over rows tells.
  const across = mean(aside),
    inward = mean(ahead);
  return {
    value: Math.max(across, inward) < 1.5 ? "plain" : inward > 0.45 * across ? "checkered" : "striped",
    aside: across,
    ahead: inward,
  };
}

/** Columns with a body or its shadow, which is `shadow` times as wide as the body is tall. */
function hiddenColumns(mask: Uint8Array, width: number, shadow: number): Uint8Array {
  const tops = new Array<number>(width).fill(Number.POSITIVE_INFINITY),
    bottoms = new Array<number>(width).fill(0);
  for (let at = 0; at < mask.length; at++) {
    if (!mask[at]) continue;
    tops[at % width] = Math.min(tops[at % width]!, (at / width) | 0);
    bottoms[at % width] = (at / width) | 0;
  }
  const hidden = new Uint8Array(width);
  for (let left = 0; left < width; left++) {
    if (bottoms[left] === 0) continue;
    let right = left;
    while (right < width && bottoms[right]! > 0) right++;
    const tall = Math.max(...bottoms.slice(left, right)) - Math.min(...tops.slice(left, right));
    hidden.fill(1, Math.max(0, Math.floor(left - 0.05 * width)), Math.min(width, Math.ceil(right + shadow * tall)));
    left = right;
  }
  return hidden;
}

/** Mean lightness of a pixel and its eight neighbours. */
function smooth(plate: Plate, pixel: number): number {
  let sum = 0;
  for (let dy = -1; dy <= 1; dy++)
    for (let dx = -1; dx <= 1; dx++) sum += labAt(plate, pixel + dy * plate.width + dx)[0];
  return sum / 9;
}

export interface RowColours {
  /** Colour of the brightest ground in each row, linear light [height, 3]. */
  readonly bright: Float64Array;
}

/** What the ground looks like in each row, from its sides over all frames (bodies keep to the middle most of the time). */
export function groundRows(plates: readonly Plate[]): RowColours {
  const { width, height } = plates[0]!;
  const start = horizonRow(height);
  const bright = new Float64Array(height * 3);
  const side = Math.max(2, Math.round(width * 0.14));
  const peak = new Float64Array(height);
  const hue = new Float64Array(height * 3);
  const step = Math.max(1, Math.floor(plates.length / 8));
  for (let row = start; row < height; row++) {
    const light: number[] = [];
    const channels: number[][] = [[], [], []];
    for (let column = 0; column < 2 * side; column++) {
      const x = column < side ? column : width - 1 - (column - side);
      // The median over time forgets a body that passes.
      const times: [number[], number[], number[]] = [[], [], []];
      for (let index = 0; index < plates.length; index += step) {
        const at = (row * width + x) * 3;
        for (let channel = 0; channel < 3; channel++) times[channel]!.push(plates[index]!.light[at + channel]!);
      }
      const [r, g, b] = times.map(median) as [number, number, number];
      light.push(0.2126 * r + 0.7152 * g + 0.0722 * b);
      channels[0]!.push(r);
      channels[1]!.push(g);
      channels[2]!.push(b);
    }
    for (let channel = 0; channel < 3; channel++) hue[row * 3 + channel] = median(channels[channel]!);
    light.sort((a, b) => a - b);
    peak[row] = light[Math.floor(light.length * 0.85)]!;
  }
  for (let row = start; row < height; row++) {
    // Far ground changes from row to row with the haze, near ground from cell to cell.
    const reach = Math.round(Math.min(height * 0.09, 0.5 * (row - start)));
    let top = 0;
    const nearby: number[][] = [[], [], []];
    for (let other = Math.max(start, row - reach); other <= Math.min(height - 1, row + reach); other++) {
      top = Math.max(top, peak[other]!);
      const y = 0.2126 * hue[other * 3]! + 0.7152 * hue[other * 3 + 1]! + 0.0722 * hue[other * 3 + 2]! + 1e-6;
      for (let channel = 0; channel < 3; channel++) nearby[channel]!.push(hue[other * 3 + channel]! / y);
    }
    for (let channel = 0; channel < 3; channel++) bright[row * 3 + channel] = median(nearby[channel]!) * top;
  }
  return { bright };
}
