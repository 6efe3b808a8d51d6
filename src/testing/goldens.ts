/** The golden tensors of diffusers and transformers (tools/parity/README.md): which there are and what they hold. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import type { ProbeModule } from "../platform/node/probe.ts";
import type { Weights } from "../tensor/runtime.ts";
import { type Checkpoint, openCheckpoint } from "../weights/checkpoint.ts";
import { readFloat32 } from "../weights/safetensors.ts";
import { memorySource } from "../weights/source.ts";
import { type HashedTensor, hashedWeights } from "./hashed.ts";

export const goldenFolder = join(import.meta.dirname, "goldens");

export interface Golden {
  readonly case: string;
  /** Sub-folder of this pair of inputs and outputs, or "". */
  readonly probe: string;
  readonly module: ProbeModule | "sampling";
  /** Set where weights are computed from their names. */
  readonly weights?: string;
}

export const goldenName = ({ case: name, probe }: Golden): string => (probe ? `${name}/${probe}` : name);

/** A JSON file among the goldens. */
export async function goldenJson<T>(...path: string[]): Promise<T> {
  return JSON.parse(await readFile(join(goldenFolder, ...path), "utf8")) as T;
}

export const goldens = (): Promise<Golden[]> => goldenJson("index.json");

/** A case's module: its settings and its weights, stored or computed. */
export async function goldenModel(golden: Golden): Promise<{
  opened: { config: Record<string, unknown> | undefined; checkpoint: Checkpoint };
  overrides: Weights | undefined;
}> {
  const folder = join(goldenFolder, golden.case);
  if (!golden.weights) return { opened: await openCheckpointPath(folder), overrides: undefined };
  const { prefix, tensors } = await goldenJson<{ prefix: string; tensors: HashedTensor[] }>(
    golden.case,
    golden.weights,
  );
  const checkpoint = { name: golden.case, tensors: new Map(), metadata: {}, close: async () => {} };
  const config = await goldenJson<Record<string, unknown>>(golden.case, "config.json");
  return { opened: { config, checkpoint }, overrides: hashedWeights(tensors, prefix) };
}

/** The `inputs` or `output` file of a pair. */
export async function goldenFile({ case: name, probe }: Golden, file: "inputs" | "output"): Promise<Checkpoint> {
  const path = join(goldenFolder, name, probe, `${file}.safetensors`);
  return openCheckpoint(memorySource(await readFile(path), path));
}

/** All float tensors of a file. */
export async function floatsOf(
  file: Checkpoint,
): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const out = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, entry] of file.tensors)
    if (/^(F|BF)/.test(entry.dtype)) out.set(name, { shape: entry.shape, data: await readFloat32(entry) });
  return out;
}
