import {
  Input,
  type InputVideoTrack,
  MATROSKA,
  MP4,
  QTFF,
  type Source,
  UnsupportedInputFormatError,
  type VideoSample,
  VideoSampleSink,
  WEBM,
} from "mediabunny";
import { InputError, MediaError, TurboError, UnsupportedError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";
import { rotateFrame } from "./resize.ts";
import { pickFrames } from "./retime.ts";
import { type YuvMatrix, type YuvPlanes, yuvToFrame } from "./yuv.ts";

export interface VideoInfo {
  format: string;
  codec: string;
  /** As shown: after a rotation that the file asks for. */
  width: number;
  height: number;
  frames: number;
  /** Of a webm it is a guess, since its times are whole milliseconds; an mp4 has it exactly. */
  fps: number;
  seconds: number;
}

export interface VideoDecodeOptions {
  /** Frames a second to give, by repeating or leaving out frames; all frames as they are by default. */
  fps?: number;
  /** Give at most this many frames. */
  limit?: number;
  /** Seconds of the video to leave out at its start. */
  from?: number;
}

/**
 * A video file that is open for reading: mp4, mov, webm or mkv, from any source that mediabunny knows (a Blob, a
 * file, bytes). Nothing is read before it is asked for. `where` names the file in errors.
 */
export class VideoDecoding {
  readonly #input: Input;
  readonly #where: string | undefined;

  constructor(source: Source, where?: string) {
    this.#input = new Input({ source, formats: [MP4, QTFF, WEBM, MATROSKA] });
    this.#where = where;
  }

  /** What the container says; the frames are counted, not estimated. */
  info(): Promise<VideoInfo> {
    return this.#orMediaError(async () => {
      const track = await this.#track();
      const { packetCount } = await track.computePacketStats();
      const start = await track.getFirstTimestamp();
      const seconds = (await track.computeDuration()) - start;
      return {
        format: (await this.#input.getFormat()).name,
        codec: (await track.getCodec()) ?? "unknown",
        width: await track.getDisplayWidth(),
        height: await track.getDisplayHeight(),
        frames: packetCount,
        fps: packetCount > 1 ? (await track.computeFrameRateMetrics()).bestGuessFrameRate : 1 / seconds,
        seconds,
      };
    });
  }

  /** The container's texts: `comment` is where a receipt travels. */
  tags(): Promise<{ title?: string; comment?: string }> {
    return this.#orMediaError(async () => {
      const { title, comment } = await this.#input.getMetadataTags();
      return { title, comment };
    });
  }

  /** Frames in the order they are shown, decoded as they are asked for. */
  async *frames(options: VideoDecodeOptions = {}): AsyncGenerator<Frame> {
    const { fps, limit = Infinity, from = 0 } = options;
    if (!(from >= 0)) throw new InputError(`a video cannot be read from ${from} seconds on`);
    if (fps !== undefined && !(fps > 0)) throw new InputError(`fps must be more than 0, got ${fps}`);
    try {
      const track = await this.#track();
      const matrix = toMatrix((await track.getColorSpace()).matrix);
      const start = from ? (await track.getFirstTimestamp()) + from : undefined;
      let given = 0;
      for await (const sample of pickFrames(this.#samples(track, start), fps, start)) {
        if (given++ >= limit) {
          sample.close();
          return;
        }
        yield await toFrame(sample, matrix);
      }
    } catch (cause) {
      throw this.#mediaError(cause);
    }
  }

  /** Decodes everything and keeps nothing: what passes here can be read to its end. */
  async check(): Promise<VideoInfo> {
    const info = await this.info();
    await this.#orMediaError(async () => {
      for await (const sample of this.#samples(await this.#track())) sample.close();
    });
    return info;
  }

  /** Samples from a time on. Read from the first to the last, as many must come as the file has packets. */
  async *#samples(track: InputVideoTrack, start?: number): AsyncGenerator<VideoSample> {
    if (!(await track.canDecode()))
      throw new UnsupportedError(`no decoder here for ${(await track.getCodec()) ?? "this codec"}`, {
        where: this.#where,
      });
    const expected = start === undefined ? (await track.computePacketStats()).packetCount : 0;
    const sink = new VideoSampleSink(track, { hardwareAcceleration: "prefer-software" });
    let decoded = 0;
    for await (const sample of sink.samples(start)) {
      decoded++;
      yield sample;
    }
    if (decoded < expected) throw this.#damaged(`only ${decoded} of ${expected} frames can be read`);
    if (!decoded) throw this.#damaged(start === undefined ? "it has no frames" : "it ends before the frames asked for");
  }

  close(): void {
    this.#input.dispose();
  }

  async #track(): Promise<InputVideoTrack> {
    const track = await this.#input.getPrimaryVideoTrack();
    if (!track) throw new MediaError("there is no video in this file", { where: this.#where });
    return track;
  }

  async #orMediaError<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw this.#mediaError(cause);
    }
  }

  #mediaError(cause: unknown): Error {
    if (cause instanceof TurboError) return cause;
    if (cause instanceof UnsupportedInputFormatError)
      return new MediaError("not a video of a known kind", {
        where: this.#where,
        hint: "mp4, mov, webm and mkv can be read, and folders of png",
        cause,
      });
    return this.#damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }

  #damaged(reason: string, cause?: unknown): MediaError {
    return new MediaError(`the video is damaged or cut off: ${reason}`, { where: this.#where, cause });
  }
}

function toMatrix(matrix: string | null | undefined): YuvMatrix | undefined {
  if (matrix === "bt709") return "bt709";
  if (matrix === "bt2020-ncl") return "bt2020";
  return matrix === "smpte170m" || matrix === "bt470bg" ? "bt601" : undefined;
}

/** Frees the sample. */
async function toFrame(sample: VideoSample, containerMatrix: YuvMatrix | undefined): Promise<Frame> {
  try {
    const { format, colorSpace, rotation } = sample;
    const { width, height } = sample.visibleRect;
    const shift = format === "I444" ? [0, 0] : format === "I422" ? [1, 0] : [1, 1];
    if (format === "I420" || format === "I422" || format === "I444" || format === "NV12") {
      const bytes = new Uint8Array(sample.allocationSize());
      const layout = await sample.copyTo(bytes);
      const plane = (index: number) => bytes.subarray(layout[index]!.offset);
      const stride = (index: number) => layout[index]!.stride;
      const [u, v] = format === "NV12" ? deinterleave(plane(1)) : [plane(1), plane(2)];
      const chromaStrides = format === "NV12" ? [stride(1) >> 1, stride(1) >> 1] : [stride(1), stride(2)];
      const yuv: YuvPlanes = {
        width,
        height,
        planes: [plane(0), u, v],
        strides: [stride(0), chromaStrides[0]!, chromaStrides[1]!],
        shiftX: shift[0]!,
        shiftY: shift[1]!,
        // Where nobody says, players take BT.601 for small pictures and BT.709 for HD.
        matrix: containerMatrix ?? toMatrix(colorSpace.matrix) ?? (height < 720 ? "bt601" : "bt709"),
        fullRange: colorSpace.fullRange ?? false,
      };
      return rotateFrame(yuvToFrame(yuv), rotation);
    }
    const rgba = new Uint8Array(sample.allocationSize({ format: "RGBA" }));
    await sample.copyTo(rgba, { format: "RGBA" });
    const data = new Uint8Array(width * height * 3);
    for (let pixel = 0; pixel < width * height; pixel++)
      for (let channel = 0; channel < 3; channel++) data[pixel * 3 + channel] = rgba[pixel * 4 + channel]!;
    return rotateFrame({ width, height, data }, rotation);
  } finally {
    sample.close();
  }
}

function deinterleave(uv: Uint8Array): [Uint8Array, Uint8Array] {
  const u = new Uint8Array(uv.length >> 1);
  const v = new Uint8Array(uv.length >> 1);
  for (let index = 0; index < u.length; index++) {
    u[index] = uv[2 * index]!;
    v[index] = uv[2 * index + 1]!;
  }
  return [u, v];
}
