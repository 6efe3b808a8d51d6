const stack: string[] = [];

/** Path of the layer whose `forward` is being traced, or "". */
export const currentScope = (): string => stack.at(-1) ?? "";

/** Runs `body` with `path` as the current layer, so that errors and printed programs can say where they are. */
export function within<T>(path: string, body: () => T): T {
  stack.push(path);
  try {
    return body();
  } finally {
    stack.pop();
  }
}
