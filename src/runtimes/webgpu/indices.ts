/** Row numbers that are handed in are checked before a run: a shader can only clamp them. */
import { InputError } from "../../base/errors.ts";
import type { HostTensor } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { Program } from "../../tensor/program.ts";
import { isView } from "./fuse.ts";

export interface IndexTable {
  readonly input: string;
  readonly rows: number;
}

/** The inputs that pick rows of tables. Indices that a program computes are clamped to the table instead. */
export function indexTables({ nodes }: Program): IndexTable[] {
  const tables: IndexTable[] = [];
  for (const { op, attributes, inputs } of nodes) {
    if (op !== "gather" && op !== "scatter-add") continue;
    const rows = op === "gather" ? nodes[inputs[0]!]!.shape[0]! : (attributes as OpAttributes["scatter-add"]).rows;
    let from = inputs[1]!;
    while (isView(nodes[from]!)) from = nodes[from]!.inputs[0]!;
    if (nodes[from]!.op === "input") tables.push({ input: nodes[from]!.name!, rows });
  }
  return tables;
}

/** @throws InputError that names the row */
export function checkIndices(tables: readonly IndexTable[], inputs: Readonly<Record<string, HostTensor>>): void {
  for (const { input, rows } of tables)
    for (const row of inputs[input]!.data)
      if (!(row >= 0 && row < rows))
        throw new InputError(`index ${row} in a table of ${rows} rows`, { where: `input ${input}` });
}
