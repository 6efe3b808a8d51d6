import { createHash } from "node:crypto";
import type { Checkpoint } from "../../../weights/checkpoint.ts";

/** SHA-256 over the bytes of checkpoints' tensors in the order of their names: tells one set of weights from another. */
export async function hashTensors(...checkpoints: readonly Pick<Checkpoint, "tensors">[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { tensors } of checkpoints)
    for (const [, { source, start, end }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
      hash.update(await source.slice(start, end));
  return hash.digest("hex");
}
