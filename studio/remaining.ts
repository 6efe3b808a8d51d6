/** What is under way, and how long it still takes. */
import type { Stage } from "../src/platform/browser/generate/generate.ts";
import { duration } from "./words.ts";

const sentences: Record<Stage, (done: number, of: number) => string> = {
  text: () => "Reading the prompt",
  denoise: (done, of) => `Denoising, step ${Math.min(done + 1, of)} of ${of}`,
  draft: (done, of) => `Drafting, step ${Math.min(done + 1, of)} of ${of}`,
  guide: () => "Handing the draft over",
  refine: (done, of) => `Refining, step ${Math.min(done + 1, of)} of ${of}`,
  decode: (done, of) => `Decoding, frame ${Math.min(done + 1, of)} of ${of}`,
  encode: () => "Writing the file",
};

/** Stages whose parts take equal times; frames come in bursts. */
const steady: ReadonlySet<Stage> = new Set(["denoise", "draft", "refine"]);

export class Remaining {
  #stage: Stage | undefined;
  #started = 0;
  #from = 0;

  sentence(stage: Stage, done: number, of: number): string {
    const now = performance.now();
    if (stage !== this.#stage) {
      this.#stage = stage;
      this.#started = now;
      this.#from = done;
    }
    const each = (now - this.#started) / 1000 / (done - this.#from);
    const isSteady = steady.has(stage) && done > this.#from && done < of;
    const left = isSteady ? `, about ${duration(each * (of - done))} left` : "";
    return `${sentences[stage](done, of)}${left}.`;
  }
}
