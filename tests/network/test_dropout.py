"""Dropout: masks that are as random as they should be, and depend on what they should depend on alone.

Statistical bounds are five standard deviations, or a chance of 1e-6; seeds are fixed.
"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from ddpm.network.dropout import Dropout, DropoutKeys
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, keys, splitmix64

CPU = torch.device("cpu")


def network(layers: int = 2, rate: float = 0.1) -> nn.ModuleList:
    return nn.ModuleList(Dropout(rate) for _ in range(layers)).train()


def masks(shape, rate=0.5, seed=0, update=0, layers=2, first=0) -> list[torch.Tensor]:
    """Of each layer, for images at consecutive places: float64, 1 where an element is kept."""
    net = network(layers, rate)
    DropoutKeys(net, seed).fill(update, first, shape[0], CPU)
    return [(layer(torch.ones(shape)) != 0).double() for layer in net]


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    """Of two sets of bits, in standard deviations of independent ones."""
    pair = torch.stack([one.flatten(), other.flatten()])
    return float(torch.corrcoef(pair)[0, 1]) * math.sqrt(one.numel())


def test_splitmix64_gives_the_published_numbers():
    """Of the generator's reference code, started at 0."""
    truth = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    ours = splitmix64(torch.zeros(1, dtype=torch.int64), 4)[0].tolist()
    assert [number % 2**64 for number in ours] == truth


@given(key=st.integers(-(2**63), 2**63 - 1), place=st.integers(0, 50))
def test_splitmix64_in_arithmetic_of_integers(key, place):
    z = (key + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    ours = splitmix64(torch.tensor([key]), place + 1)[0, place].item() % 2**64
    assert ours == z ^ z >> 31


@given(count=st.integers(1, 9), first=st.integers(0, 5))
def test_keys_are_of_the_image_and_all_64_bits(count, first):
    whole = keys(3, Stream.DROPOUT, torch.arange(10), 7, 9)
    part = keys(3, Stream.DROPOUT, torch.arange(first, 10), 7, count)
    assert torch.equal(part, whole[first:, :count])
    assert whole.unique().numel() == whole.numel()
    assert (whole < 0).any()
    assert (whole >> 32 != whole & 0xFFFFFFFF).all()


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 1e-3, 0.999])
def test_share_mean_and_variance(rate):
    layer = network(1, rate)
    DropoutKeys(layer, 1).fill(5, 0, 64, CPU)
    out = layer[0](torch.ones(64, 16, 32, 32)).double()
    realised = layer[0].rate
    assert abs(realised - rate) <= 0.5 / 65536
    assert realised * 65536 == round(realised * 65536)
    error = math.sqrt(realised * (1 - realised) / out.numel())
    assert abs(float((out == 0).double().mean()) - realised) < 5 * error
    assert abs(float(out.mean()) - 1) < 5 * error / (1 - realised)
    assert out[out != 0].unique().tolist() == pytest.approx([1 / (1 - realised)], rel=1e-7)


def test_each_place_within_an_image_is_kept_as_often():
    """Chi-square over the 64 places of 20,000 images."""
    (kept,) = masks((20_000, 64), rate=0.25, layers=1)
    expected = 0.75 * len(kept)
    chi_square = float(((kept.sum(dim=0) - expected) ** 2 / (expected * 0.25)).sum())
    assert 1e-6 < stats.chi2.cdf(chi_square, 64) < 1 - 1e-6


def test_the_four_elements_of_a_word_are_independent():
    """Chi-square over the 16 patterns, and over the 256 of two words."""
    (kept,) = masks((500, 4096), layers=1)
    for size in (4, 8):
        patterns = (kept.reshape(-1, size) @ 2.0 ** torch.arange(size, dtype=torch.float64)).long()
        counts = torch.bincount(patterns, minlength=2**size).double()
        expected = len(patterns) / 2**size
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        assert 1e-6 < stats.chi2.cdf(chi_square, 2**size - 1) < 1 - 1e-6


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_images_layers_updates_seeds_and_neighbours_are_uncorrelated(rate):
    shape = (64, 8, 16, 16)
    one, other_layer = masks(shape, rate)
    assert abs(correlation(one[:-1], one[1:])) < 5
    assert abs(correlation(one, other_layer)) < 5
    assert abs(correlation(one, masks(shape, rate, update=1)[0])) < 5
    assert abs(correlation(one, masks(shape, rate, seed=1)[0])) < 5
    assert abs(correlation(one[..., :-1], one[..., 1:])) < 5
    assert abs(correlation(one[:, :-1], one[:, 1:])) < 5


@given(
    parts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    shape=st.sampled_from([(3,), (4,), (3, 5, 5), (2, 4, 4)]),
    update=st.integers(0, 2**32 - 1),
    seed=st.integers(0, 2**63 - 1),
)
def test_masks_are_the_same_however_the_batch_is_split(parts, shape, update, seed):
    size = sum(parts)
    whole = masks((size, *shape), seed=seed, update=update)
    first = 0
    for part in parts:
        for layer, mask in enumerate(masks((part, *shape), seed=seed, update=update, first=first)):
            assert torch.equal(mask, whole[layer][first : first + part])
        first += part


def test_gradient_is_that_of_the_mask():
    net = network(1)
    DropoutKeys(net, 0).fill(0, 0, 4, CPU)
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    out = net[0](x)
    out.sum().backward()
    scale = 1 / (1 - net[0].rate)
    torch.testing.assert_close(x.grad, torch.where(out == 0, 0.0, scale))
    torch.testing.assert_close(out, x * x.grad)
    assert (out == 0).any()


def test_identity_in_evaluation_and_at_rate_0():
    """Neither needs keys, so nothing can have been drawn."""
    x = torch.randn(4, 8)
    assert network(1, 0.5).eval()[0](x) is x
    none = network(1, 0.0)
    DropoutKeys(none, 0).fill(0, 0, 4, CPU)
    assert none[0](x) is x
    assert none[0].keys is None


def test_training_without_keys_is_an_error():
    with pytest.raises(RuntimeError, match="needs keys"):
        network(1, 0.5)[0](torch.ones(1, 4))


def small_unet(dropout: float) -> UNet:
    return UNet((1, 8, 8), 8, (1, 2), 1, (4,), dropout=dropout, groups=4)


def test_weights_files_hold_nothing_of_dropout():
    unet = small_unet(0.1)
    DropoutKeys(unet, 0).fill(0, 0, 4, CPU)
    assert unet.state_dict().keys() == small_unet(0.0).state_dict().keys()
    assert all(layer.keys is not None for layer in unet.modules() if isinstance(layer, Dropout))


def test_keys_are_overwritten_in_place():
    net = network()
    dropout_keys = DropoutKeys(net, 0)
    dropout_keys.fill(0, 0, 4, CPU)
    places, before = [layer.keys.data_ptr() for layer in net], net[0].keys.clone()
    dropout_keys.fill(1, 0, 4, CPU)
    assert [layer.keys.data_ptr() for layer in net] == places
    assert not torch.equal(net[0].keys, before)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_the_whole_network_compiles_in_one_graph(backend):
    """And new keys reach the compiled network without compiling again."""
    torch._dynamo.reset()
    unet = UNet((1, 4, 4), 4, (1,), 1, (), dropout=0.1, groups=2).train()
    for weights in unet.parameters():
        # Layers that start near zero would hide the masks.
        nn.init.normal_(weights, std=0.3, generator=torch.Generator().manual_seed(0))
    graphs = []

    def counted(module, inputs):
        graphs.append(module)
        return module.forward if backend == "eager" else torch._dynamo.lookup_backend(backend)(module, inputs)

    compiled = torch.compile(unet, backend=counted, fullgraph=True)
    dropout_keys = DropoutKeys(unet, 0)
    x, index = torch.ones(4, 1, 4, 4), torch.arange(4)
    outputs = []
    for update in (0, 1):
        dropout_keys.fill(update, 0, 4, CPU)
        outputs.append(compiled(x, index))
        torch.testing.assert_close(outputs[-1], unet(x, index))
        outputs[-1].sum().backward()
    assert len(graphs) == 1
    assert (outputs[0] - outputs[1]).abs().max() > 1e-2
