/** A request with its model and device at hand: what generate, plan and eval begin with. */
import type { OpenedModel } from "../../../pipelines/assemble.ts";
import { checkRequest, type ResolvedRequest, resolveRequest } from "../../../pipelines/resolve.ts";
import { type GenerateRequest, memoryOf } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { type Device, openDevice } from "../devices/open-device.ts";
import { locateLoras, locateModel } from "../models/locate.ts";
import { openLoras } from "../models/open-lora.ts";
import { openModel } from "../models/open-model.ts";
import { defaultModel } from "./package-root.ts";

export type SeededRequest = GenerateRequest & { readonly seed: number };

export interface Prepared {
  readonly model: OpenedModel;
  readonly device: Device;
  readonly runtime: Runtime;
  readonly request: ResolvedRequest;
  /** How to find the model again: `mini`, or its folder. */
  readonly name: string;
  /** Bytes that the process may take; by default what the machine has. */
  readonly memory?: number | undefined;
}

/** Opens what a request names and decides what it leaves open. The caller closes the model. */
export async function prepare(request: SeededRequest): Promise<Prepared> {
  checkRequest(request); // what needs no model is found before one is opened
  const device = await openDevice(request.device);
  const isShipped = (request.model ?? defaultModel) === defaultModel && request.comfyRoot === undefined;
  const folder = await locateModel(request);
  const loras = await locateLoras(request);
  const { compat, textEncoder, vae, upsampler } = request;
  const bare = await openModel(folder, { compat, textEncoder, vae, upsampler });
  let model = bare;
  try {
    model = await openLoras(bare, loras, device.runtime);
    const name = isShipped ? defaultModel : folder;
    return {
      model,
      device,
      runtime: device.runtime,
      request: resolveRequest(request, model),
      name,
      memory: memoryOf(request),
    };
  } catch (cause) {
    await model.close();
    throw cause;
  }
}
