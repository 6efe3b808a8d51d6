/** What a device allows, as data. */
import type { WgslDevice } from "../../kernels/wgsl.ts";

/** Limits by which programs are cut to size; smaller ones than the device's may be given to see what a weaker one does. */
export interface GpuLimits {
  /** Bytes that one binding may show. */
  readonly bindingBytes: number;
  readonly bufferBytes: number;
  /** Storage bindings of one shader. */
  readonly bindings: number;
  readonly workgroupBytes: number;
  readonly lanes: number;
  /** Workgroups along one axis of a dispatch. */
  readonly groups: number;
  readonly f16: boolean;
  readonly subgroups: boolean;
  readonly packedDot: boolean;
  /** Emulated on a CPU. */
  readonly isSoftware: boolean;
  /** Sizes of subgroups. */
  readonly subgroupSizes: readonly [number, number];
  readonly subgroupMatrices: WgslDevice["subgroupMatrices"];
  /** Operations that one dispatch may take before a driver's watchdog sees a hung device. */
  readonly flopsPerDispatch: number;
  /** The same for what is submitted at once. */
  readonly flopsPerSubmit: number;
}

/** What a slow integrated GPU does in about a second. */
const slowSecond = 2e11;

export function limitsOf(device: GPUDevice): GpuLimits {
  const { limits, features } = device;
  return {
    bindingBytes: limits.maxStorageBufferBindingSize,
    bufferBytes: limits.maxBufferSize,
    bindings: limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    lanes: limits.maxComputeInvocationsPerWorkgroup,
    groups: limits.maxComputeWorkgroupsPerDimension,
    f16: features.has("shader-f16"),
    subgroups: features.has("subgroups"),
    packedDot: false, // a device does not know: see `WebGpuOptions.language`
    isSoftware: device.adapterInfo?.isFallbackAdapter ?? false,
    subgroupSizes: [device.adapterInfo?.subgroupMinSize ?? 0, device.adapterInfo?.subgroupMaxSize ?? 0],
    subgroupMatrices: matricesOf(device),
    flopsPerDispatch: slowSecond,
    flopsPerSubmit: 4 * slowSecond,
  };
}

/** What kernels choose by. @param products whether they may round operands to f16, for the device's matrix units */
export function wgslDevice(limits: GpuLimits, products: "f32" | "f16"): WgslDevice {
  const { f16, subgroups, packedDot, workgroupBytes, lanes, isSoftware, subgroupMatrices } = limits;
  const [min, max] = limits.subgroupSizes;
  return {
    f16,
    packedDot,
    workgroupBytes,
    lanes,
    isSoftware,
    subgroups: subgroups && min ? { min, max } : undefined,
    subgroupMatrices: products === "f16" ? subgroupMatrices : [],
  };
}

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function matricesOf({ features, adapterInfo }: GPUDevice): WgslDevice["subgroupMatrices"] {
  if (!features.has("chromium-experimental-subgroup-matrix" as GPUFeatureName)) return [];
  const { subgroupMatrixConfigs = [] } = (adapterInfo ?? {}) as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  return [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) => componentType === "f16" && resultComponentType === "f32")
    .map(({ M, N, K }) => ({ m: M, n: N, k: K }));
}
