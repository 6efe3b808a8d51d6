/** Whether the lists of an autoencoder's settings make stages that follow on each other. */
import type { PublishedSettings } from "../../base/published-settings.ts";
import { type LtxVaeConfig, type Scaling, strideOf } from "./config.ts";

/** @throws CheckpointError that names the list, as diffusers calls it */
export function checkStages({ encoder, decoder }: LtxVaeConfig, own: PublishedSettings): void {
  const lengths = (expected: number, lists: Readonly<Record<string, readonly unknown[]>>) => {
    for (const [name, { length }] of Object.entries(lists))
      own.check(length === expected, `${name} must have ${expected} entries, got ${length}`);
  };
  const stages = decoder.channels.length;
  lengths(encoder.down.length + 1, { layers_per_block: encoder.layers });
  lengths(stages + 1, { decoder_layers_per_block: decoder.layers, decoder_inject_noise: decoder.injectNoise });
  lengths(stages, {
    decoder_spatio_temporal_scaling: decoder.up,
    upsample_residual: decoder.residual,
    upsample_factor: decoder.factor,
  });
  if (encoder.downsampler === "space-to-depth") checkDownsamplers(encoder, own);
  else own.check(encoder.down.every(isCubic), "strided downsamplers halve all three axes or none");
  checkUpsamplers(decoder, own);
}

const isCubic = (scaling: Scaling): boolean => scaling === "both" || scaling === "none";

/** A space-to-depth stage shares its cells out to whole channels, and averages a whole number of them for the shortcut. */
function checkDownsamplers({ channels, down }: LtxVaeConfig["encoder"], own: PublishedSettings): void {
  for (const [i, scaling] of down.entries()) {
    const [inner, outer] = [channels[i]!, channels[i + 1]!];
    const cells = strideOf[scaling].reduce((product, n) => product * n, 1);
    own.check(
      outer % cells === 0 && (inner * cells) % outer === 0,
      `block_out_channels[${i + 1}] must be a multiple of ${cells} and divide ${inner * cells}, got ${outer}`,
    );
  }
}

/** From latents to pixels: each stage divides its channels by its factor, and one that narrows first has factor 1. */
function checkUpsamplers({ channels, up, residual, factor }: LtxVaeConfig["decoder"], own: PublishedSettings): void {
  let width = channels.at(-1)!;
  for (let i = channels.length - 1; i >= 0; i--) {
    const [given, by] = [channels[i]!, factor[i]!];
    own.check(
      given % by === 0,
      `decoder_block_out_channels[${i}] must be a multiple of its factor ${by}, got ${given}`,
    );
    own.check(
      by === 1 || (up[i]! && width === given),
      `upsample_factor[${i}] is ${by}, which only a stage that doubles and takes ${given} channels can have`,
    );
    own.check(
      !(up[i] && residual[i]) || (8 % by === 0 && given % 8 === 0),
      `with upsample_residual[${i}], ${given} channels must be a multiple of 8, and upsample_factor[${i}] ${by} divide 8`,
    );
    width = given / by;
  }
}
