import { CheckpointError, InputError } from "../../../base/errors.ts";
import { adapt, type LoraUse } from "../../../pipelines/adapt.ts";
import type { OpenedModel } from "../../../pipelines/assemble.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { readLora } from "../../../weights/lora.ts";
import { filesOf, hashFiles } from "../cache/file-hash.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";

/** A LoRA's file and how strongly it acts. */
export interface LoraFile {
  readonly path: string;
  readonly weight: number;
}

/** `FILE` or `FILE:WEIGHT`. */
export function parseLoraFile(text: string): LoraFile {
  const [, path = text, weight = "1"] = /^(.+):(-?(?:\d+\.?\d*|\.\d+))$/.exec(text) ?? [];
  if (!path.trim() || Math.abs(Number(weight)) > 100)
    throw new InputError(`--lora takes FILE or FILE:WEIGHT, got ${JSON.stringify(text)}`, {
      hint: "for example style.safetensors:0.8",
    });
  return { path, weight: Number(weight) };
}

/** The model with these LoRAs; closing it closes their files. */
export async function openLoras(
  model: OpenedModel,
  files: readonly LoraFile[],
  runtime: Runtime,
): Promise<OpenedModel> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const file of opened) await file.close();
  };
  try {
    const uses: LoraUse[] = [];
    for (const { path, weight } of files) {
      const { checkpoint } = await openCheckpointPath(path);
      opened.push(checkpoint);
      uses.push({ lora: await readLora(checkpoint), weight, sha256: await hashFiles(filesOf(checkpoint)) });
    }
    const adapted = adapt(model, uses, runtime);
    return {
      ...adapted,
      async close() {
        await close();
        await model.close();
      },
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

interface Made {
  readonly name: string;
  readonly sha256: string;
  readonly weight: number;
}

/** The files that a receipt asks for, by their hashes, in its order and with its weights. @throws CheckpointError for missing ones */
export async function lorasOfReceipt(made: readonly Made[], given: readonly LoraFile[]): Promise<LoraFile[]> {
  const here = new Map(await Promise.all(given.map(async ({ path }) => [await hashOf(path), path] as const)));
  const missing = made.filter(({ sha256 }) => !here.has(sha256));
  if (missing.length > 0)
    throw new CheckpointError(`this video was made with ${missing.map(({ name }) => name).join(", ")}`, {
      hint: "say where that LoRA is: --lora FILE",
    });
  return made.map(({ sha256, weight }) => ({ path: here.get(sha256)!, weight }));
}

async function hashOf(path: string): Promise<string> {
  const { checkpoint } = await openCheckpointPath(path);
  try {
    return await hashFiles(filesOf(checkpoint));
  } finally {
    await checkpoint.close();
  }
}
