import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import { type LtxConfig, ltx2b, widthOf } from "../../models/ltx/config.ts";
import { LtxTransformer } from "../../models/ltx/transformer.ts";
import { openOrt } from "../../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram, type Program } from "../../tensor/program.ts";
import { recompute } from "../../tensor/region.ts";
import { gradients } from "../../tensor/reverse.ts";
import type { Residency } from "../../tensor/runtime.ts";
import { input, type Tensor } from "../../tensor/tensor.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { adam, adamDefaults, adamInputs, initialMoments } from "../../training/optimiser.ts";
import { decodeNodes } from "./onnx-file.ts";

const layers = 4;
const config: LtxConfig = {
  ...ltx2b,
  layers,
  heads: 2,
  headWidth: 12,
  channels: 6,
  outChannels: 6,
  captionChannels: 10,
};
const [tokens, pairs] = [20, widthOf(config) / 2];

/** A training step of a small transformer. */
function trace(around?: (block: () => Tensor) => Tensor): { program: Program; model: LtxTransformer } {
  const model = mount(new LtxTransformer(config));
  const velocity = model.forward(
    {
      latents: input("latents", [1, tokens, 6]),
      text: input("text", [1, 5, 10]),
      sinusoid: input("sinusoid", [1, 1, 256]),
      rope: { cos: input("cos", [tokens, pairs]), sin: input("sin", [tokens, pairs]) },
    },
    around ? { around } : {},
  );
  const loss = velocity.sub(input("target", velocity.shape)).square().mean();
  const parameters = [...parametersOf(model).values()];
  const { updates, norm } = adam(parameters, gradients(loss, parameters), adamDefaults);
  return { program: buildProgram({ loss, norm }, { updates, keep: openOrt().keeps }), model };
}

const draw = (name: string, shape: readonly number[]): HostTensor =>
  hostTensor(
    gaussian(sizeOf(shape), 3, name).map((x) => x * 0.3),
    shape,
  );

/** Runs two steps and answers what was computed, and the graph that computed it in the order of its running. */
async function run({ program, model }: ReturnType<typeof trace>, residency: Residency) {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-ort-"));
  try {
    const dump = join(folder, "graph.onnx");
    const runtime = openOrt({ dump });
    const weights = new Map([...parametersOf(model)].map(([name, { shape }]) => [name, draw(name, shape)]));
    const state = await runtime.state(initialMoments(weights, adamDefaults));
    const executable = await runtime.compile(program, { state, residency });
    const feeds: Record<string, HostTensor> = {};
    for (const [name, at] of program.inputs) feeds[name] = draw(name, program.nodes[at]!.shape);
    const results: number[] = [];
    for (const step of [1, 2]) {
      const { loss, norm } = await executable.run({ ...feeds, ...adamInputs(step, 1e-3, adamDefaults) });
      results.push(loss!.data[0]!, norm!.data[0]!);
    }
    executable.dispose();
    return { results, nodes: decodeNodes(await readFile(dump)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const blockOf = (name: string): number | undefined => {
  const found = /^blocks\.(\d+)\./.exec(name) ?? /^blocks\.(\d+)\//.exec(name);
  return found ? Number(found[1]) : undefined;
};

describe.each<Residency>(["widened", "mapped"])("the graph that runs (weights %s)", async (residency) => {
  const [plain, again] = [await run(trace(), residency), await run(trace(recompute), residency)];
  const count = (nodes: typeof plain.nodes, op: string) => nodes.filter((node) => node.op === op).length;

  test("holds every recomputed node a second time", () => {
    // The rotation of queries and keys, its way back, and under recomputation once more in between.
    expect(count(plain.nodes, "RotaryEmbedding")).toBe(4 * layers);
    expect(count(again.nodes, "RotaryEmbedding")).toBe(6 * layers);
    // Gradients of an attention go through its definition; the first pass of a recomputed block is fused.
    expect(count(plain.nodes, "Softmax")).toBe(2 * layers);
    expect(count(again.nodes, "Softmax")).toBe(2 * layers);
    expect(count(plain.nodes, "MultiHeadAttention")).toBe(0);
    expect(count(again.nodes, "MultiHeadAttention")).toBe(2 * layers);
    // A GELU has gradients of its own and is fused in every pass; one more is in front of the blocks.
    expect(count(plain.nodes, "Gelu")).toBe(layers + 1);
    expect(count(again.nodes, "Gelu")).toBe(2 * layers + 1);
  });

  test("finishes the gradients of a block before it recomputes the one below", () => {
    for (const { nodes } of [plain, again]) {
      const blocks = nodes.map(({ name }) => blockOf(name)).filter((block) => block !== undefined);
      const turn = blocks.indexOf(layers - 1);
      const [up, down] = [blocks.slice(0, turn), blocks.slice(turn)];
      expect(up).toEqual(up.toSorted((a, b) => a - b));
      expect(down).toEqual(down.toSorted((a, b) => b - a));
    }
  });

  test("computes the same", () => {
    expect(again.results[2]).toBeLessThan(again.results[0]!);
    expect(relativeError(again.results, plain.results)).toBeLessThan(1e-5);
  });
});
