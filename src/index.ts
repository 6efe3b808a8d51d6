/** The library in Node. Everything that the command line does is here to be called. */
export {
  CancelledError,
  CheckpointError,
  DeviceLostError,
  DoesNotFitError,
  exitCodes,
  InputError,
  MediaError,
  ShapeError,
  TurboError,
  UnsupportedError,
} from "./base/errors.ts";
export { caption } from "./data/world/captions.ts";
export { clipAt, sceneAt } from "./data/world/clip.ts";
export { detect } from "./data/world/detect.ts";
export { parseVbench, type VbenchScores, vbenchScores } from "./metrics/vbench.ts";
export { clipSeconds, type LongResult, longScore, parseVbenchLong, splitClips } from "./metrics/vbench-long.ts";
export { HunyuanTransformer } from "./models/hunyuan/transformer.ts";
export { HunyuanVae } from "./models/hunyuan-vae/vae.ts";
export { LtxTransformer } from "./models/ltx/transformer.ts";
export { LtxVae } from "./models/ltx-vae/vae.ts";
export { T5Encoder } from "./models/t5/encoder.ts";
export { decodeFrames } from "./pipelines/decode.ts";
export { snap } from "./pipelines/latents.ts";
export type { TextToVideoModel } from "./pipelines/model.ts";
export { type PipelineEvent, type TextToVideoRequest, textToVideo } from "./pipelines/text-to-video.ts";
export { type TwoStageRequest, twoStage } from "./pipelines/two-stage.ts";
export { w8a8 } from "./pipelines/w8a8.ts";
export { openDevice } from "./platform/node/devices/open-device.ts";
export { openOrt } from "./platform/node/devices/ort.ts";
export { openWebGpu } from "./platform/node/devices/webgpu.ts";
export { openModel } from "./platform/node/models/open-model.ts";
export { type TrainEvent, type TrainOptions, train } from "./platform/node/training/run.ts";
export { readReceipt, readVideo } from "./platform/node/video/read.ts";
export { openVideoWriter, writeVideo } from "./platform/node/video/write.ts";
export * as schedules from "./samplers/schedules.ts";
export { gradients } from "./tensor/reverse.ts";
export type { Runtime } from "./tensor/runtime.ts";
export { constant, input, parameter, Tensor } from "./tensor/tensor.ts";
export type { Frame } from "./video/frame.ts";
