"""What is timed, and what an adapter gives the clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from timing.networks import NetworkShape
from torch import Tensor, nn

STEPS = ("training", "sampling", "likelihood")


class Unavailable(Exception):
    """An adapter cannot run here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One measurement's conditions.

    Attributes:
        shape: the network.
        batch: images of a step.
        device: "cpu" or "cuda".
        precision: "float32", "tf32" or "bfloat16".
        compiled: torch.compile; of this project only.
    """

    shape: NetworkShape
    batch: int
    device: str = "cpu"
    precision: str = "float32"
    compiled: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A step that is ready to be made again and again.

    Attributes:
        call: makes one step; returns something finite that depends on all of it (a loss, images, bits/dim).
        network: whose parameters a training step changes; None where there is none.
    """

    call: Callable[[], Tensor]
    network: nn.Module | None

    @property
    def parameters(self) -> int:
        """Number of parameters of the network."""
        return 0 if self.network is None else sum(p.numel() for p in self.network.parameters())


@dataclasses.dataclass(frozen=True)
class Adapter:
    """One side of the comparison.

    Attributes:
        title: for tables.
        precision: of its numbers.
        load: imports what it needs, so that memory can be measured from there.
        prepare: builds a step of `STEPS`.
        compiled: as in `Setting`.
        same_network: False where the network is another one, whose operations are not counted.
    """

    title: str
    precision: str
    load: Callable[[], None]
    prepare: Callable[[str, Setting], Prepared]
    compiled: bool = False
    same_network: bool = True

    def ready(self, step: str, shape: NetworkShape, batch: int, device: str) -> Prepared:
        """The step of this side under its own precision."""
        return self.prepare(step, Setting(shape, batch, device, self.precision, self.compiled))


def chosen(adapters: dict[str, Adapter], names: Sequence[str]) -> tuple[dict[str, Adapter], dict[str, str]]:
    """Those of these names that load here, and for the others the reason why not."""
    available, left_out = {}, {}
    for name in names:
        try:
            adapters[name].load()
        except (Unavailable, ImportError) as error:
            left_out[name] = str(error)
        else:
            available[name] = adapters[name]
    return available, left_out
