"""The settings of diffusers' UNet2DModel that all of the authors' networks share."""

# What google/ddpm-* set besides their sizes.
CONFIG = {
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
    "act_fn": "silu",
    "attention_head_dim": None,
    "mid_block_scale_factor": 1,
    "time_embedding_type": "positional",
    "center_input_sample": False,
}
