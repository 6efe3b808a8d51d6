/** What a user should know about a prompt before a model is run on it. */
import { presets } from "../../../data/world/draw.ts";
import { examplePrompts, unknownWords, valuesOf } from "../../../data/world/words.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";

/** How many words are named at most. */
const mostWords = 12;

/** For models of the procedural world: words that they were never taught, and what they do understand. */
export function unknownWordNotices({ settings }: Pick<TextToVideoModel, "settings">, prompt: string): string[] {
  if (settings.world === undefined) return [];
  const preset = presets[settings.world as keyof typeof presets] ?? presets.mini;
  const unknown = unknownWords(prompt, preset).map((word) => JSON.stringify(word));
  if (!unknown.length) return [];
  const rest = unknown.length > mostWords ? `, and ${unknown.length - mostWords} more` : "";
  const known = Object.entries(valuesOf(preset)).filter(([, values]) => values.length > 1);
  return [
    `${settings.name} does not know ${unknown.slice(0, mostWords).join(", ")}${rest}; it understands`,
    ...known.map(([category, values]) => `  ${category}: ${values.join(", ")}`),
    ...examplePrompts.map((example) => `  for example "${example}"`),
  ];
}
