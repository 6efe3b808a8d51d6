/** What a WebGPU adapter is, and what a device of it should be asked for; opening it is the platform's affair. */

export interface Adapter {
  /** As a person knows it: "NVIDIA H100", "llvmpipe". */
  readonly name: string;
  /** Runs on the CPU; for tests, never chosen without being asked for. */
  readonly isSoftware: boolean;
  /** What WGSL knows beyond its core. */
  readonly language: ReadonlySet<string>;
  readonly adapter: GPUAdapter;
}

export function describeAdapter(adapter: GPUAdapter, { wgslLanguageFeatures }: GPU): Adapter {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const all = [device, description, architecture, vendor];
  const isSoftware = isFallbackAdapter || /llvmpipe|swiftshader|software/i.test(all.join(" "));
  return {
    name: device || description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed",
    isSoftware,
    language: wgslLanguageFeatures,
    adapter,
  };
}

const wanted: readonly string[] = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];

const limitNames = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** Everything that an adapter offers of what kernels can use. */
export function deviceDescriptor({ features, limits }: GPUAdapter): GPUDeviceDescriptor {
  return {
    requiredFeatures: wanted.filter((name) => features.has(name)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(limitNames.map((name) => [name, limits[name]])),
  };
}
