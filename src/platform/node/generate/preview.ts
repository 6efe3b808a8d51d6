/** Contact sheets of what a run is heading for, while it runs. */
import { basename, dirname, extname, join } from "node:path";
import { decodeFrames } from "../../../pipelines/decode.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import type { ResolvedRequest } from "../../../pipelines/resolve.ts";
import type { PipelineEvent } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { SheetOfFrames } from "../../../video/contact-sheet.ts";
import { encodePng } from "../../../video/png.ts";
import { writeFileAtomically } from "../files/atomic-file.ts";

/** How many previews a run makes. */
const count = 5;

export class Previewer {
  readonly path: string;
  readonly #model: TextToVideoModel;
  readonly #runtime: Runtime;
  readonly #request: ResolvedRequest;

  constructor(model: TextToVideoModel, runtime: Runtime, output: string, request: ResolvedRequest) {
    const name = basename(output).includes("%") ? "frames" : basename(output, extname(output));
    this.path = join(dirname(output), `${name}.preview.png`);
    this.#model = model;
    this.#runtime = runtime;
    this.#request = request;
  }

  /**
   * Replaces the sheet after every few steps; answers its path when it did. The last step has the video itself, and of two
   * stages the draft alone is shown: to decode the second takes as long as to make it.
   */
  async step({ stage, index, steps, estimate }: Extract<PipelineEvent, { type: "step" }>): Promise<string | undefined> {
    if (stage === "refine" || (index + 1 === steps && stage === "denoise")) return undefined;
    if ((index + 1) % Math.ceil(steps / count) !== 0) return undefined;
    const { prompt, draft } = this.#request;
    const made = draft ?? this.#request.made;
    const sheet = new SheetOfFrames(`step ${index + 1} of ${steps}: ${prompt}`);
    const grid = gridOf(made, this.#model.vae.config);
    for await (const frame of decodeFrames(this.#model, this.#runtime, estimate(), grid)) sheet.add(frame);
    await writeFileAtomically(this.path, [encodePng(sheet.draw())]);
    return this.path;
  }
}
