"""What the processes of one training run tell each other: means, values of the first, agreements."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from ddpm.errors import StateError

logger = logging.getLogger("ddpm")

# Exit status of a process that ends because another did (EX_TEMPFAIL of sysexits.h).
LOST_STATUS = 75


class LostProcess(SystemExit):
    """Another process of the run ended or did not answer in time; this one cannot go on."""


class Ranks:
    """This process among those that train together; alone, all of this costs nothing.

    Args:
        rank: of this process, 0..count - 1.
        count: of processes.
        control: a process group for values on the processor; None for the default one.

    Raises (all methods that communicate):
        LostProcess: see there.
    """

    def __init__(self, rank: int = 0, count: int = 1, control: Any = None) -> None:
        self.rank, self.count, self._control = rank, count, control

    @property
    def first(self) -> bool:
        """True for the one process that writes files and shows progress."""
        return self.rank == 0

    def part(self, size: int) -> range:
        """This process's places of a batch: consecutive parts of one size in order of rank."""
        own = size // self.count
        return range(self.rank * own, (self.rank + 1) * own)

    def mean_(self, tensor: Tensor) -> Tensor:
        """Replaces a tensor by its mean over processes, bit for bit the same in all of them."""
        if self.count > 1:
            with or_lost():
                dist.all_reduce(tensor)
            tensor.div_(self.count)
        return tensor

    def copy_first_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors by those of the first process."""
        if self.count > 1:
            with or_lost():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def of_first(self, value: Any) -> Any:
        """The first process's value; it must be picklable."""
        if self.count == 1:
            return value
        values = [value]
        with or_lost():
            dist.broadcast_object_list(values, src=0, group=self._control)
        return values[0]

    def largest(self, *values: float) -> list[float]:
        """The largest of each value over processes; does not wait for a GPU."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        with or_lost():
            dist.all_reduce(tensor, op=dist.ReduceOp.MAX, group=self._control)
        return tensor.tolist()

    def wait_for_all(self) -> None:
        """Returns when every process has come here."""
        self.largest(0.0)

    def require_same(self, what: str, value: str) -> None:
        """Checks that a value is the same in all processes.

        Args:
            what: names it in the error.
            value: a hash or the like.

        Raises:
            StateError: it is not; every process raises it.
        """
        if self.count == 1:
            return
        values: list[str] = [""] * self.count
        with or_lost():
            dist.all_gather_object(values, value, group=self._control)
        if others := [rank for rank, other in enumerate(values) if other != values[0]]:
            raise StateError(
                f"{what} of process {', '.join(map(str, others))} differ from those of process 0; "
                "check that all nodes have the same study file, data, torch and kind of hardware, then run "
                "the command again: it continues from the last saved state"
            )


ALONE = Ranks()


@contextlib.contextmanager
def or_lost() -> Iterator[None]:
    """Turns a failed communication into LostProcess: the process that failed has said why."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        logger.warning("stopping, because another process has ended or does not answer: %s", reason)
        raise LostProcess(LOST_STATUS) from None
