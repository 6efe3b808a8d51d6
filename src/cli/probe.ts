import { type Command, Option } from "commander";
import { openDevice } from "../platform/node/devices/open-device.ts";
import { writeSafetensorsFile } from "../platform/node/files/atomic-file.ts";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import { modelPath } from "../platform/node/generate/package-root.ts";
import { type ProbeModule, probe, probeModules } from "../platform/node/probe.ts";
import type { GenerateRequest } from "../schema/request.ts";
import { storeFloat32 } from "../weights/safetensors-writer.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly model: string;
  readonly module: ProbeModule;
  readonly inputs: string;
  readonly output: string;
  readonly device?: GenerateRequest["device"];
}

/** `turbo2k probe`: one module on given tensors, for comparison with other implementations. */
export function addProbe(program: Command, terminal: Terminal): void {
  const command = program
    .command("probe")
    .description("run one module of a model on tensors from a file")
    .requiredOption("--model <folder>", "a model's folder, or one module's")
    .addOption(new Option("--module <module>", "which one").choices([...probeModules]).makeOptionMandatory())
    .requiredOption("--inputs <file>", "safetensors with the names of the diffusers module's forward signature")
    .requiredOption("--output <file>", "where the result goes, as safetensors");
  addDevice(command).action(async ({ model, module, inputs, output, device }: Flags) => {
    const { runtime } = await openDevice(device);
    const folder = /\.(safetensors|json)$/.test(model) ? model : await modelPath(model);
    const opened = await openCheckpointPath(folder, { module: module.split(".")[0] });
    try {
      const given = await openCheckpointPath(inputs);
      try {
        const results = await probe(module, opened, given.checkpoint, runtime);
        const tensors = new Map(
          Object.entries(results).map(([name, { data, shape }]) => [name, storeFloat32(data as Float32Array, shape)]),
        );
        await writeSafetensorsFile(output, tensors);
        for (const [name, { shape }] of Object.entries(results))
          terminal.note(`${name} [${shape.join(", ")}]: ${output}`);
      } finally {
        await given.checkpoint.close();
      }
    } finally {
      await opened.checkpoint.close();
    }
  });
}
