/** Which words a model of a preset has met, and which words of a prompt it has not. */
import { commonWords, phrasesOf, understood } from "./captions.ts";
import { type Preset, presets } from "./draw.ts";
import { sizes, skies } from "./scene.ts";

export type Category = keyof ReturnType<typeof understood>;

/** The values of each category that occur in a preset; categories of a single value that nothing names are left out. */
export function valuesOf(preset: Preset): Partial<Record<Category, readonly string[]>> {
  const all = understood();
  const unique = (values: readonly string[]): readonly string[] => [...new Set(values)];
  return {
    shape: unique(preset.shapes),
    colour: Object.keys(all.colour),
    material: unique(preset.materials),
    size: sizes,
    motion: unique(preset.motions),
    sky: skies,
    ground: unique(preset.grounds),
    camera: unique(preset.cameras),
    ...(preset.pairs > 0 ? { relation: Object.keys(all.relation) } : {}),
  };
}

/** For each category the phrases that captions of the preset use, by value, plainest first. */
export function knownWords(
  preset: Preset = presets.mini,
): Partial<Record<Category, Record<string, readonly string[]>>> {
  return Object.fromEntries(
    Object.entries(valuesOf(preset)).map(([category, values]) => [
      category,
      Object.fromEntries(values.map((value) => [value, phrasesOf(category as Category, value)])),
    ]),
  );
}

/** Words (with the marks and joints that belong to them), numbers, and pictures such as emoji. */
const wordPattern =
  /[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*|\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)*/gu;

/**
 * The words of a prompt, as typed, that no caption of the preset contains, each once. Case and punctuation do not count; a
 * plural does: captions name single things.
 */
export function unknownWords(prompt: string, preset: Preset = presets.mini): string[] {
  const phrases = Object.values(knownWords(preset)).flatMap((values) => Object.values(values).flat());
  const known = new Set([...commonWords, ...phrases.flatMap((phrase) => phrase.split(" "))]);
  const unknown = new Map<string, string>();
  for (const [word] of prompt.normalize("NFC").matchAll(wordPattern)) {
    const lower = word.toLowerCase();
    if (!known.has(lower) && !unknown.has(lower)) unknown.set(lower, word);
  }
  return [...unknown.values()];
}

/** Prompts that every preset understands. */
export const examplePrompts = [
  "a large red cube moves left on checkered ground under a clear sky",
  "a small blue sphere bounces on plain ground at sunset",
  "a yellow cone rises on a checkered floor at night",
] as const;
