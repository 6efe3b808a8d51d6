/** What is handed to a program from outside, checked in one way by every runtime. */
import { CheckpointError, InputError } from "../base/errors.ts";
import { formatShape, type HostTensor, sizeOf } from "./dtype.ts";
import type { Program } from "./program.ts";
import type { WeightSource, Weights } from "./runtime.ts";

/**
 * The weights of a program that a state does not hold.
 * @throws CheckpointError that lists all that are missing or misshapen
 */
export function weightsFor(
  { nodes, parameters }: Program,
  weights: Weights = new Map(),
  held: ReadonlySet<string> = new Set(),
): Map<string, WeightSource> {
  const found = new Map<string, WeightSource>();
  const faults: string[] = [];
  for (const [name, at] of parameters) {
    if (held.has(name)) continue;
    const source = weights.get(name);
    const [needed, got] = [formatShape(nodes[at]!.shape), source && formatShape(source.shape)];
    if (!source) faults.push(`${name} ${needed} is missing`);
    else if (got !== needed) faults.push(`${name} is ${needed}, got ${got}`);
    else found.set(name, source);
  }
  if (!faults.length) return found;
  const more = faults.length > 8 ? `; and ${faults.length - 8} more` : "";
  throw new CheckpointError(`weights do not fit: ${faults.slice(0, 8).join("; ")}${more}`);
}

/**
 * Checks the values of a run. Values for names that the program does not know are let pass.
 * @throws InputError that names the input
 */
export function checkInputs(
  { nodes, inputs }: Program,
  values: Readonly<Record<string, HostTensor>>,
  { hollow = false }: { hollow?: boolean } = {},
): void {
  for (const [name, at] of inputs) {
    const { shape, dtype } = nodes[at]!;
    const value = values[name];
    if (!value)
      throw new InputError(`no value for the input ${name} ${formatShape(shape)}`, {
        hint: `got ${Object.keys(values).join(", ") || "none"}`,
      });
    if (formatShape(value.shape) !== formatShape(shape))
      throw new InputError(`input ${name} needs ${formatShape(shape)}, got ${formatShape(value.shape)}`);
    if (value.dtype !== dtype) throw new InputError(`input ${name} needs ${dtype}, got ${value.dtype}`);
    if (!hollow && value.data.length !== sizeOf(shape))
      throw new InputError(`input ${name} ${formatShape(shape)} holds ${value.data.length} values`);
  }
}
