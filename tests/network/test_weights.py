"""Weights files: round trip, truncation, other networks."""

import pytest
import torch
from authors import NETWORKS

from ddpm.errors import DivergedError, WeightsError
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights, load_weights, read_weights, save_weights, weights_hash

SMALL = {
    **NETWORKS["small"],
    "image_shape": (1, 8, 8),
    "channels": 8,
    "attention_resolutions": (4,),
    "groups": 4,
}


@pytest.fixture
def saved(tmp_path):
    unet = UNet(**SMALL, seed=1)
    path = tmp_path / "weights.safetensors"
    digest = save_weights(path, unet.state_dict(), {"status": "trained", "model": "x"})
    return path, unet, digest


def test_round_trip(saved):
    path, unet, digest = saved
    other = UNet(**SMALL, seed=2)
    provenance = load_weights(path, other)
    assert provenance == {"status": "trained", "model": "x", "weights_hash": digest}
    assert all(torch.equal(a, b) for a, b in zip(unet.parameters(), other.parameters(), strict=True))


def test_hash_sees_every_bit_and_name(saved):
    _, unet, digest = saved
    state = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    assert weights_hash(state) == digest
    state["conv_out.bias"][0] += 1e-7
    assert weights_hash(state) != digest


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_truncated_file(saved, size):
    path, unet, _ = saved
    content = path.read_bytes()
    path.write_bytes(content[:size])
    with pytest.raises(WeightsError, match=r"weights\.safetensors: truncated .* delete it"):
        load_weights(path, unet)


def test_altered_file(saved):
    path, unet, _ = saved
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="differ from the hash"):
        load_weights(path, unet)


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file; train"):
        read_weights(tmp_path / "weights.safetensors")


def test_weights_of_another_network(saved):
    path, _, _ = saved
    deeper = UNet(**{**SMALL, "residual_blocks": 2})
    with pytest.raises(
        WeightsError, match=r"another network \(\d+ differences\).*network.*\n.*missing down\.0"
    ):
        load_weights(path, deeper)
    wider = UNet(**{**SMALL, "channels": 16})
    with pytest.raises(
        WeightsError, match=r"conv_in\.weight has shape \(8, 1, 3, 3\), the network \(16, 1, 3, 3\)"
    ):
        load_weights(path, wider)


def test_left_over_keys_are_listed(saved):
    path, unet, _ = saved
    state = dict(unet.state_dict()) | {"extra.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"left over extra\.weight"):
        check_weights(path, state, unet)


def test_diverged_run_has_no_weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, {}, {"status": "diverged at step 12"})
    with pytest.raises(DivergedError, match="diverged at step 12"):
        load_weights(path, UNet(**SMALL))
