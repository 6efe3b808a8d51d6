import type { GenerateEvent, GenerateResult } from "../platform/node/generate/events.ts";
import type { Terminal } from "./terminal.ts";
import { bytes, duration } from "./units.ts";

/** Shows a run as it goes on and answers what came of it. */
export async function follow(events: AsyncIterable<GenerateEvent>, terminal: Terminal): Promise<GenerateResult> {
  let result: GenerateResult | undefined;
  for await (const event of events) {
    if (event.type === "started") {
      const { asked, fps, seed, sigmas } = event.request;
      const size = `${asked.width}x${asked.height}, ${asked.frames} frames at ${fps} fps`;
      terminal.note(`${event.model}: ${size}, ${sigmas.length - 1} steps, seed ${seed}`);
    } else if (event.type === "notice") terminal.note(`note: ${event.text}`);
    else if (event.type === "progress") terminal.progress(event.stage, event.done, event.of);
    else if (event.type === "saved") terminal.note(`${event.what}: ${event.path}`);
    else result = event.result;
  }
  terminal.note(summary(result!));
  return result!;
}

/** `load 0.2 s, text 0.1 s, …; 512 MB at most`. */
function summary({ stages }: GenerateResult): string {
  const parts = stages.map(({ name, seconds }) => `${name} ${duration(seconds)}`);
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return `${duration(total)} (${parts.join(", ")}), ${bytes(Math.max(...stages.map((stage) => stage.peakBytes)))} at most`;
}
