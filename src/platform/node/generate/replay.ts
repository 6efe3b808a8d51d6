/** A video from its own receipt once more: the engine of `turbo2k replay`. */
import { InputError } from "../../../base/errors.ts";
import { version } from "../../../base/version.ts";
import { defaultTiling } from "../../../pipelines/execution.ts";
import { fitFrame } from "../../../pipelines/fit-frames.ts";
import { differencesOf, refuseOther, requestOfReceipt, sampledAs } from "../../../pipelines/receipt.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Frame } from "../../../video/frame.ts";
import { FrameHash } from "../../../video/hash.ts";
import { openDevice } from "../devices/open-device.ts";
import { locateLoras, locateModel, type ModelPlaces } from "../models/locate.ts";
import { lorasOfReceipt, openLoras } from "../models/open-lora.ts";
import { openModel } from "../models/open-model.ts";
import { readReceipt, readVideo } from "../video/read.ts";
import { openVideoWriter, type VideoWriter } from "../video/write.ts";
import { type GenerateEvent, withNews } from "./events.ts";
import { executionFor } from "./fit.ts";
import { givenAgain, openGiven } from "./given.ts";
import { defaultModel } from "./package-root.ts";

export interface ReplayRequest
  extends ModelPlaces,
    Pick<GenerateRequest, "output" | "lora" | "force" | "device" | "image" | "extend"> {
  readonly signal?: AbortSignal | undefined;
}

export interface ReplayResult {
  /** Whether the frames are the very same, before encoding. */
  readonly match: boolean;
  readonly framesSha256: string;
  readonly receipt: Receipt;
  /** Against the frames in the file (which its codec has changed), in dB; of files whose frames can be read. */
  readonly psnr: number | undefined;
  /** What differs between then and now. */
  readonly differences: readonly string[];
  readonly output: string | undefined;
}

export async function* replay(path: string, request: ReplayRequest): AsyncGenerator<GenerateEvent, ReplayResult> {
  const { signal } = request;
  const receipt = await readReceipt(path);
  const { runtime, name: device, news } = await openDevice(request.device);
  const loras = await lorasOfReceipt(receipt.loras ?? [], await locateLoras(request));
  const { comfyRoot, textEncoder, vae, upsampler } = request;
  const place = { comfyRoot, model: request.model ?? (comfyRoot === undefined ? modelOf(receipt) : undefined) };
  const bare = await openModel(await locateModel(place), { textEncoder, vae, upsampler, compat: receipt.compat });
  let model = bare;
  const comparison = new Comparison(path);
  let writer: VideoWriter | undefined;
  try {
    await refuseOther(bare, receipt);
    model = sampledAs(await openLoras(bare, loras, runtime), receipt);
    const again = requestOfReceipt(receipt, model);
    const given = await openGiven(await givenAgain(receipt.given ?? [], request), again.made, model);
    const conditions = given.map(({ condition }) => condition);
    const execution = { ...executionFor({ model, runtime, request: again }), tiling: receipt.tiling ?? defaultTiling };
    const { prompt, frames } = receipt;
    if (request.output !== undefined)
      writer = await openVideoWriter(request.output, { ...receipt, force: request.force, title: prompt });
    const hash = new FrameHash();
    const events = synthesise(model, runtime, { ...again, ...again.made, conditions }, { signal, execution });
    for await (const event of withNews(events, news)) {
      if (event.type === "notice") yield event;
      if (event.type === "step") yield { type: "progress", stage: event.stage, done: event.index + 1, of: event.steps };
      if (event.type !== "frame") continue;
      const frame = fitFrame(event.frame, receipt);
      await Promise.all([hash.update(frame), comparison.add(frame), writer?.write(frame)]);
      yield { type: "progress", stage: "decode", done: event.index + 1, of: frames };
      if (event.index + 1 === frames) break;
    }
    const framesSha256 = await hash.digest();
    const { stages: _, ...same } = receipt;
    const now: Receipt = { ...same, engine: { name: "turbo2k", version }, runtime: runtime.name, device, framesSha256 };
    const written = await writer?.finish({ ...now, created: new Date().toISOString() });
    return {
      match: framesSha256 === receipt.framesSha256,
      framesSha256,
      receipt,
      psnr: comparison.psnr,
      differences: differencesOf(receipt, now),
      output: written?.path,
    };
  } finally {
    await writer?.abort();
    await comparison.close();
    await model.close();
  }
}

function modelOf({ extra }: Receipt): string {
  const name = extra?.["model"];
  if (name === defaultModel) return name;
  throw new InputError(`this video was made by ${typeof name === "string" ? name : "a model without a name"}`, {
    hint: "say where that model is: --model FOLDER",
  });
}

/** New frames against those in the file, as they come. */
class Comparison {
  readonly #frames: AsyncGenerator<Frame>;
  #sum = 0;
  #count = 0;
  #readable = true;

  constructor(path: string) {
    this.#frames = readVideo(path);
  }

  async add(frame: Frame): Promise<void> {
    if (!this.#readable) return;
    const next = await this.#frames.next().catch(() => undefined); // a gif cannot be read
    const old = next?.value as Frame | undefined;
    this.#readable = old !== undefined && old.width === frame.width && old.height === frame.height;
    if (!old || !this.#readable) return;
    for (const [i, value] of frame.data.entries()) this.#sum += (value - old.data[i]!) ** 2;
    this.#count += frame.data.length;
  }

  get psnr(): number | undefined {
    if (!this.#readable || !this.#count) return undefined;
    return 10 * Math.log10((255 ** 2 * this.#count) / Math.max(this.#sum, Number.MIN_VALUE));
  }

  async close(): Promise<void> {
    await this.#frames.return(undefined).catch(() => {});
  }
}
