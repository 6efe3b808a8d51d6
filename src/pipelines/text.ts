/** Prompts to the states that the transformer attends to. */
import { relativeBuckets, T5Encoder } from "../models/t5/encoder.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { constant, input } from "../tensor/tensor.ts";
import type { TextToVideoModel } from "./model.ts";

export interface TextStates {
  /** [B, T, W] */
  readonly states: HostTensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly mask: HostTensor;
  /** Prompts whose end was left out. */
  readonly truncated: readonly boolean[];
}

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
    mask: input("mask", shape),
  });
  return buildProgram({ states }, { keep });
}

/** Encodes prompts together; the encoder is released afterwards. */
export async function encodeText(
  model: TextToVideoModel,
  runtime: Runtime,
  prompts: readonly string[],
): Promise<TextStates> {
  const { textLength } = model.settings;
  const encoded = prompts.map((prompt) => model.tokenizer.encode(prompt, textLength));
  const shape = [prompts.length, textLength];
  const ids = new Int32Array(encoded.flatMap((text) => [...text.ids]));
  const mask = hostTensor(Float32Array.from(encoded.flatMap((text) => [...text.mask])), shape);
  const program = textProgram(model, prompts.length, runtime.keeps);
  const executable = await runtime.compile(program, { weights: model.text.weights });
  try {
    const results = await executable.run({ ids: hostTensor(ids, shape), mask });
    return { states: results["states"]!, mask, truncated: encoded.map((text) => text.truncated) };
  } finally {
    executable.dispose();
  }
}
