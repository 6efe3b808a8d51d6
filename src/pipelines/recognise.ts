/** Which published LTX-Video a set of components is, and whether they belong together. */
import { CheckpointError } from "../base/errors.ts";
import { type LtxConfig, widthOf } from "../models/ltx/config.ts";
import type { LtxVaeConfig } from "../models/ltx-vae/config.ts";
import { generationOf, type VaeGeneration } from "../models/ltx-vae/published.ts";
import type { T5Config } from "../models/t5/encoder.ts";
import type { Compat } from "../schema/request.ts";
import { type LtxRelease, type LtxSize, ltxReleases, ltxSizes } from "./ltx-releases.ts";
import { publishedDecode, type Settings } from "./model.ts";

/** What files say about a model. */
export interface Evidence {
  readonly transformer: LtxConfig;
  readonly vae: LtxVaeConfig;
  readonly text?: T5Config | undefined;
  /** Names of files, folders and repositories, where a version may stand. */
  readonly names: readonly string[];
  /** Noise levels that a distilled file allows. */
  readonly allowedSigmas?: readonly number[] | undefined;
  /** How noise levels are spaced, where a file says so. */
  readonly schedule?: Settings["schedule"] | undefined;
  /** What a pipeline's folder, or a file's name, says its autoencoder should be like, and where it says so. */
  readonly era?: { readonly late: boolean; readonly because: string } | undefined;
}

export interface Recognised {
  /** For people: `LTX-Video 2B 0.9.5`. */
  readonly name: string;
  readonly settings: Settings;
  /** Whether latent frames stand at the last of their pixel frames, as from 0.9.5 on. */
  readonly causalPositions: boolean;
}

const sizeOf = (config: LtxConfig): LtxSize | undefined =>
  (Object.keys(ltxSizes) as LtxSize[]).find(
    (size) => ltxSizes[size].layers === config.layers && widthOf(ltxSizes[size]) === widthOf(config),
  );

/** @throws CheckpointError for components that do not belong together, with the reason */
export function recognise(evidence: Evidence, compat: Compat = "original"): Recognised {
  checkWidths(evidence);
  const size = sizeOf(evidence.transformer);
  const generation = generationOf(evidence.vae);
  checkGeneration(evidence, size, generation);
  const candidates = releasesOf(evidence, size ?? "2B", generation);
  const release = candidates[0]!;
  const { guidance, ...own } = release.settings[compat];
  // LTXConditionPipeline sets noise levels itself, whatever a checkpoint's scheduler says.
  const schedule = compat === "original" || generation !== "0.9.5" ? evidence.schedule : undefined;
  const allowed = evidence.allowedSigmas;
  const name = size
    ? `LTX-Video ${size} ${release.version}${candidates.length > 1 ? " or later" : ""}`
    : `LTX-Video of its own size, built like ${generation}`;
  return {
    name,
    settings: {
      name,
      ...(evidence.vae.decoder.timestep ? { decode: publishedDecode } : {}),
      ...own,
      // Which blocks to perturb was found for the published sizes.
      ...(guidance && size ? { guidance } : {}),
      ...(schedule ? { schedule } : {}),
      ...(allowed ? { sigmas: [...allowed], steps: allowed.length } : {}),
    },
    causalPositions: evidence.transformer.causalPositions ?? generation === "0.9.5",
  };
}

/** Releases of a size and autoencoder, those first (or alone) that names and allowed noise levels speak for. */
function releasesOf({ names, allowedSigmas }: Evidence, size: LtxSize, vae: VaeGeneration): readonly LtxRelease[] {
  let candidates = ltxReleases.filter((release) => release.size === size && release.vae === vae);
  const keep = (wanted: (release: LtxRelease) => boolean) => {
    const kept = candidates.filter(wanted);
    if (kept.length > 0) candidates = kept;
  };
  for (const name of names) {
    const version = versionIn(name);
    if (version) keep((release) => release.version.startsWith(version));
  }
  if (allowedSigmas || names.some((name) => /distill/i.test(name))) keep(({ distilled }) => distilled);
  else if (names.some((name) => versionIn(name) !== undefined)) keep(({ distilled }) => !distilled);
  return candidates;
}

/** `ltx-video-2b-v0.9.safetensors` to 0.9.0, `ltxv-13b-0.9.8-dev` to 0.9.8. */
export function versionIn(name: string): string | undefined {
  const [found, patch = "0"] = /(?<!\d)0[._]9(?:[._](\d))?(?!\d)/.exec(name) ?? [];
  return found && /ltx/i.test(name) ? `0.9.${patch}` : undefined;
}

/** What a name with a version says of the autoencoder; `what` has that name: folder, file. */
export function eraNamed(names: readonly string[], what: string): Evidence["era"] {
  const name = names.find((one) => versionIn(one) !== undefined);
  if (!name) return undefined;
  return { late: Number(versionIn(name)!.at(-1)) >= 5, because: `the ${what} is called ${name}` };
}

const hint = "all parts of a model must come from the same release";

/** @throws CheckpointError where transformer, autoencoder and text encoder do not fit each other */
export function checkWidths({ transformer, vae, text }: Pick<Evidence, "transformer" | "vae" | "text">): void {
  if (transformer.channels !== vae.latentChannels)
    throw new CheckpointError(
      `the transformer works on latents of ${transformer.channels} channels, the autoencoder's have ${vae.latentChannels}`,
      { hint },
    );
  if (text && text.width !== transformer.captionChannels)
    throw new CheckpointError(
      `the transformer reads text of width ${transformer.captionChannels}, the text encoder's is ${text.width} wide`,
      { hint: transformer.captionChannels === 4096 ? "LTX-Video needs the encoder of T5 v1.1 XXL" : hint },
    );
}

function checkGeneration({ transformer, era }: Evidence, size: LtxSize | undefined, vae: VaeGeneration): void {
  const late = vae === "0.9.5";
  const refuse = (message: string): never => {
    throw new CheckpointError(message, { hint });
  };
  if (size === "13B" && !late)
    refuse(`a 13B transformer needs the autoencoder of 0.9.5 and later, this is that of ${vae}`);
  if (transformer.causalPositions && !late)
    refuse(`the transformer counts time as 0.9.5 and later do, the autoencoder is that of ${vae}`);
  if (era && era.late !== late)
    refuse(
      `${era.because}, so the autoencoder should be that of ${era.late ? "0.9.5 or later" : "0.9.0 or 0.9.1"}; it is that of ${late ? "0.9.5 or later (2B and 13B share it)" : vae}`,
    );
}
