/** The library in a page: `turbo2k/browser`. The same pipeline, with a page's files, devices and codecs. */
export {
  CancelledError,
  CheckpointError,
  DoesNotFitError,
  InputError,
  MediaError,
  TurboError,
  UnsupportedError,
} from "./base/errors.ts";
export type { PipelineEvent, TextToVideoRequest } from "./pipelines/text-to-video.ts";
export { textToVideo } from "./pipelines/text-to-video.ts";
export { chooseDevice, type Device, type DeviceChoice } from "./platform/browser/devices/choose.ts";
export { openWasm } from "./platform/browser/devices/wasm.ts";
export { type Failure, failureOf } from "./platform/browser/errors.ts";
export { Gallery, type KeptVideo } from "./platform/browser/gallery/gallery.ts";
export {
  type BrowserRequest,
  type FinishedVideo,
  type GenerateEvent,
  generate,
  replay,
} from "./platform/browser/generate/generate.ts";
export { openModel } from "./platform/browser/models/open-model.ts";
export { receiptOf } from "./platform/browser/video/receipt-of.ts";
export { Engine } from "./platform/browser/worker/engine.ts";
export { serveEngine } from "./platform/browser/worker/serve.ts";
export type { Receipt } from "./schema/receipt.ts";
export type { Runtime } from "./tensor/runtime.ts";
export type { Frame } from "./video/frame.ts";
