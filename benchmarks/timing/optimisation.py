"""The paper's training settings without pydantic, so that a machine that only measures needs torch alone."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Optimisation:
    """What `ddpm.training.loop.Training` reads of `ddpm.study.models.TrainingSettings`, with its defaults.

    Without warm-up, so that the first update changes weights; a test keeps the rest in step.
    """

    steps: int = 800_000
    batch_size: int = 128
    learning_rate: float = 2e-4
    warmup_steps: int = 0
    gradient_clip: float | None = 1.0
    gradient_clip_shards: int = 1
    ema_decay: float = 0.9999
    ema_ramp: bool = False
    flip: bool = True
    log_every: int = 1000
    precision: str = "float32"
    compiled: bool = False
    save_every_minutes: float = 10.0
