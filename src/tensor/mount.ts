import { within } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** Parameters of a model by field path, in field order: `blocks.0.attention.query.weight`. */
export function parametersOf(model: object, prefix = ""): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const walk = (value: unknown, path: string): void => {
    if (value instanceof Tensor) {
      if (value.op === "parameter") found.set(path, value);
    } else if (Array.isArray(value) || (typeof value === "object" && value !== null && isLayer(value))) {
      for (const [key, child] of Object.entries(value)) walk(child, path ? `${path}.${key}` : key);
    }
  };
  walk(model, prefix);
  return found;
}

const isLayer = (value: object): boolean =>
  Object.getPrototypeOf(value) !== Object.prototype && !ArrayBuffer.isView(value);

/**
 * Names every parameter of `model` and makes each layer's `forward` announce its path while it is traced.
 * @returns the model itself
 */
export function mount<T extends object>(model: T, path = ""): T {
  for (const [name, parameter] of parametersOf(model, path)) parameter.name = name;
  const walk = (value: unknown, here: string): void => {
    if (value instanceof Tensor || typeof value !== "object" || value === null) return;
    if (!Array.isArray(value)) {
      if (!isLayer(value)) return;
      announce(value, here);
    }
    for (const [key, child] of Object.entries(value)) walk(child, here ? `${here}.${key}` : key);
  };
  walk(model, path);
  return model;
}

function announce(layer: object & { forward?: unknown }, path: string): void {
  const { forward } = Object.getPrototypeOf(layer) as { forward?: (...args: unknown[]) => unknown };
  if (typeof forward !== "function") return;
  Object.defineProperty(layer, "forward", {
    value: (...args: unknown[]) => within(path, () => forward.apply(layer, args)),
    enumerable: false,
    configurable: true,
  });
}
