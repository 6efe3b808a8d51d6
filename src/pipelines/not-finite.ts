/** Why a model's results are not finite numbers: the weight that is to blame, if one is. */
import { CheckpointError } from "../base/errors.ts";
import { diffusersName as transformerName } from "../models/ltx/weights.ts";
import { publishedName as upsamplerName } from "../models/ltx-upsampler/weights.ts";
import { diffusersName as vaeName } from "../models/ltx-vae/weights.ts";
import { transformersName } from "../models/t5/weights.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import type { Weights } from "../tensor/runtime.ts";

type Weighted = { readonly [part in keyof typeof names]?: { readonly weights: Weights } | undefined };

const names = {
  text: transformersName,
  transformer: transformerName,
  hr: (path: string) => path,
  upsampler: upsamplerName,
  vae: vaeName,
} as const;

/**
 * The error for results that are not finite, after a search of the weights that made them: it names the first that
 * holds a NaN or an infinity, under its published name. The search reads them all, which only a failed run has to.
 */
export async function notFinite(
  what: string,
  model: Weighted & { readonly settings?: { readonly name: string } },
  parts: readonly (keyof typeof names)[],
): Promise<CheckpointError> {
  for (const part of parts)
    for (const [path, weight] of model[part]?.weights ?? []) {
      const count = countNonFinite(await weight.read());
      if (count === 0) continue;
      const tensor = JSON.stringify(names[part](path));
      return new CheckpointError(
        `${what} are not finite numbers, because its ${part} is damaged: ${tensor} holds ${count} NaNs or infinities`,
        {
          where: model.settings?.name,
          hint: "download it again",
        },
      );
    }
  return new CheckpointError(`${what} are not finite numbers, though its weights are`, {
    where: model.settings?.name,
    hint: "the guidance scale or a LoRA's weight may be far too high",
  });
}

/** NaNs and infinities; narrow floats have an exponent of ones. */
function countNonFinite({ dtype, data }: HostTensor): number {
  const mask = dtype === "f16" ? 0x7c00 : dtype === "bf16" ? 0x7f80 : 0;
  let count = 0;
  for (const value of data) if (mask ? (value & mask) === mask : !Number.isFinite(value)) count++;
  return count;
}
