/** The text side of a HunyuanVideo-style model: a Llama for the words, a CLIP for the prompt as a whole. */
import { UnsupportedError } from "../base/errors.ts";
import type { ClipTextConfig } from "../models/clip/config.ts";
import { ClipTextEncoder, endOf } from "../models/clip/encoder.ts";
import type { LlamaConfig } from "../models/llama/config.ts";
import { LlamaEncoder } from "../models/llama/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { HunyuanModel } from "./hunyuan.ts";
import type { Part } from "./model.ts";

export interface HunyuanText {
  readonly tokenizer: TextTokenizer;
  readonly language: Part<LlamaConfig>;
  readonly clip: Part<ClipTextConfig>;
}

/** What the transformer reads of prompts. */
export interface PromptStates {
  /** [B, T, textWidth] */
  readonly states: HostTensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly mask: HostTensor;
  /** [B, pooledWidth] */
  readonly pooled: HostTensor;
}

/** Turns prompts into states; from encoders, or from a file that was written before. */
export type PromptEncoder = (prompts: readonly string[]) => Promise<PromptStates>;

/** Words [B, T] to what both encoders make of them. */
export function promptProgram(
  { language, clip }: { readonly [part in "language" | "clip"]: Pick<HunyuanText[part], "config"> },
  shape: readonly [batch: number, words: number],
  keep: Runtime["keeps"],
): Program {
  const ids = input("ids", shape, "i32");
  const states = mount(new LlamaEncoder(language.config), "language").forward({ ids, mask: input("mask", shape) });
  const { pooled } = mount(new ClipTextEncoder(clip.config), "clip").forward({ ids, end: input("end", shape) });
  return buildProgram({ states, pooled }, { keep });
}

/** The model's own encoders; both stay loaded until `dispose`. Programs are kept by the number of prompts. */
export function openPrompts(
  { settings, text }: Pick<HunyuanModel, "settings" | "text">,
  runtime: Runtime,
): { encode: PromptEncoder; dispose(): void } {
  if (!text)
    throw new UnsupportedError("the text encoders of this teacher cannot be run here", {
      hint: "give the recipe a file of embeddings made elsewhere: docs/guides/distillation.md",
    });
  const { tokenizer, language, clip } = text;
  const length = settings.textLength;
  const made = new Map<number, Promise<Executable>>();
  const weights = new Map([
    ...[...language.weights].map(([name, weight]) => [`language.${name}`, weight] as const),
    ...[...clip.weights].map(([name, weight]) => [`clip.${name}`, weight] as const),
  ]);
  const compile = (batch: number) => runtime.compile(promptProgram(text, [batch, length], runtime.keeps), { weights });
  return {
    encode: async (prompts) => {
      const shape = [prompts.length, length];
      const encoded = prompts.map((prompt) => tokenizer.encode(prompt, length));
      const ids = hostTensor(Int32Array.from(encoded.flatMap((text) => [...text.ids])), shape);
      const mask = hostTensor(Float32Array.from(encoded.flatMap((text) => [...text.mask])), shape);
      if (!made.has(prompts.length)) made.set(prompts.length, compile(prompts.length));
      const executable = await made.get(prompts.length)!;
      const { states, pooled } = await executable.run({ ids, mask, end: endOf(ids, clip.config) });
      return { states: states!, pooled: pooled!, mask };
    },
    dispose: () => {
      for (const executable of made.values()) void executable.then((one) => one.dispose());
    },
  };
}
