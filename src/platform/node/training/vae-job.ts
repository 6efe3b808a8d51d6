import { Random } from "../../../base/philox.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { decodeFrames } from "../../../pipelines/decode.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import { type Runtime, type Weights, weightInMemory } from "../../../tensor/runtime.ts";
import type { VaeRecipe } from "../../../training/recipe.ts";
import { psnr, VaeTask } from "../../../training/vae-task.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import { type Frame, planarToFrames } from "../../../video/frame.ts";
import { saveVae } from "../models/save-model.ts";
import type { Job, Values } from "./job.ts";
import { measure, openClipEncoder } from "./vae-coding.ts";

/** Held-out clips that previews show, and how many clips the statistics of latents are measured on. */
const shown = 4;
const measured = 48;
const picture: Picture = { width: 256, height: 160, frames: 9 };

/** Training of an autoencoder: previews are originals above reconstructions. */
export function vaeJob(recipe: VaeRecipe, clips: ClipSource, runtime: Runtime): Job {
  const config = recipe.model;
  const [others, sample] = [clips.sibling(1), clips.sibling(2)];
  return {
    task: new VaeTask(recipe, clips),
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
      const encoder = await openClipEncoder(config, inMemory(values), runtime, picture);
      const latents: Float32Array[] = [];
      for (let index = 0; index < measured; index++)
        latents.push(await encoder.encode(await sample.pixels(index, picture)));
      encoder.dispose();
      await saveVae(folder, config, values, measure(latents, config.latentChannels));
    },
    dispose() {},
  };
}

export const inMemory = (values: Values): Weights =>
  new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));
