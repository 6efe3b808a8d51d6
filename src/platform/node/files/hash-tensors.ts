import { createHash } from "node:crypto";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { readTensor } from "../../../weights/safetensors.ts";

/** SHA-256 over the values of checkpoints' tensors in the order of their names: tells one set of weights from another. */
export async function hashTensors(...checkpoints: readonly Pick<Checkpoint, "tensors">[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { tensors } of checkpoints)
    for (const [, entry] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const data = await readTensor(entry);
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  return hash.digest("hex");
}
