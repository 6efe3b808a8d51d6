/** Settings of a Llama-architecture language model, of which only the states are used. */
import { PublishedSettings } from "../../base/published-settings.ts";

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

/** Classes of transformers that hold one. */
export const classNames = ["LlamaModel", "LlamaForCausalLM", "LlavaForConditionalGeneration"] as const;

/** The transformers `config.json` of LlamaModel, or of a LLaVA around one (`text_config`). */
export function fromTransformers(json: Record<string, unknown>): LlamaConfig {
  const whole = new PublishedSettings("the language model's settings", json);
  const own = whole.inner("text_config") ?? whole;
  // Newer files keep the rotation's settings together.
  const rope = own.inner("rope_parameters") ?? own.inner("rope_scaling");
  const hint = "rope default and silu, as in Llama 3, are understood";
  rope?.fixed(rope.has("rope_type") ? { rope_type: "default" } : { type: "default" }, hint);
  own.fixed({ hidden_act: "silu" }, hint);
  const [width, heads] = [own.count("hidden_size", 4096), own.count("num_attention_heads", 32)];
  const keyHeads = own.count("num_key_value_heads", heads);
  own.check(
    heads % keyHeads === 0,
    `num_attention_heads ${heads} must be a multiple of num_key_value_heads ${keyHeads}`,
  );
  own.check(
    own.has("head_dim") || width % heads === 0,
    `hidden_size ${width} must be a multiple of num_attention_heads ${heads}`,
  );
  const headWidth = own.count("head_dim", width / heads);
  own.check(headWidth % 2 === 0, `a head's width must be even, got ${headWidth}`);
  return {
    layers: own.layers("num_hidden_layers", 32),
    width,
    heads,
    keyHeads,
    headWidth,
    inner: own.count("intermediate_size", 11008),
    vocabulary: own.count("vocab_size", 32000),
    epsilon: own.epsilon("rms_norm_eps", 1e-6),
    ropeTheta: (rope?.has("rope_theta") ? rope : own).positive("rope_theta", 10000),
    attentionBias: own.flag("attention_bias", false),
    feedForwardBias: own.flag("mlp_bias", false),
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
