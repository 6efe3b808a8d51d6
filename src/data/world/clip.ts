import { hashText, Random } from "../../base/philox.ts";
import type { Clip } from "../../video/frame.ts";
import type { Window } from "./backdrop.ts";
import { caption } from "./captions.ts";
import { drawScene, type Preset, presets } from "./draw.ts";
import { poseAt, viewAt } from "./motion.ts";
import { type RenderOptions, render } from "./render.ts";
import type { Scene } from "./scene.ts";
import { isHeldOut } from "./split.ts";

export type PresetName = keyof typeof presets;

export interface ClipOptions {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps?: number;
  /** "train" leaves out the combinations that `split.ts` holds out. */
  readonly split?: "train" | "all";
}

export interface WorldClip extends Clip {
  readonly scene: Scene;
  readonly caption: string;
  /** For each frame and pixel: 0 for the backdrop, or 1 + the index of the body. */
  readonly masks: Uint8Array[];
}

/** The scene and caption number `index` of the endless list that a preset and a seed stand for. */
export function sceneAt(
  preset: PresetName | Preset,
  seed: number,
  index: number,
  { split = "train", moving = true }: { split?: "train" | "all"; moving?: boolean } = {},
): { scene: Scene; caption: string } {
  const { name } = typeof preset === "string" ? presets[preset] : preset;
  const what = typeof preset === "string" ? presets[preset] : preset;
  const random = new Random((seed >>> 0) + (hashText(name) >>> 11) * 2 ** 32, index);
  let scene = drawScene(what, random);
  while (split === "train" && isHeldOut(scene)) scene = drawScene(what, random);
  return { scene, caption: caption(scene, random, moving) };
}

/** One captioned clip, a pure function of its arguments; at another size or length it shows the same scene. */
export function clipAt(preset: PresetName | Preset, seed: number, index: number, options: ClipOptions): WorldClip {
  const { scene, caption } = sceneAt(preset, seed, index, {
    split: options.split ?? "train",
    moving: options.frames > 1,
  });
  return { scene, caption, fps: options.fps ?? 8, ...render(scene, options) };
}

/**
 * A window of the clip (for the training of codecs), centred on where the first body is at the middle of the clip and
 * moved by `offset` (in windows); kept inside the picture. Costs as much as the window, not the picture.
 */
export function renderCrop(
  scene: Scene,
  picture: Pick<RenderOptions, "width" | "height" | "frames" | "range">,
  window: { width: number; height: number; offset?: readonly [number, number] },
): ReturnType<typeof render> & { window: Window } {
  const [dx, dy] = window.offset ?? [0, 0];
  const [x, y] = bodyCentre(scene, 0.5, picture.width, picture.height);
  const place = (centre: number, shift: number, size: number, whole: number): number =>
    Math.max(0, Math.min(whole - size, Math.round(centre + shift * size - size / 2)));
  const chosen = {
    x: place(x, dx, window.width, picture.width),
    y: place(y, dy, window.height, picture.height),
    width: Math.min(window.width, picture.width),
    height: Math.min(window.height, picture.height),
  };
  return { ...render(scene, { ...picture, window: chosen }), window: chosen };
}

/** Where the centre of the first body is in the picture at clip time `s`, in pixels. */
export function bodyCentre(scene: Scene, s: number, width: number, height: number): [number, number] {
  const view = viewAt(scene, s);
  const pose = poseAt(scene.bodies[0]!, s, width / height);
  const px = pose.x - view.eye[0],
    py = pose.y - view.eye[1],
    pz = pose.z - view.eye[2];
  const depth = px * view.forward[0] + py * view.forward[1] + pz * view.forward[2];
  const scale = height / (2 * view.tangent * depth);
  return [
    width / 2 + scale * (px * view.right[0] + pz * view.right[2]),
    height / 2 - scale * (px * view.up[0] + py * view.up[1] + pz * view.up[2]),
  ];
}
