/** What a user should know about a prompt before a model is run on it. */
import { understood } from "../../../data/world/captions.ts";
import { presets } from "../../../data/world/draw.ts";
import { testPrompts } from "../../../data/world/split.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";

/** Words that are named and examples that are given at most. */
const [mostWords, examples] = [12, 3];

/** For models of the procedural world: words that they were never taught, and what they do understand. */
export function unknownWordNotices({ settings, tokenizer }: TextToVideoModel, prompt: string): string[] {
  if (settings.world === undefined) return [];
  const unknown = tokenizer.unknownWords(prompt).map((word) => JSON.stringify(word));
  if (!unknown.length) return [];
  const rest = unknown.length > mostWords ? `, and ${unknown.length - mostWords} more` : "";
  const preset = presets[settings.world as keyof typeof presets] ?? presets.mini;
  return [
    `${settings.name} does not know ${unknown.slice(0, mostWords).join(", ")}${rest}; it understands`,
    ...knownOf(preset).map(([category, values]) => `  ${category}: ${values.join(", ")}`),
    ...testPrompts(preset)
      .slice(0, examples)
      .map((example) => `  for example "${example.prompt}"`),
  ];
}

/** The values that occur in a preset, by category. */
function knownOf(preset: (typeof presets)[keyof typeof presets]): [string, readonly string[]][] {
  const { shapes, materials, motions, grounds, cameras, pairs } = preset;
  const shown: Record<string, readonly string[]> = {
    shape: shapes,
    material: materials,
    motion: motions,
    ground: grounds,
    camera: cameras,
    relation: pairs > 0 ? Object.keys(understood().relation) : [],
  };
  return Object.entries(understood()).flatMap(([category, values]) => {
    const names = [...new Set(shown[category] ?? Object.keys(values))];
    return names.length > 1 ? [[category, names]] : [];
  });
}
