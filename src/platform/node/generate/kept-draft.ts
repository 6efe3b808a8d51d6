/** The first of two stages as files of its own: latents at once, a video when the second stage is done. */
import { basename, dirname, extname, join } from "node:path";
import type { Grid } from "../../../models/ltx/rope.ts";
import type { Execution } from "../../../pipelines/execution.ts";
import { draftReceipt, type Maker } from "../../../pipelines/receipt.ts";
import { decode } from "../../../pipelines/text-to-video.ts";
import { openVideoWriter, type VideoWriter } from "../video/write.ts";
import { saveLatents } from "./latents-file.ts";
import type { Prepared } from "./prepare.ts";

export interface KeptDraft {
  /** Saves the latents [C, f, h, w], not normalised; answers the path. */
  save(draft: { readonly latents: Float32Array; readonly grid: Grid }): Promise<string>;
  /** Decodes what was saved into the video; answers the path. */
  write(signal?: AbortSignal): Promise<string>;
  abort(): Promise<void>;
}

/** `clip.mp4` to `clip.draft.mp4`. */
export function draftPath(output: string): string {
  const name = basename(output).includes("%") ? "frames" : basename(output, extname(output));
  return join(dirname(output), `${name}.draft.mp4`);
}

interface KeptDraftOptions {
  readonly output: string;
  readonly maker: Maker;
  /** As for the large video: the receipt of both tells of its tiling. */
  readonly execution: Execution;
  readonly force: boolean | undefined;
}

/** Reserves the names beside `output`, so that what is taken is found before anything is computed. */
export async function openKeptDraft(
  { model, runtime, request, name }: Prepared,
  { output, maker, execution, force }: KeptDraftOptions,
): Promise<KeptDraft> {
  const { draft, ...rest } = request;
  const size = draft!;
  // What one stage alone would say of itself: the draft can be decoded and replayed like any other video.
  const { upscaled: _, ...alone } = size;
  const receipt = () => draftReceipt({ ...rest, guidance: undefined, ...alone, asked: size, made: size }, model, maker);
  const path = draftPath(output);
  const writer: VideoWriter = await openVideoWriter(path, { ...size, fps: rest.fps, force, title: rest.prompt });
  let kept: { latents: Float32Array; grid: Grid } | undefined;
  return {
    async save(made) {
      kept = made;
      return saveLatents(path, { ...made, draft: await receipt(), model: name });
    },
    async write(signal) {
      const { latents, grid } = kept!;
      const made = { ...size, seed: rest.seed };
      for await (const event of decode(model, runtime, latents, grid, made, { signal, execution }))
        if (event.type === "frame") await writer.write(event.frame);
      const framesSha256 = await writer.framesSha256();
      const written = await writer.finish({ ...(await receipt()), framesSha256, created: new Date().toISOString() });
      return written.path;
    },
    abort: () => writer.abort(),
  };
}
