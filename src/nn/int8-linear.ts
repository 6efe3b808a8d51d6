import { int8Linear, int8Shapes } from "../kernels/int8.ts";
import { parameter, Tensor } from "../tensor/tensor.ts";
import { Linear, type Projection } from "./linear.ts";

/** x · Wᵀ + b with W and x in 8 bits (`kernels/int8.ts`). */
export class Int8Linear implements Projection {
  readonly codes: Tensor;
  readonly scale: Tensor;
  readonly bias: Tensor | undefined;

  /** In the place of a layer, whose bias it takes over. */
  constructor({ weight, bias }: Pick<Linear, "weight" | "bias">) {
    const { codes, scale } = int8Shapes(...(weight.shape as [number, number]));
    this.codes = parameter(codes, "i32");
    this.scale = parameter(scale);
    this.bias = bias;
  }

  /** x [..., inner] to [..., outer]. */
  forward(x: Tensor): Tensor {
    return int8Linear(x, this, this.bias);
  }
}

/** Puts 8-bit layers in the place of the linear layers whose path matches, before the model is mounted. @returns the model itself */
export function withInt8Linears<T extends object>(model: T, layers: RegExp): T {
  const walk = (value: object, path: string): void => {
    for (const [key, child] of Object.entries(value) as [string, unknown][]) {
      const here = path ? `${path}.${key}` : key;
      if (child instanceof Linear) {
        if (layers.test(here)) Object.assign(value, { [key]: new Int8Linear(child) });
      } else if (typeof child === "object" && child !== null && !(child instanceof Tensor)) walk(child, here);
    }
  };
  walk(model, "");
  return model;
}
