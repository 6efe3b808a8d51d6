/** What matrix products in WGSL have in common: sizes, and how lanes find and read their operands. */

/** How lanes find an operand: `along` is the axis whose neighbours lie side by side in memory. */
export interface TileOperand {
  /** WGSL of the operand's flat index; `sheet`, `k` and `row` (left) or `column` (right) are known. */
  readonly index: string;
  readonly along: "inner" | "outer";
  /** Whether four neighbours from a multiple of four on can be read at once. */
  readonly four: boolean;
  /** WGSL of a condition under which the element is there; elsewhere it is zero. */
  readonly inside?: string;
  /** Statements before `index`. */
  readonly before?: string;
}

export interface Product {
  readonly sheets: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Operand 0, [rows, inner] in some order. */
  readonly left: TileOperand;
  /** Operand 1, [inner, columns] in some order. */
  readonly right: TileOperand;
  /** Parts of the inner axis that different workgroups sum; the parts lie behind one another in the result. */
  readonly parts?: number;
  /** Which operand's `load` is left and right; 0 and 1 by default. */
  readonly loads?: readonly [number, number];
}

/** `element…` reads one value, or zero outside; `four…` reads four, where the operand allows it. */
export function loader(
  side: string,
  operand: TileOperand,
  load: number,
  outer: string,
  size: number,
  inner: number,
  type: "f32" | "i32" = "f32",
): string {
  const zero = type === "f32" ? "0.0f" : "0i";
  const inside = `k < ${inner}u && ${outer} < ${size}u`;
  const head = (name: string, type: string) => `fn ${name}${side}(sheet: u32, ${outer}: u32, k: u32) -> ${type}`;
  const before = operand.before ?? "";
  const also = operand.inside ? `  if (!(${operand.inside})) { return ${zero}; }\n` : "";
  const one = `${head("element", type)} {
  if (!(${inside})) { return ${zero}; }
  ${before}
${also}  return load${load}(${operand.index});
}`;
  if (!operand.four) return one;
  return `${head("four", `vec4<${type}>`)} {
  if (!(${inside})) { return vec4<${type}>(); }
  return load${load}x4(${operand.index});
}`;
}
