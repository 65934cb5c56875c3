"""The training curve: means over intervals of updates, and the first non-finite loss."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ddpm.errors import OutputError
from ddpm.records.files import write_text

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("ddpm")
_COLUMNS = ("step", "loss", "gradient_norm", "learning_rate")


class Curve:
    """Accumulates on the device, so that an update does not wait for its loss.

    Attributes:
        points: step, loss, gradient norm, learning rate of each closed interval.
    """

    def __init__(self, device: torch.device) -> None:
        self.points: list[tuple[float, float, float, float]] = []
        # Sums of loss and gradient norm, their count, and the first update with a non-finite loss.
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)
        self._first_bad = torch.full((), -1, dtype=torch.int64, device=device)
        self._step, self._rate = 0.0, 0.0

    def add(self, step: int, loss: Tensor, gradient_norm: Tensor, rate: float) -> None:
        """Counts update `step` (1, 2, ...) with its loss and gradient norm before clipping."""
        self._sums += torch.stack(
            [loss.double(), gradient_norm.double(), torch.ones_like(loss, dtype=torch.float64)]
        )
        bad = (self._first_bad < 0) & ~torch.isfinite(loss)
        self._first_bad.masked_fill_(bad, step)
        self._step, self._rate = float(step), rate

    @property
    def accumulated(self) -> tuple[Tensor, Tensor]:
        """What the current interval has summed up: float64 [3] and int64 []; changed in place by others."""
        return self._sums, self._first_bad

    def close_interval(self) -> None:
        """Turns the sums since the last call into a point of the curve."""
        self.points = self._with_open_interval()
        self._sums.zero_()

    @property
    def diverged_at(self) -> int | None:
        """The update (1, 2, ...) whose loss was the first to be infinite or NaN; waits for the device."""
        first_bad = int(self._first_bad)
        return first_bad if first_bad >= 0 else None

    def _with_open_interval(self) -> list[tuple[float, float, float, float]]:
        loss, norm, count = self._sums.tolist()
        point = [(self._step, loss / count, norm / count, self._rate)] if count else []
        return self.points + point

    def note(self) -> str:
        """The last point's loss, for a progress line."""
        return f"loss {self.points[-1][1]:.4g}" if self.points else ""

    def frame(self) -> pd.DataFrame:
        """Columns step (int), loss, gradient_norm (before clipping), learning_rate.

        One row an interval; the last one may be shorter, if training ended within it.
        """
        # Here, so that a machine that only trains needs no pandas.
        import pandas as pd

        return pd.DataFrame(self._with_open_interval(), columns=list(_COLUMNS)).astype({"step": "int64"})

    def write_csv(self, path: Path) -> None:
        """Writes the points so far, to be looked at while training goes on; no failure stops that."""
        rows = (",".join(f"{value:.9g}" for value in point) for point in self.points)
        lines = [",".join(_COLUMNS), *rows]
        try:
            write_text(path, "\n".join(lines) + "\n")
        except OutputError as error:
            logger.warning("warning: %s", error)

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs, as tensors."""
        points = torch.tensor(self.points, dtype=torch.float64).reshape(-1, len(_COLUMNS))
        return {
            "curve.points": points,
            "curve.sums": self._sums.clone(),
            "curve.first_bad": self._first_bad.clone(),
            "curve.last": torch.tensor([self._step, self._rate], dtype=torch.float64),
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `state` gave."""
        self.points = [tuple(point) for point in tensors["curve.points"].tolist()]
        self._sums.copy_(tensors["curve.sums"])
        self._first_bad.copy_(tensors["curve.first_bad"])
        self._step, self._rate = tensors["curve.last"].tolist()
