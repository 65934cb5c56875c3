"""Precision, compilation and batches that exceed the memory: what they change, and how little."""

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ddpm.network import execution
from ddpm.network.dropout import DropoutKeys
from ddpm.network.execution import BatchSplittingNetwork, Execution, round_weights
from ddpm.network.unet import CHANNELS_LAST_FROM, UNet

SHAPE, INDEX = (3, 16, 16), torch.tensor([0, 7, 500, 999])
# Half a unit in the last place of bfloat16, relative.
ROUNDING = 2.0**-9


def network(channels: int = 16, dropout: float = 0.0, multipliers: tuple[int, ...] = (1, 2)) -> UNet:
    """With weights that make every layer matter: the initial ones leave the blocks near zero."""
    unet = UNet(SHAPE, channels, multipliers, 1, (8,), dropout=dropout, groups=8, seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weights in unet.parameters():
            scale = weights[0].numel() ** -0.5 if weights.dim() > 1 else 0.1
            weights.add_(scale * torch.randn(weights.shape, generator=generator))
    return unet


def images() -> torch.Tensor:
    return torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(5))


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


def test_bfloat16_is_near_float32_and_gives_float32():
    unet = network()
    with torch.no_grad():
        exact = unet(images(), INDEX)
        Execution("bfloat16").apply(unet)
        rounded = unet(images(), INDEX)
        Execution("float32").apply(unet)
        again = unet(images(), INDEX)
    assert rounded.dtype == torch.float32
    # A random walk over some thirty layers, each rounding once or twice.
    assert ROUNDING / 4 < relative(rounded, exact) < 8 * ROUNDING
    assert torch.equal(again, exact)


def test_gradients_in_bfloat16_are_float32_and_near():
    def gradients(precision: str) -> list[torch.Tensor]:
        unet = network()
        Execution(precision).apply(unet)
        unet(images(), INDEX).square().mean().backward()
        return [weights.grad for weights in unet.parameters()]

    exact, rounded = gradients("float32"), gradients("bfloat16")
    assert {gradient.dtype for gradient in rounded} == {torch.float32}
    flat = [torch.cat([gradient.flatten() for gradient in each]) for each in (rounded, exact)]
    assert 0 < relative(*flat) < 0.03


def test_what_stays_in_float32():
    unet = network()
    Execution("bfloat16").apply(unet)
    seen = {}

    def note(name):
        return lambda module, inputs, output: seen.update({name: (inputs[0].dtype, output.dtype)})

    watched = {"conv_in": unet.conv_in, "conv_out": unet.conv_out, "temb": unet.temb.dense1}
    watched |= {f"norm {i}": m for i, m in enumerate(unet.modules()) if isinstance(m, nn.GroupNorm)}
    unet.requires_grad_(False)  # where there are gradients to be computed, norms are not called as modules
    for name, module in watched.items():
        module.register_forward_hook(note(name))
    inner = unet.mid.block_1.conv1
    inner.register_forward_hook(note("inner"))
    with torch.no_grad():
        unet(images(), INDEX)
    assert seen.pop("inner")[1] == torch.bfloat16
    assert len(seen) == len(watched)
    assert set(seen.values()) == {(torch.float32, torch.float32)}


def test_rounding_the_weights_once_changes_no_bit():
    unet = network().eval().requires_grad_(False)
    Execution("bfloat16").apply(unet)
    before = unet(images(), INDEX)
    round_weights(unet)
    assert torch.equal(unet(images(), INDEX), before)
    assert unet.mid.block_1.conv1.weight.dtype == torch.bfloat16
    assert unet.conv_in.weight.dtype == unet.conv_out.weight.dtype == torch.float32


def test_wide_networks_run_channels_last_and_compute_the_same():
    unet = network(CHANNELS_LAST_FROM)
    assert unet.layout == torch.channels_last
    convolution = unet.mid.block_1.conv1
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        ours = unet(images(), INDEX)
        unet.layout = torch.contiguous_format
        unet.to(memory_format=torch.contiguous_format)
        assert relative(ours, unet(images(), INDEX)) < 1e-5
    assert network().layout == torch.contiguous_format


def test_precisions_are_checked():
    with pytest.raises(ValueError, match="unknown precision 'float16'; known: float32, tf32, bfloat16"):
        Execution("float16")


def output_and_gradient(precision: str, *, compiled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    unet = network(dropout=0.25, multipliers=(1,))
    DropoutKeys(unet, seed=6).fill(2, 0, len(INDEX), torch.device("cpu"))
    Execution(precision, compiled).apply(unet)
    output = unet(images(), INDEX)
    output.square().mean().backward()
    return output.detach(), torch.cat([weights.grad.flatten() for weights in unet.parameters()])


@pytest.fixture
def compilations(tmp_path, monkeypatch):
    """Dynamo's counters from 0, and a cache of one's own."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield torch._dynamo.utils.counters
    torch._dynamo.reset()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_graph_without_breaks(precision, compilations, monkeypatch):
    """Dropout and the backward pass included; traced as for compilation, then run without the compiler."""
    compile_network = UNet.compile
    monkeypatch.setattr(
        UNet, "compile", lambda unet, mode, **options: compile_network(unet, backend="aot_eager", **options)
    )
    output, gradient = output_and_gradient(precision, compiled=True)
    assert not compilations["graph_break"]
    assert compilations["stats"]["unique_graphs"] == 1
    wanted, wanted_gradient = output_and_gradient(precision, compiled=False)
    bound = 1e-5 if precision == "float32" else 8 * ROUNDING
    assert relative(output, wanted) < bound
    assert relative(gradient, wanted_gradient) < 3 * bound


@pytest.mark.slow
def test_compiled_bfloat16_equals_eager(compilations):
    """By torch's compiler for processors, which takes a minute; the same masks of dropout."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler on a CPU: no g++ or clang++ here")
    output, gradient = output_and_gradient("bfloat16", compiled=True)
    assert compilations["stats"]["unique_graphs"] == 1
    wanted, wanted_gradient = output_and_gradient("bfloat16", compiled=False)
    assert 0 < relative(output, wanted) < 8 * ROUNDING
    assert relative(gradient, wanted_gradient) < 24 * ROUNDING


class SmallMemory(UNet):
    """A network that fails as a GPU does when a call has more images than fit."""

    def __init__(self, fits: int) -> None:
        super().__init__((1, 8, 8), 4, (1,), 1, (), groups=2)
        self.eval().requires_grad_(False)
        self.fits, self.calls = fits, []

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(x))
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x, index)


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, 1, 8, 8, generator=generator), torch.arange(size)


@settings(max_examples=30)
@given(size=st.integers(1, 40), fits=st.integers(1, 40))
def test_parts_that_fit_the_memory_answer_as_the_whole(size, fits):
    small = SmallMemory(fits)
    network = BatchSplittingNetwork(small)
    ours = network(*batch(size))
    wanted = UNet.forward(small, *batch(size))
    assert torch.equal(ours, wanted) if size <= fits else torch.allclose(ours, wanted, atol=1e-6)
    succeeded = [count for count in small.calls if count <= fits]
    assert sum(succeeded) == size
    assert max(succeeded) > fits // 2 or size <= fits  # no smaller than halving asks for
    assert network.provenance() == ({} if size <= fits else {"network_batch": network.largest})


def test_the_size_that_fits_the_memory_is_kept_and_told_once(monkeypatch):
    told = []
    monkeypatch.setattr(execution.logger, "warning", lambda message, *values: told.append(message % values))
    small = SmallMemory(fits=10)
    network = BatchSplittingNetwork(small)
    for _ in range(3):
        network(*batch(32))
    assert small.calls == [32, 16] + 3 * [8, 8, 8, 8]
    assert told == [
        "32 images at once exceed the GPU's memory: going on with 16 at once",
        "16 images at once exceed the GPU's memory: going on with 8 at once",
    ]
    assert network.image_shape == (1, 8, 8)


def test_a_single_image_that_exceeds_the_memory_is_an_error():
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        BatchSplittingNetwork(SmallMemory(fits=0))(*batch(4))
