"""The training curve as TensorBoard's summary files, where the package is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import StudyError

if TYPE_CHECKING:
    from ddpm.training.curve import Curve


def require_tensorboard(folder: Path) -> None:
    """Raises StudyError, which names the remedy, if the package tensorboard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise StudyError(
            f"--tensorboard {folder}: the package tensorboard is not installed: pip install tensorboard, or "
            "leave the option out (state/training.csv in the run's folder holds the same curve)"
        )


def tensorboard_watch(folder: Path) -> Callable[[Curve], None]:
    """A function that adds the newest point of a curve to the summary files of a folder."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def watch(curve: Curve) -> None:
        step, *values = curve.points[-1]
        for name, value in zip(("loss", "gradient_norm", "learning_rate"), values, strict=True):
            writer.add_scalar(name, value, int(step))
        writer.flush()

    return watch
