/** LoRAs on a text-to-video model's transformers. */
import { originalName } from "../models/ltx/layouts.ts";
import { diffusersName } from "../models/ltx/weights.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { type Lora, matchLora, type Target } from "../weights/lora.ts";
import { type Product, withLoras } from "../weights/lora-merge.ts";
import type { TextToVideoModel } from "./model.ts";

/** A LoRA with how strongly it is to act; 1 is as it was trained. */
export interface LoraUse {
  readonly lora: Lora;
  readonly weight: number;
  readonly sha256: string;
}

/**
 * The model with its transformer adapted, and that of a second stage alike, wherever their weights come from.
 * @throws CheckpointError for a LoRA of another model
 */
export function adapt<M extends TextToVideoModel>(model: M, uses: readonly LoraUse[], runtime: Runtime): M {
  if (uses.length === 0) return model;
  const { config, weights } = model.transformer;
  const targets = [...weights].map(([path, { shape }]): Target => {
    const name = diffusersName(path).replace(/\.weight$/, "");
    return { path, shape, names: [name, originalName(name)] };
  });
  const matched = uses.map(({ lora, weight }) => ({ name: lora.name, weight, layers: matchLora(lora, targets) }));
  const loras = uses.map(({ lora, weight, sha256 }) => ({ name: nameOf(lora), weight, sha256 }));
  const product = productOn(runtime);
  return {
    ...model,
    loras,
    transformer: { config, weights: withLoras(weights, matched, product) },
    hr: model.hr && { ...model.hr, weights: withLoras(model.hr.weights, matched.map(inTrunk), product) },
  };
}

/** On the high-resolution model, whose trunk is the same transformer, trained on from it. */
const inTrunk = <U extends { readonly layers: ReadonlyMap<string, unknown> }>({ layers, ...use }: U) => ({
  ...use,
  layers: new Map([...layers].map(([path, pair]) => [`transformer.${path}`, pair])) as U["layers"],
});

/** Without the folder, which is nobody's business. */
const nameOf = ({ name }: Lora): string => name.replace(/^.*[/\\]/, "");

/** Products on a runtime, with one program a shape. */
function productOn(runtime: Runtime): Product {
  const programs = new Map<string, Promise<Executable>>();
  return async (up, down, out, rank, inner) => {
    const key = `${out} ${rank} ${inner}`;
    const product = () => input("up", [out, rank]).matmul(input("down", [rank, inner]));
    if (!programs.has(key)) programs.set(key, runtime.compile(buildProgram({ product: product() })));
    const feeds = { up: hostTensor(up, [out, rank]), down: hostTensor(down, [rank, inner]) };
    const results = await (await programs.get(key)!).run(feeds);
    return results["product"]!.data as Float32Array;
  };
}
