import { diffusersName } from "./weights.ts";

/** `transformer.blocks.0…` to the name of the low-resolution model, `fusion.0.join.linH.weight` to `fusion.0.lin_h.weight`. */
export const hrName = (path: string): string =>
  path.startsWith("transformer.")
    ? diffusersName(path.slice("transformer.".length))
    : path
        .replace(/\.join\.lin([HOT])\./, (_, letter: string) => `.lin_${letter.toLowerCase()}.`)
        .replace(".guide.conv.", ".guide_conv.")
        .replace(".guide.spread.", ".guide_spread.")
        .replace(".guide.widen.", ".guide_in.");
