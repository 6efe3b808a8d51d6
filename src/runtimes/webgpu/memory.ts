/** Which values share memory: each buffer holds, one after the other, values that are never needed together. */

export interface Lifetime {
  readonly bytes: number;
  /** Steps in which the value must be there, both included. */
  readonly first: number;
  readonly last: number;
}

export interface SharedMemory {
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  /** Buffer of each value. */
  readonly bufferOf: readonly number[];
}

/**
 * Largest values first, each into the smallest buffer that is free at its time ("shared objects, greedy by size":
 * Pisarchyk and Lee 2020). Buffers rather than places in one arena, because WebGPU refuses a shader that reads one
 * part of a buffer and writes another.
 */
export function shareMemory(values: readonly Lifetime[]): SharedMemory {
  const buffers: number[] = [];
  const held: Lifetime[][] = [];
  const bufferOf = new Array<number>(values.length).fill(-1);
  const order = values.map((_, i) => i).sort((a, b) => values[b]!.bytes - values[a]!.bytes || a - b);
  for (const i of order) {
    const value = values[i]!;
    let best = -1;
    for (const [at, list] of held.entries()) {
      if (best >= 0 && buffers[at]! >= buffers[best]!) continue;
      if (list.every(({ first, last }) => last < value.first || first > value.last)) best = at;
    }
    if (best < 0) {
      best = buffers.push(value.bytes) - 1;
      held.push([]);
    }
    held[best]!.push(value);
    bufferOf[i] = best;
  }
  return { buffers, bufferOf };
}
