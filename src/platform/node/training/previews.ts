/** What previews of models that make videos show. */
import type { Picture } from "../../../data/clip-source.ts";
import type { PipelineEvent } from "../../../pipelines/text-to-video.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import type { Frame } from "../../../video/frame.ts";

interface PreviewSettings {
  readonly picture: Picture;
  /** How many of them. */
  readonly prompts: number;
}

/** A clip a prompt, from the same noise each time. */
export async function previewOf(
  prompts: readonly string[],
  { picture, prompts: count }: PreviewSettings,
  make: (request: Picture & { readonly prompt: string; readonly seed: number }) => Promise<Frame[]>,
): Promise<{ clips: SheetClip[]; figures: Readonly<Record<string, number>> }> {
  const clips: SheetClip[] = [];
  for (const [seed, prompt] of prompts.slice(0, count).entries())
    clips.push({ frames: await make({ prompt, seed, ...picture }), caption: prompt });
  return { clips, figures: {} };
}

/** The frames among what a pipeline tells. */
export async function framesOf(events: AsyncIterable<PipelineEvent>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const event of events) if (event.type === "frame") frames.push(event.frame);
  return frames;
}
