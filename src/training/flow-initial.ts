/** Starting weights of text encoder and transformer. */
import type { HostTensor } from "../tensor/dtype.ts";
import type { TextToVideoNet } from "./flow-task.ts";
import { initialWeights } from "./initial.ts";

/**
 * The transformer begins as the identity of its residual stream with a zero head (adaLN-Zero: Peebles and Xie 2023,
 * arXiv 2212.09748): modulation, the text branch's last layer and the head start at zero. T5's embeddings start at
 * deviation 1 and its queries smaller by the root of the head's width, because its attention is not scaled.
 */
export function initialFlowWeights(model: TextToVideoNet, seed: number): Map<string, HostTensor> {
  const { width, headWidth } = model.text.config;
  return initialWeights(model, seed, {
    gain: (name) => {
      if (/timeEmbedding\.modulation|textAttention\.out|projectOut/.test(name)) return 0;
      if (name === "text.embedding") return width ** 0.5;
      if (name === "text.relativeBias") return 0.1;
      if (/^text\..*\.query\./.test(name)) return headWidth ** -0.5;
      return 1;
    },
  });
}
