/** What `saveTinyModel` is, in the words of the configuration that original LTX-Video files carry. */

const resnets = (layers: number) => ["res_x", { num_layers: layers }];
const up = ["compress_all", { residual: true, multiplier: 2 }];
const down = ["compress_all_res", { multiplier: 2 }];
const vae = {
  _class_name: "CausalVideoAutoencoder",
  dims: 3,
  latent_channels: 16,
  encoder_blocks: [resnets(1), down, resnets(1), down, resnets(1), down, resnets(0)],
  decoder_blocks: [resnets(1), up, resnets(1), up, resnets(1), up, resnets(1)],
  encoder_base_channels: 8,
  decoder_base_channels: 8,
  norm_layer: "pixel_norm",
  patch_size: 4,
  latent_log_var: "uniform",
  use_quant_conv: false,
  causal_decoder: false,
  timestep_conditioning: false,
};
const transformer = {
  _class_name: "Transformer3DModel",
  num_layers: 1,
  num_attention_heads: 2,
  attention_head_dim: 16,
  in_channels: 16,
  out_channels: 16,
  caption_channels: 32,
  qk_norm: "rms_norm",
  standardization_norm: "rms_norm",
  positional_embedding_theta: 10000,
  positional_embedding_max_pos: [20, 2048, 2048],
  timestep_scale_multiplier: 1000,
};
const scheduler = { _class_name: "RectifiedFlowScheduler", sampler: "LinearQuadratic", shifting: null };

export const tinyOriginal = { transformer, vae, scheduler };
