import { expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import { type LtxConfig, ltx2b, widthOf } from "../../models/ltx/config.ts";
import { LtxTransformer } from "../../models/ltx/transformer.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { recompute } from "../../tensor/region.ts";
import { gradients } from "../../tensor/reverse.ts";
import type { Runtime } from "../../tensor/runtime.ts";
import { input } from "../../tensor/tensor.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { webGpuForTests } from "../../testing/webgpu.ts";
import { type MomentStorage, momentStorages } from "../../training/moments.ts";
import { adam, adamDefaults, adamInputs, initialMoments } from "../../training/optimiser.ts";
import { reference } from "../reference/reference.ts";

const sizes = { layers: 1, heads: 2, headWidth: 12, channels: 6, outChannels: 6, captionChannels: 10 };
const config: LtxConfig = { ...ltx2b, ...sizes };
const [tokens, pairs] = [20, widthOf(config) / 2];

const draw = (name: string, shape: readonly number[]): HostTensor =>
  hostTensor(
    gaussian(sizeOf(shape), 3, name).map((x) => x * 0.3),
    shape,
  );

/** Two steps of training a small transformer whose layer is recomputed; losses, norms and a weight afterwards. */
async function twoSteps(runtime: Runtime, moments: MomentStorage): Promise<number[]> {
  const settings = { ...adamDefaults, moments };
  const model = mount(new LtxTransformer(config));
  const inputs = {
    latents: input("latents", [1, tokens, 6]),
    text: input("text", [1, 5, 10]),
    sinusoid: input("sinusoid", [1, 1, 256]),
    rope: { cos: input("cos", [tokens, pairs]), sin: input("sin", [tokens, pairs]) },
  };
  const velocity = model.forward(inputs, { around: recompute });
  const loss = velocity.sub(input("target", velocity.shape)).square().mean();
  const parameters = [...parametersOf(model).values()];
  const { updates, norm } = adam(parameters, gradients(loss, parameters), settings);
  const program = buildProgram({ loss, norm }, { updates, keep: runtime.keeps });
  const weights = new Map([...parametersOf(model)].map(([name, { shape }]) => [name, draw(name, shape)]));
  const state = await runtime.state(initialMoments(weights, settings));
  const executable = await runtime.compile(program, { state });
  const feeds: Record<string, HostTensor> = {};
  for (const [name, at] of program.inputs) feeds[name] = draw(name, program.nodes[at]!.shape);
  const results: number[] = [];
  for (const step of [1, 2]) {
    const { loss, norm } = await executable.run({ ...feeds, ...adamInputs(step, 1e-2, settings) });
    results.push(loss!.data[0]!, norm!.data[0]!);
  }
  results.push(...(await state.read("blocks.0.selfAttention.query.bias")).data);
  executable.dispose();
  state.dispose();
  return results;
}

const [webgpu] = await webGpuForTests();

test.skipIf(!webgpu).each(momentStorages)(
  "training steps change the weights as on the reference: moments in %s",
  async (moments) => {
    const [got, expected] = [await twoSteps(webgpu!, moments), await twoSteps(reference, moments)];
    expect(got[2]).toBeLessThan(got[0]!);
    expect(relativeError(got, expected)).toBeLessThan(1e-4);
    expect(webgpu!.gpu.heldBytes).toBe(0);
  },
);
