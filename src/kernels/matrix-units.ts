/** The words of `chromium-experimental-subgroup-matrix` (Dawn's proposal, subgroup_matrix.md): square f16 matrices, f32 sums. */
import type { WgslDevice, WgslKernel } from "./wgsl.ts";

/** What a kernel that uses matrices asks of WGSL. Subgroups are runs of lanes, which the uniformity analysis cannot know. */
export const matrixExtensions: Pick<WgslKernel, "enable" | "diagnostics"> = {
  enable: ["f16", "subgroups", "chromium_experimental_subgroup_matrix"],
  diagnostics: ["chromium.subgroup_matrix_uniformity"],
};

/** The side of the matrices that this device multiplies, where its subgroups have one size. */
export function matrixSide({ subgroupMatrices, subgroups, f16 }: WgslDevice): number | undefined {
  if (!f16 || !subgroups || subgroups.min !== subgroups.max) return undefined;
  return subgroupMatrices.find(({ m, n, k }) => m === n && n === k && (m === 8 || m === 16))?.m;
}

/** Rows one behind the other in memory, or columns. */
type Order = "row_major" | "col_major";

export interface MatrixWords {
  /** A sum of nothing: said aloud, because Dawn's zeros of variables in loops are for the first round only. */
  readonly zero: string;
  /** A matrix from an array in workgroup memory, from `first` on, `step` elements from one row (or column) to the next. */
  readonly load: (kind: "left" | "right" | "result", from: string, first: string, order: Order, step: number) => string;
  readonly store: (to: string, first: string, sum: string, step: number) => string;
  readonly multiplyAdd: (left: string, right: string, sum: string) => string;
}

export function matrixWords(side: number): MatrixWords {
  const type = (kind: string) => `subgroup_matrix_${kind}<${kind === "result" ? "f32" : "f16"}, ${side}, ${side}>`;
  return {
    zero: `${type("result")}()`,
    load: (kind, from, first, order, step) =>
      `subgroupMatrixLoad<${type(kind)}, ${order}>(&${from}, ${first}, ${step}u)`,
    store: (to, first, sum, step) => `subgroupMatrixStore<row_major>(&${to}, ${first}, ${sum}, ${step}u);`,
    multiplyAdd: (left, right, sum) => `${sum} = subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sum});`,
  };
}
