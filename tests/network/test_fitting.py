"""Batches that exceed the memory: smaller calls, the same answers, and the fact is told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.network import fitting
from ddpm.network.fitting import FittingNetwork
from ddpm.network.unet import UNet

SHAPE = (1, 8, 8)


class SmallMemory(UNet):
    """A network that fails as a GPU does when a call has more images than fit."""

    def __init__(self, fits: int) -> None:
        super().__init__(SHAPE, 4, (1,), 1, (), groups=2)
        self.eval().requires_grad_(False)
        self.fits, self.calls = fits, []

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(x))
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x, index)


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, *SHAPE, generator=generator), torch.arange(size)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 40), fits=st.integers(1, 40))
def test_parts_answer_as_the_whole(size, fits):
    small = SmallMemory(fits)
    network = FittingNetwork(small)
    ours = network(*batch(size))
    wanted = UNet.forward(small, *batch(size))
    assert torch.equal(ours, wanted) if size <= fits else torch.allclose(ours, wanted, atol=1e-6)
    succeeded = [count for count in small.calls if count <= fits]
    assert sum(succeeded) == size
    assert max(succeeded) > fits // 2 or size <= fits  # no smaller than halving asks for
    assert network.provenance() == ({} if size <= fits else {"network_batch": network.largest})


def test_the_size_that_fits_is_kept_and_told_once(monkeypatch):
    told = []
    monkeypatch.setattr(fitting.logger, "warning", lambda message, *values: told.append(message % values))
    small = SmallMemory(fits=10)
    network = FittingNetwork(small)
    for _ in range(3):
        network(*batch(32))
    assert small.calls == [32, 16] + 3 * [8, 8, 8, 8]
    assert told == [
        "32 images at once exceed the GPU's memory: going on with 16 at once",
        "16 images at once exceed the GPU's memory: going on with 8 at once",
    ]
    assert network.image_shape == SHAPE


def test_a_single_image_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        FittingNetwork(SmallMemory(fits=0))(*batch(4))
