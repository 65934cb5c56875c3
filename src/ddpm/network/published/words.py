"""Names that say whether weights are averaged (EMA): `model_ema`, `ema_model`, `unet_ema`, `non_ema`."""

from __future__ import annotations

import re

_AVERAGED = re.compile(
    r"(?:(?<=[^a-z])|^)(?P<negated>(?:non|no|not|without)[._-]?)?(?:ema|averaged?|swa|polyak)(?=$|[^a-z])",
    re.IGNORECASE,
)


def says_averaged(name: str) -> bool | None:
    """Whether a name says that its weights are averaged, or that they are not; None if it says neither."""
    found = _AVERAGED.search(name)
    return None if found is None else not found["negated"]


def same_but_for_averaging(name: str, other: str) -> bool:
    """Whether names differ in saying averaged alone: `unet` and `unet_ema`, `a.bin` and `a.non_ema.bin`."""
    return says_averaged(name) != says_averaged(other) and _rest(name) == _rest(other) != []


def _rest(name: str) -> list[str]:
    return [part for part in re.split(r"[._-]+", _AVERAGED.sub("", name)) if part]


def stated_words(stated: bool | None) -> str:
    """What the study file says, for messages: ", but the study file says `averaged: true`"."""
    return "" if stated is None else f", but the study file says `averaged: {str(stated).lower()}`"
