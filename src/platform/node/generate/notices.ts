/** What a user should know about a prompt before a model is run on it. */
import { understood } from "../../../data/world/captions.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";

/** For models of the procedural world: words that they were never taught, and what they do understand. */
export function unknownWordNotices({ settings, tokenizer }: TextToVideoModel, prompt: string): string[] {
  if (settings.world === undefined) return [];
  const unknown = tokenizer.unknownWords(prompt);
  if (!unknown.length) return [];
  const known = Object.entries(understood()).map(([name, values]) => `${name}: ${Object.keys(values).join(", ")}`);
  return [
    `${settings.name} does not know ${unknown
      .slice(0, 12)
      .map((word) => JSON.stringify(word))
      .join(", ")}`,
    `it understands ${known.join("; ")}`,
  ];
}
