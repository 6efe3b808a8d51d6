/** Rows of numbers that are costly to make, kept on disk in shards, so that a stopped run goes on where it was. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CancelledError, CheckpointError } from "../../../base/errors.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { readFloat32, readTensor } from "../../../weights/safetensors.ts";
import { storeFloat32 } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { isThere } from "../files/is-there.ts";
import { makeFolder } from "../files/make-folder.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";

/** Rows of a shard, and the most numbers that one holds where that is more than a row: a shard is made in memory. */
const most = { rows: 100, numbers: 2 ** 27 };

export const shardRows = (size: number): number => Math.max(1, Math.min(most.rows, Math.floor(most.numbers / size)));

export interface ShardRequest {
  readonly folder: string;
  /** Rows, and numbers in each. */
  readonly count: number;
  readonly size: number;
  /** Makes a row; asked in order. */
  readonly make: (index: number) => Promise<Float32Array>;
  readonly signal?: AbortSignal | undefined;
  readonly report?: ((done: number, count: number) => void) | undefined;
  /** Hears which shard was damaged and is made again. */
  readonly note?: ((text: string) => void) | undefined;
}

export interface Shards {
  /** Row `index`, as it was stored: in half precision. */
  read(index: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens rows 0 to count - 1, making those that are not on disk or not whole. */
export async function openShards(request: ShardRequest): Promise<Shards> {
  const { folder, count, size, report } = request;
  await makeFolder(folder);
  const shardSize = shardRows(size);
  const shards: Checkpoint[] = [];
  const close = async () => {
    for (const shard of shards) await shard.close();
  };
  try {
    for (let first = 0; first < count; first += shardSize) {
      const path = join(folder, `rows-${first}.safetensors`);
      const rows = Math.min(shardSize, count - first);
      shards.push((await openWhole(path, rows, request)) ?? (await makeShard(path, first, rows, request)));
      report?.(first + rows, count);
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  return {
    read: (index) => {
      const at = (index % shardSize) * size;
      return readFloat32(shards[Math.floor(index / shardSize)]!.tensors.get("rows")!, at, at + size);
    },
    close,
  };
}

/** A shard that is on disk and as it was written, with `least` rows or more; undefined where it has to be made. */
async function openWhole(path: string, least: number, { size, note }: ShardRequest): Promise<Checkpoint | undefined> {
  if (!(await isThere(path))) return undefined;
  let opened: Checkpoint | undefined;
  try {
    opened = (await openCheckpointPath(path)).checkpoint;
    const rows = opened.tensors.get("rows");
    if (rows?.shape[1] === size && hashOf((await readTensor(rows)) as Uint16Array) === opened.metadata["sha256"]) {
      if (rows.shape[0]! >= least) return opened;
    } else note?.(`${path} is damaged and is made again`);
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    note?.(`${path} is damaged and is made again`);
  }
  await opened?.close();
  return undefined;
}

async function makeShard(
  path: string,
  first: number,
  count: number,
  { size, make, signal }: ShardRequest,
): Promise<Checkpoint> {
  const values = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    if (signal?.aborted) throw new CancelledError();
    values.set(await make(first + row), row * size);
  }
  const rows = storeFloat32(values, [count, size], "F16");
  await writeSafetensorsFile(path, new Map([["rows", rows]]), {
    metadata: { sha256: hashOf(rows.data as Uint16Array) },
  });
  return (await openCheckpointPath(path)).checkpoint;
}

const hashOf = ({ buffer, byteOffset, byteLength }: Uint16Array): string =>
  createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");
