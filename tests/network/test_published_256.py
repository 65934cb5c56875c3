"""The published networks for 256 x 256 pixels, narrow: diffusers' own files, in every form that they have."""

import numpy as np
import pytest
import torch
from authors import relative_error
from diffusers_config import CONFIG
from published_weights import as_pesser, as_tensorflow, randomised

from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.network.published.importing import import_weights
from ddpm.network.unet import UNet

# google/ddpm-{celebahq,church,bedroom,cat}-256 with an eighth of the channels and a quarter of the pixels.
NETWORK_256 = CONFIG | {
    "sample_size": 64,
    "block_out_channels": [16, 16, 32, 32, 64, 64],
    "down_block_types": [*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4],
    "layers_per_block": 2,
    "norm_num_groups": 8,
}
INDEX = torch.tensor([0, 999])


def network(seed: int = 0) -> UNet:
    return UNet((3, 64, 64), 16, (1, 1, 2, 2, 4, 4), 2, (4,), groups=8, seed=seed).eval()


def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def published():
    """diffusers' network with random weights, and what it gives."""
    prepare_torchvision()
    from diffusers import UNet2DModel

    theirs = randomised(UNet2DModel(**NETWORK_256))
    with torch.no_grad():
        return theirs, theirs(images(), INDEX).sample


@torch.no_grad()
def outputs(tensors) -> torch.Tensor:
    ours = network()
    ours.load_state_dict(tensors)
    return ours(images(), INDEX)


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("shards", ["single", "sharded"])
def test_outputs_are_those_of_diffusers(safe, shards, published, tmp_path):
    theirs, wanted = published
    largest = "10GB" if shards == "single" else "600KB"
    theirs.save_pretrained(tmp_path, safe_serialization=safe, max_shard_size=largest)
    suffix = "safetensors" if safe else "bin"
    files = list(tmp_path.glob(f"*.{suffix}"))
    assert (len(files) > 2) is (shards == "sharded")
    assert len(list(tmp_path.glob(f"*.{suffix}.index.json"))) == (shards == "sharded")
    imported = import_weights(tmp_path, network())
    assert imported.config == tmp_path / "config.json"
    assert relative_error(outputs(imported.tensors), wanted) < 1e-5


@pytest.mark.parametrize("kind", ["pesser", "TensorFlow"])
def test_other_layouts_of_the_same_network(kind, tmp_path):
    """As the ports' .ckpt of Church, Bedroom and Cat: averages alone, attention as 1x1 convolutions."""
    source = randomised(network(seed=1))
    if kind == "pesser":
        torch.save(as_pesser(source), path := tmp_path / "ema_diffusion_church_model-4432000.ckpt")
    else:
        np.savez(path := tmp_path / "church.npz", **as_tensorflow(source, "/ExponentialMovingAverage"))
    imported = import_weights(path, network())
    assert imported.convention == kind
    assert torch.equal(outputs(imported.tensors), outputs(source.state_dict()))
