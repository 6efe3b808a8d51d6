/** Writes WGSL statements, giving equal expressions one name, and turns indices of one shape into those of another. */
import { type Shape, sizeOf } from "../../tensor/dtype.ts";

/** Statements of one function body; what is named in an outer block is known in the inner ones. */
export class Code {
  readonly #names: { next: number };
  readonly #known: Map<string, string>[];
  readonly #lines: string[];

  constructor(names = { next: 0 }, known: Map<string, string>[] = [new Map()], lines: string[] = []) {
    this.#names = names;
    this.#known = known;
    this.#lines = lines;
  }

  /** A name for the value of an expression without side effects. */
  let(expression: string): string {
    if (/^(\w+|-?[\d.e+-]+[uif]?)$/.test(expression)) return expression;
    return this.once(expression, () => {
      const name = this.#fresh();
      this.#lines.push(`let ${name} = ${expression};`);
      return name;
    });
  }

  /** What `make` answers for this key, made once in this block or one around it. */
  once(key: string, make: () => string): string {
    for (const known of this.#known) {
      const name = known.get(key);
      if (name) return name;
    }
    const name = make();
    this.#known.at(-1)!.set(key, name);
    return name;
  }

  /** A variable that the branches assign: `cases` are conditions with the value computed under each, else `otherwise`. */
  choose(
    type: string,
    cases: readonly (readonly [string, (code: Code) => string])[],
    otherwise: (code: Code) => string,
  ): string {
    const name = this.#fresh();
    const branch = (value: (code: Code) => string) => {
      const lines: string[] = [];
      const inner = new Code(this.#names, [...this.#known, new Map()], lines);
      const result = value(inner);
      return `{ ${[...lines, `${name} = ${result};`].join(" ")} }`;
    };
    const chain = cases.map(([condition, value]) => `if (${condition}) ${branch(value)}`);
    this.#lines.push(`var ${name}: ${type};`, [...chain, branch(otherwise)].join(" else "));
    return name;
  }

  get text(): string {
    return this.#lines.join("\n  ");
  }

  #fresh(): string {
    return `t${this.#names.next++}`;
  }
}

/** An index into a shape: one u32 expression for each axis, or one for all in row-major order, or both. */
export class Place {
  readonly shape: Shape;
  #flat: string | undefined;
  #axes: readonly string[] | undefined;

  private constructor(shape: Shape, flat: string | undefined, axes: readonly string[] | undefined) {
    this.shape = shape;
    this.#flat = flat;
    this.#axes = axes;
  }

  static flat(shape: Shape, flat: string): Place {
    return new Place(shape, flat, undefined);
  }

  static axes(shape: Shape, axes: readonly string[]): Place {
    return new Place(shape, undefined, axes);
  }

  /** Tells places apart. */
  get key(): string {
    return `${this.shape.join()}@${this.#flat ?? this.#axes!.join()}`;
  }

  flat(code: Code): string {
    this.#flat ??= code.let(linear(this.shape, this.#axes!));
    return this.#flat;
  }

  axes(code: Code): readonly string[] {
    this.#axes ??= split(code, this.shape, this.#flat!);
    return this.#axes;
  }

  /** The same element seen under another shape; only axes that change are taken apart. */
  reshape(code: Code, shape: Shape): Place {
    if (this.#flat !== undefined) return Place.flat(shape, this.#flat);
    const axes: string[] = [];
    for (const [from, to] of segments(this.shape, shape)) {
      const [own, other] = [this.shape.slice(...from), shape.slice(...to)];
      const part = this.#axes!.slice(...from);
      if (own.length === 1 && other.length === 1) axes.push(part[0]!);
      else axes.push(...split(code, other, code.let(linear(own, part))));
    }
    return Place.axes(shape, axes);
  }
}

/** Product with a known number. */
export const times = (expression: string, factor: number): string =>
  factor === 0 || expression === "0u" ? "0u" : factor === 1 ? expression : `${expression} * ${factor}u`;

/** Sum of terms. */
export const plus = (...terms: readonly string[]): string => {
  const left = terms.filter((term) => term !== "0u");
  return left.length ? left.join(" + ") : "0u";
};

function linear(shape: Shape, axes: readonly string[]): string {
  let step = 1;
  const terms: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    terms.unshift(times(axes[axis]!, step));
    step *= shape[axis]!;
  }
  return plus(...terms);
}

function split(code: Code, shape: Shape, flat: string): string[] {
  const axes = shape.map(() => "0u");
  let [step, left] = [1, sizeOf(shape)];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    left /= size;
    if (size === 1) continue;
    const above = step === 1 ? flat : code.let(`${flat} / ${step}u`);
    axes[axis] = left === 1 ? above : code.let(`${above} % ${size}u`);
    step *= size;
  }
  return axes;
}

/** The shortest runs of axes of two shapes that hold the same number of elements. */
function segments(a: Shape, b: Shape): [[number, number], [number, number]][] {
  const runs: [[number, number], [number, number]][] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [fromA, fromB] = [i, j];
    let [left, right] = [a[i++] ?? 1, b[j++] ?? 1];
    while (left !== right) {
      if (left < right) left *= a[i++]!;
      else right *= b[j++]!;
    }
    runs.push([
      [fromA, Math.min(i, a.length)],
      [fromB, Math.min(j, b.length)],
    ]);
  }
  return runs;
}
