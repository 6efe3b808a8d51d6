/** Dry runs: a recipe with random weights in place of its models, few layers, small pictures of the world, a step a stage. */
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { UnsupportedError } from "../../../base/errors.ts";
import { vocabulary } from "../../../data/world/captions.ts";
import { clipL } from "../../../models/clip/config.ts";
import { hunyuanVideo } from "../../../models/hunyuan/config.ts";
import { hunyuanVideoVae } from "../../../models/hunyuan-vae/config.ts";
import { llama3 } from "../../../models/llama/config.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import { type CodecModel, hunyuanCodec } from "../../../pipelines/codec.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { mount } from "../../../tensor/mount.ts";
import { initialWeights } from "../../../training/initial.ts";
import type { DistillRecipe, HrRecipe } from "../../../training/recipe.ts";
import { type TeacherConfigs, TeacherNet } from "../../../training/teacher-net.ts";
import { makeFolder } from "../files/make-folder.ts";
import { saveCodec, saveTeacher } from "../models/teacher-folder.ts";
import { type Generation, ltx2bOf, writeRandomCheckpoint } from "../rehearsal/write-checkpoint.ts";
import { under } from "./job.ts";
import { readRecipe } from "./run.ts";

/** Models of a dry run. */
export interface Rehearsed {
  readonly student: Generation;
  readonly teacher: Omit<TeacherConfigs, "language" | "clip"> & {
    readonly language: Omit<TeacherConfigs["language"], "vocabulary">;
    readonly clip: Omit<TeacherConfigs["clip"], "vocabulary" | "end">;
  };
  readonly codec: () => CodecModel;
}

const student = ltx2bOf("0.9.0");

/** The published widths with two layers each: one of either kind in the teacher. */
export const reduced: Rehearsed = {
  student: {
    ...student,
    transformer: { ...student.transformer, num_layers: 2 },
    text: { ...student.text, num_layers: 1 },
  },
  teacher: {
    language: { ...llama3, layers: 1 },
    clip: { ...clipL, layers: 1 },
    transformer: { ...hunyuanVideo, doubleBlocks: 1, singleBlocks: 1, refinerBlocks: 1 },
  },
  codec: () => hunyuanCodec(hunyuanVideoVae),
};

const side = 64;
const words = 32;
const settings = (name: string): Settings => ({
  name,
  width: side,
  height: side,
  frames: 9,
  fps: 24,
  steps: 1,
  guidanceScale: 1,
  textLength: words,
  schedule: { kind: "uniform", shift: 1 },
});

/**
 * Writes the models and the changed recipe into a folder and answers the recipe's path.
 * @throws UnsupportedError for recipes that start from no model
 */
export async function rehearse(path: string, folder: string, models: Rehearsed = reduced): Promise<string> {
  const recipe = await readRecipe(path);
  if (recipe.kind !== "distill" && recipe.kind !== "high-resolution")
    throw new UnsupportedError(`recipes of the kind ${recipe.kind} have no dry run`, {
      where: path,
      hint: "distill and high-resolution have; others start small by themselves: --steps 1",
    });
  await writeStudent(join(folder, "student"), models);
  if (recipe.kind === "distill") await writeTeacher(join(folder, "teacher"), models);
  const { folder: _, ...rest } = recipe.kind === "distill" ? smallDistill(recipe) : smallHr(recipe, models);
  const file = join(folder, `${recipe.name}.yaml`);
  await makeFolder(dirname(resolve(file)));
  await writeFile(file, stringify({ ...rest, world: "mini" }));
  return file;
}

type Picture = { readonly width: number; readonly height: number; readonly frames: number };

const small = ({ frames }: Picture, size = side): string => `${size}x${size}x${frames > 1 ? 9 : 1}`;
const clips = 2;
const preview = { picture: `${side}x${side}x1`, prompts: 1 };

/** Text embeddings were made for other captions: the teacher reads these itself. */
function smallDistill({ embeddings: _, picture: __, ...recipe }: DistillRecipe) {
  const stages = recipe.stages.map(({ buckets }) => ({
    steps: 2,
    buckets: buckets.map(({ picture, weight }) => ({ picture: small(picture), batch: 2, weight })),
  }));
  const keys = stages.flatMap(({ buckets }) => buckets.map(({ picture }) => [picture, clips]));
  return { ...recipe, student: "student", teacher: "teacher", preview, clips: Object.fromEntries(keys), stages };
}

/** Both sizes are the small one twice over; taps are those of few layers, and weights those that are made for it. */
function smallHr({ taps: _, from: __, ...recipe }: HrRecipe, { student }: Rehearsed) {
  const large = 2 * side;
  const stages = recipe.stages.map(({ buckets }) => ({
    steps: 1,
    buckets: buckets.map(({ picture, weight }) => ({ picture: small(picture, large), batch: 1, weight })),
  }));
  const keys = stages.flatMap(({ buckets }) => buckets.map(({ picture }) => [`${picture} whole`, clips]));
  const layers = Number(student.transformer["num_layers"]);
  return {
    ...recipe,
    model: "student",
    draft: `${side}x${side}`,
    taps: Array.from({ length: Math.min(4, layers) }, (_, k) => k),
    defaults: { ...recipe.defaults, steps: 1 },
    preview: { ...preview, picture: `${large}x${large}x1` },
    clips: Object.fromEntries(keys),
    stages,
  };
}

async function writeStudent(folder: string, { student }: Rehearsed): Promise<void> {
  await writeRandomCheckpoint(folder, student);
  await writeFile(join(folder, "turbo2k.json"), JSON.stringify(settings("dry-run")));
}

async function writeTeacher(folder: string, { teacher, codec }: Rehearsed): Promise<void> {
  const tokenizer = buildWordTokenizer(vocabulary());
  const size = new TextTokenizer(tokenizer).size;
  const configs: TeacherConfigs = {
    ...teacher,
    language: { ...teacher.language, vocabulary: size },
    clip: { ...teacher.clip, vocabulary: size, end: 1 },
  };
  const coder = codec();
  await saveCodec(join(folder, "vae"), coder, initialWeights(coder.model, 1));
  const values = initialWeights(mount(new TeacherNet(configs)), 2);
  const part = <C>(config: C, name: string) => ({ config, values: under(values, `${name}.`) });
  await saveTeacher(folder, {
    settings: settings("dry-run-teacher"),
    codec: coder,
    tokenizer,
    language: part(configs.language, "language"),
    clip: part(configs.clip, "clip"),
    transformer: part(configs.transformer, "transformer"),
  });
}
