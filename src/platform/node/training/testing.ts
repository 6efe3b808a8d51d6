/** Models for tests of trainings: a whole teacher with random weights, and folders as a hub's cache has them. */
import { mkdir, readdir, rename, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
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

/** Puts a folder's files into `FOLDER-blobs` and links to them in their place. */
export async function linkFiles(folder: string): Promise<void> {
  const blobs = `${folder}-blobs`;
  await rename(folder, blobs);
  for (const entry of await readdir(blobs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = relative(blobs, join(entry.parentPath, entry.name));
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await symlink(join(blobs, file), join(folder, file));
  }
}
