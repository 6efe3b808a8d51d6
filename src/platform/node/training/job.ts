import type { Settings } from "../../../pipelines/model.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import { type Weights, weightInMemory } from "../../../tensor/runtime.ts";
import type { FlowRecipe, TeacherRecipe } from "../../../training/recipe.ts";
import type { Task } from "../../../training/trainer.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import { bf16ToF32, f16ToF32 } from "../../../weights/half.ts";
import type { TeacherMark } from "./run-folder.ts";

export type Values = ReadonlyMap<string, HostTensor>;

/** A task with what a run does around its steps. */
export interface Job {
  readonly task: Task;
  /** Of a distillation from one. */
  readonly teacher?: TeacherMark | undefined;
  /** Clips to look at, made with these weights, and figures. */
  preview(weights: Values): Promise<{ clips: SheetClip[]; figures: Readonly<Record<string, number>> }>;
  /** Writes a model folder that `generate`, `probe` and later recipes can use. */
  save(weights: Values, folder: string): Promise<void>;
  dispose(): Promise<void>;
}

/** A job but for the closing of what it opened. */
export type OpenedJob = Omit<Job, "dispose">;

/** Values under a prefix, without it. */
export function under(values: Values, prefix: string): Map<string, HostTensor> {
  return new Map(
    [...values].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

export const inMemory = (values: Values): Weights =>
  new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));

/** Stored weights in f32, to train from. */
export async function valuesOf(weights: Weights): Promise<Map<string, HostTensor>> {
  const values = new Map<string, HostTensor>();
  for (const [name, weight] of weights) {
    const { data, shape, dtype } = await weight.read();
    const widen = dtype === "bf16" ? bf16ToF32 : f16ToF32;
    values.set(name, hostTensor(data instanceof Uint16Array ? widen(data) : Float32Array.from(data), shape));
  }
  return values;
}

/** The same of several modules, by their names. */
export async function valuesOfParts(parts: Readonly<Record<string, { readonly weights: Weights }>>): Promise<Values> {
  const values = new Map<string, HostTensor>();
  for (const [part, { weights }] of Object.entries(parts))
    for (const [name, value] of await valuesOf(weights)) values.set(`${part}.${name}`, value);
  return values;
}

/** What a model that was trained by flow matching does when nothing else is asked. */
export function settingsOf({ name, defaults, fps, text, world }: FlowRecipe | TeacherRecipe): Settings {
  const { picture, shift, ...rest } = defaults;
  const schedule = { kind: "uniform", shift } as const;
  return { name, ...picture, fps, ...rest, textLength: text.tokens, schedule, world };
}
