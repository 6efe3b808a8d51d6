/** What a run says about itself, and whether a later one could be the same. */
import { CheckpointError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import type { Receipt, ReceiptDraft } from "../schema/receipt.ts";
import { hrModule, upsamplerModule } from "./assemble.ts";
import type { Draft } from "./draft.ts";
import { defaultTiling } from "./execution.ts";
import { snap } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import type { ResolvedRequest } from "./resolve.ts";
import type { Tiling } from "./tiles.ts";

export interface Maker {
  /** What was given, as files. */
  readonly given?: Receipt["given"];
  /** Where smaller than usual. */
  readonly tiling?: Tiling | undefined;
  readonly runtime: string;
  readonly device: string;
  /** How to find the model again: `mini`, or its own name. */
  readonly model: string;
}

/** The receipt as far as it is known before decoding. */
export async function draftReceipt(
  request: ResolvedRequest,
  { files, loras, settings }: Pick<TextToVideoModel, "files" | "loras" | "settings">,
  { runtime, device, model, given, tiling }: Maker,
): Promise<ReceiptDraft> {
  const { prompt, negativePrompt, seed, sigmas, guidanceScale, guidance, compat, fps, asked, made, draft } = request;
  const isTwoStage = draft !== undefined && !draft.upscaled;
  const own = settings.sampler ?? "euler";
  const unused = [...(draft?.upscaled ? [] : [upsamplerModule]), ...(isTwoStage ? [] : [hrModule])];
  const used = files.filter(({ name }) => !unused.includes(name));
  return {
    engine: { name: "turbo2k", version },
    models: await hashesOf(used),
    ...(loras ? { loras } : {}),
    prompt,
    negativePrompt,
    seed,
    sigmas: [...sigmas],
    sampler: isTwoStage ? (settings.hr?.sampler ?? "euler") : own,
    guidanceScale,
    ...(guidance ? { guidance: guidance.map(plainStage) } : {}),
    ...(compat ? { compat } : {}),
    steps: sigmas.length - 1,
    width: asked.width,
    height: asked.height,
    generatedWidth: made.width,
    generatedHeight: made.height,
    frames: asked.frames,
    ...(draft ? { draft: { ...draftFields(draft), sampler: own } } : {}),
    ...(given?.length ? { given } : {}),
    ...(tiling && tiling !== defaultTiling ? { tiling } : {}),
    fps,
    device,
    runtime,
    extra: { model },
  };
}

/** Names and hashes of modules, one after another: a disk reads no faster for two. */
export async function hashesOf(files: TextToVideoModel["files"]): Promise<Receipt["models"]> {
  const hashes: Receipt["models"] = [];
  for (const { name, hash } of files) hashes.push({ name, sha256: await hash.sha256() });
  return hashes;
}

const draftFields = ({
  width,
  height,
  sigmas,
  guidanceScale,
  guidance,
  upscaled,
}: Draft): NonNullable<Receipt["draft"]> => ({
  width,
  height,
  sigmas: [...sigmas],
  guidanceScale,
  ...(guidance ? { guidance: guidance.map(plainStage) } : {}),
  ...(upscaled ? { upscaled } : {}),
});

const plainStage = ({ blocks, ...stage }: GuidanceStage) => ({ ...stage, ...(blocks ? { blocks: [...blocks] } : {}) });

/** The request that a receipt tells of, with everything decided: it makes the same frames again. */
export function requestOfReceipt(receipt: Receipt, { vae }: Pick<TextToVideoModel, "vae">): ResolvedRequest {
  const { prompt, negativePrompt, seed, fps, guidanceScale, guidance, compat, sigmas, draft, given } = receipt;
  const { width, height, frames } = receipt;
  const made = snap({ width: receipt.generatedWidth, height: receipt.generatedHeight, frames }, vae.config);
  return {
    prompt,
    negativePrompt,
    seed,
    fps,
    guidanceScale,
    ...(guidance ? { guidance } : {}),
    ...(compat ? { compat } : {}),
    sigmas,
    ...(draft ? { draft: { ...draftFields({ ...draft, frames: made.frames }), frames: made.frames } } : {}),
    ...(given ? { given } : {}),
    asked: { width, height, frames },
    made,
    notices: [],
  };
}

/** A model that samples as a receipt says, whatever it does by default today. */
export function sampledAs<Model extends Pick<TextToVideoModel, "settings">>(
  model: Model,
  { sampler, draft }: Pick<Receipt, "sampler" | "draft">,
): Model {
  const { settings } = model;
  const isTwoStage = draft !== undefined && !draft.upscaled;
  const first = isTwoStage ? draft.sampler : sampler;
  const second = isTwoStage ? sampler : undefined;
  return {
    ...model,
    settings: {
      ...settings,
      ...(first ? { sampler: first } : {}),
      ...(settings.hr && second ? { hr: { ...settings.hr, sampler: second } } : {}),
    },
  };
}

/** @throws CheckpointError where one of these modules has other weights than a receipt names */
export async function refuseOther(
  model: Pick<TextToVideoModel, "files" | "settings">,
  { models }: Pick<ReceiptDraft, "models">,
  modules?: readonly string[],
): Promise<void> {
  for (const { name, sha256 } of models) {
    if (modules && !modules.includes(name)) continue;
    const here = model.files.find((file) => file.name === name);
    if ((await here?.hash.sha256()) !== sha256)
      throw new CheckpointError(`${model.settings.name} is not the model that made this: its ${name} differs`, {
        hint: "use the model that did (--model FOLDER)",
      });
  }
}

/** What may explain that the same request gave other frames. */
export function differencesOf(then: Receipt, now: Receipt): string[] {
  const pairs = [
    ["turbo2k", then.engine.version, now.engine.version],
    ["runtime", then.runtime, now.runtime],
    ["device", then.device, now.device],
  ] as const;
  return pairs.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what} ${b}, then ${a}`);
}
