"""How a training run ended, in words: the `status` of its weights, samples and measurements.

"trained"; "diverged at step n", of which nothing can be evaluated; or "diverged at step n; evaluated at step
m", of which an earlier checkpoint is. Measurements add "; not finite" to the status of a model whose samples,
or whose bound, are NaN or infinite, so that there is no number.
"""

from __future__ import annotations

TRAINED = "trained"
DIVERGED = "diverged"
EVALUATED = "; evaluated at step "
NOT_FINITE = "; not finite"


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
    """Whether there are numbers: of a finite model, trained to its end or with an earlier checkpoint."""
    return not is_not_finite(status) and (not has_diverged(status) or EVALUATED in status)


def has_failed(status: str) -> bool:
    """Whether training diverged or what the model computes is not finite."""
    return has_diverged(status) or is_not_finite(status)


def not_finite(status: str) -> str:
    """The status of measurements that are not there because what the model computes is not finite."""
    return f"{status}{NOT_FINITE}"


def is_not_finite(status: str) -> bool:
    """Whether what the model computes is not finite."""
    return status.endswith(NOT_FINITE)
