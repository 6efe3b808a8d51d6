/** The engine's side of a worker: the page asks, it computes and tells. */
import { CancelledError } from "../../../base/errors.ts";
import type { OpenedModel } from "../../../pipelines/assemble.ts";
import type { Device, DeviceChoice } from "../devices/choose.ts";
import { failureOf } from "../errors.ts";
import { type GenerateEvent, type GenerateOptions, generate, replay } from "../generate/generate.ts";
import { openModel } from "../models/open-model.ts";
import type { Answer, Command, OpenRequest } from "./messages.ts";

export interface ServeOptions {
  readonly openDevice: (choice: DeviceChoice) => Promise<Device>;
}

interface Opened {
  readonly model: OpenedModel;
  readonly device: Device;
}

/** Answers commands for as long as the worker lives. Call it once, at the start of the worker's script. */
export function serveEngine({ openDevice }: ServeOptions): void {
  let opened: Opened | undefined;
  let stop = new AbortController();

  const tell = (answer: Answer, transfer: Transferable[] = []) => self.postMessage(answer, { transfer });

  async function open({ model, device }: OpenRequest): Promise<void> {
    const chosen = await openDevice(device);
    const onProgress = (progress: Extract<Answer, { type: "loading" }>["progress"]) =>
      tell({ type: "loading", progress });
    opened = { device: chosen, model: await openModel(model, { signal: stop.signal, onProgress }) };
    const { name, sentences } = chosen;
    tell({ type: "opened", info: { settings: opened.model.settings, device: name, sentences } });
  }

  async function run(start: (options: GenerateOptions) => AsyncGenerator<GenerateEvent>): Promise<void> {
    for await (const event of start({ ...opened!, signal: stop.signal })) {
      for (const text of opened!.device.news()) tell({ type: "event", event: { type: "notice", text } });
      tell({ type: "event", event }, buffersOf(event));
      await turn(); // commands are heard between two stages
      if (stop.signal.aborted) throw new CancelledError();
    }
  }

  async function answer(work: () => Promise<void>): Promise<void> {
    stop = new AbortController();
    try {
      await work();
      tell({ type: "done" });
    } catch (cause) {
      tell({ type: "failed", failure: failureOf(cause) });
    }
  }

  self.addEventListener("message", ({ data }: MessageEvent<Command>) => {
    if (data.type === "open") void answer(() => open(data.request));
    else if (data.type === "generate") void answer(() => run((options) => generate(data.request, options)));
    else if (data.type === "again") void answer(() => run((options) => replay(data.receipt, options)));
    else stop.abort();
  });
}

/** Pixels change hands without a copy. */
const buffersOf = (event: GenerateEvent): Transferable[] =>
  event.type === "frame" || event.type === "preview" ? [event.frame.data.buffer as ArrayBuffer] : [];

/** Lets the messages that wait be heard. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
