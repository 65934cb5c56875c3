"""How a training run ended, in words: the `status` of its weights, samples and measurements.

"trained"; "diverged at step n", of which nothing can be evaluated; or "diverged at step n; evaluated at step
m", of which an earlier checkpoint is.
"""

from __future__ import annotations

DIVERGED = "diverged"
EVALUATED = "; evaluated at step "


def evaluated_at(status: str, step: int) -> str:
    """The status of a diverged run whose checkpoint of that step is evaluated."""
    return f"{status}{EVALUATED}{step}"


def has_diverged(status: str) -> bool:
    """Whether training met a non-finite loss."""
    return status.startswith(DIVERGED)


def diverged_at(status: str) -> int:
    """The update whose loss was not finite, of a status that says so."""
    return int(status.removeprefix(f"{DIVERGED} at step ").partition(EVALUATED)[0])


def is_evaluated(status: str) -> bool:
    """Whether the run has weights to evaluate: it was trained to its end, or has an earlier checkpoint."""
    return not has_diverged(status) or EVALUATED in status
