/** When values of a lowered program are needed, and when new state is copied over old. */
import { bytesOf } from "./format.ts";
import type { Block } from "./gpu.ts";
import type { Lowered } from "./lower.ts";
import type { WebGpuState } from "./state.ts";

export interface Copy {
  readonly from: Block;
  readonly to: Block;
  readonly bytes: number;
}

export interface Life {
  readonly value: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** From which step to which each value is needed that does not stay. */
export function livesOf({ program, values, steps, valueAt, resultOf }: Lowered): Life[] {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  for (const at of program.inputs.values()) {
    first.set(valueAt.get(at)!, -1);
    last.set(valueAt.get(at)!, -1);
  }
  for (const [at, { reads, write }] of steps.entries()) {
    if (!first.has(write)) first.set(write, at); // parts of a value follow one another
    for (const value of [...reads, write]) last.set(value, at);
  }
  for (const at of [...program.outputs.values(), ...program.updates.values()])
    last.set(resultOf.get(at)!, steps.length);
  return [...first].map(([value, from]) => {
    const { format, size } = values[value]!.storage;
    return { value, bytes: bytesOf(format, size), first: from, last: last.get(value)! };
  });
}

/** By step, what is copied after it: new values of state, once no step reads the old ones any more. */
export function updatesOf(
  { program, values, steps, valueAt, resultOf }: Lowered,
  blockOf: (value: number) => Block,
  held: WebGpuState | undefined,
): Map<number, Copy[]> {
  const updates = new Map<number, Copy[]>();
  for (const [name, at] of program.updates) {
    const value = resultOf.get(at)!;
    const target = valueAt.get(program.parameters.get(name)!)!;
    const last = steps.findLastIndex(({ reads, write }) => reads.includes(target) || write === value);
    const after = Math.max(0, last);
    const { format, size } = values[value]!.storage;
    const copy = { from: blockOf(value), to: held!.block(name), bytes: bytesOf(format, size) };
    updates.set(after, [...(updates.get(after) ?? []), copy]);
  }
  return updates;
}
