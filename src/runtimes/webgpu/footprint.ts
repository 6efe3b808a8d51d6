/** What a lowered program takes of a device's memory. Nothing touches the device. */
import { bytesOf } from "./format.ts";
import type { Lowered } from "./lower.ts";
import { shareMemory } from "./memory.ts";
import { livesOf } from "./schedule.ts";

export interface DeviceBytes {
  /** Weights as they are kept there. */
  readonly weights: number;
  /** Constants, and the buffers that inputs, intermediates and results share. */
  readonly values: number;
}

export function deviceBytes(lowered: Lowered): DeviceBytes {
  const { program } = lowered;
  let [weights, constants] = [0, 0];
  for (const { node, storage } of lowered.values) {
    const { op, name } = node === undefined ? {} : program.nodes[node]!;
    const bytes = bytesOf(storage.format, storage.size);
    if (op === "constant") constants += bytes;
    if (op === "parameter" && name) weights += bytes + (storage.rows ? bytesOf("f32", storage.rows) : 0);
  }
  const { buffers } = shareMemory(livesOf(lowered));
  return { weights, values: constants + buffers.reduce((sum, bytes) => sum + bytes, 0) };
}
