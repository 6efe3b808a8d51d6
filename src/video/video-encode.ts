import {
  BufferTarget,
  canEncodeVideo,
  type EncodedPacket,
  EncodedVideoPacketSource,
  MkvOutputFormat,
  Mp4OutputFormat,
  NullTarget,
  Output,
  Quality,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
} from "mediabunny";
import { InputError, MediaError, UnsupportedError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";
import { frameToI420 } from "./yuv.ts";

export type VideoFormat = "mp4" | "webm";

/** Texts that travel inside the container: `comment` is where the receipt goes. */
export interface ContainerTags {
  title?: string;
  comment?: string;
}

export interface VideoEncodeOptions {
  format: VideoFormat;
  width: number;
  height: number;
  fps: number;
  /** Lower is better: H.264 0..51 (20 by default), VP9 0..63 (24 by default). */
  quantizer?: number;
  /** The hardware encoders of a machine differ in limits and looks, so software is the default. */
  hardware?: "no-preference" | "prefer-hardware" | "prefer-software";
}

const codecs = {
  mp4: { codec: "avc", name: "H.264", quantizer: 20 },
  webm: { codec: "vp9", name: "VP9", quantizer: 24 },
} as const;

const colorSpace = { primaries: "bt709", transfer: "bt709", matrix: "bt709", fullRange: false } as const;

/** Refuses what the format cannot hold, before any frame is made. */
export function checkVideoSize({ format, width, height, fps }: VideoEncodeOptions): void {
  if (
    !Number.isInteger(width) ||
    !Number.isInteger(height) ||
    width < 16 ||
    height < 16 ||
    width > 16384 ||
    height > 16384
  )
    throw new InputError(`a video is 16 to 16384 pixels wide and high, got ${width}x${height}`);
  if (width % 2 || height % 2)
    // 4:2:0 halves both sides, and H.264 can crop only by whole chroma samples.
    throw new InputError(`a .${format} video needs an even width and height, got ${width}x${height}`, {
      hint: `use ${width - (width % 2)}x${height - (height % 2)}, or write .gif or .png, which take odd sizes`,
    });
  if (!(fps > 0 && fps <= 1000)) throw new InputError(`fps must be more than 0 and at most 1000, got ${fps}`);
}

/**
 * Frames in, one file's bytes out. Frames are encoded as they come; only their compressed packets are kept. The
 * container is written at the end, because the receipt inside it holds a hash of all frames, and because an mp4
 * that starts playing before it is fully loaded has its index in front.
 */
export class VideoEncoding {
  readonly options: VideoEncodeOptions;
  #packets: { packet: EncodedPacket; meta: EncodedVideoChunkMetadata | undefined }[] = [];
  #frames = 0;
  readonly #encoder: Output;
  readonly #source: VideoSampleSource;

  private constructor(options: VideoEncodeOptions) {
    const { codec, quantizer } = codecs[options.format];
    this.options = options;
    this.#source = new VideoSampleSource({
      codec,
      quality: new Quality({ quantizer: options.quantizer ?? quantizer, bitrate: fallbackBitrate(options) }),
      hardwareAcceleration: options.hardware ?? "prefer-software",
      onEncodedPacket: (packet, meta) => this.#packets.push({ packet, meta }),
    });
    // The library encodes only into an output; this one keeps nothing.
    this.#encoder = new Output({ format: new MkvOutputFormat(), target: new NullTarget() });
    this.#encoder.addVideoTrack(this.#source, { frameRate: options.fps });
  }

  static async open(options: VideoEncodeOptions): Promise<VideoEncoding> {
    checkVideoSize(options);
    const { codec, name } = codecs[options.format];
    const { width, height } = options;
    const hardwareAcceleration = options.hardware ?? "prefer-software";
    if (!(await canEncodeVideo(codec, { width, height, hardwareAcceleration })))
      throw new UnsupportedError(`no ${name} encoder here for ${width}x${height}`, {
        hint: `try .${options.format === "mp4" ? "webm" : "mp4"}, .gif or a folder of .png`,
      });
    const encoding = new VideoEncoding(options);
    await encoding.#encoder.start();
    return encoding;
  }

  get frames(): number {
    return this.#frames;
  }

  async write(frame: Frame): Promise<void> {
    const { width, height, fps } = this.options;
    if (frame.width !== width || frame.height !== height)
      throw new InputError(`frame ${this.#frames} is ${frame.width}x${frame.height}, the video is ${width}x${height}`);
    const sample = new VideoSample(frameToI420(frame), {
      format: "I420",
      codedWidth: width,
      codedHeight: height,
      timestamp: this.#frames / fps,
      duration: 1 / fps,
      colorSpace,
    });
    try {
      await this.#source.add(sample);
    } finally {
      sample.close();
    }
    this.#frames++;
  }

  /** The file. `tags` can be anything known by now. */
  async finish(tags: ContainerTags = {}): Promise<Uint8Array> {
    if (!this.#frames) throw new MediaError("a video needs at least one frame");
    await this.#encoder.finalize();
    const { format, fps } = this.options;
    const target = new BufferTarget();
    const output = new Output({
      format: format === "mp4" ? new Mp4OutputFormat({ fastStart: "in-memory" }) : new WebMOutputFormat(),
      target,
    });
    const source = new EncodedVideoPacketSource(codecs[format].codec);
    output.addVideoTrack(source, { frameRate: fps });
    output.setMetadataTags(tags);
    await output.start();
    for (const { packet, meta } of this.#packets) {
      // Encoders forget the colours they were given; without them, players guess the matrix from the frame size.
      const decoderConfig = meta?.decoderConfig && { ...meta.decoderConfig, colorSpace };
      await source.add(packet, decoderConfig ? { ...meta, decoderConfig } : meta);
    }
    this.#packets = [];
    await output.finalize();
    return new Uint8Array(target.buffer!);
  }

  /** Drops everything. May be called at any time, more than once. */
  async abort(): Promise<void> {
    this.#packets = [];
    if (this.#encoder.state === "started") await this.#encoder.cancel();
  }
}

/** Bits per second for encoders that know no quantizer: generous, since a generated clip is short. */
function fallbackBitrate({ width, height, fps }: VideoEncodeOptions): number {
  return Math.max(200_000, Math.round(width * height * fps * 0.15));
}
