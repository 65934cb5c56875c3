"""Weights and config.json of diffusers' own UNet2DModel: the same outputs, or a list of what differs."""

import inspect
import json

import pytest
import torch
from authors import NETWORKS, relative_error
from diffusers_config import CONFIG
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import as_diffusers, import_published, import_tiny, randomised, tiny, write_study
from safetensors.torch import save_file

from ddpm.errors import WeightsError
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.network.published.config import DEFAULTS, accepted_values, check_config
from ddpm.network.published.importing import import_weights
from ddpm.network.published.names import DIFFUSERS, legacy_name
from ddpm.network.unet import UNet
from ddpm.network.weights import read_weights, weights_hash

CIFAR10 = CONFIG | {
    "sample_size": 32,
    "block_out_channels": [128, 256, 256, 256],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 2,
    "norm_num_groups": 32,
}


def unet2d(**config) -> torch.nn.Module:
    prepare_torchvision()
    from diffusers import UNet2DModel

    return randomised(UNet2DModel(**config))


def config_of(network: UNet) -> dict:
    return {key: values[0] for key, values in accepted_values(network).items()}


@pytest.mark.slow
def test_the_published_cifar10_network(tmp_path, monkeypatch):
    """A folder as diffusers saves it, through the verb: outputs of all times agree."""
    monkeypatch.chdir(tmp_path)
    theirs = unet2d(**CIFAR10)
    theirs.save_pretrained(tmp_path / "ddpm-cifar10-32")
    study = write_study(tmp_path, {"file": "ddpm-cifar10-32", "averaged": False}, {"source": "cifar10"}, {})
    path = import_published(study)
    state, provenance = read_weights(path)
    assert provenance["origin"] == "ddpm-cifar10-32/diffusion_pytorch_model.safetensors"
    assert (provenance["layout"], provenance["averaged"]) == ("diffusers", False)
    ours = UNet(**NETWORKS["cifar"]).eval()
    ours.load_state_dict(state)
    assert sum(tensor.numel() for tensor in state.values()) == 35_746_307
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    index = torch.tensor([0, 1, 500, 999])
    with torch.no_grad():
        assert relative_error(ours(x, index), theirs(x, index).sample) < 1e-5

    # The names of 2022, in a torch file and beneath `unet`.
    pipeline = tmp_path / "pipeline" / "unet"
    pipeline.mkdir(parents=True)
    legacy = {legacy_name(name): tensor for name, tensor in theirs.state_dict().items()}
    assert legacy.keys() != theirs.state_dict().keys()
    torch.save(legacy, pipeline / "diffusion_pytorch_model.bin")
    imported = import_weights(tmp_path / "pipeline", ours)
    assert (imported.file.parent, imported.config, imported.averaged) == (pipeline, None, None)
    assert weights_hash(imported.tensors) == weights_hash(state)


@settings(max_examples=8)
@given(
    channels=st.sampled_from([8, 12]),
    wider=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    blocks=st.integers(1, 2),
    attends=st.lists(st.booleans(), min_size=3, max_size=3),
    colours=st.sampled_from([1, 3]),
    multiple=st.integers(1, 2),
)
def test_any_network_agrees_with_diffusers(channels, wider, blocks, attends, colours, multiple):
    multipliers = [1, *wider]  # diffusers' first convolution is as wide as the first level
    attends = attends[: len(multipliers)]
    resolutions = [16 // 2**level for level, attention in enumerate(attends) if attention]
    shape = (colours, 16, 16)
    ours = UNet(shape, channels, multipliers, blocks, resolutions, groups=4, output_multiple=multiple).eval()
    config = config_of(ours)
    theirs = unet2d(**config)
    ours.load_state_dict(DIFFUSERS.convert(theirs.state_dict(), ours))
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(2))
    index = torch.tensor([3, 700])
    with torch.no_grad():
        assert relative_error(ours(x, index), theirs(x, index).sample) < 1e-5


def test_both_ages_of_names_in_one_file(tmp_path):
    network = tiny()
    names = as_diffusers(network).items()
    tensors = {legacy_name(n) if i % 2 else n: t for i, (n, t) in enumerate(names)}
    save_file(tensors, tmp_path / "mixed.safetensors")
    imported = import_weights(tmp_path / "mixed.safetensors", network)
    assert weights_hash(imported.tensors) == weights_hash(network.state_dict())
    # But a tensor under both names is one too many.
    more = {name: tensor.clone() for name, tensor in as_diffusers(network).items()}
    save_file(tensors | more, tmp_path / "both.safetensors")
    with pytest.raises(
        WeightsError, match=r"left over mid_block\.attentions\.0\.(query|key|value|proj_attn)"
    ):
        import_weights(tmp_path / "both.safetensors", network)


def test_left_over_names_do_not_pass_for_keys(tmp_path):
    """A tensor that has a key's own name in a file of another convention is no counterpart."""
    tensors = as_diffusers(tiny())
    tensors["norm_out.weight"] = tensors.pop("conv_norm_out.weight")
    save_file(tensors, tmp_path / "mixed.safetensors")
    with pytest.raises(WeightsError, match=r"missing norm_out\.weight(.|\n)*left over norm_out\.weight"):
        import_weights(tmp_path / "mixed.safetensors", tiny())


def test_defaults_are_those_of_diffusers():
    prepare_torchvision()
    from diffusers import UNet2DModel

    parameters = inspect.signature(UNet2DModel.__init__).parameters
    theirs = {name: parameter.default for name, parameter in parameters.items() if name != "self"}
    assert theirs.items() >= DEFAULTS.items()
    # The others change no output: dropout is off, and only learned embeddings take a number of timesteps.
    checked = accepted_values(tiny()).keys() | {"dropout", "num_train_timesteps"}
    assert checked == theirs.keys()


def write_config(folder, network, **changes):
    config = {key: value for key, value in (config_of(network) | changes).items() if value != "absent"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"downsample_padding": 1}, "downsample_padding is 1, the network's 0"),
        ({"flip_sin_to_cos": True}, "flip_sin_to_cos is true, the network's false"),
        ({"freq_shift": "absent"}, "freq_shift is 0, the network's 1"),
        ({"norm_eps": "absent"}, "norm_eps is 1e-05, the network's 1e-06"),
        ({"attention_head_dim": "absent"}, "attention_head_dim is 8, the network's null"),
        ({"norm_num_groups": 2}, "norm_num_groups is 2, the network's 4"),
        ({"block_out_channels": [8, 24]}, r"block_out_channels is \[8, 24\], the network's \[8, 16\]"),
        ({"block_out_channels": "absent"}, r"block_out_channels is \"\(absent\)\""),
        ({"down_block_types": ["DownBlock2D"] * 2}, "down_block_types is"),
        ({"act_fn": "gelu"}, 'act_fn is "gelu"'),
        ({"sample_size": 16}, "sample_size is 16, the network's 8"),
        ({"mid_block_scale_factor": 2}, "mid_block_scale_factor is 2"),
        ({"class_embed_type": "identity"}, 'class_embed_type is "identity", the network\'s null'),
        ({"time_embedding_type": "fourier", "out_channels": 2}, r"\(2 differences\)"),
    ],
)
def test_settings_that_change_outputs(tmp_path, changes, named):
    path = write_config(tmp_path, tiny(), **changes)
    with pytest.raises(WeightsError, match=r"config\.json: settings of another network") as error:
        check_config(path, tiny())
    assert error.match(named)


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_size": None},
        {"attention_head_dim": 16},
        {"act_fn": "swish"},
        {"time_embedding_dim": 32},
        {"attn_norm_num_groups": 4},
        {"down_block_types": ["UNetResDownBlock2D", "UNetResAttnDownBlock2D"]},
        {"dropout": 0.1, "_diffusers_version": "0.0.4", "add_attention": "absent"},
    ],
)
def test_settings_that_change_nothing(tmp_path, changes):
    check_config(write_config(tmp_path, tiny(), **changes), tiny())


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_unreadable_config(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json: .* fetch it again or remove it"):
        check_config(tmp_path / "config.json", tiny())


def test_the_verb_checks_the_config_and_says_when_there_is_none(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    network = tiny()
    save_file(as_diffusers(network), tmp_path / "diffusion_pytorch_model.safetensors")
    monkeypatch.setattr("ddpm.commands.pretrained.logger.propagate", True)
    with caplog.at_level("INFO", logger="ddpm"):
        import_tiny(tmp_path, {"file": "."})
    assert "no config.json beside it" in caplog.text
    write_config(tmp_path, network, flip_sin_to_cos=True)
    with pytest.raises(WeightsError, match="flip_sin_to_cos"):
        import_tiny(tmp_path, {"file": "."})


def test_a_repository_file_lies_in_resources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "resources/huggingface/google/ddpm-x/abc123/unet"
    folder.mkdir(parents=True)
    save_file(as_diffusers(tiny()), folder / "weights.safetensors")
    source = {
        "repository": "google/ddpm-x",
        "revision": "abc123",
        "repository_file": "unet/weights.safetensors",
    }
    _, provenance = read_weights(import_tiny(tmp_path, source))
    assert provenance["origin"] == "google/ddpm-x@abc123, unet/weights.safetensors"
