import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../../../base/errors.ts";
import { Random } from "../../../base/philox.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { type LtxVaeConfig, toDiffusers } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { decodeFrames } from "../../../pipelines/decode.ts";
import { gridOf, type Statistics } from "../../../pipelines/latents.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { VaeRecipe } from "../../../training/recipe.ts";
import { identityResnets } from "../../../training/vae-initial.ts";
import { psnr, VaeTask } from "../../../training/vae-task.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import { type Frame, planarToFrames } from "../../../video/frame.ts";
import { saveVae } from "../models/save-model.ts";
import { inMemory, type OpenedJob, type Values, valuesOf } from "./job.ts";
import { openLatentSource } from "./latent-source.ts";
import { measure, openClipEncoder } from "./vae-coding.ts";

/** Held-out clips that previews show, and how many clips the statistics of latents are measured on. */
const shown = 4;
const measured = 48;
const picture: Picture = { width: 256, height: 160, frames: 9 };

/** Training of an autoencoder: previews are originals above reconstructions. */
export async function vaeJob(
  recipe: VaeRecipe,
  clips: ClipSource,
  runtime: Runtime,
  { base }: { base: string },
): Promise<OpenedJob> {
  const config = recipe.model;
  const from = recipe.from === undefined ? undefined : await loadVae(resolve(base, recipe.from), config, recipe.seed);
  const [others, sample] = [clips.sibling(1), clips.sibling(2)];
  return {
    task: new VaeTask(recipe, clips, from?.values),
    async preview(values) {
      const weights = inMemory(values);
      const encoder = await openClipEncoder(config, weights, runtime, picture);
      const sheet: SheetClip[] = [];
      let [error, count, objectError, objectCount] = [0, 0, 0, 0];
      for (let index = 0; index < shown; index++) {
        const { pixels, mask } = await others.crop(index, { pictures: [picture], crop: picture, centred: 1 });
        const truth = planarToFrames(pixels, picture.frames, picture.height, picture.width);
        const area = picture.width * picture.height;
        const latents = await encoder.encode(pixels);
        const rebuilt: Frame[] = [];
        for await (const frame of decodeFrames({ vae: { config, weights } }, runtime, latents, gridOf(picture, config)))
          rebuilt.push(frame);
        for (const [f, frame] of rebuilt.entries())
          for (const [i, value] of frame.data.entries()) {
            const square = ((value - truth[f]!.data[i]!) / 127.5) ** 2;
            error += square;
            count++;
            if (mask[f * area + Math.floor(i / 3)]) {
              objectError += square;
              objectCount++;
            }
          }
        const caption = others.caption(index, picture, new Random(recipe.seed, index));
        sheet.push({ frames: truth, caption }, { frames: rebuilt, caption: "rebuilt" });
      }
      encoder.dispose();
      return { clips: sheet, figures: { psnr: psnr(error / count), objectPsnr: psnr(objectError / objectCount) } };
    },
    async save(values, folder) {
      if (from && recipe.frozen.includes("encoder")) return saveVae(folder, config, values, from.statistics);
      const encoder = await openClipEncoder(config, inMemory(values), runtime, picture);
      const latents: Float32Array[] = [];
      for (let index = 0; index < measured; index++)
        latents.push(await encoder.encode(await sample.pixels(index, picture)));
      encoder.dispose();
      await saveVae(folder, config, values, measure(latents, config.latentChannels));
    },
  };
}

/** Weights and latent statistics of a trained autoencoder of the recipe's model; resnets that it lacks begin as identities. */
async function loadVae(
  folder: string,
  config: LtxVaeConfig,
  seed: number,
): Promise<{ values: Values; statistics: Statistics }> {
  const { source, close } = await openLatentSource(folder);
  try {
    const known = toDiffusers(source.config);
    if (![config, plain(config)].some((one) => isDeepStrictEqual(known, toDiffusers(one))))
      throw new InputError("the autoencoder to go on from is of another model than the recipe's", {
        where: folder,
        hint: "make `model` in the recipe equal to the one that it was trained with",
      });
    const fresh = identityResnets(new LtxVae(config), seed);
    return { values: new Map([...fresh, ...(await valuesOf(source.weights))]), statistics: source.statistics };
  } finally {
    await close();
  }
}

/** A model without its resnets. */
function plain({ encoder, decoder, ...rest }: LtxVaeConfig): LtxVaeConfig {
  const none = <Half extends { readonly layers: readonly number[] }>(half: Half): Half => ({
    ...half,
    layers: half.layers.map(() => 0),
  });
  return { ...rest, encoder: none(encoder), decoder: none(decoder) };
}
