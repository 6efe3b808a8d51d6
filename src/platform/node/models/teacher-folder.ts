/** Teachers as folders in the layout of diffusers' HunyuanVideoPipeline, with either kind of autoencoder. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import * as clip from "../../../models/clip/config.ts";
import { ClipTextEncoder } from "../../../models/clip/encoder.ts";
import * as clipWeights from "../../../models/clip/weights.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";
import { HunyuanTransformer } from "../../../models/hunyuan/transformer.ts";
import * as hunyuanWeights from "../../../models/hunyuan/weights.ts";
import * as llama from "../../../models/llama/config.ts";
import { LlamaEncoder } from "../../../models/llama/encoder.ts";
import * as llamaWeights from "../../../models/llama/weights.ts";
import type { TokenizerFile } from "../../../models/t5/json-vocabulary.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { parseSettings } from "../../../pipelines/assemble.ts";
import type { CodecModel } from "../../../pipelines/codec.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { type HunyuanText, hunyuanTemplate } from "../../../pipelines/hunyuan-text.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { weightsFor } from "../../../weights/weights-of.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { openCodec } from "../training/codec-source.ts";
import { saveModule } from "./save-model.ts";

type Values = ReadonlyMap<string, HostTensor>;
type Json = Record<string, unknown>;

export interface OpenedTeacher extends HunyuanModel {
  /** Tells one teacher from another. */
  readonly hash: string;
  close(): Promise<void>;
}

/** What published HunyuanVideo folders, which have no turbo2k.json, are used with. */
export const publishedSettings: Settings = {
  name: "HunyuanVideo",
  width: 960,
  height: 544,
  frames: 129,
  fps: 24,
  steps: 50,
  guidanceScale: 6,
  textLength: 256,
  promptTemplate: hunyuanTemplate,
  schedule: { kind: "uniform", shift: 7 },
};

/**
 * Opens a teacher. Of one that this project did not train the text encoders stay closed: their tokenizers are of a kind (byte-level
 * BPE) that is not there, so that embeddings come from elsewhere.
 * @throws CheckpointError for a folder that lacks a part, or holds another model
 */
export async function openTeacher(folder: string): Promise<OpenedTeacher> {
  const opened: { close(): Promise<void> }[] = [];
  const module = async (name: string) => {
    const { config, checkpoint } = await openCheckpointPath(folder, { module: name });
    opened.push(checkpoint);
    if (!config) throw new CheckpointError("no config.json beside the weights", { where: join(folder, name) });
    return { json: config as Json, checkpoint };
  };
  const close = async () => {
    for (const each of opened) await each.close();
  };
  try {
    const transformer = await module("transformer");
    if (transformer.json["_class_name"] !== hunyuan.className)
      throw new CheckpointError(`a teacher is a ${hunyuan.className}, this is a ${transformer.json["_class_name"]}`, {
        where: folder,
        hint: "train one with recipes/mini-teacher.yaml",
      });
    const config = hunyuan.fromDiffusers(transformer.json);
    const codec = await openCodec(join(folder, "vae"));
    opened.push(codec);
    const path = join(folder, "turbo2k.json");
    const own = await readFile(path, "utf8").catch(() => undefined);
    const text = own === undefined ? undefined : [await module("text_encoder"), await module("text_encoder_2")];
    const checkpoints = [transformer, ...(text ?? [])].map(({ checkpoint }) => checkpoint);
    return {
      settings: own === undefined ? publishedSettings : parseSettings(own, path),
      transformer: {
        config,
        weights: weightsFor(new HunyuanTransformer(config), transformer.checkpoint, {
          name: hunyuanWeights.diffusersName,
        }),
      },
      text: text && (await textOf(folder, text[0]!, text[1]!)),
      codec,
      hash: await hashTensors(...checkpoints),
      close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

interface Module {
  readonly json: Json;
  readonly checkpoint: Checkpoint;
}

async function textOf(folder: string, language: Module, pooled: Module): Promise<HunyuanText> {
  const [llamaConfig, clipConfig] = [llama.fromTransformers(language.json), clip.fromTransformers(pooled.json)];
  return {
    tokenizer: new TextTokenizer(await read(folder, "tokenizer/tokenizer.json"), { name: folder }),
    language: {
      config: llamaConfig,
      weights: weightsFor(new LlamaEncoder(llamaConfig), language.checkpoint, {
        name: llamaWeights.transformersName,
        rename: llamaWeights.bareName,
        ignore: llamaWeights.isForeign,
      }),
    },
    clip: {
      config: clipConfig,
      weights: weightsFor(new ClipTextEncoder(clipConfig), pooled.checkpoint, {
        name: clipWeights.transformersName,
        rename: clipWeights.bareName,
        ignore: clipWeights.isForeign,
      }),
    },
  };
}

const read = (folder: string, name: string): Promise<string> =>
  readFile(join(folder, name), "utf8").catch((cause: unknown) => {
    throw new CheckpointError(`this teacher lacks its ${name}`, { where: folder, cause });
  });

export interface TeacherParts {
  readonly settings: Settings;
  /** Saved beside them by `saveCodec`. */
  readonly codec: Pick<CodecModel, "json">;
  readonly tokenizer: TokenizerFile;
  readonly language: { readonly config: llama.LlamaConfig; readonly values: Values };
  readonly clip: { readonly config: clip.ClipTextConfig; readonly values: Values };
  readonly transformer: { readonly config: hunyuan.HunyuanConfig; readonly values: Values };
}

const weightFile = "diffusion_pytorch_model.safetensors";

/** Everything of a teacher but its autoencoder. */
export async function saveTeacher(folder: string, parts: TeacherParts): Promise<void> {
  const { transformer, language, clip: pooled, settings, tokenizer } = parts;
  const { diffusersName } = hunyuanWeights;
  const config = hunyuan.toDiffusers(transformer.config);
  await saveModule(join(folder, "transformer"), weightFile, config, transformer.values, diffusersName);
  const llamaConfig = llama.toTransformers(language.config);
  const llamaName = llamaWeights.transformersName;
  await saveModule(join(folder, "text_encoder"), "model.safetensors", llamaConfig, language.values, llamaName);
  const clipConfig = clip.toTransformers(pooled.config);
  const clipName = clipWeights.transformersName;
  await saveModule(join(folder, "text_encoder_2"), "model.safetensors", clipConfig, pooled.values, clipName);
  await makeFolder(join(folder, "tokenizer"));
  await writeFile(join(folder, "tokenizer", "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
  await writeFile(join(folder, "turbo2k.json"), `${JSON.stringify(settings, null, 2)}\n`);
  await writeFile(join(folder, "model_index.json"), `${JSON.stringify(indexOf(parts), null, 2)}\n`);
}

/** An autoencoder as a module of its own. */
export const saveCodec = (folder: string, codec: CodecModel, values: Values): Promise<void> =>
  saveModule(folder, weightFile, codec.json, values, codec.rename);

const indexOf = ({ codec }: TeacherParts) => ({
  _class_name: "HunyuanVideoPipeline",
  scheduler: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
  text_encoder: ["transformers", "LlamaModel"],
  text_encoder_2: ["transformers", "CLIPTextModel"],
  tokenizer: ["transformers", "LlamaTokenizerFast"],
  transformer: ["diffusers", "HunyuanVideoTransformer3DModel"],
  vae: ["diffusers", codec.json["_class_name"]],
});
