/** Every field of published configs, one at a time, as it should not be: a model that can be traced, or a named fault. */
import { expect, test } from "vitest";
import { TurboError } from "../../../base/errors.ts";
import { type Json, readFrom } from "../../../base/published-settings.ts";
import * as pca from "../../../models/pca-codec/codec.ts";
import { createNull } from "../../../runtimes/null/null.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { goldenFile, goldenModel, goldens } from "../../../testing/goldens.ts";
import { type ProbeModule, probe } from "../probe.ts";
import { knownClasses } from "./known-classes.ts";

const file = "model/config.json";
const missing = Symbol("missing");
const wrong = [missing, null, "x", true, 0, -1, 1.5, 3, 1e9, Infinity, [], ["x"], {}];

interface Mutation {
  /** For messages. */
  readonly at: string;
  readonly json: Json;
}

function* mutations(config: Json): Generator<Mutation> {
  for (const [field, own] of Object.entries(config)) {
    if (field === "_class_name" || field === "architectures") continue;
    const { [field]: _, ...rest } = config;
    for (const value of wrong) {
      const at = `${field}: ${typeof value === "symbol" ? "missing" : JSON.stringify(value)}`;
      yield { at, json: readFrom(value === missing ? rest : { ...rest, [field]: value }, file) };
      if (Array.isArray(own) && value !== missing)
        yield { at: `${at} in a list`, json: readFrom({ ...rest, [field]: [value, ...own.slice(1)] }, file) };
    }
  }
}

const classOf = (config: Json): string => String(config["_class_name"] ?? (config["architectures"] as string[])[0]);

/** Names and shapes of a model's weights, or the fault of its settings. */
function weightsOf(config: Json): string | TurboError {
  try {
    const { model } = knownClasses[classOf(config)]!.read(config);
    return JSON.stringify([...parametersOf(model)].map(([path, { shape }]) => [path, shape]));
  } catch (cause) {
    if (cause instanceof TurboError) return cause;
    throw cause;
  }
}

/** One of each class and generation. */
const cases: readonly (readonly [name: string, module: ProbeModule])[] = [
  ["transformer-d14", "transformer"],
  ["vae-090-a", "vae.decoder"],
  ["vae-091", "vae.decoder"],
  ["vae-095", "vae.encoder"],
  ["t5-short", "text_encoder"],
  ["upsampler-space", "latent_upsampler"],
  ["hunyuan-a", "transformer"],
  ["hunyuan-vae-a", "vae.encoder"],
  ["llama-a", "text_encoder"],
  ["clip-a", "text_encoder_2"],
];
const known = await goldens();

test.each(cases)("%s %s", async (name, module) => {
  const golden = known.find((one) => one.case === name && one.module === module)!;
  const { opened, overrides } = await goldenModel(golden);
  const inputs = await goldenFile(golden, "inputs");
  try {
    const config = opened.config!;
    const right = weightsOf(config);
    expect(right).toBeTypeOf("string");
    for (const { at, json } of mutations(config)) {
      const weights = weightsOf(json);
      if (weights instanceof TurboError) expect(weights, at).toMatchObject({ kind: "checkpoint", where: file });
      // Other shapes are refused with the weights, which lack them; with the same ones the model has to be traced.
      else if (weights === right) {
        const made = await probe(module, { ...opened, config: json }, inputs, createNull(), overrides).catch(
          (cause: Error) => cause.message,
        );
        expect(made, at).toBeTypeOf("object");
      }
    }
  } finally {
    await opened.checkpoint.close();
  }
});

test("the linear autoencoder's", () => {
  for (const { at, json } of mutations(pca.toJson({ cell: [4, 16, 16], channels: 8 }))) {
    const weights = weightsOf(json);
    if (weights instanceof TurboError) expect(weights, at).toMatchObject({ kind: "checkpoint", where: file });
  }
});

test.each([
  ["transformer-d14", { norm_eps: "x" }, 'norm_eps must be a number from 0 to 1, got "x"'],
  ["transformer-d14", { qk_norm: "batch" }, "qk_norm must be one of"],
  ["vae-095", { block_out_channels: [30, 100, 8, 8, 8] }, "block_out_channels[1] must be a multiple of"],
  ["vae-090-a", { upsample_residual: [true, false, false, false] }, "must be a multiple of 8"],
  ["hunyuan-a", { rope_axes_dim: [2, 2] }, "rope_axes_dim must be three even numbers"],
  ["llama-a", { num_key_value_heads: 3 }, "must be a multiple of num_key_value_heads 3"],
])("%s with %j", async (name, change, fault) => {
  const { opened } = await goldenModel(known.find((golden) => golden.case === name)!);
  await opened.checkpoint.close();
  expect(weightsOf(readFrom({ ...opened.config, ...change }, file))).toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(`^${file}: .*`),
  });
  expect((weightsOf({ ...opened.config, ...change }) as TurboError).message).toContain(fault);
});
