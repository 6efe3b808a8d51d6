import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readReceipt } from "../platform/node/video/read.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

test("latents become the same frames without a text encoder; another autoencoder is refused", async () => {
  const path = (name: string) => join(bench.folder, name);
  const flags = ["--model", bench.model, "--seed", "5", "--keep-latents", "-o", path("made.mp4")];
  expect(await run(["generate", "a red ball", ...flags])).toMatchObject({ code: 0 });
  const bare = path("bare");
  await cp(bench.model, bare, { recursive: true });
  for (const part of ["text_encoder", "tokenizer"]) await rm(join(bare, part), { recursive: true });
  const decode = (output: string) =>
    run(["decode", path("made.mp4.latents.safetensors"), "--model", bare, "-o", path(output)]);
  expect(await decode("again.mp4")).toMatchObject({ code: 0 });
  const [made, again] = await Promise.all(["made.mp4", "again.mp4"].map((name) => readReceipt(path(name))));
  expect(again!.framesSha256).toBe(made!.framesSha256);
  expect(again!.models).toEqual(made!.models);

  const weights = "diffusion_pytorch_model.safetensors";
  await cp(join(bare, "transformer", weights), join(bare, "vae", weights));
  expect(await decode("other.mp4")).toMatchObject({ code: 3 });
});
