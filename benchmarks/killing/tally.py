"""What a drill is asked for, and what it saw."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a drill is asked for.

    Attributes:
        kinds: of faults; each strikes once before one strikes again.
        kills: faults in all.
        seed: of kinds, moments and damages (moments depend on the machine's speed besides).
        cores: jobs that run at once.
        life: mean seconds from the first job of a start to the fault; None: a tenth of a whole run's.
        on_seconds: how long at most a workflow is left to itself after a fault that lets it go on.
        minutes: after which no more faults strike, however few they were.
    """

    kinds: Sequence[str]
    kills: int = 100
    seed: int = 0
    cores: int = 2
    life: float | None = None
    on_seconds: float = 20.0
    minutes: float = math.inf


@dataclasses.dataclass(frozen=True)
class Kill:
    """One fault that struck: its kind, the rules that ran, how, and when (seconds after the start)."""

    kind: str
    running: list[str]
    detail: str
    seconds: float
    saved_updates: int


@dataclasses.dataclass
class Tally:
    """What the drill saw.

    Attributes:
        kills: the faults that struck.
        rounds: how often the workflow came to its end, each time with a comparison.
        unprovoked: starts that failed although nothing disturbed them, by their last messages.
        problems: differences, lost results, workflows that did not stop: each is a failure of the drill.
        remade: finished results that were written once more with the same content.
        redone_updates: saved updates of training that had to be made again, and why, by kind of fault.
    """

    kills: list[Kill] = dataclasses.field(default_factory=list)
    rounds: list[dict[str, int]] = dataclasses.field(default_factory=list)
    unprovoked: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    remade: int = 0
    redone_updates: Counter[str] = dataclasses.field(default_factory=Counter)
    starts: int = 0
