/** Settings of a Llama-architecture language model, of which only the states are used. */
import { UnsupportedError } from "../../base/errors.ts";

export interface LlamaConfig {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; each serves `heads / keyHeads` heads of queries. */
  readonly keyHeads: number;
  readonly headWidth: number;
  readonly inner: number;
  readonly vocabulary: number;
  readonly epsilon: number;
  readonly ropeTheta: number;
  readonly attentionBias: boolean;
  readonly feedForwardBias: boolean;
}

/** Llama 3 8B, the language model inside the text encoder of HunyuanVideo (whose vocabulary has 64 tokens more). */
export const llama3 = {
  layers: 32,
  width: 4096,
  heads: 32,
  keyHeads: 8,
  headWidth: 128,
  inner: 14336,
  vocabulary: 128320,
  epsilon: 1e-5,
  ropeTheta: 500000,
  attentionBias: false,
  feedForwardBias: false,
} satisfies LlamaConfig;

/** The transformers `config.json` of LlamaModel, or of a LLaVA around one (`text_config`). */
export function fromTransformers(json: Record<string, unknown>): LlamaConfig {
  const own = (json["text_config"] as Record<string, unknown> | undefined) ?? json;
  const given = <T>(name: string, fallback: T): T => (own[name] as T | null | undefined) ?? fallback;
  // Newer files keep the rotation's settings together.
  const rope = given<Record<string, unknown>>("rope_parameters", given("rope_scaling", {}));
  const kind = rope["rope_type"] ?? rope["type"] ?? "default";
  if (kind !== "default" || given("hidden_act", "silu") !== "silu")
    throw new UnsupportedError(`a Llama with rope ${kind} and ${given("hidden_act", "silu")} is not there`, {
      hint: "rope default and silu are, as in Llama 3",
    });
  const heads = given("num_attention_heads", 32);
  const width = given("hidden_size", 4096);
  return {
    layers: given("num_hidden_layers", 32),
    width,
    heads,
    keyHeads: given("num_key_value_heads", heads),
    headWidth: given("head_dim", width / heads),
    inner: given("intermediate_size", 11008),
    vocabulary: given("vocab_size", 32000),
    epsilon: given("rms_norm_eps", 1e-6),
    ropeTheta: (rope["rope_theta"] as number | undefined) ?? given("rope_theta", 10000),
    attentionBias: given("attention_bias", false),
    feedForwardBias: given("mlp_bias", false),
  };
}

/** The transformers `config.json` of these settings. */
export function toTransformers(config: LlamaConfig): Record<string, unknown> {
  return {
    architectures: ["LlamaModel"],
    model_type: "llama",
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyHeads,
    head_dim: config.headWidth,
    intermediate_size: config.inner,
    vocab_size: config.vocabulary,
    rms_norm_eps: config.epsilon,
    rope_theta: config.ropeTheta,
    attention_bias: config.attentionBias,
    mlp_bias: config.feedForwardBias,
    hidden_act: "silu",
  };
}
