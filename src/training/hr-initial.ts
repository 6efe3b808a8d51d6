/** Starting weights of the high-resolution model: those of the low-resolution one, with fusions that change nothing. */

import { widthOf } from "../models/ltx/config.ts";
import type { HrTransformer } from "../models/ltx/two-stage.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import { initialWeights } from "./initial.ts";

type Values = ReadonlyMap<string, HostTensor>;

/**
 * Residual fusions start with a zero `linO` and `linT` and an identity `linH`, so their output is zero; the other forms with
 * identities. Convolutions on the guide start as their centre tap, moments at zero.
 * @param transformer values of the low-resolution transformer by its own field paths
 */
export function initialHrWeights(model: HrTransformer, transformer: Values, seed: number): Map<string, HostTensor> {
  const width = widthOf(model.config.transformer);
  const isResidual = model.config.form === "residual";
  const drawn = initialWeights(model.fusion, seed, { prefix: "fusion" });
  const start = (name: string, shape: Shape): HostTensor => {
    const size = sizeOf(shape);
    const zero = () => hostTensor(new Float32Array(size), shape);
    if (name.endsWith(".bias") || name.includes(".linT.")) return zero();
    if (name.includes(".linO.")) return isResidual ? zero() : hostTensor(diagonal(width, 1, 0), shape);
    if (name.includes(".linH.")) return hostTensor(diagonal(width, 1, 0), shape);
    if (name.includes(".widen.")) return drawn.get(name)!;
    if (name.includes(".spread.")) return zero();
    return hostTensor(shape.length === 2 ? centreRow(size) : diagonal(width, 9, 4), shape);
  };
  const values = new Map<string, HostTensor>();
  for (const [name, { shape }] of parametersOf(model))
    values.set(
      name,
      name.startsWith("transformer.") ? transformer.get(name.slice("transformer.".length))! : start(name, shape),
    );
  return values;
}

/**
 * A trained second stage beside another draft: what the draft's weights have changed is added to those that it began with, as in
 * task arithmetic (Ilharco et al. 2022, arXiv 2212.04089).
 * @param trained values by the names of the second stage; `before` and `now` the draft's transformer's, by its own
 */
export function followDraft(trained: Values, before: Values, now: Values): Map<string, HostTensor> {
  const prefix = "transformer.";
  const moved = ([name, value]: [string, HostTensor]): [string, HostTensor] => {
    if (!name.startsWith(prefix)) return [name, value];
    const [from, to] = [before, now].map((values) => values.get(name.slice(prefix.length))!.data);
    const data = Float32Array.from(value.data, (own, i) => own + to![i]! - from![i]!);
    return [name, hostTensor(data, value.shape)];
  };
  return new Map([...trained].map(moved));
}

/** An identity [W, W, taps] whose ones lie at tap `at`. */
function diagonal(width: number, taps: number, at: number): Float32Array {
  const out = new Float32Array(width * width * taps);
  for (let c = 0; c < width; c++) out[(c * width + c) * taps + at] = 1;
  return out;
}

/** A depthwise kernel [9, W] that passes the middle. */
const centreRow = (size: number): Float32Array => new Float32Array(size).fill(1, (4 * size) / 9, (5 * size) / 9);
