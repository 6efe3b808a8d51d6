/** What all arms of a study share: autoencoders, words, prompts, and a pool of clips with their latents. */
import { join } from "node:path";
import type { Picture } from "../../../data/clip-source.ts";
import { studyPrompts, studyVocabulary } from "../../../data/world/study.ts";
import { StudyClips } from "../../../data/world/study-source.ts";
import { wholeOf } from "../../../models/ltx/resize.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { Codec } from "../../../pipelines/codec.ts";
import { CodecRunner } from "../../../pipelines/codec-runner.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { pack, unpack } from "../../../pipelines/latents.ts";
import { picturesOf, type StudyPreset } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { HrSet } from "../../../training/hr-task.ts";
import { type Frame, framesToPlanar, planarToFrames } from "../../../video/frame.ts";
import { isThere } from "../files/is-there.ts";
import { makeFolder } from "../files/make-folder.ts";
import { saveCodec } from "../models/teacher-folder.ts";
import { codecDecoding, weightsOfChannels } from "../training/channel-effects.ts";
import { codecLatents, fitCodec, openCodec } from "../training/codec-source.ts";
import { type CacheRequest, encodedSet } from "../training/latent-cache.ts";

/** What models of the study are sized by. */
export interface Sizes {
  readonly preset: StudyPreset;
  readonly runtime: Runtime;
  readonly tokenizer: TextTokenizer;
  readonly student: Pick<Coder, "codec" | "grid" | "channelWeights">;
  readonly teacher: Pick<Coder, "codec" | "grid" | "channelWeights">;
}

export interface Workshop extends Sizes {
  readonly prompts: ReturnType<typeof studyPrompts>;
  readonly student: Coder;
  readonly teacher: Coder;
  dispose(): void;
}

/** The clips that all arms train on. */
export interface Latents {
  /** The student's latents at both sizes, and the teacher's at the small one. */
  readonly small: LatentSet;
  readonly large: HrSet;
  readonly teachers: LatentSet;
}

export interface Pool extends Latents {
  /** Where they and features are kept. */
  readonly request: CacheRequest;
  close(): Promise<void>;
}

export async function openWorkshop(preset: StudyPreset, folder: string, runtime: Runtime): Promise<Workshop> {
  const { small: smallPicture, large: largePicture } = picturesOf(preset);
  const clips = new StudyClips(seeds.codecs, preset);
  const open = (name: string, size: StudyPreset["studentCodec"], pictures: readonly Picture[]) =>
    openCoder(join(folder, "codecs", name), size, { clips, pictures, runtime, power: preset.channelPower });
  // As many blocks of the small pictures as of the large.
  const alike = new Array<Picture>((largePicture.height / smallPicture.height) ** 2).fill(smallPicture);
  const student = await open("student", preset.studentCodec, [...alike, largePicture]);
  const teacher = await open("teacher", preset.teacherCodec, [smallPicture]);
  return {
    preset,
    runtime,
    tokenizer: studyTokenizer(),
    prompts: studyPrompts(preset).slice(0, preset.prompts),
    student,
    teacher,
    dispose() {
      for (const coder of [student, teacher]) coder.dispose();
    },
  };
}

export const studyTokenizer = () => new TextTokenizer(buildWordTokenizer(studyVocabulary()));

/** Clips of the pool, encoded once and kept on disk. */
export async function openPool(
  { preset, student, teacher, runtime }: Workshop,
  options: Pick<CacheRequest, "folder" | "signal" | "report">,
): Promise<Pool> {
  const pictures = picturesOf(preset);
  const clips = new StudyClips(seeds.pool, preset);
  const request: CacheRequest = { ...options, clips, picture: pictures.small, count: preset.pool };
  const small = await packedSet(student, request);
  const large = await packedSet(student, { ...request, picture: pictures.large });
  const teachers = await codecLatents(teacher.codec, runtime, request);
  return {
    small,
    large: {
      small,
      large: large.grid,
      count: preset.pool,
      group: preset.pool,
      window: () => wholeOf(large.grid),
      read: large.read,
    },
    teachers,
    request,
    async close() {
      for (const set of [small, large, teachers]) await set.close();
    },
  };
}

/** An autoencoder at work. */
export interface Coder {
  readonly codec: Codec;
  /** Of its channels in all losses. */
  readonly channelWeights: Float32Array | undefined;
  grid(picture: Picture): Grid;
  /** Latents [C, f, h, w]. */
  encode(frames: readonly Frame[]): Promise<Float32Array>;
  decode(latents: Float32Array, grid: Grid): Promise<Frame[]>;
  /** The same as tokens [N, C]. */
  encodeTokens(frames: readonly Frame[]): Promise<Float32Array>;
  decodeTokens(tokens: Float32Array, grid: Grid): Promise<Frame[]>;
  dispose(): void;
}

interface CoderOptions {
  readonly clips: StudyClips;
  readonly pictures: readonly Picture[];
  readonly runtime: Runtime;
  /** `channelPower` */
  readonly power: number | undefined;
}

async function openCoder(
  folder: string,
  { cell, channels, clips: count }: StudyPreset["studentCodec"],
  { clips, pictures, runtime, power }: CoderOptions,
): Promise<Coder> {
  if (!(await isThere(join(folder, "config.json")))) {
    const fitted = await fitCodec({ cell, channels, clips: count }, clips, pictures);
    await makeFolder(folder);
    await saveCodec(folder, fitted, fitted.values);
  }
  const codec = await openCodec(folder);
  const runner = new CodecRunner(codec, runtime);
  const encode = (frames: readonly Frame[]) => {
    const { width, height } = frames[0]!;
    return runner.encode(framesToPlanar(frames), { width, height, frames: frames.length });
  };
  const decode = async (latents: Float32Array, grid: Grid) => {
    const frames: Frame[] = [];
    for await (const frame of runner.decode(latents, grid)) frames.push(frame);
    return frames;
  };
  return {
    codec,
    channelWeights: await weightsOfChannels(() => codecDecoding(codec), runtime, power),
    grid: (picture) => latentGrid(picture, codec),
    encode,
    decode,
    encodeTokens: async (frames) => pack(await encode(frames), codec.channels),
    decodeTokens: (tokens, grid) => decode(unpack(tokens, codec.channels, grid), grid),
    dispose() {
      runner.dispose();
      void codec.close();
    },
  };
}

/** The pool as the student sees it: tokens [N, C], on disk. */
function packedSet({ codec, grid, encodeTokens }: Coder, request: CacheRequest) {
  const { picture } = request;
  return encodedSet(request, {
    hash: codec.hash,
    grid: grid(picture),
    channels: codec.channels,
    open: async () => ({
      encode: (pixels) => encodeTokens(planarToFrames(pixels, picture.frames, picture.height, picture.width)),
      dispose() {},
    }),
  });
}
