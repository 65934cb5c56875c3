"""The rule of the verdicts, and what keeps numbers from being compared."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import made_up_cifar10
import made_up_study
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import differences
from ddpm.artefacts.tables import verdict as verdicts
from ddpm.artefacts.tables.numbers import as_printed, decimal, deviation, half_unit
from ddpm.artefacts.tables.verdict import AT_MOST, EQUAL, Compared

NUMBERS = st.floats(-1e3, 1e3)
SPREADS = st.floats(0, 1e2) | st.just(math.nan)
PUBLISHED = read_published(made_up_study.PROJECT / "config" / "published.csv")
CLAIMS = st.sampled_from([EQUAL, AT_MOST])


def verdict(
    published: float,
    published_spread: float,
    rounding: float,
    claim: str,
    ours: float,
    our_spread: float,
    differs: str,
) -> str:
    """The verdict on two numbers of which all else is unknown."""
    printed = "" if math.isnan(published) else f"{2 * rounding:g}"
    [number] = PUBLISHED.of("table1")[:1]
    number = dataclasses.replace(number, value=published, spread=published_spread, printed=printed)
    number = dataclasses.replace(number, metric="NLL gap" if claim == AT_MOST else "FID")
    about = {"training_seeds": [0], "split": None, "spread_kind": "", "n": None, "fewer": "", "rows": None}
    names = dict.fromkeys(("item", "label", "name", "model", "status"), "")
    found = {
        "published": number,
        "ours": ours,
        "our_spread": our_spread,
        "differs": [differs] * bool(differs),
    }
    return Compared(**names, **found, **about).verdict


@pytest.mark.parametrize(
    ("ours", "published_spread", "our_spread", "expected"),
    [
        (9.50, 0.11, math.nan, verdicts.WITHIN_PUBLISHED),
        (9.46 - 0.112, 0.11, math.nan, verdicts.WITHIN_PUBLISHED),
        (9.46 - 0.117, 0.11, math.nan, verdicts.APART),
        (9.463, math.nan, math.nan, verdicts.WITHIN_PUBLISHED),
        (9.48, math.nan, math.nan, verdicts.APART),
        (9.48, math.nan, 0.01, verdicts.WITHIN_OURS),
        (9.50, math.nan, 0.01, verdicts.APART),
        (math.nan, 0.11, 0.01, verdicts.NO_VALUE),
    ],
)
def test_limits(ours: float, published_spread: float, our_spread: float, expected: str) -> None:
    assert verdict(9.46, published_spread, 0.005, EQUAL, ours, our_spread, "") == expected


@pytest.mark.parametrize(
    ("gap", "our_spread", "expected"),
    [
        (-0.5, math.nan, verdicts.WITHIN_BOUND),
        (0.034, math.nan, verdicts.WITHIN_BOUND),
        (0.05, 0.01, verdicts.WITHIN_OURS),
        (0.06, 0.01, verdicts.APART),
    ],
)
def test_an_upper_limit_is_judged_from_above_alone(gap: float, our_spread: float, expected: str) -> None:
    assert verdict(0.03, math.nan, 0.005, AT_MOST, gap, our_spread, "") == expected


@given(NUMBERS, SPREADS, NUMBERS, SPREADS, CLAIMS)
def test_what_differs_is_not_compared_and_a_blank_stays_one(
    published: float, spread: float, ours: float, our_spread: float, claim: str
) -> None:
    assert verdict(published, spread, 0.005, claim, ours, our_spread, "data") == verdicts.NOT_COMPARABLE
    assert verdict(published, spread, 0.005, claim, math.nan, our_spread, "data") == verdicts.NO_VALUE
    assert verdict(math.nan, spread, math.nan, claim, ours, our_spread, "data") == verdicts.BLANK


@given(NUMBERS, SPREADS, NUMBERS, st.floats(0, 1e2), st.floats(0, 1e2), CLAIMS)
def test_a_wider_spread_never_moves_numbers_apart(
    published: float, spread: float, ours: float, narrow: float, wide: float, claim: str
) -> None:
    assume(narrow <= wide)
    before = verdict(published, spread, 0.005, claim, ours, narrow, "")
    after = verdict(published, spread, 0.005, claim, ours, wide, "")
    assert after == before or (before, after) == (verdicts.APART, verdicts.WITHIN_OURS)


@given(NUMBERS, SPREADS, NUMBERS, SPREADS)
def test_equal_claims_are_symmetric(published: float, spread: float, off: float, our_spread: float) -> None:
    above, below = (verdict(0.0, spread, 0.005, EQUAL, sign * off, our_spread, "") for sign in (1, -1))
    assert above == below


@pytest.mark.parametrize(
    ("printed", "half"),
    [("3.17", 0.005), ("3.70", 0.005), ("37.9", 0.05), ("1.77581", 5e-6), ("1e-5", 5e-6), ("354", 0.5)],
)
def test_half_a_unit_of_the_last_printed_digit(printed: str, half: float) -> None:
    assert half_unit(printed) == pytest.approx(half, rel=1e-12)


@given(st.decimals(-1000, 1000, places=3))
def test_numbers_that_round_to_the_printed_ones_lie_within_half_a_unit(value: object) -> None:
    printed = as_printed(float(str(value)), "0.00")
    assert abs(float(str(value)) - float(printed)) <= half_unit(printed) + 1e-9


@pytest.mark.parametrize(
    ("value", "printed", "text"),
    [
        (3.2049, "3.17", "+3.20"),
        (-0.001, "3.17", "0.00"),
        (-0.0051, "3.17", "-0.01"),
        (7.46e-6, "1e-5", "+7.5e-6"),
        (1234.5, "354", "+1234"),
        (math.nan, "3.17", ""),
    ],
)
def test_ours_is_set_like_the_printed_number(value: float, printed: str, text: str) -> None:
    assert as_printed(value, printed, sign=True) == text
    assert as_printed(value, printed) == text.removeprefix("+")


@given(st.floats(1e-9, 1e3), st.integers(0, 4))
def test_a_spread_never_shows_as_zero(value: float, decimals: int) -> None:
    assert float(deviation(value, decimals)) > 0
    assert float(decimal(value, decimals)) == pytest.approx(value, rel=0.06)


def test_the_papers_protocol_is_that_of_the_published_numbers() -> None:
    published = read_published(made_up_study.PROJECT / "config" / "published.csv")
    assert published.number("text", "all", "samples").value == differences.SAMPLES
    assert published.number("text", "all", "T").value == differences.TIMESTEPS


@pytest.mark.parametrize(
    ("old", "new", "metric", "reason"),
    [
        ("", "", "FID", None),
        ("", "", "NLL", None),
        ("images: 50000", "images: 2000", "FID", "2,000 samples, not 50,000"),
        ("images: 50000", "images: 60000", "IS", "60,000 samples, not 50,000"),
        ("images: 50000", "images: 2000", "NLL", None),
        ("kind: inception}", "kind: inception, official: false}", "FID", "weights not checked to be"),
        ("kind: inception}", "kind: inception, official: false}", "rate", None),
        ("kind: inception}", "kind: classifier, dataset: cifar10}", "IS", "features of a classifier"),
        ("source: cifar10}", "source: cifar10, official: false}", "NLL", "data not checked to be CIFAR-10"),
        ("source: cifar10}", "source: cifar10, test_images: 500}", "FID", "50,000 training and 500 test"),
        ("quality:\n", "quality:\n  inception_splits: 5\n", "IS", "IS over 5 splits, not 10"),
        ("quality:\n", "quality:\n  inception_splits: 5\n", "FID", None),
    ],
)
def test_what_differs_from_the_paper_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, metric: str, reason: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made_up_cifar10.make(
        tmp_path, made_up_cifar10.STUDY.replace(old, new) if old else made_up_cifar10.STUDY
    )
    found = differences.of_measurement(study, "eps_simple", metric)
    assert len(found) == (reason is not None)
    assert all(text.startswith(str(reason)) for text in found)


def test_other_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = made_up_study.make(tmp_path)
    reasons = [
        "data tiny, not CIFAR-10",
        "features of a classifier, not Inception's",
        "1,000 samples, not 50,000",
    ]
    assert differences.of_measurement(study, "eps_simple", "FID") == reasons
    assert differences.of_measurement(study, "eps_simple", "NLL") == reasons[:1]
    assert differences.of_timesteps(study, "eps_simple") == ["T = 100, not 1,000"]


@pytest.mark.parametrize(
    ("metric", "split", "n", "words"),
    [
        ("FID", "train", 2000, "2,000 of 50,000 samples"),
        ("IS", None, 50_000, ""),
        ("KID", "train", 2000, ""),
        ("NLL", "test", 500, "500 of 10,000 test images"),
        ("NLL", "train", 10_000, "10,000 of 50,000 train images"),
        ("NLL gap", None, 10_000, ""),
        ("RMSE", "test", None, ""),
    ],
)
def test_fewer_images_are_counted_by_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, split: str | None, n: int | None, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made_up_cifar10.make(tmp_path)
    assert differences.fewer_images(study, "eps_simple", metric, split, n) == words
