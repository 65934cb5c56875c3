"""The averaged weights of chosen steps, kept while training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor


class Checkpoints:
    """Keeps the averaged weights after some updates.

    A run that is resumed from before a checkpoint writes it once more, with the same content.

    Args:
        steps: numbers of updates after which the weights are kept.
        keep: called with the number of updates and the averaged weights by name.
    """

    def __init__(self, steps: Iterable[int], keep: Callable[[int, Mapping[str, Tensor]], object]) -> None:
        self.steps, self.keep = frozenset(steps), keep

    def after(self, updates: int, average: Mapping[str, Tensor]) -> None:
        """Keeps the weights if these are a checkpoint's."""
        if updates in self.steps:
            self.keep(updates, average)
