/** Settings of CLIP's text tower. */
import { PublishedSettings } from "../../base/published-settings.ts";

export interface ClipTextConfig {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly inner: number;
  readonly vocabulary: number;
  /** Most tokens. */
  readonly length: number;
  readonly epsilon: number;
  /** The token whose state stands for the prompt; the value 2 means the largest number in it, as in old files. */
  readonly end: number;
}

/** The text tower of CLIP ViT-L/14. */
export const clipL = {
  layers: 12,
  width: 768,
  heads: 12,
  inner: 3072,
  vocabulary: 49408,
  length: 77,
  epsilon: 1e-5,
  end: 2,
} satisfies ClipTextConfig;

/** Classes of transformers that hold one. */
export const classNames = ["CLIPTextModel", "CLIPTextModelWithProjection", "CLIPModel"] as const;

/** The transformers `config.json` of CLIPTextModel, with that class's defaults for what is absent. */
export function fromTransformers(json: Record<string, unknown>): ClipTextConfig {
  const whole = new PublishedSettings("CLIP's settings", json);
  const own = whole.inner("text_config") ?? whole;
  own.fixed({ hidden_act: "quick_gelu" }, "OpenAI's, with quick_gelu, are understood");
  const [width, heads] = [own.count("hidden_size", 512), own.count("num_attention_heads", 8)];
  own.check(width % heads === 0, `hidden_size ${width} must be a multiple of num_attention_heads ${heads}`);
  return {
    layers: own.layers("num_hidden_layers", 12),
    width,
    heads,
    inner: own.count("intermediate_size", 2048),
    vocabulary: own.count("vocab_size", 49408),
    length: own.count("max_position_embeddings", 77),
    epsilon: own.epsilon("layer_norm_eps", 1e-5),
    end: own.count("eos_token_id", 49407, 0),
  };
}

/** The transformers `config.json` of these settings. */
export function toTransformers(config: ClipTextConfig): Record<string, unknown> {
  return {
    architectures: ["CLIPTextModel"],
    model_type: "clip_text_model",
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    intermediate_size: config.inner,
    vocab_size: config.vocabulary,
    max_position_embeddings: config.length,
    layer_norm_eps: config.epsilon,
    eos_token_id: config.end,
    hidden_act: "quick_gelu",
  };
}
