import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import { readReceipt } from "../platform/node/video/read.ts";
import { storeFloat32, type TensorData, writeSafetensors } from "../weights/safetensors-writer.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
const at = (name: string) => join(bench.folder, name);
const flags = (...more: string[]) => [
  "generate",
  "a red ball",
  "--model",
  bench.model,
  "--seed",
  "3",
  "--json",
  ...more,
];
const frames = (ran: { out: string }) => JSON.parse(ran.out).receipt.framesSha256 as string;

/** A LoRA of rank 2 for the attention and the last layer of the tiny model. */
async function writeLora(path: string, prefix: string): Promise<void> {
  const { checkpoint } = await openCheckpointPath(join(bench.model, "transformer"));
  const tensors = new Map<string, TensorData<ArrayBufferView>>();
  const ramp = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 13) / 6 - 1);
  for (const [name, { shape }] of checkpoint.tensors) {
    if (!/(attn\d\.to_[qkv]|proj_out)\.weight$/.test(name)) continue;
    const layer = prefix + name.replace(/\.weight$/, "");
    const [out, inner] = shape as [number, number];
    tensors.set(`${layer}.lora_A.weight`, storeFloat32(ramp(2 * inner), [2, inner]));
    tensors.set(`${layer}.lora_B.weight`, storeFloat32(ramp(out * 2), [out, 2]));
  }
  await checkpoint.close();
  await writeFile(path, writeSafetensors(tensors));
}

beforeAll(async () => {
  bench = await openBench();
  await writeLora(at("style.safetensors"), "transformer.");
  await writeLora(at("other.safetensors"), "unet.down.");
});
afterAll(() => bench.close());

describe("generate with LoRAs", () => {
  test("makes another video, says so in the receipt, and replay makes it again", async () => {
    const lora = `${at("style.safetensors")}:0.5`;
    const [bare, styled] = [
      await run(flags("-o", at("bare.mp4"))),
      await run(flags("-o", at("styled.mp4"), "--lora", lora, "--lora", `${at("style.safetensors")}:-0.25`)),
    ];
    expect(styled).toMatchObject({ code: 0 });
    expect(frames(styled)).not.toBe(frames(bare));
    const { loras } = await readReceipt(at("styled.mp4"));
    expect(loras).toMatchObject([
      { name: "style.safetensors", weight: 0.5 },
      { name: "style.safetensors", weight: -0.25 },
    ]);
    expect((await readReceipt(at("bare.mp4"))).loras).toBeUndefined();
    const replay = (...more: string[]) => run(["replay", at("styled.mp4"), "--model", bench.model, ...more]);
    expect(await replay("--lora", at("style.safetensors"))).toMatchObject({ code: 0 });
    const lacking = await replay();
    expect(lacking).toMatchObject({ code: 3 });
    expect(lacking.err).toContain("this video was made with style.safetensors");
    const wrong = await replay("--lora", at("other.safetensors"));
    expect(wrong).toMatchObject({ code: 3 });
  });

  test("takes one by its folder, and tells it by the same hash", async () => {
    await mkdir(at("folder"));
    await cp(at("style.safetensors"), at("folder/model.safetensors"));
    expect(await run(flags("-o", at("folder.mp4"), "--lora", at("folder")))).toMatchObject({ code: 0 });
    const replay = ["replay", at("folder.mp4"), "--model", bench.model, "--lora", at("style.safetensors")];
    expect(await run(replay)).toMatchObject({ code: 0 });
  });

  test("refuses one for another model, with the layers that match nothing", async () => {
    const { code, err } = await run(flags("--lora", at("other.safetensors")));
    expect({ code, err }).toMatchObject({
      code: 3,
      err: expect.stringContaining("match nothing: unet.down.proj_out, unet.down.transformer_blocks.0."),
    });
  });

  test("refuses what is no LoRA, a pickle, and a weight that is none", async () => {
    expect((await run(flags("--lora", join(bench.model, "vae", "diffusion_pytorch_model.safetensors")))).err).toContain(
      "is no LoRA",
    );
    await writeFile(at("x.pt"), await readFile(at("style.safetensors")));
    expect((await run(flags("--lora", at("x.pt")))).err).toContain("can run any code");
    expect(await run(flags("--lora", `${at("style.safetensors")}:1000`))).toMatchObject({ code: 2 });
  });

  test("is planned and kept as settings", async () => {
    const lora = `${at("style.safetensors")}:0.5`;
    expect((await run(["plan", "--model", bench.model, "--lora", lora])).code).toBe(0);
    const { out } = await run(["generate", "a red ball", "--model", bench.model, "--lora", lora, "--print-config"]);
    await writeFile(at("config.yaml"), out);
    const again = await run(["generate", "--config", at("config.yaml"), "--print-config"]);
    expect(again.out).toBe(out);
    expect(out).toContain(lora);
  });
});
