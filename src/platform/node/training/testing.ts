/** A whole teacher with random weights, small enough for tests. */
import { join } from "node:path";
import { vocabulary } from "../../../data/world/captions.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import { pcaCodec } from "../../../pipelines/codec.ts";
import { mount } from "../../../tensor/mount.ts";
import { initialWeights } from "../../../training/initial.ts";
import type { TeacherRecipe } from "../../../training/recipe.ts";
import { TeacherNet, teacherConfigs } from "../../../training/teacher-net.ts";
import { saveCodec, saveTeacher } from "../models/teacher-folder.ts";
import { under } from "./job.ts";

const recipe = {
  transformer: { doubleBlocks: 1, singleBlocks: 1, refinerBlocks: 1, heads: 2, ropeAxes: [4, 2, 2] },
  text: { layers: 1, width: 16, heads: 2, keyHeads: 1, inner: 16, tokens: 16 },
  pooled: { layers: 1, width: 12, heads: 2, inner: 16 },
} as unknown as TeacherRecipe;

/** Writes its folder; it sees clips of the world in its own way, the same each time. */
export async function saveTinyTeacher(folder: string): Promise<void> {
  const tokenizer = buildWordTokenizer(vocabulary());
  const codec = pcaCodec({ cell: [4, 8, 8], channels: 6 });
  await saveCodec(join(folder, "vae"), codec, initialWeights(codec.model, 1));
  const configs = teacherConfigs(recipe, new TextTokenizer(tokenizer).size, 6);
  const values = initialWeights(mount(new TeacherNet(configs)), 2);
  const part = <C>(config: C, name: string) => ({ config, values: under(values, `${name}.`) });
  await saveTeacher(folder, {
    settings: {
      name: "tiny-teacher",
      width: 64,
      height: 64,
      frames: 9,
      fps: 8,
      steps: 2,
      guidanceScale: 2,
      textLength: 16,
      schedule: { kind: "uniform", shift: 1 },
      world: "mini",
    },
    codec,
    tokenizer,
    language: part(configs.language, "language"),
    clip: part(configs.clip, "clip"),
    transformer: part(configs.transformer, "transformer"),
  });
}
