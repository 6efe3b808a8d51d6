import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { fromDiffusers } from "../../models/ltx-vae/config.ts";
import { LtxVae } from "../../models/ltx-vae/vae.ts";
import { decodeProgram } from "../../pipelines/decode.ts";
import { openOrt } from "../../platform/node/devices/ort.ts";
import { hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import type { WeightSource } from "../../tensor/runtime.ts";
import { initialWeights } from "../../training/initial.ts";
import { f32ToBf16 } from "../../weights/half.ts";

const config = fromDiffusers({
  latent_channels: 4,
  block_out_channels: [4, 4, 8, 8],
  decoder_block_out_channels: [4, 4, 8, 8],
  layers_per_block: [1, 1, 1, 1, 1],
  decoder_layers_per_block: [2, 1, 1, 1, 2],
  decoder_inject_noise: [true, false, false, false, false],
  timestep_conditioning: true,
});

interface Event {
  readonly cat: string;
  readonly ts: number;
  readonly args: { readonly op_name?: string; readonly output_size?: string };
}

/** Nodes in the order in which they ran, from the profile that is written when a session ends. */
async function runOf(folder: string): Promise<Event[]> {
  const isWhole = async () => {
    const files = await readdir(folder);
    return files.length > 0 && (await readFile(join(folder, files[0]!), "utf8")).trimEnd().endsWith("]") && files;
  };
  const [file] = await vi.waitUntil(isWhole, { timeout: 20_000 });
  const events = JSON.parse(await readFile(join(folder, file!), "utf8")) as Event[];
  return events.filter(({ cat, args }) => cat === "Node" && args.op_name).toSorted((a, b) => a.ts - b.ts);
}

// The smallest frames have so few positions that convolutions become products of columns.
test.each([2, 9])(
  "kernels in half precision are widened when they are needed: a decoder of %i x 9 cells",
  async (height) => {
    const model = mount(new LtxVae(config));
    const values = initialWeights(model, 3);
    const weights = new Map<string, WeightSource>();
    for (const [name, { shape }] of parametersOf(model)) {
      const { data } = values.get(name)!;
      weights.set(name, {
        dtype: "bf16",
        shape,
        read: async () => ({ dtype: "bf16", shape, data: f32ToBf16(data as Float32Array) }),
      });
    }
    const grid = { frames: 2, height, width: 9 };
    const folder = await mkdtemp(join(tmpdir(), "turbo2k-order-"));
    try {
      const runtime = openOrt({ profile: join(folder, "run") });
      const program = decodeProgram({ vae: { config, weights } }, grid, runtime.keeps);
      const executable = await runtime.compile(program, { weights, residency: "mapped" });
      const feeds = [...program.inputs].map(([name, at]) => {
        const { shape } = program.nodes[at]!;
        return [name, hostTensor(new Float32Array(sizeOf(shape)), shape)] as const;
      });
      await executable.run(Object.fromEntries(feeds));
      executable.dispose();
      const nodes = await runOf(folder);
      const isKernel = ({ op_name, output_size }: Event["args"]) =>
        op_name === "Cast" && Number(output_size) >= 4 * 4 * 27 * 4;
      const turns = nodes.flatMap(({ args }) =>
        isKernel(args) ? ["widen"] : /^(Conv|MatMul|Gemm)$/.test(args.op_name!) ? ["product"] : [],
      );
      expect(turns.filter((turn) => turn === "widen").length).toBeGreaterThan(12);
      for (const [i, turn] of turns.entries()) if (i) expect([turn, turns[i - 1]]).not.toEqual(["widen", "widen"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
