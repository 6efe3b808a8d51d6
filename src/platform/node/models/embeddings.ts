/**
 * Prompts with their embeddings in one .safetensors file (docs/guides/distillation.md), so that text encoders need not
 * be there when a model is trained. `states.N` [T, W] holds the words of prompt N without padding, `pooled.N` [P] its
 * one vector; the metadata's `prompts` is the list.
 */
import { CheckpointError, InputError } from "../../../base/errors.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { openPrompts, type PromptEncoder } from "../../../pipelines/hunyuan-text.ts";
import { hostTensor, sizeOf } from "../../../tensor/dtype.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32, type TensorData } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import type { Opened } from "../files/opened.ts";

const format = "turbo2k-embeddings-1";
/** Prompts that are encoded together. */
const together = 8;

export interface EmbedOptions {
  /** Whose encoders they are, for the record. */
  readonly model: string;
  readonly check?: () => void;
  readonly report?: (done: number, count: number) => void;
}

/** Encodes each different prompt once and writes the file, in half precision. */
export async function writeEmbeddings(
  path: string,
  prompts: readonly string[],
  encode: PromptEncoder,
  { model, check = () => {}, report = () => {} }: EmbedOptions,
): Promise<number> {
  const unique = [...new Set(prompts)];
  const tensors = new Map<string, TensorData<ArrayBufferView>>();
  for (let first = 0; first < unique.length; first += together) {
    check();
    const batch = unique.slice(first, first + together);
    const { states, mask, pooled } = await encode(batch);
    const [, length, width] = states.shape as [number, number, number];
    for (const [i] of batch.entries()) {
      const kept = Array.from(mask.data.subarray(i * length, (i + 1) * length)).filter(Boolean).length;
      const own = (states.data as Float32Array).subarray(i * length * width, (i * length + kept) * width);
      tensors.set(`states.${first + i}`, storeFloat32(own, [kept, width], "F16"));
      const size = sizeOf(pooled.shape.slice(1));
      const whole = (pooled.data as Float32Array).subarray(i * size, (i + 1) * size);
      tensors.set(`pooled.${first + i}`, storeFloat32(whole, [size], "F16"));
    }
    report(Math.min(unique.length, first + together), unique.length);
  }
  await writeSafetensorsFile(path, tensors, { metadata: { format, model, prompts: JSON.stringify(unique) } });
  return unique.length;
}

/** How a teacher is told prompts; `id` tells what it is told from what others are. */
export interface TeacherPrompts {
  readonly encode: PromptEncoder;
  readonly id: string;
}

/** By its own text encoders, or by a file of embeddings in their place. @throws UnsupportedError where it has neither */
export async function openTeacherPrompts(
  model: HunyuanModel,
  runtime: Runtime,
  embeddings: string | undefined,
  opened: Opened,
): Promise<TeacherPrompts> {
  const { promptTemplate, textLength } = model.settings;
  if (embeddings === undefined) {
    const id = promptTemplate ? JSON.stringify(promptTemplate) : "";
    return { ...opened.keep(openPrompts(model, runtime)), id };
  }
  const { textWidth: width, pooledWidth } = model.transformer.config;
  return opened.keep(await openEmbeddings(embeddings, { length: textLength, width, pooledWidth }));
}

/** What the transformer that will read them needs. */
export interface EmbeddingSizes {
  /** Text tokens, padding included. */
  readonly length: number;
  readonly width: number;
  readonly pooledWidth: number;
}

/** A file of embeddings in place of encoders, with what tells it from others; a prompt that it lacks is an InputError. */
export async function openEmbeddings(
  path: string,
  { length, width, pooledWidth }: EmbeddingSizes,
): Promise<{ encode: PromptEncoder; readonly id: string; close(): Promise<void> }> {
  const { checkpoint } = await openCheckpointPath(path);
  try {
    const places = new Map(promptsOf(checkpoint.metadata, path).map((prompt, index) => [prompt, index]));
    for (const index of places.values()) {
      const [states, pooled] = [checkpoint.tensors.get(`states.${index}`), checkpoint.tensors.get(`pooled.${index}`)];
      if (states?.shape.length !== 2 || states.shape[1] !== width || pooled?.shape[0] !== pooledWidth)
        throw new CheckpointError(
          `expected states.${index} [words, ${width}] and pooled.${index} [${pooledWidth}], got [${states?.shape ?? "nothing"}] and [${pooled?.shape ?? "nothing"}]`,
          { where: path, hint: "these embeddings are damaged or of other text encoders" },
        );
      // Attention over no word at all is not a number.
      if (states.shape[0] === 0)
        throw new CheckpointError(`states.${index} has no words`, {
          where: path,
          hint: "of the empty prompt there is a token too, the end",
        });
    }
    const encode: PromptEncoder = async (prompts) => {
      const states = new Float32Array(prompts.length * length * width);
      const mask = new Float32Array(prompts.length * length);
      const pooled = new Float32Array(prompts.length * pooledWidth);
      for (const [i, prompt] of prompts.entries()) {
        const index = places.get(prompt);
        if (index === undefined)
          throw new InputError(`there is no embedding of ${JSON.stringify(prompt)}`, {
            where: path,
            hint: "turbo2k embed RECIPE --list and turbo2k features --list print what it should hold",
          });
        const words = await readFloat32(checkpoint.tensors.get(`states.${index}`)!);
        const kept = Math.min(length, words.length / width);
        states.set(words.subarray(0, kept * width), i * length * width);
        mask.fill(1, i * length, i * length + kept);
        pooled.set(await readFloat32(checkpoint.tensors.get(`pooled.${index}`)!), i * pooledWidth);
      }
      return {
        states: hostTensor(states, [prompts.length, length, width]),
        mask: hostTensor(mask, [prompts.length, length]),
        pooled: hostTensor(pooled, [prompts.length, pooledWidth]),
      };
    };
    return { encode, id: await hashTensors(checkpoint), close: () => checkpoint.close() };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

function promptsOf(metadata: Readonly<Record<string, string>>, path: string): string[] {
  let list: unknown;
  try {
    list = JSON.parse(metadata["prompts"] ?? "");
  } catch {}
  if (metadata["format"] !== format || !Array.isArray(list) || !list.every((prompt) => typeof prompt === "string"))
    throw new CheckpointError("no file of embeddings", {
      where: path,
      hint: `its metadata should hold format ${format} and prompts, a JSON list`,
    });
  return list;
}
