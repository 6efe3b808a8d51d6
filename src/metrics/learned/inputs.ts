/** What learned metrics feed their networks, as the programs prepared it that published values come from. */
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import type { Frame } from "../../video/frame.ts";
import { channelOf, cropPlane, halfToEven, type Plane } from "../plane.ts";
import { resample, type SamplerName, shorterSide } from "../resample.ts";

interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

const clipNormalisation: Normalisation = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
};
const imageNetNormalisation: Normalisation = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

const channels = [0, 1, 2] as const;

/** Channels at another size, whole levels kept as programs keep bytes. */
const resized = (frame: Frame, width: number, height: number, sampler: SamplerName): Plane[] =>
  channels.map((channel) => resample(channelOf(frame, channel), width, height, sampler, { bytes: true }));

function centre(plane: Plane, side: number): Plane {
  const margin = (size: number) => halfToEven((size - side) / 2); // as torchvision
  return cropPlane(plane, margin(plane.width), margin(plane.height), side, side);
}

/** [3, H, W] of bytes / 255, less the mean, over the deviation. */
function normalised(planes: readonly Plane[], { mean, deviation }: Normalisation): Float32Array {
  const area = planes[0]!.data.length;
  const out = new Float32Array(3 * area);
  for (const channel of channels)
    for (let at = 0; at < area; at++)
      out[channel * area + at] = (planes[channel]!.data[at]! / 255 - mean[channel]) / deviation[channel];
  return out;
}

const batch = (data: Float32Array, { width, height }: Pick<Plane, "width" | "height">): HostTensor =>
  hostTensor(data, [1, 3, height, width]);

/** CLIP's 224 x 224 [1, 3, 224, 224]: shorter side by torch's bicubic, as VBench does, then the middle. */
export function clipInput(frame: Frame, side = 224): HostTensor {
  const planes = resized(frame, ...shorterSide(frame.width, frame.height, side), "torchBicubic").map((plane) =>
    centre(plane, side),
  );
  return batch(normalised(planes, clipNormalisation), planes[0]!);
}

/** CLIP-IQA's [1, 3, H, W] at the frame's own size. */
export const clipIqaInput = (frame: Frame): HostTensor =>
  batch(
    normalised(
      channels.map((channel) => channelOf(frame, channel)),
      clipNormalisation,
    ),
    frame,
  );

/** DINO's [1, 3, H, W]: shorter side 224 by torch's bilinear, nothing cropped. */
export function dinoInput(frame: Frame, side = 224): HostTensor {
  const planes = resized(frame, ...shorterSide(frame.width, frame.height, side), "torchBilinear");
  return batch(normalised(planes, imageNetNormalisation), planes[0]!);
}

/** ViCLIP's [1, 8, 3, 224, 224] of eight frames from the middles of equal parts. */
export function viclipInput(frames: readonly Frame[]): HostTensor {
  const inputs = frames.map((frame) => clipInput(frame));
  const size = inputs[0]!.data.length;
  const out = new Float32Array(frames.length * size);
  for (const [at, { data }] of inputs.entries()) out.set(data as Float32Array, at * size);
  return hostTensor(out, [1, frames.length, 3, 224, 224]);
}

/** A frame whose longer side is at most `most`, by torch's bilinear: what VBench's imaging quality looks at. */
export function limitLongerSide(frame: Frame, most = 512): Plane[] {
  const scale = most / Math.max(frame.width, frame.height);
  if (scale >= 1) return channels.map((channel) => channelOf(frame, channel));
  return resized(frame, Math.trunc(frame.width * scale), Math.trunc(frame.height * scale), "torchBilinear");
}
