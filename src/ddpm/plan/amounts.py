"""What jobs compute and keep, in units that do not depend on the machine."""

from __future__ import annotations

import dataclasses

from ddpm.plan.network_cost import FLOAT_BYTES, model_cost
from ddpm.study import Study

# Tables, figures and measurements: a few of them for a job.
SMALL_BYTES = 300_000
# Weights, average, and two moments (`ddpm.training.state`): of the latest state, the previous one, and the
# one that is being written.
STATE_VECTORS, STATES_AT_ONCE = 4, 3
# Seconds of the statistics of one set of Inception's features: FID's eigenvalues and covariance.
STATISTICS_OF_SET = 10.0


@dataclasses.dataclass(frozen=True)
class Work:
    """What a job computes and keeps.

    Attributes:
        model: whose network it uses, or None.
        steps: training steps.
        evaluations: network inputs (image, t) that are evaluated without a gradient; a batch that is filled
            up to its size counts whole.
        features: images through the feature extractor.
        seconds: of the rest.
        bytes: of its files when it is done.
    """

    model: str | None = None
    steps: int = 0
    evaluations: int = 0
    features: int = 0
    seconds: float = 0.0
    bytes: int = SMALL_BYTES


def weights_bytes(study: Study, model: str) -> int:
    """Bytes of one file of a model's weights."""
    return FLOAT_BYTES * model_cost(study, model).parameters


def state_bytes(study: Study, model: str) -> int:
    """Bytes of the saved states of a run, at most, while it trains."""
    return STATES_AT_ONCE * STATE_VECTORS * weights_bytes(study, model)


def statistics(study: Study, seconds: float) -> float:
    """Seconds for statistics of Inception's features; those of a small classifier take next to none."""
    return seconds if study.quality.features.kind == "inception" else 0.0
