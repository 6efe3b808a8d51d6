/** Models whose weights hold numbers that are none. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePng } from "../video/png.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { memorySource } from "../weights/source.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

test.each([
  ["text_encoder", "model", "encoder.final_layer_norm.weight", "text", "the model's latents"],
  ["transformer", "diffusion_pytorch_model", "proj_out.weight", "transformer", "the model's latents"],
  ["vae", "diffusion_pytorch_model", "decoder.conv_out.conv.bias", "vae", "the decoder's frames"],
])("a NaN in the %s is named with its tensor", async (module, file, tensor, part, what) => {
  const model = join(bench.folder, module);
  await cp(bench.model, model, { recursive: true });
  const path = join(model, module, `${file}.safetensors`);
  const bytes = new Uint8Array(await readFile(path));
  const { tensors } = await openCheckpoint(memorySource(bytes, path));
  bytes.set([0x00, 0x7e], tensors.get(tensor)!.start); // f16
  await writeFile(path, bytes);
  const { code, err } = await run([
    "generate",
    "a red ball",
    "--model",
    model,
    "-o",
    join(bench.folder, `${module}.mp4`),
  ]);
  expect(err).toContain(`${what} are not finite numbers, because its ${part} is damaged: "${tensor}" holds 1 NaNs`);
  expect(code).toBe(3);
});

test("a NaN in the encoder of given pictures is named with its tensor", async () => {
  const model = join(bench.folder, "encoder");
  await cp(bench.model, model, { recursive: true });
  const path = join(model, "vae", "diffusion_pytorch_model.safetensors");
  const bytes = new Uint8Array(await readFile(path));
  const { tensors } = await openCheckpoint(memorySource(bytes, path));
  const tensor = "encoder.conv_in.conv.weight";
  bytes.set([0x00, 0x7e], tensors.get(tensor)!.start); // f16
  await writeFile(path, bytes);
  const image = join(bench.folder, "start.png");
  await writeFile(image, encodePng({ width: 8, height: 8, data: new Uint8Array(192).fill(90) }));
  const flags = ["--model", model, "--image", image, "-o", join(bench.folder, "no.mp4")];
  const { code, err } = await run(["generate", "a red ball", ...flags]);
  expect(err).toContain(`because its vae is damaged: "${tensor}" holds 1 NaNs`);
  expect(code).toBe(3);
});

test.each([
  ["latents_mean", [0x00, 0x00, 0xc0, 0x7f], "NaN"],
  ["latents_std", [0, 0, 0, 0], "0"],
])("%s that latents cannot be normalised by is named", async (tensor, value, got) => {
  const model = join(bench.folder, tensor);
  await cp(bench.model, model, { recursive: true });
  const path = join(model, "vae", "diffusion_pytorch_model.safetensors");
  const bytes = new Uint8Array(await readFile(path));
  const { tensors } = await openCheckpoint(memorySource(bytes, path));
  const { start, dtype } = tensors.get(tensor)!;
  bytes.set(dtype === "F32" ? value : value.slice(2).map((byte) => byte && 0x7e), start);
  await writeFile(path, bytes);
  const fault = `the autoencoder is damaged: "${tensor}" holds ${got}`;
  const made = await run(["generate", "a red ball", "--model", model, "-o", join(bench.folder, "no.mp4")]);
  expect(made).toMatchObject({ code: 3, err: expect.stringContaining(fault) });
  expect(await run(["info", model])).toMatchObject({ code: 3, err: expect.stringContaining(fault) });
});
