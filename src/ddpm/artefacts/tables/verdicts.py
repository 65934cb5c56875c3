"""The rule by which a number measured here is judged beside the published one."""

from __future__ import annotations

import math

WITHIN_PUBLISHED = "within published spread"
WITHIN_BOUND = "within the bound"
WITHIN_OURS = "within ours"
WITHIN_REPRODUCTIONS = "within reproductions"
APART = "apart"
NOT_COMPARABLE = "not comparable"
NO_VALUE = "no value"
BLANK = "blank in the paper"
VERDICTS = (
    *(WITHIN_PUBLISHED, WITHIN_BOUND, WITHIN_OURS, WITHIN_REPRODUCTIONS, APART),
    *(NOT_COMPARABLE, NO_VALUE, BLANK),
)

# What the published number claims.
EQUAL, AT_MOST = "equal", "at most"
SPREADS = 2.0

RULE = (
    f"Verdicts. {WITHIN_PUBLISHED}: the difference is at most the published ± (none printed counts as 0). "
    f"{WITHIN_OURS}: it is at most twice our ±. {WITHIN_REPRODUCTIONS}: it is at most twice the standard "
    "deviation of the published number and what others got for it, where our ± is not one over training "
    f"seeds. {APART}: it is more. Half a unit of the last printed digit is added to each limit, for "
    "published numbers are rounded. A number published as an upper limit is judged by how far "
    f"ours lies above it: {WITHIN_BOUND} if by no more than that half unit. "
    f"{NOT_COMPARABLE}: something else was measured. {NO_VALUE}: training diverged. {BLANK}: the paper gives "
    "no number.",
    "Our ± is the first that is known of the standard deviation over training seeds, that over sampling "
    "seeds, that over the splits of the samples (IS), and the standard error over images (the bound; of "
    "fewer images than the paper's, it adds to those before it). All but the first leave out the chance of "
    f"training. Where no spread is known at all, only equal digits escape {APART}: read the difference "
    "itself. The rule is a yardstick, not a test of significance: a ± over few seeds is itself "
    "uncertain, and the published number is one run's.",
)


def verdict(
    published: float,
    published_spread: float,
    rounding: float,
    claim: str,
    ours: float,
    our_spread: float,
    differs: str,
    reproductions_spread: float = math.nan,
) -> str:
    """One of VERDICTS; NaN stands for a number that is not there.

    Args:
        published: the published number.
        published_spread: its printed ±; NaN counts as 0.
        rounding: half a unit of its last printed digit.
        claim: EQUAL or AT_MOST.
        ours: the number measured here.
        our_spread: how far ours may be off (`Summary.own_spread`); NaN counts as 0.
        differs: what keeps both from being compared; "" for nothing.
        reproductions_spread: standard deviation of the published number and what others got for it; NaN where
            there are none, or where ours says more.
    """
    if math.isnan(published):
        return BLANK
    if math.isnan(ours):
        return NO_VALUE
    if differs:
        return NOT_COMPARABLE
    off = ours - published if claim == AT_MOST else abs(ours - published)
    if off <= _known(published_spread) + rounding:
        return WITHIN_BOUND if claim == AT_MOST else WITHIN_PUBLISHED
    if off <= SPREADS * _known(our_spread) + rounding:
        return WITHIN_OURS
    return WITHIN_REPRODUCTIONS if off <= SPREADS * _known(reproductions_spread) + rounding else APART


def _known(spread: float) -> float:
    return 0.0 if math.isnan(spread) else spread
