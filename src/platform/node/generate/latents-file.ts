/** Latents on disk between denoising and decoding, with all that the finished video's receipt needs. */
import { basename, dirname, join } from "node:path";
import { InputError, MediaError } from "../../../base/errors.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { draftSchema, type ReceiptDraft } from "../../../schema/receipt.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32 } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { numbered, Staging } from "../video/staging.ts";

export interface SavedLatents {
  /** Not normalised, [C, f, h, w]. */
  readonly latents: Float32Array;
  readonly grid: Grid;
  readonly draft: ReceiptDraft;
  /** The model's folder, or `mini`. */
  readonly model: string;
}

/** Beside the output, under its name. */
export function latentsPath(output: string): string {
  const name = basename(output).includes("%") ? "frames" : basename(output);
  return join(dirname(output), `${name}.latents.safetensors`);
}

/** Saves under a name that nobody else has; answers the path. */
export async function saveLatents(output: string, { latents, grid, draft, model }: SavedLatents): Promise<string> {
  const wanted = latentsPath(output);
  const [home, name] = [dirname(wanted), basename(wanted)];
  const shape = [latents.length / (grid.frames * grid.height * grid.width), grid.frames, grid.height, grid.width];
  const staging = await Staging.open(home);
  try {
    await writeSafetensorsFile(staging.path(name), new Map([["latents", storeFloat32(latents, shape)]]), {
      metadata: { turbo2k: "latents", model, prompt: draft.prompt, receipt: JSON.stringify(draft) },
    });
    const attempt = await staging.commit([name], false, numbered);
    return join(home, attempt === 1 ? name : numbered(name, attempt));
  } catch (cause) {
    await staging.discard();
    throw cause;
  }
}

/** @throws InputError for a file of another kind; MediaError for any other safetensors file, and for damaged ones */
export async function readLatents(path: string): Promise<SavedLatents> {
  if (!path.endsWith(".safetensors"))
    throw new InputError("this is no file of latents", {
      where: path,
      hint: "generate --keep-latents leaves NAME.latents.safetensors; turbo2k replay makes a video again from its receipt",
    });
  const { checkpoint } = await openCheckpointPath(path);
  try {
    const { receipt, model } = checkpoint.metadata;
    const entry = checkpoint.tensors.get("latents");
    if (!entry || receipt === undefined || model === undefined)
      throw new MediaError("these are not latents that turbo2k saved", {
        where: path,
        hint: "generate --keep-latents leaves such a file beside its output",
      });
    if (entry.shape.length !== 4)
      throw new MediaError(`latents have 4 axes, these have [${entry.shape.join(", ")}]`, { where: path });
    const [, frames, height, width] = entry.shape as [number, number, number, number];
    const latents = await readFloat32(entry);
    if (!latents.every(Number.isFinite))
      throw new MediaError("the latents hold values that are not finite numbers", { where: path });
    return { latents, grid: { frames, height, width }, draft: parseDraft(receipt, path), model };
  } finally {
    await checkpoint.close();
  }
}

function parseDraft(text: string, where: string): ReceiptDraft {
  try {
    return draftSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MediaError("what these latents say about themselves is damaged", { where, cause });
  }
}
