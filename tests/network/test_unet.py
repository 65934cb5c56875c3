"""The U-Net: the paper's sizes, any other size, embedding and initial weights."""

import math
import subprocess
import sys

import pytest
import torch
from authors import NETWORKS, archive
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.network.layers import Downsample, timestep_embedding
from ddpm.network.published.names import tensorflow_name
from ddpm.network.unet import UNet

CELEBA_HQ = {
    "image_shape": (3, 256, 256),
    "channels": 128,
    "channel_multipliers": (1, 1, 2, 2, 4, 4),
    "residual_blocks": 2,
    "attention_resolutions": (16,),
}


def parameters(**arguments) -> int:
    with torch.device("cpu"):
        return sum(p.numel() for p in UNet(**arguments).parameters())


def test_parameter_counts():
    assert parameters(**NETWORKS["cifar"]) == 35_746_307
    assert parameters(**NETWORKS["cifar"], output_multiple=2) == 35_749_766
    assert parameters(**CELEBA_HQ) == 113_673_219


def test_names_and_shapes_are_the_authors():
    """Every variable of the authors' CIFAR-10 network has its counterpart, and no other."""
    for case, multiple in [("eps_simple", 1), ("eps_L_learned", 2)]:
        theirs = {}
        for line in archive("cifar")[f"{case}/variables"]:
            name, shape = str(line).split("\t")
            theirs[name] = math.prod(int(size) for size in shape.split("x"))
        network = UNet(**NETWORKS["cifar"], output_multiple=multiple)
        ours = {tensorflow_name(key): tensor.numel() for key, tensor in network.state_dict().items()}
        assert ours == theirs


@settings(max_examples=15, deadline=None)
@given(
    channels=st.sampled_from([4, 8]),
    multipliers=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    blocks=st.integers(1, 2),
    image_channels=st.integers(1, 3),
    multiple=st.integers(1, 2),
    attention=st.sets(st.sampled_from([4, 8, 16])),
    wide=st.booleans(),
)
def test_any_size(channels, multipliers, blocks, image_channels, multiple, attention, wide):
    shape = (image_channels, 16, 32 if wide else 16)
    network = UNet(
        shape, channels, multipliers, blocks, sorted(attention), groups=2, output_multiple=multiple
    )
    output = network(torch.zeros(2, *shape), torch.tensor([0, 9]))
    assert output.shape == (2, image_channels * multiple, *shape[1:])


def test_timestep_embedding():
    """Values of dimension 128 computed independently in float32."""
    e = timestep_embedding(torch.tensor([0, 1, 10, 999]), 128)
    assert e[0].tolist() == [0.0] * 64 + [1.0] * 64
    expected = {
        (1, 0): 0.84147096,
        (1, 1): 0.76043874,
        (1, 63): 1e-4,
        (1, 64): 0.54030234,
        (1, 127): 1.0,
        (2, 0): -0.54402113,
        (2, 64): -0.83907151,
        (2, 127): 0.99999952,
        (3, 63): 0.09973391,
        (3, 127): 0.99501413,
    }
    for place, value in expected.items():
        assert float(e[place]) == pytest.approx(value, abs=2e-6)
    assert float(e[3, 0]) == pytest.approx(-0.02646, abs=1e-4)


def test_initial_weights():
    network = UNet(**NETWORKS["cifar"], seed=3)
    limits = {
        "conv_in": 0.0713376,
        "down.0.block.0.conv1": 0.0510310,
        "down.1.block.1.conv1": 0.0360844,
        "temb.dense0": 0.0968246,
        "temb.dense1": 0.0765466,
        "mid.attn_1.q": 0.1082532,
        "mid.attn_1.proj_out": 0.1082532e-5,
        "down.0.block.0.conv2": 0.0510310e-5,
    }
    state = network.state_dict()
    for name, limit in limits.items():
        weight = state[f"{name}.weight"]
        assert 0.98 * limit < float(weight.abs().max()) <= limit * (1 + 1e-6), name
        assert float(weight.std()) == pytest.approx(limit / 3**0.5, rel=0.03), name
        assert not state[f"{name}.bias"].any()
    assert bool((state["norm_out.weight"] == 1).all())


def test_initial_weights_depend_on_the_seed_alone():
    before = torch.get_rng_state()
    one, same, other = (UNet(**NETWORKS["small"], seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one["conv_in.weight"], same["conv_in.weight"])
    assert not torch.equal(one["conv_in.weight"], other["conv_in.weight"])


def test_downsampling_pads_below_and_right():
    layer = Downsample(1)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.eye(3)[:1].T @ torch.eye(3)[:1])  # picks the upper left of each window
        layer.conv.bias.zero_()
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert layer(x)[0, 0].tolist() == [[0.0, 2.0], [8.0, 10.0]]


def test_output_starts_near_zero():
    network = UNet(**NETWORKS["small"])
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert float(network(x, torch.tensor([3, 700])).detach().abs().max()) < 1e-3


def test_building_a_network_imports_nothing_that_takes_long():
    """Half a second in each of the demo's jobs: torch's symbolic shapes, which bring sympy along."""
    program = (
        "import sys; from ddpm.network.unet import UNet; UNet((1, 8, 8), 4, (1, 2), 1, (4,), groups=2); "
        "sys.exit(' '.join({'sympy', 'torch._dynamo'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == ""
    assert run.returncode == 0
