import type { ResolvedRequest } from "../pipelines/resolve.ts";
import type { GenerateEvent, GenerateResult } from "../platform/node/generate/events.ts";
import type { Terminal } from "./terminal.ts";
import { bytes, duration } from "./units.ts";

/** Shows a run as it goes on and answers what came of it. */
export async function follow(events: AsyncIterable<GenerateEvent>, terminal: Terminal): Promise<GenerateResult> {
  let result: GenerateResult | undefined;
  for await (const event of events) {
    if (event.type === "started") {
      const { asked, fps, seed } = event.request;
      const size = `${asked.width}x${asked.height}, ${asked.frames} frames at ${fps} fps`;
      terminal.note(`${event.model}: ${size}, ${describeSteps(event.request)}, seed ${seed}`);
    } else if (event.type === "notice") terminal.note(`note: ${event.text}`);
    else if (event.type === "progress") terminal.progress(event.stage, event.done, event.of);
    else if (event.type === "saved") terminal.note(`${event.what}: ${event.path}`);
    else result = event.result;
  }
  terminal.note(summary(result!));
  return result!;
}

/** `20 steps`, or `20 steps at 512x288, then 4 at 2560x1440 without guidance`. */
export function describeSteps({ draft, made, sigmas, guidanceScale }: ResolvedRequest): string {
  const steps = sigmas.length - 1;
  if (!draft) return `${steps} steps`;
  const second = `${steps} at ${made.width}x${made.height}${guidanceScale === 1 ? " without guidance" : ""}`;
  return `${draft.sigmas.length - 1} steps at ${draft.width}x${draft.height}, then ${second}`;
}

/** `load 0.2 s, text 0.1 s, …; 512 MB at most`. */
function summary({ stages }: GenerateResult): string {
  const parts = stages.map(({ name, seconds }) => `${name} ${duration(seconds)}`);
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return `${duration(total)} (${parts.join(", ")}), ${bytes(Math.max(...stages.map((stage) => stage.peakBytes)))} at most`;
}
