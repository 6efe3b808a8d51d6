import { recompute } from "../tensor/region.ts";

/** How a recipe wants transformers to trace their blocks. */
export const aroundBlocks = ({ rematerialise }: { readonly rematerialise: boolean }) =>
  rematerialise ? { around: recompute } : {};
