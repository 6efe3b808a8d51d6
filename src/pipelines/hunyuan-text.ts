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
import type { Part, PromptTemplate } from "./model.ts";
import { wordsOf } from "./words.ts";

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

/**
 * The instruction that HunyuanVideo's language model answers to: 95 tokens stand before the prompt, and states are those
 * before the last two layers (Tencent-Hunyuan/HunyuanVideo, `constants.py`, `dit-llm-encode-video`).
 */
export const hunyuanTemplate: PromptTemplate = {
  text:
    "<|start_header_id|>system<|end_header_id|>\n\nDescribe the video by detailing the following aspects: " +
    "1. The main content and theme of the video." +
    "2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects." +
    "3. Actions, events, behaviors temporal relationships, physical movement changes of the objects." +
    "4. background environment, light, style and atmosphere." +
    "5. camera angles, movements, and transitions used in the video:<|eot_id|>" +
    "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
  crop: 95,
  skip: 2,
};

/** The prompt as it is. */
const plain: PromptTemplate = { text: "{}", crop: 0, skip: 0 };

type TextSettings = Pick<HunyuanModel["settings"], "textLength" | "promptTemplate">;

/** Tokens that CLIP reads: as many as the language model, but never more than it has places for (77 in HunyuanVideo's). */
const clipWords = ({ config }: Pick<HunyuanText["clip"], "config">, { textLength }: TextSettings): number =>
  Math.min(textLength, config.length);

/** The language model's tokens `ids` [B, crop + T] and CLIP's `words` [B, min(T, its own)] to what each makes of them. */
export function promptProgram(
  { language, clip }: { readonly [part in "language" | "clip"]: Pick<HunyuanText[part], "config"> },
  settings: TextSettings,
  batch: number,
  keep: Runtime["keeps"],
): Program {
  const { textLength, promptTemplate: { crop, skip } = plain } = settings;
  const [whole, kept] = [
    [batch, crop + textLength],
    [batch, clipWords(clip, settings)],
  ];
  const said = { ids: input("ids", whole, "i32"), mask: input("mask", whole) };
  const states = mount(new LlamaEncoder(language.config), "language").forward(said, { skip });
  const words = { ids: input("words", kept, "i32"), end: input("end", kept) };
  const { pooled } = mount(new ClipTextEncoder(clip.config), "clip").forward(words);
  return buildProgram({ states: states.slice(1, crop), pooled }, { keep });
}

/** The model's own encoders; both stay loaded until `dispose`. Programs are kept by the number of prompts. */
export function openPrompts(
  { settings, text }: Pick<HunyuanModel, "settings" | "text">,
  runtime: Runtime,
): { encode: PromptEncoder; dispose(): void } {
  if (!text)
    throw new UnsupportedError("the text encoders of this teacher cannot be run here", {
      hint: "give a file of embeddings made elsewhere: docs/guides/distillation.md",
    });
  const { tokenizer, language, clip } = text;
  const { textLength, promptTemplate: template = plain } = settings;
  const made = new Map<number, Promise<Executable>>();
  const weights = new Map([
    ...[...language.weights].map(([name, weight]) => [`language.${name}`, weight] as const),
    ...[...clip.weights].map(([name, weight]) => [`clip.${name}`, weight] as const),
  ]);
  const compile = (batch: number) => runtime.compile(promptProgram(text, settings, batch, runtime.keeps), { weights });
  return {
    encode: async (prompts) => {
      const told = prompts.map((prompt) => template.text.split("{}").join(prompt));
      const { ids, mask } = wordsOf(told, template.crop + textLength, tokenizer);
      const { ids: words } = wordsOf(prompts, clipWords(clip, settings), tokenizer);
      if (!made.has(prompts.length)) made.set(prompts.length, compile(prompts.length));
      const executable = await made.get(prompts.length)!;
      const { states, pooled } = await executable.run({ ids, mask, words, end: endOf(words, clip.config) });
      return { states: states!, pooled: pooled!, mask: columnsFrom(mask, template.crop) };
    },
    dispose: () => {
      for (const executable of made.values()) void executable.then((one) => one.dispose());
    },
  };
}

/** [B, T] without its first columns. */
function columnsFrom({ data, shape }: HostTensor, first: number): HostTensor {
  const [rows, columns] = shape as [number, number];
  const kept = Array.from({ length: rows }, (_, row) => [...data.subarray(row * columns + first, (row + 1) * columns)]);
  return hostTensor(kept.flat(), [rows, columns - first]);
}
