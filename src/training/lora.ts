/** Low-rank adaptation (Hu et al. 2021): chosen linear layers answer W x + b + (alpha / rank) · up · down · x. */
import { InputError } from "../base/errors.ts";
import { Linear } from "../nn/linear.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { parameter, Tensor } from "../tensor/tensor.ts";

export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  /** Layers whose path it matches, for example `attention\\.(query|key|value|out)$`. */
  readonly layers: RegExp;
}

/** What one layer gains. */
export class Adapter {
  readonly down: Tensor;
  readonly up: Tensor;
  /** Path of the layer in its model. */
  readonly layer: string;

  constructor(layer: string, inner: number, outer: number, rank: number) {
    this.layer = layer;
    this.down = parameter([rank, inner]);
    this.up = parameter([outer, rank]);
  }

  /** x [..., inner] to [..., outer]. */
  forward(x: Tensor): Tensor {
    return x.matmul(this.down, { transposeB: true }).matmul(this.up, { transposeB: true });
  }
}

/**
 * Adapters for the chosen layers of a mounted model, whose `forward` adds them from now on. @throws InputError where no
 * layer is chosen
 */
export function attachLora(model: object, { rank, alpha, layers }: LoraSettings): Adapter[] {
  const adapters: Adapter[] = [];
  for (const [path, layer] of linearLayers(model)) {
    if (!layers.test(path)) continue;
    const [outer, inner] = layer.weight.shape as [number, number];
    const adapter = new Adapter(path, inner, outer, rank);
    const plain = layer.forward.bind(layer);
    Object.defineProperty(layer, "forward", {
      value: (x: Tensor) => plain(x).add(adapter.forward(x).mul(alpha / rank)),
      configurable: true,
    });
    adapters.push(adapter);
  }
  if (!adapters.length)
    throw new InputError(`no linear layer matches ${layers}`, {
      hint: `there are ${[...linearLayers(model).keys()].slice(0, 6).join(", ")} and more`,
    });
  return adapters;
}

function linearLayers(model: object): Map<string, Linear> {
  const found = new Map<string, Linear>();
  const walk = (value: unknown, path: string): void => {
    if (value instanceof Linear) found.set(path, value);
    else if (typeof value === "object" && value !== null && !(value instanceof Tensor) && !ArrayBuffer.isView(value))
      for (const [key, child] of Object.entries(value)) walk(child, path ? `${path}.${key}` : key);
  };
  walk(model, "");
  return found;
}

/** Values in peft's naming, the scale multiplied in, so that readers need no alpha; `rename` maps a layer's path. */
export function peftTensors(
  adapters: readonly Adapter[],
  partOf: (adapter: Adapter, part: "down" | "up") => HostTensor,
  scale: number,
  rename: (path: string) => string,
): Map<string, HostTensor> {
  return new Map(
    adapters.flatMap((adapter) => {
      const [down, up] = [partOf(adapter, "down"), partOf(adapter, "up")];
      const name = `base_model.model.${rename(`${adapter.layer}.`).replace(/\.$/, "")}`;
      const scaled = hostTensor(
        (up.data as Float32Array).map((value) => value * scale),
        up.shape,
      );
      return [
        [`${name}.lora_A.weight`, down],
        [`${name}.lora_B.weight`, scaled],
      ] as const;
    }),
  );
}
