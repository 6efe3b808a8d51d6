/** What a user should know about a prompt before a model is run on it. */
import { presets } from "./draw.ts";
import { examplePrompts, unknownWords, valuesOf } from "./words.ts";

/** How many words are named at most. */
const mostWords = 12;

/** A model by name, and the preset of the world that it was trained on, if it was. */
export interface TaughtModel {
  readonly settings: { readonly name: string; readonly world?: string | undefined };
}

/** For models of the procedural world: words that they were never taught, and what they do understand. */
export function unknownWordNotices({ settings }: TaughtModel, prompt: string): string[] {
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
