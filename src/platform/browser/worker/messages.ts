/** What a page and the engine in its worker say to each other. */
import type { Settings } from "../../../pipelines/model.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import type { Device, DeviceChoice } from "../devices/choose.ts";
import type { Failure } from "../errors.ts";
import type { BrowserRequest, GenerateEvent } from "../generate/generate.ts";
import type { DownloadProgress } from "../models/kept-files.ts";

export interface OpenRequest {
  /** Address of the model's folder. */
  readonly model: string;
  readonly device: DeviceChoice;
}

export interface EngineInfo {
  readonly settings: Settings;
  readonly device: Device["name"];
  /** What computes, and if it is not the fastest thing there is, why; a sentence each. */
  readonly sentences: readonly string[];
}

export type Command =
  | { readonly type: "open"; readonly request: OpenRequest }
  | { readonly type: "generate"; readonly request: BrowserRequest }
  /** The same frames once more, from a receipt. */
  | { readonly type: "again"; readonly receipt: Receipt }
  | { readonly type: "stop" };

export type Answer =
  | { readonly type: "loading"; readonly progress: DownloadProgress }
  | { readonly type: "opened"; readonly info: EngineInfo }
  | { readonly type: "event"; readonly event: GenerateEvent }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly failure: Failure };
