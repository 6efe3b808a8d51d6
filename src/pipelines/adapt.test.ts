import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { fromDiffusers } from "../models/ltx/config.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { diffusersName } from "../models/ltx/weights.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import { probe } from "../platform/node/probe.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { parametersOf } from "../tensor/mount.ts";
import type { Runtime, WeightSource, Weights } from "../tensor/runtime.ts";
import { floatsOf, type Golden, goldenFile, goldenFolder, goldenModel } from "../testing/goldens.ts";
import { relativeError } from "../testing/relative-error.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { bf16ToF32, f32ToBf16 } from "../weights/half.ts";
import { type Lora, readLora } from "../weights/lora.ts";
import { readFloat32 } from "../weights/safetensors.ts";
import { storeFloat32, type TensorData, writeSafetensors } from "../weights/safetensors-writer.ts";
import { memorySource } from "../weights/source.ts";
import { weightsOf } from "../weights/weights-of.ts";
import { adapt } from "./adapt.ts";
import type { TextToVideoModel } from "./model.ts";

const golden: Golden = { case: "transformer-d24", probe: "", module: "transformer" };
/** As make_lora_goldens.py has them. */
const strengths = { a: 0.75, b: -1.5 };
type Name = keyof typeof strengths;
const names = ["a", "b"] as const;

type Values = Map<string, { shape: readonly number[]; data: Float32Array }>;
const values = {} as Record<Name, Values>;
let model: TextToVideoModel;
let wanted: Float32Array;

beforeAll(async () => {
  for (const name of names) {
    const { checkpoint } = await openCheckpointPath(join(goldenFolder, "lora", `${name}.safetensors`));
    values[name] = await floatsOf(checkpoint);
    await checkpoint.close();
  }
  const { opened } = await goldenModel(golden);
  const stored = weightsOf(opened.checkpoint.tensors);
  const config = fromDiffusers(opened.config!);
  const paths = [...parametersOf(new LtxTransformer(config)).keys()];
  const weights: Weights = new Map(paths.map((path) => [path, stored.get(diffusersName(path))!]));
  model = { transformer: { config, weights } } as TextToVideoModel;
  const { checkpoint } = await openCheckpointPath(join(goldenFolder, "lora", "output.safetensors"));
  wanted = await readFloat32(checkpoint.tensors.get("sample")!);
  await checkpoint.close();
});

/** A golden LoRA with its tensors renamed. */
async function lora(
  name: Name,
  rename: (key: string) => string | undefined = (key) => key,
  metadata: Record<string, string> = {},
): Promise<Lora> {
  const tensors = new Map<string, TensorData<ArrayBufferView>>();
  for (const [key, { data, shape }] of values[name]) {
    const other = rename(key);
    if (other !== undefined) tensors.set(other, storeFloat32(data, shape));
  }
  return readLora(await openCheckpoint(memorySource(writeSafetensors(tensors, metadata), `/x/${name}.safetensors`)));
}

const uses = async (make: (name: Name) => Promise<Lora>) =>
  Promise.all(names.map(async (name) => ({ lora: await make(name), weight: strengths[name], sha256: "0".repeat(64) })));

/** How far the adapted transformer is from peft's. */
async function errorOf(make: (name: Name) => Promise<Lora>, runtime: Runtime = reference): Promise<number> {
  const adapted = adapt(model, await uses(make), runtime);
  const published = new Map([...adapted.transformer.weights].map(([path, weight]) => [diffusersName(path), weight]));
  const { opened } = await goldenModel(golden);
  const results = await probe("transformer", opened, await goldenFile(golden, "inputs"), runtime, published);
  await opened.checkpoint.close();
  return relativeError(results["sample"]!.data, wanted);
}

const kohya = (prefix: string) => (key: string) => {
  const [, layer, end] = /^transformer\.(.*)\.(lora_A\.weight|lora_B\.weight|alpha)$/.exec(key)!;
  const ends: Record<string, string> = { "lora_A.weight": "lora_down.weight", "lora_B.weight": "lora_up.weight" };
  return `${prefix}${layer!.replaceAll(".", "_")}.${ends[end!] ?? end}`;
};
const original = (key: string) => key.replace("proj_in", "patchify_proj").replace("time_embed", "adaln_single");

describe("two LoRAs with weights do what peft makes of them", () => {
  test.each<[string, (key: string) => string]>([
    ["as diffusers saves them", (key) => key],
    [
      "as peft saves them",
      (key) => key.replace("transformer.", "base_model.model.").replace(/lora_([AB])\./, "lora_$1.default."),
    ],
    ["as ComfyUI has them", (key) => original(key).replace("transformer.", "diffusion_model.")],
    ["as older diffusers saved them", (key) => key.replace("lora_A", "lora.down").replace("lora_B", "lora.up")],
    ["as kohya's scripts save them", kohya("lora_unet_")],
    ["as kohya's scripts save them, with original names", (key) => kohya("lora_unet_")(original(key))],
  ])("%s", async (_, rename) => {
    expect(await errorOf((name) => lora(name, rename))).toBeLessThan(3e-6);
  });

  test("on ONNX Runtime", async () => {
    expect(await errorOf((name) => lora(name), openOrt())).toBeLessThan(1e-5);
  });

  test("with their alphas in the metadata", async () => {
    const settings = {
      a: { r: 3, lora_alpha: 6 },
      b: {
        r: 2,
        lora_alpha: 4,
        alpha_pattern: { "net.0.proj": 1, "net.2": 1, proj_in: 1, proj_out: 1, "time_embed.linear": 1 },
      },
    };
    const alphaless = (key: string) => (key.endsWith(".alpha") ? undefined : key);
    const make = (name: Name) => {
      const entries = Object.entries(settings[name]).map(([key, value]) => [`transformer.${key}`, value]);
      return lora(name, alphaless, { lora_adapter_metadata: JSON.stringify(Object.fromEntries(entries)) });
    };
    expect(await errorOf(make)).toBeLessThan(3e-6);
    expect(await errorOf((name) => lora(name, alphaless))).toBeGreaterThan(0.05);
  });
});

test("they change something, and nothing with the weight 0", async () => {
  const { opened } = await goldenModel(golden);
  const bare = await probe("transformer", opened, await goldenFile(golden, "inputs"), reference);
  await opened.checkpoint.close();
  expect(relativeError(bare["sample"]!.data, wanted)).toBeGreaterThan(0.05);
  const still = adapt(model, [{ lora: await lora("a"), weight: 0, sha256: "" }], reference);
  for (const [path, weight] of still.transformer.weights) expect(weight).toBe(model.transformer.weights.get(path));
  expect(still.loras).toEqual([{ name: "a.safetensors", weight: 0, sha256: "" }]);
});

test("a narrow weight is widened, adapted and rounded once", async () => {
  const path = "blocks.0.selfAttention.query.weight";
  const base = model.transformer.weights.get(path)!;
  const bits = f32ToBf16((await base.read()).data as Float32Array);
  const narrow = {
    dtype: "bf16" as const,
    shape: base.shape,
    read: async () => ({ dtype: "bf16" as const, shape: base.shape, data: bits }),
  };
  const weights = new Map(model.transformer.weights).set(path, narrow);
  const adapted = adapt(
    { ...model, transformer: { ...model.transformer, weights } },
    await uses((name) => lora(name)),
    reference,
  );
  const { dtype, data } = await adapted.transformer.weights.get(path)!.read();
  expect(dtype).toBe("bf16");
  const wide = adapt(
    {
      ...model,
      transformer: {
        ...model.transformer,
        weights: new Map(weights).set(path, {
          dtype: "f32",
          shape: base.shape,
          read: async () => ({ dtype: "f32", shape: base.shape, data: bf16ToF32(bits) }),
        }),
      },
    },
    await uses((name) => lora(name)),
    reference,
  );
  expect(data).toEqual(f32ToBf16((await wide.transformer.weights.get(path)!.read()).data as Float32Array));
});

describe("a LoRA that cannot be used", () => {
  const refused = async (make: () => Promise<Lora>): Promise<string> => {
    const attempt = async () => adapt(model, [{ lora: await make(), weight: 1, sha256: "" }], reference);
    const error = await attempt().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  };

  test("because it is for another model names what matches nothing", async () => {
    const message = await refused(() => lora("a", (key) => key.replace("attn1", "self_attn")));
    expect(message).toMatch(/8 of 16 layers match nothing: transformer.transformer_blocks.0.self_attn.to_k, /);
  });

  test("because it is for another size names what has it", async () => {
    const config = { ...model.transformer.config };
    const weights = new Map(
      [...model.transformer.weights].map(([path, weight]) => [
        path,
        { ...weight, shape: weight.shape.map((n) => 2 * n) },
      ]),
    );
    const use = { lora: await lora("a"), weight: 1, sha256: "" };
    expect(() => adapt({ ...model, transformer: { config, weights } }, [use], reference)).toThrow(
      /16 of another size: transformer.transformer_blocks.0.attn1.to_k: for \[24, 24\], here \[48, 48\]/,
    );
  });

  test.each<[string, (key: string) => string | undefined, RegExp]>([
    ["is a DoRA", (key) => key.replace(".alpha", ".dora_scale"), /ways that are not known: .*dora_scale/],
    ["is a LoHa", (key) => key.replace("lora_A.weight", "hada_w1_a"), /ways that are not known: .*hada_w1_a/],
    [
      "lacks half of a pair",
      (key) => (key.includes("blocks.0.attn1.to_q.lora_B") ? undefined : key),
      /to_q has no pair of matrices/,
    ],
    ["is a whole model", (key) => key.replace(/lora_[AB]\./, "").replace(/alpha$/, "bias"), /this is no LoRA/],
  ])("because it %s", async (_, rename, message) => {
    expect(await refused(() => lora("a", rename))).toMatch(message);
  });

  test("because it holds numbers that are none names the tensor", async () => {
    const key = "transformer.transformer_blocks.1.attn2.to_q.lora_B.weight";
    const { data } = values.a.get(key)!;
    const before = data[3]!;
    data[3] = Number.NaN;
    const hurt = adapt(model, [{ lora: await lora("a"), weight: 1, sha256: "" }], reference);
    data[3] = before;
    await expect(hurt.transformer.weights.get("blocks.1.textAttention.query.weight")!.read()).rejects.toThrow(
      `"${key}"`,
    );
  });

  test("because an alpha is no number names the layer", async () => {
    const layer = "transformer.transformer_blocks.1.attn2.to_q";
    const { data } = values.a.get(`${layer}.alpha`)!;
    const before = data[0]!;
    data[0] = Number.NaN;
    const message = await refused(() => lora("a"));
    data[0] = before;
    expect(message).toContain(`the alpha of ${layer} is not a finite number`);
  });
});

test("the trunk of a second stage is adapted like the model that it came from, and nothing else of it", async () => {
  const { config, weights } = model.transformer;
  const data = Float32Array.of(1, 2);
  const own: WeightSource = { dtype: "f32", shape: [2], read: async () => ({ dtype: "f32", shape: [2], data }) };
  const trunk = [...weights].map(([path, weight]): [string, WeightSource] => [`transformer.${path}`, weight]);
  const fusion = "fusion.0.join.linH.weight";
  const both = { ...model, hr: { config: { transformer: config }, weights: new Map([...trunk, [fusion, own]]) } };
  const adapted = adapt(both as unknown as TextToVideoModel, await uses((name) => lora(name)), reference);
  let changed = 0;
  for (const [path, weight] of adapted.transformer.weights) {
    if (weight === weights.get(path)) continue;
    changed++;
    const second = adapted.hr!.weights.get(`transformer.${path}`)!;
    expect((await second.read()).data).toEqual((await weight.read()).data);
  }
  expect(changed).toBeGreaterThan(0);
  expect(adapted.hr!.weights.get(fusion)).toBe(own);
});
