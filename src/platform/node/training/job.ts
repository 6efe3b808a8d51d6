import type { HostTensor } from "../../../tensor/dtype.ts";
import type { Task } from "../../../training/trainer.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";

export type Values = ReadonlyMap<string, HostTensor>;

/** A task with what a run does around its steps. */
export interface Job {
  readonly task: Task;
  /** Clips to look at, made with these weights, and figures. */
  preview(weights: Values): Promise<{ clips: SheetClip[]; figures: Readonly<Record<string, number>> }>;
  /** Writes a model folder that `generate`, `probe` and later recipes can use. */
  save(weights: Values, folder: string): Promise<void>;
  dispose(): void;
}

/** Values under a prefix, without it. */
export function under(values: Values, prefix: string): Map<string, HostTensor> {
  return new Map(
    [...values].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
  );
}
