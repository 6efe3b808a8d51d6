/** Prompts to the states that the transformer attends to. */
import { relativeBuckets, T5Encoder } from "../models/t5/encoder.ts";
import type { EncodedText } from "../models/t5/tokenizer.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { constant, input } from "../tensor/tensor.ts";
import { type Holding, openHeld } from "./holding.ts";
import type { Settings, TextToVideoModel } from "./model.ts";

export interface TextStates {
  /** [B, T, W] */
  readonly states: HostTensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly mask: HostTensor;
  /** Prompts whose end was left out. */
  readonly truncated: readonly boolean[];
}

/** Whether the encoder is told of padding; LTXPipeline of diffusers lets words attend to it. */
export const seesMask = ({ maskText = true }: Pick<Settings, "maskText">): boolean => maskText;

/** The text encoder on `batch` prompts. */
export function textProgram(
  { settings, text }: Pick<TextToVideoModel, "settings"> & { readonly text: Pick<TextToVideoModel["text"], "config"> },
  batch: number,
  keep: Runtime["keeps"] = () => false,
): Program {
  const shape = [batch, settings.textLength];
  const encoder = mount(new T5Encoder(text.config));
  const states = encoder.forward({
    ids: input("ids", shape, "i32"),
    buckets: constant(relativeBuckets(settings.textLength, text.config)),
    mask: seesMask(settings) ? input("mask", shape) : undefined,
  });
  return buildProgram({ states }, { keep });
}

/** States of earlier runs, [T, W] each, by a text that says all that they depend on. */
export interface TextCache {
  get(key: string): Promise<Float32Array | undefined>;
  set(key: string, states: Float32Array): Promise<void>;
}

export interface EncodeOptions {
  readonly holding?: Holding;
  readonly cache?: TextCache | undefined;
}

/** Encodes prompts, together those that the cache lacks; the encoder is released afterwards. */
export async function encodeText(
  model: TextToVideoModel,
  runtime: Runtime,
  prompts: readonly string[],
  { holding = "widened", cache }: EncodeOptions = {},
): Promise<TextStates> {
  const { textLength } = model.settings;
  const encoded = prompts.map((prompt) => model.tokenizer.encode(prompt, textLength));
  const keys = encoded.map(({ ids, mask }) => keyOf(model, runtime, ids, mask));
  const known = new Map<string, Float32Array>();
  for (const key of keys) {
    const states = await cache?.get(key);
    if (states?.length === textLength * model.text.config.width) known.set(key, states);
  }
  const missing = encoded.filter((_, i) => !known.has(keys[i]!));
  if (missing.length)
    for (const [i, states] of (await encodeTokens(model, runtime, missing, holding)).entries()) {
      const key = keyOf(model, runtime, missing[i]!.ids, missing[i]!.mask);
      known.set(key, states);
      await cache?.set(key, states);
    }
  const all = new Float32Array(prompts.length * textLength * model.text.config.width);
  for (const [i, key] of keys.entries()) all.set(known.get(key)!, (i * all.length) / prompts.length);
  return {
    states: hostTensor(all, [prompts.length, textLength, model.text.config.width]),
    mask: maskOf(encoded, textLength),
    truncated: encoded.map((text) => text.truncated),
  };
}

const maskOf = (encoded: readonly EncodedText[], length: number): HostTensor =>
  hostTensor(Float32Array.from(encoded.flatMap(({ mask }) => [...mask])), [encoded.length, length]);

/** Everything that decides the states of a prompt, to the last bit: a replay must not read what another runtime made. */
const keyOf = (
  { files, settings, text }: TextToVideoModel,
  { name }: Runtime,
  ids: Int32Array,
  mask: Int32Array,
): string => {
  const encoder = files.find((file) => file.name === "text_encoder")?.hash.identity;
  return JSON.stringify([encoder, name, text.config, [...ids], [...mask], ...(seesMask(settings) ? [] : ["unmasked"])]);
};

async function encodeTokens(
  model: TextToVideoModel,
  runtime: Runtime,
  encoded: readonly EncodedText[],
  holding: Holding,
): Promise<Float32Array[]> {
  const { textLength } = model.settings;
  const ids = new Int32Array(encoded.flatMap((text) => [...text.ids]));
  const program = textProgram(model, encoded.length, runtime.keeps);
  const executable = await openHeld(runtime, program, { weights: model.text.weights, holding });
  try {
    const { states } = await executable.run({
      ids: hostTensor(ids, [encoded.length, textLength]),
      ...(seesMask(model.settings) ? { mask: maskOf(encoded, textLength) } : {}),
    });
    const each = states!.data.length / encoded.length;
    return encoded.map((_, i) => (states!.data as Float32Array).slice(i * each, (i + 1) * each));
  } finally {
    executable.dispose();
  }
}

/** The states of the second of two prompts alone. */
export function secondOf({ states, mask, truncated }: TextStates): TextStates {
  const half = (x: TextStates["states"]) => ({
    ...x,
    shape: [1, ...x.shape.slice(1)],
    data: x.data.slice(x.data.length / 2),
  });
  return { states: half(states), mask: half(mask), truncated: truncated.slice(1) };
}
