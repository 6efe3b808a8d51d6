/**
 * Subgroup matrices in plain WGSL, so that shaders for matrix units run where there are none. Runs of `size` lanes stand for
 * subgroups, whatever size the device's own have. A lane keeps a row of each left operand and a piece of that row of each
 * sum; right operands are read when they are multiplied, which our shaders do at once. No barriers are added: where a
 * shader lacks one, lanes read what is not there yet.
 */
export function lowerSubgroupMatrices(code: string, size: number): string {
  const side = Number(/subgroup_matrix_result<f32, (\d+)/.exec(code)?.[1]);
  if (!side) return code;
  const [lanesOfRow, columns] = [size / side, (side * side) / size];
  const [row, first] = [`matrixLane % ${size}u / ${lanesOfRow}u`, `matrixLane % ${lanesOfRow}u * ${columns}u`];
  const types = { left: `array<f32, ${side}>`, result: `array<f32, ${columns}>` };
  const places = { row_major: "first + row * step + column", col_major: "first + column * step + row" };
  type Order = keyof typeof places;

  const functions = new Map<string, string>();
  const define = (name: string, text: string): string => {
    functions.set(name, `fn ${name}${text}`);
    return name;
  };
  const mover = (kind: keyof typeof types, array: string, order: Order, isStore: boolean): string => {
    const [count, from] = kind === "left" ? [side, "0u"] : [columns, first];
    const [here, there] = ["(*matrix)[i]", `${array}[${places[order]}]`];
    return define(
      `${isStore ? "store" : "load"}_${kind}_${array}_${order}`,
      `(first: u32, step: u32, matrix: ptr<function, ${types[kind]}>) {
  let row = ${row};
  for (var i = 0u; i < ${count}u * matrixOne; i++) {
    let column = ${from} + i;
    ${isStore ? `${there} = ${here}` : `${here} = f32(${there})`};
  }
}`,
    );
  };
  const multiplier = (array: string, order: Order): string =>
    define(
      `multiply_${array}_${order}`,
      `(left: ptr<function, ${types.left}>, place: vec2<u32>, sum: ptr<function, ${types.result}>) {
  let first = place.x;
  let step = place.y;
  for (var i = 0u; i < ${columns}u * matrixOne; i++) {
    let column = ${first} + i;
    var total = (*sum)[i];
    for (var row = 0u; row < ${side}u * matrixOne; row++) { total += (*left)[row] * f32(${array}[${places[order]}]); }
    (*sum)[i] = total;
  }
}`,
    );

  /** By name of a right operand, what multiplies it. */
  const rights = new Map<string, string>();
  const lowered = code
    .replace(/enable chromium_experimental_subgroup_matrix;\n|diagnostic\(off, chromium\.subgroup_matrix\w+\);\n/g, "")
    .replace(/subgroup_matrix_result<f32, \d+, \d+>\(\)/g, `${types.result}()`)
    .replace(
      /(let )?(\w+) = subgroupMatrixLoad<subgroup_matrix_(\w+)<[^>]+>, (\w+)>\(&(\w+), (.*), (\d+u)\);/g,
      (
        _,
        isNew: string | undefined,
        to: string,
        kind: string,
        order: Order,
        from: string,
        at: string,
        step: string,
      ) => {
        if (kind === "right") {
          rights.set(to, multiplier(from, order));
          return `let ${to} = vec2<u32>(${at}, ${step});`;
        }
        const known = kind as keyof typeof types;
        return `${isNew ? `var ${to}: ${types[known]}; ` : ""}${mover(known, from, order, false)}(${at}, ${step}, &${to});`;
      },
    )
    .replace(
      /subgroupMatrixStore<(\w+)>\(&(\w+), (.*), (\w+), (\d+u)\);/g,
      (_, order: Order, to: string, at: string, sum: string, step: string) =>
        `${mover("result", to, order, true)}(${at}, ${step}, &${sum});`,
    )
    .replace(
      /(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), \1\);/g,
      (_, sum: string, left: string, right: string) => `${rights.get(right)}(&${left}, ${right}, &${sum});`,
    )
    .replace(/fn main\(.*\) \{\n/, "$&  matrixLane = lane;\n  matrixOne = min(count.x, 1u);\n");
  const own = `
var<private> matrixLane: u32;
// One, which no compiler knows: those of software adapters would unroll loops for minutes.
var<private> matrixOne: u32;
${[...functions.values()].join("\n")}
`;
  return lowered.replace("\n@compute", `${own}@compute`);
}
