/** Settings and inputs that would give wrong numbers if they were read past. */
import { expect, test } from "vitest";
import { relativeBuckets } from "../../../models/t5/encoder.ts";
import { reference } from "../../../runtimes/reference/reference.ts";
import { type Golden, goldenFile, goldenModel, goldens } from "../../../testing/goldens.ts";
import { openCheckpoint } from "../../../weights/checkpoint.ts";
import { type TensorData, writeSafetensors } from "../../../weights/safetensors-writer.ts";
import { memorySource } from "../../../weights/source.ts";
import { type ProbeModule, probe } from "../probe.ts";

type Stored = TensorData<ArrayBufferView>;

const known = await goldens();
const goldenOf = (name: string, module: ProbeModule): Golden =>
  known.find((golden) => golden.case === name && golden.module === module)!;

/** The golden's module with other settings. */
async function withSettings(golden: Golden, settings: object): Promise<unknown> {
  const { opened, overrides } = await goldenModel(golden);
  try {
    const other = { ...opened, config: { ...opened.config, ...settings } };
    return await probe(golden.module as ProbeModule, other, await goldenFile(golden, "inputs"), reference, overrides);
  } finally {
    await opened.checkpoint.close();
  }
}

test.each([
  ["transformer-d14", "transformer", { activation_fn: "gelu" }],
  ["transformer-d14", "transformer", { norm_elementwise_affine: true }],
  ["transformer-d14", "transformer", { attention_bias: false }],
  ["transformer-d14", "transformer", { attention_out_bias: false }],
  ["transformer-d14", "transformer", { patch_size: 2 }],
  ["transformer-d14", "transformer", { patch_size_t: 2 }],
  ["vae-090-a", "vae.encoder", { in_channels: 4 }],
  ["vae-090-a", "vae.decoder", { out_channels: 1 }],
  ["vae-090-a", "vae.decoder", { patch_size_t: 2 }],
  ["t5-short", "text_encoder", { feed_forward_proj: "gated-silu" }],
  ["t5-short", "text_encoder", { feed_forward_proj: "relu" }],
] as [string, ProbeModule, object][])("%s: %s with %j is refused", async (name, module, settings) => {
  const [[key, value]] = Object.entries(settings) as [[string, unknown]];
  await expect(withSettings(goldenOf(name, module), settings)).rejects.toMatchObject({
    kind: "checkpoint",
    message: expect.stringContaining(`${key} is ${JSON.stringify(value)}, expected`),
  });
});

test.each([
  ["transformer-d14", "transformer", { num_layers: "six" }],
  ["transformer-d14", "transformer", { num_layers: 1.5 }],
  ["transformer-d14", "transformer", { num_layers: 1e9 }],
  ["transformer-d14", "transformer", { attention_head_dim: -8 }],
  ["transformer-d14", "transformer", { num_attention_heads: 0 }],
  ["t5-short", "text_encoder", { num_heads: "2" }],
] as [string, ProbeModule, object][])("%s: %s with %j counts nothing", async (name, module, settings) => {
  await expect(withSettings(goldenOf(name, module), settings)).rejects.toMatchObject({
    kind: "checkpoint",
    message: expect.stringContaining(`${Object.keys(settings)[0]} must be a whole number`),
  });
});

/** A module on inputs of one's own. */
async function on(golden: Golden, inputs: Record<string, Stored>): Promise<unknown> {
  const { opened } = await goldenModel(golden);
  try {
    const file = memorySource(writeSafetensors(new Map(Object.entries(inputs))), "inputs");
    return await probe(golden.module as ProbeModule, opened, await openCheckpoint(file), reference);
  } finally {
    await opened.checkpoint.close();
  }
}

const floats = (...shape: number[]): Stored => {
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(0.5);
  return { dtype: "F32", shape, data };
};
/** The same for each of a batch. */
const wave = (batch: number, rows: number, width: number): Stored => {
  const data = Float32Array.from({ length: batch * rows * width }, (_, i) => Math.sin(1 + (i % (rows * width))));
  return { dtype: "F32", shape: [batch, rows, width], data };
};
const ids = (...numbers: number[]): Stored => ({
  dtype: "I32",
  shape: [1, numbers.length],
  data: Int32Array.from(numbers),
});

test.each([-1, 100, 2 ** 30])("token %i, of which a vocabulary of 100 knows nothing, is refused", async (id) => {
  await expect(on(goldenOf("t5-short", "text_encoder"), { input_ids: ids(1, id) })).rejects.toMatchObject({
    kind: "usage",
    message: expect.stringContaining(`input_ids must be from 0 to 99, got ${id}`),
  });
});

test("each of a batch is at places of its own", async () => {
  const places = [0, 7].map((first) => Float32Array.from({ length: 12 }, (_, i) => (i === 0 ? first : 1 + 50 * i)));
  const sample = async (...own: Float32Array[]) => {
    const batch = own.length;
    const results = (await on(goldenOf("transformer-d14", "transformer"), {
      hidden_states: wave(batch, 4, 3),
      encoder_hidden_states: wave(batch, 5, 10),
      timestep: floats(batch),
      video_coords: { dtype: "F32", shape: [batch, 3, 4], data: Float32Array.from(own.flatMap((one) => [...one])) },
    })) as Record<string, { data: Float32Array }>;
    return [...results["sample"]!.data];
  };
  const [both, one, other] = [await sample(...places), await sample(places[0]!), await sample(places[1]!)];
  expect(other).not.toEqual(one);
  expect(both.slice(0, one.length)).toEqual(one);
  expect(both.slice(one.length)).toEqual(other);
});

test("a text mask that is no [B, T] of ones and zeros is refused", async () => {
  const inputs = {
    hidden_states: floats(1, 4, 3),
    encoder_hidden_states: floats(1, 5, 10),
    encoder_attention_mask: floats(1, 1, 5),
    timestep: floats(1),
    video_coords: floats(1, 3, 4),
  };
  await expect(on(goldenOf("transformer-d14", "transformer"), inputs)).rejects.toMatchObject({
    kind: "usage",
    message: expect.stringContaining("encoder_attention_mask should be [B, T]"),
  });
});

// T5Attention._relative_position_bucket of transformers for keys 12 before to 12 behind the query.
test.each([
  [6, 10, [2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 0, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5]],
  [7, 20, [2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 0, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5]],
])("%i buckets up to distance %i, which do not halve evenly", (buckets, maxDistance, expected) => {
  const table = relativeBuckets(25, { buckets, maxDistance });
  expect([...table.data.subarray(12 * 25, 13 * 25)]).toEqual(expected);
});
