"""Golden cases of HunyuanVideo: transformer, autoencoder, and the two text encoders."""

import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoTransformer3DModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, LlamaConfig, LlamaModel

import hashed
from modules import write_probe


def noise(name: str, *shape: int) -> torch.Tensor:
    return hashed.tensor(f"input/{name}", shape)


def mask(length: int, *kept: int) -> torch.Tensor:
    return (torch.arange(length)[None] < torch.tensor(kept)[:, None]).long()


def transformer(heads: int, axes, layers, **config) -> HunyuanVideoTransformer3DModel:
    double, single, refiner = layers
    return HunyuanVideoTransformer3DModel(
        num_attention_heads=heads,
        attention_head_dim=sum(axes),
        rope_axes_dim=axes,
        num_layers=double,
        num_single_layers=single,
        num_refiner_layers=refiner,
        **config,
    )


def transformer_inputs(case, model, grid, kept, text, timestep, guidance=None):
    config, batch = model.config, len(kept)
    tensors = {
        "hidden_states": noise(f"{case}/hidden_states", batch, config.in_channels, *grid),
        "encoder_hidden_states": noise(f"{case}/encoder_hidden_states", batch, text, config.text_embed_dim),
        "pooled_projections": noise(f"{case}/pooled_projections", batch, config.pooled_projection_dim),
        "timestep": torch.tensor(timestep),
        "encoder_attention_mask": mask(text, *kept),
    }
    return tensors | ({"guidance": torch.tensor(guidance)} if guidance else {})


def transformer_cases(w) -> None:
    name = "hunyuan-a"  # both kinds of blocks, padding in one of two prompts, guidance
    model = transformer(2, (2, 4, 4), (2, 2, 2), in_channels=3, out_channels=3, text_embed_dim=14, pooled_projection_dim=9)
    inputs = transformer_inputs(name, model, (3, 4, 6), (7, 3), 7, [900.0, 37.5], [1000.0, 250.0])
    probes = {"": (inputs, {})}
    for block in (0, 2):
        probes[f"block-{block}"] = (inputs, {"after_block": block})
    w.case(name, model, probes)

    name = "hunyuan-b"  # a patch in time, other channels out, an odd ratio, no guidance, one refiner block
    model = transformer(
        3,
        (4, 2, 2),
        (1, 2, 1),
        in_channels=4,
        out_channels=5,
        patch_size=1,
        patch_size_t=2,
        mlp_ratio=3.0,
        guidance_embeds=False,
        rope_theta=100.0,
        text_embed_dim=10,
        pooled_projection_dim=6,
    )
    w.case(name, model, {"": (transformer_inputs(name, model, (4, 3, 5), (5,), 5, [250.0]), {})})

    name = "hunyuan-original"  # the weights under the names of the original files, as `original_names` writes them
    if w.wants(name):
        model = transformer(2, (2, 2, 4), (1, 1, 1), in_channels=2, out_channels=2, text_embed_dim=6, pooled_projection_dim=5)
        hashed.fill(model.eval(), prefix=f"{name}/")
        folder = w.folder(name)
        model.save_config(folder)
        save_file(original_names(model), folder / "diffusion_pytorch_model.safetensors")
        inputs = transformer_inputs(name, model, (2, 2, 4), (4, 2), 4, [500.0, 20.0], [600.0, 1000.0])
        w.run(name, folder, model, {"": (inputs, {})})


def original_names(model) -> dict:
    """The state dict in the original layout: fused projections, and shift before scale in the head."""
    state = dict(model.state_dict())
    out = {}

    def move(ours: str, *theirs: str, swap: bool = False) -> None:
        for leaf in ("weight", "bias"):
            parts = [state.pop(f"{name}.{leaf}", None) for name in theirs]
            if parts[0] is None:
                continue
            joined = torch.cat(parts)
            out[f"{ours}.{leaf}"] = torch.cat(joined.chunk(2)[::-1]) if swap else joined

    def mlp(ours: str, theirs: str, leaves=("mlp.0", "mlp.2")) -> None:
        for leaf, number in zip(leaves, (1, 2)):
            move(f"{ours}.{leaf}", f"{theirs}.linear_{number}")

    def feed_forward(ours: str, theirs: str) -> None:
        move(f"{ours}.fc1", f"{theirs}.net.0.proj")
        move(f"{ours}.fc2", f"{theirs}.net.2")

    layers = ("in_layer", "out_layer")
    move("img_in.proj", "x_embedder.proj")
    mlp("time_in", "time_text_embed.timestep_embedder")
    mlp("guidance_in", "time_text_embed.guidance_embedder")
    mlp("vector_in", "time_text_embed.text_embedder", layers)
    move("txt_in.input_embedder", "context_embedder.proj_in")
    mlp("txt_in.t_embedder", "context_embedder.time_text_embed.timestep_embedder")
    mlp("txt_in.c_embedder", "context_embedder.time_text_embed.text_embedder", ("linear_1", "linear_2"))
    for i in range(model.config.num_refiner_layers):
        ours, theirs = f"txt_in.individual_token_refiner.blocks.{i}", f"context_embedder.token_refiner.refiner_blocks.{i}"
        move(f"{ours}.self_attn_qkv", *(f"{theirs}.attn.to_{x}" for x in "qkv"))
        move(f"{ours}.self_attn_proj", f"{theirs}.attn.to_out.0")
        move(f"{ours}.adaLN_modulation.1", f"{theirs}.norm_out.linear")
        feed_forward(f"{ours}.mlp", f"{theirs}.ff")
        for norm in ("norm1", "norm2"):
            move(f"{ours}.{norm}", f"{theirs}.{norm}")
    for i in range(model.config.num_layers):
        ours, theirs = f"double_blocks.{i}", f"transformer_blocks.{i}"
        move(f"{ours}.img_mod.linear", f"{theirs}.norm1.linear")
        move(f"{ours}.txt_mod.linear", f"{theirs}.norm1_context.linear")
        move(f"{ours}.img_attn_qkv", *(f"{theirs}.attn.to_{x}" for x in "qkv"))
        move(f"{ours}.txt_attn_qkv", *(f"{theirs}.attn.add_{x}_proj" for x in "qkv"))
        for x in "qk":
            move(f"{ours}.img_attn_{x}_norm", f"{theirs}.attn.norm_{x}")
            move(f"{ours}.txt_attn_{x}_norm", f"{theirs}.attn.norm_added_{x}")
        move(f"{ours}.img_attn_proj", f"{theirs}.attn.to_out.0")
        move(f"{ours}.txt_attn_proj", f"{theirs}.attn.to_add_out")
        feed_forward(f"{ours}.img_mlp", f"{theirs}.ff")
        feed_forward(f"{ours}.txt_mlp", f"{theirs}.ff_context")
    for i in range(model.config.num_single_layers):
        ours, theirs = f"single_blocks.{i}", f"single_transformer_blocks.{i}"
        move(f"{ours}.modulation.linear", f"{theirs}.norm.linear")
        move(f"{ours}.linear1", *(f"{theirs}.attn.to_{x}" for x in "qkv"), f"{theirs}.proj_mlp")
        move(f"{ours}.linear2", f"{theirs}.proj_out")
        for x in "qk":
            move(f"{ours}.{x}_norm", f"{theirs}.attn.norm_{x}")
    move("final_layer.adaLN_modulation.1", "norm_out.linear", swap=True)
    move("final_layer.linear", "proj_out")
    assert not state, state.keys()
    return {name: value.contiguous() for name, value in out.items()}


def pixels(case: str, *shape: int) -> torch.Tensor:
    return hashed.tensor(f"input/{case}/sample", shape, scale=2.0)


def vae_cases(w) -> None:
    name = "hunyuan-vae-a"  # four stages as published, with attention in the middle
    model = AutoencoderKLHunyuanVideo(
        latent_channels=3, block_out_channels=(4, 6, 8, 8), layers_per_block=1, norm_num_groups=2
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 9, 16, 24)}, {}),
            "encoder-image": ({"sample": pixels(name, 2, 3, 1, 16, 16)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 1, 3, 3, 2, 1)}, {}),
            "decoder-image": ({"latents": noise(f"{name}/latents", 1, 3, 1, 2, 3)}, {}),
        },
    )
    tiled_case(w, model)

    name = "hunyuan-vae-b"  # three stages, two resnets each, no attention
    model = AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 3,
        up_block_types=("HunyuanVideoUpBlock3D",) * 3,
        block_out_channels=(3, 6, 6),
        layers_per_block=2,
        norm_num_groups=3,
        mid_block_add_attention=False,
        scaling_factor=0.7,
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 5, 24, 16)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 2, 4, 2, 1, 2)}, {}),
        },
    )


def tiled_case(w, model) -> None:
    """The same weights over clips larger than a tile: windows of 17 frames as published, tiles of 32 pixels."""
    name = "hunyuan-vae-a"
    if not w.wants(name):
        return
    model = model.double()
    model.use_framewise_encoding = model.use_framewise_decoding = True  # as it comes; `run_module` turns them off
    model.enable_tiling(tile_sample_min_width=32, tile_sample_stride_width=24)
    tensors = {"sample": pixels(f"{name}/tiled", 1, 3, 29, 8, 56), "latents": noise(f"{name}/tiled/latents", 1, 3, 8, 1, 7)}
    with torch.no_grad():
        mean = model.encode(tensors["sample"].double()).latent_dist.mean
        sample = model.decode(tensors["latents"].double()).sample
    write_probe(w.out / name / "tiled" / "output.safetensors", {"mean": mean.float(), "sample": sample.float()})


def token_ids(case: str, vocab: int, length: int, *kept: int, end: int) -> dict:
    ids = ((hashed.uniform(f"input/{case}/input_ids", len(kept) * length) + 0.5) * (vocab - 3)).astype("int64") + 3
    keep = mask(length, *kept)
    ids = torch.from_numpy(ids).reshape(len(kept), length) * keep
    for row, count in enumerate(kept):
        ids[row, count - 1] = end
    return {"input_ids": ids, "attention_mask": keep}


def text_cases(w) -> None:
    name = "llama-a"  # grouped keys, a head width of its own, padding
    model = LlamaModel(
        LlamaConfig(
            vocab_size=60,
            hidden_size=20,
            intermediate_size=28,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=6,
            rope_theta=500000.0,
            rms_norm_eps=1e-5,
        )
    )
    tensors = token_ids(name, 60, 12, 12, 5, end=2)
    w.case(name, model, {"": (tensors, {}), "skip-2": (tensors, {"num_hidden_layers_to_skip": 2})})

    name = "llama-b"  # biases, one head of keys for all
    model = LlamaModel(
        LlamaConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=20,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=1,
            attention_bias=True,
            mlp_bias=True,
        )
    )
    w.case(name, model, {"": ({"input_ids": token_ids(name, 40, 9, 9, end=2)["input_ids"]}, {})})

    for name, end in (("clip-a", 2), ("clip-b", 7)):  # the end: the largest number, or a token
        config = CLIPTextConfig(
            vocab_size=50,
            hidden_size=18,
            intermediate_size=30,
            num_hidden_layers=3,
            num_attention_heads=3,
            max_position_embeddings=14,
            eos_token_id=end,
        )
        tensors = token_ids(name, 49, 11, 11, 6, end=49 if end == 2 else end)
        probes = {"": ({"input_ids": tensors["input_ids"]}, {})}
        if end != 2:
            probes["mask"] = (tensors, {})
        w.case(name, CLIPTextModel(config), probes)


def hunyuan_cases(w) -> None:
    transformer_cases(w)
    vae_cases(w)
    text_cases(w)
