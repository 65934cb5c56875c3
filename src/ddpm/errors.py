"""Errors that the user can mend. Each message names the file, the key or array, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class DDPMError(Exception):
    """Base of all errors that the `ddpm` command prints without a traceback.

    Attributes:
        status: what the command exits with.
    """

    status = 2


class StudyError(DDPMError):
    """A study file is missing, malformed, or asks for an impossible combination."""


class DataError(DDPMError):
    """A data set is missing, has the wrong shape or dtype, or differs from its manifest."""


class WeightsError(DDPMError):
    """A weights file is missing, truncated, or belongs to another network."""


class DivergedError(WeightsError):
    """The weights asked for do not exist because training met a non-finite loss."""


class StateError(DDPMError):
    """A saved training state is damaged or belongs to other settings."""


class OutputError(DDPMError):
    """An output folder is read-only or full, or an output cannot be written."""


class CompilationError(DDPMError):
    """A compiled network computes other gradients than the network does."""


class ResourceError(DDPMError):
    """A file under resources/ is unknown, cannot be fetched, or has other content than it should."""


class SlurmError(DDPMError):
    """Slurm does not answer, refuses what jobs ask for, or still has jobs of an earlier workflow."""


class NotReproducedError(DDPMError):
    """All files are right, and a number is not the one that was expected."""

    status = 9


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for an unknown word: the nearest known one in brackets, or all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(known)})" if known else ""
