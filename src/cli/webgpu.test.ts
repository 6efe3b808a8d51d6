import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { psnr } from "../metrics/psnr.ts";
import { readImage, readReceipt } from "../platform/node/video/read.ts";
import { webGpuForTests } from "../testing/webgpu.ts";
import { openBench, run } from "./testing.ts";

const [present] = await webGpuForTests();

describe.skipIf(!present)("--device webgpu", () => {
  let bench: Awaited<ReturnType<typeof openBench>>;
  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(() => bench.close());

  test("makes the same video as the CPU for the same seed", async () => {
    const frames = async (device: string) => {
      const flags = ["--seed", "5", "--device", device, "-o", join(bench.folder, device, "%05d.png")];
      expect(await run(["generate", "a red ball moves left", "--model", bench.model, ...flags])).toMatchObject({
        code: 0,
      });
      const names = (await readdir(join(bench.folder, device))).sort();
      return Promise.all(names.map((name) => readImage(join(bench.folder, device, name))));
    };
    const [expected, got] = [await frames("cpu"), await frames("webgpu")];
    expect(got.length).toBe(9);
    expect(psnr(expected, got)).toBeGreaterThan(45);
    const receipt = await readReceipt(join(bench.folder, "webgpu", "00000.png"));
    expect(receipt).toMatchObject({ runtime: "webgpu", device: expect.stringMatching(/^webgpu \(.+\)$/) });
  });

  test("plan and doctor say which forms kernels take", async () => {
    const { out } = await run(["plan", "a red ball", "--model", bench.model, "--device", "webgpu", "--memory", "1GB"]);
    expect(out).toContain("of 1.0 GB allowed");
    expect(out).toMatch(/\nwebgpu \(.+\): product by .+; attention by streaming, \d+ queries by \d+ keys$/);
    const doctor = JSON.parse((await run(["doctor", "--json"])).out) as object;
    const limits = { bindings: expect.any(Number), bindingBytes: expect.any(Number), f16: expect.any(Boolean) };
    const webgpu = { ok: true, adapter: expect.any(String), limits, features: expect.any(Array) };
    expect(doctor).toMatchObject({ runtimes: { webgpu } });
  });
});
