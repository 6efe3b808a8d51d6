/** What a teacher and a student see in the same clips, block by block and noise level by noise level. */
import { CancelledError, InputError } from "../../../base/errors.ts";
import { gaussian, Random } from "../../../base/philox.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { type Features, linearCka } from "../../../metrics/cka.ts";
import { widthOf } from "../../../models/ltx/config.ts";
import { coordinates, type Grid, ropeTables, tokensOf } from "../../../models/ltx/rope.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import { forwardWithTaps } from "../../../models/ltx/two-stage.ts";
import { compression } from "../../../models/ltx-vae/config.ts";
import { timestepSinusoid } from "../../../nn/timestep.ts";
import { CodecRunner } from "../../../pipelines/codec-runner.ts";
import { featureProgram, hunyuanFeeds, latentGrid, tapIndex } from "../../../pipelines/hunyuan.ts";
import { gridOf, normalise, pack } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { encodeText } from "../../../pipelines/text.ts";
import { addNoise, timestepOf } from "../../../samplers/process.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";
import { type TokenPlaces, timeWeights } from "../../../training/distill-projector.ts";
import { teacherPlaces } from "../../../training/distill-teacher.ts";
import { featureFrames } from "../../../video/feature-colours.ts";
import { type Frame, planarToFrames } from "../../../video/frame.ts";
import { Opened } from "../files/opened.ts";
import { openTeacherPrompts } from "../models/embeddings.ts";
import type { OpenedTeacher } from "../models/teacher-folder.ts";
import { openClipEncoder } from "../training/vae-coding.ts";

/** One model's states of a clip at a noise level, [N, W] for each tapped block. */
interface Seer {
  readonly places: TokenPlaces;
  readonly width: number;
  readonly blocks: readonly number[];
  see(pixels: Float32Array, caption: string, sigma: number, seed: number): Promise<Float32Array[]>;
  dispose(): void;
}

export interface FeatureRequest {
  readonly picture: Picture;
  readonly clips: number;
  readonly seed: number;
  readonly sigmas: readonly number[];
  /** Tapped blocks; negative ones count from the end. */
  readonly teacherBlocks: readonly number[];
  readonly studentBlocks: readonly number[];
  /** File of text embeddings for the teacher; else its encoders run. */
  readonly embeddings?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Feature maps of the first clip, one pixel a token. */
export interface FeatureMaps {
  readonly sigma: number;
  readonly who: "teacher" | "student";
  readonly block: number;
  readonly frames: readonly Frame[];
}

export interface FeatureResult {
  readonly clip: readonly Frame[];
  readonly caption: string;
  readonly maps: readonly FeatureMaps[];
  /** CKA of the last tapped blocks: rows by the teacher's noise level, columns by the student's. */
  readonly cka: readonly (readonly number[])[];
}

/** What the clips are described as. */
export const captionsOf = (
  clips: ClipSource,
  { picture, clips: count, seed }: Pick<FeatureRequest, "picture" | "clips" | "seed">,
): string[] => Array.from({ length: count }, (_, index) => clips.caption(index, picture, new Random(seed, index)));

export async function compareFeatures(
  teacher: OpenedTeacher,
  student: TextToVideoModel,
  clips: ClipSource,
  runtime: Runtime,
  request: FeatureRequest,
  report: (done: number, count: number) => void = () => {},
): Promise<FeatureResult> {
  const { picture, sigmas, seed, signal } = request;
  const captions = captionsOf(clips, request);
  const maps: FeatureMaps[] = [];
  const opened = new Opened();
  try {
    const seers = [
      opened.keep(await teacherSeer(teacher, runtime, request, opened)),
      opened.keep(await studentSeer(student, runtime, request)),
    ] as const;
    /** By model and noise level: the last block's states of all clips, on the student's places. */
    const all = seers.map(() => sigmas.map((): number[] => []));
    let clip: Frame[] = [];
    for (const [index, caption] of captions.entries()) {
      const pixels = await clips.pixels(index, picture);
      if (index === 0) clip = planarToFrames(pixels, picture.frames, picture.height, picture.width);
      for (const [who, seer] of seers.entries())
        for (const [level, sigma] of sigmas.entries()) {
          if (signal?.aborted) throw new CancelledError();
          const states = await seer.see(pixels, caption, sigma, seed + index);
          const { grid } = seer.places;
          if (index === 0)
            for (const [k, data] of states.entries()) {
              const map = { ...grid, channels: seer.width, data };
              const name = who ? "student" : "teacher";
              maps.push({ sigma, who: name, block: seer.blocks[k]!, frames: featureFrames(map) });
            }
          const last = states.at(-1)!;
          const own = who ? last : pooled(last, seer.width, seer.places, seers[1].places);
          for (const value of own) all[who]![level]!.push(value);
        }
      report(index + 1, request.clips);
    }
    const [ofTeacher, ofStudent] = all.map((levels, who) =>
      levels.map((data): Features => ({ width: seers[who]!.width, data: Float32Array.from(data) })),
    );
    const cka = ofTeacher!.map((a) => ofStudent!.map((b) => linearCka(a, b)));
    return { clip, caption: captions[0]!, maps, cka };
  } finally {
    await opened.close();
  }
}

/** Block numbers from 0. @throws InputError for those that do not exist, repeat or fall */
function blocksOf(whose: "teacher" | "student", wanted: readonly number[], count: number): number[] {
  const blocks = wanted.map((block) => tapIndex(block, count, whose));
  if (blocks.some((block, k) => block <= (blocks[k - 1] ?? -1)))
    throw new InputError(`blocks of the ${whose} must rise, got ${wanted.join(", ")}`, {
      where: `--${whose}-blocks`,
      hint: `it has ${count}, numbered from 0; -1 is the last`,
    });
  return blocks;
}

async function teacherSeer(
  model: OpenedTeacher,
  runtime: Runtime,
  { picture, teacherBlocks, embeddings }: FeatureRequest,
  opened: Opened,
): Promise<Seer> {
  const { codec, transformer } = model;
  const { config } = transformer;
  const blocks = blocksOf("teacher", teacherBlocks, config.doubleBlocks + config.singleBlocks);
  const prompts = await openTeacherPrompts(model, runtime, embeddings, opened);
  const grid = latentGrid(picture, codec);
  const shape = { batch: 1, grid, words: model.settings.textLength };
  const encoder = new CodecRunner(codec, runtime);
  const program = await runtime.compile(featureProgram(model, shape, blocks, runtime.keeps), {
    weights: model.transformer.weights,
  });
  const { guidanceScale: guidance } = model.settings;
  return {
    places: teacherPlaces(model, { grid }),
    width: config.heads * config.headWidth,
    blocks,
    async see(pixels, caption, sigma, seed) {
      const clean = await encoder.encode(pixels, picture);
      const noisy = addNoise(clean, gaussian(clean.length, seed, "teacher"), sigma);
      const call = { latents: noisy, sigmas: [sigma], prompts: await prompts.encode([caption]), guidance };
      const results = await program.run(hunyuanFeeds(config, shape, call));
      return blocks.map((_, k) => results[`feature${k}`]!.data as Float32Array);
    },
    dispose() {
      encoder.dispose();
      program.dispose();
    },
  };
}

async function studentSeer(
  model: TextToVideoModel,
  runtime: Runtime,
  { picture, studentBlocks }: FeatureRequest,
): Promise<Seer> {
  const { config } = model.transformer;
  const grid = gridOf(picture, model.vae.config);
  const span = compression(model.vae.config);
  const words = model.settings.textLength;
  const tokens = tokensOf(grid);
  const blocks = blocksOf("student", studentBlocks, config.layers);
  const table = [tokens, widthOf(config) / 2];
  const { features } = forwardWithTaps(
    mount(new LtxTransformer(config)),
    {
      latents: input("latents", [1, tokens, config.channels]),
      text: input("text", [1, words, config.captionChannels]),
      textMask: input("mask", [1, words]),
      sinusoid: input("sinusoid", [1, 1, 256]),
      rope: { cos: input("cos", table), sin: input("sin", table) },
    },
    blocks,
  );
  const outputs = Object.fromEntries(features.map((feature, k) => [`feature${k}`, feature]));
  const program = await runtime.compile(buildProgram(outputs, { keep: runtime.keeps }), {
    weights: model.transformer.weights,
  });
  const encoder = await openClipEncoder(model.vae.config, model.vae.weights, runtime, picture);
  const positions = coordinates(grid, { fps: model.settings.fps, compression: span });
  const tables = ropeTables(positions, widthOf(config), { theta: config.ropeTheta });
  return {
    places: { grid, span },
    width: widthOf(config),
    blocks,
    async see(pixels, caption, sigma, seed) {
      const clean = pack(normalise(await encoder.encode(pixels), model.statistics), config.channels);
      const noisy = addNoise(clean, gaussian(clean.length, seed, "student"), sigma);
      const { states, mask } = await encodeText(model, runtime, [caption]);
      const results = await program.run({
        latents: hostTensor(noisy, [1, tokens, config.channels]),
        text: states,
        mask,
        sinusoid: timestepSinusoid([timestepOf(sigma)], [1, 1]),
        ...tables,
      });
      return blocks.map((_, k) => results[`feature${k}`]!.data as Float32Array);
    },
    dispose() {
      encoder.dispose();
      program.dispose();
    },
  };
}

/** Means of fine tokens [N1, W] over the coarse places that hold them, [N2, W]. */
export function pooled(fine: Float32Array, width: number, from: TokenPlaces, to: TokenPlaces): Float32Array {
  const { frames, height, width: columns } = from.grid;
  const frameOf = timeWeights(to.grid.frames, frames, to.span[0], from.span[0], "nearest");
  const out = new Float32Array(tokensOf(to.grid) * width);
  const counts = new Float32Array(tokensOf(to.grid));
  for (let f = 0; f < frames; f++) {
    const own = frameOf.subarray(f * to.grid.frames, (f + 1) * to.grid.frames).indexOf(1);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < columns; x++) {
        const place = placeIn(to.grid, own, y / height, x / columns);
        const token = (f * height + y) * columns + x;
        counts[place]!++;
        for (let c = 0; c < width; c++) out[place * width + c]! += fine[token * width + c]!;
      }
  }
  return out.map((value, i) => value / Math.max(1, counts[Math.floor(i / width)]!));
}

const placeIn = ({ height, width }: Grid, frame: number, y: number, x: number): number =>
  (frame * height + Math.floor(y * height)) * width + Math.floor(x * width);
