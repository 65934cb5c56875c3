"""The paper's numbers and ours side by side, each pair with a verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import notes, trace, verdicts
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.compared import Compared
from ddpm.artefacts.tables.comparison_rows import compared_numbers
from ddpm.artefacts.tables.rendering import numbers
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

_TITLE = "Comparison with the paper. Its numbers and those measured here, each pair with a verdict"
_COLUMNS = (
    *("item", "row", "label", "number", "metric", "split", "reverse_steps", "published", "published_spread"),
    *(
        "rounding",
        "claim",
        "ours",
        "our_spread",
        "spread_kind",
        "reproductions",
        "reproductions_spread",
        "judged_by",
        "n",
        "difference",
        "relative_difference",
    ),
    *("differs", "verdict", "repeats", "status", "note", "model", "training_seeds", "sampling_seeds"),
)
_HEADINGS = {"table1": "Table 1", "table2": "Table 2", "table4": "Table 4", "text_numbers": "Text"}
_SPREADS = ("training", "sampling", "splits", "images")
_COMPARED = (
    verdicts.WITHIN_PUBLISHED,
    verdicts.WITHIN_BOUND,
    verdicts.WITHIN_OURS,
    verdicts.WITHIN_REPRODUCTIONS,
    verdicts.APART,
)


def build(study: Study) -> BuiltTable:
    """Builds the comparison from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that a table shows.
    """
    inputs = artefact_inputs(study, "comparison")
    found = compared_numbers(study, inputs, read_published(inputs["published"][0]))
    models = study.artefacts.models_of("comparison")
    return BuiltTable(
        frame=_frame(study, found),
        view=View(
            title=_TITLE,
            label_heading="Number",
            columns=[
                Column("Published"),
                Column("Measured here"),
                Column("± over"),
                Column("Diff."),
                Column("in %"),
                Column("Verdict"),
            ],
            groups=_groups(found),
            notes=[
                summary(found),
                *verdicts.RULE,
                *_reproduction_notes(found),
                *_difference_notes(found),
                *notes.fewer_note([(n.published.metric, n.fewer) for n in found if n.fewer]),
                notes.PUBLISHED_NOTE,
                *notes.measured_notes(study, models),
                *_divergence_notes(found),
                "Measured values are means over training and sampling seeds, never the best of them. "
                "± over: training seeds, sampling seeds, splits of the samples, or images; the CSV file has "
                "the number of seeds. Table 4 is of the first training seed.",
            ],
        ),
        trace=trace.join(
            trace.cell_trace(f"{n.item}: {n.published.row}: {n.name}", "ours", n.rows) for n in found
        ),
    )


def summary(found: Sequence[Compared]) -> str:
    """How many numbers lie within which spread, in a sentence; numbers that tables repeat count once."""
    counts = Counter(number.verdict for number in found if not number.repeats)
    total = sum(counts[verdict] for verdict in _COMPARED)
    unknown = sum(
        number.verdict == verdicts.APART and not _spread_is_known(number)
        for number in found
        if not number.repeats
    )
    words = [
        f"{counts[verdict]} {verdict}" for verdict in _COMPARED if counts[verdict] or "spread" in verdict
    ]
    others = [f"{counts[verdict]} {verdict}" for verdict in verdicts.VERDICTS if verdict not in _COMPARED]
    text = f"Of {total} compared numbers: {', '.join(words)}" if total else "No number can be compared"
    text += f" ({unknown} of those apart have no known ±)" * bool(unknown)
    rest = [word for word in others if not word.startswith("0 ")]
    text += f". Beside these: {', '.join(rest)}" * bool(rest)
    return f"{text}. A number that several tables print counts once."


def _frame(study: Study, found: Sequence[Compared]) -> pd.DataFrame:
    rows = [_fields(study, number) for number in found]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"n": "Int64", "reverse_steps": "Int64"})


def _fields(study: Study, number: Compared) -> dict[str, Any]:
    published = number.published
    return {
        "item": number.item,
        "row": published.row,
        "label": number.label,
        "number": number.name,
        "metric": published.metric,
        "split": number.split,
        "reverse_steps": published.reverse_steps,
        "published": published.value,
        "published_spread": published.spread,
        "rounding": number.rounding,
        "claim": number.claim,
        "ours": number.ours,
        "our_spread": number.our_spread,
        "spread_kind": number.spread_kind,
        "reproductions": len(number.counted_reproductions),
        "reproductions_spread": number.reproductions_spread,
        "judged_by": number.judged_by,
        "n": number.n,
        "difference": number.difference,
        "relative_difference": number.relative_difference,
        "differs": "; ".join(number.differs),
        "verdict": number.verdict,
        "repeats": number.repeats,
        "status": number.status,
        "note": _note(number),
        "model": number.model,
        "training_seeds": " ".join(map(str, number.training_seeds)),
        "sampling_seeds": " ".join(map(str, study.sampling_seeds(number.model)))
        if _of_samples(number)
        else "",
    }


def _note(number: Compared) -> str:
    """What else must be known: why the paper is blank, what happened here, how many images."""
    parts = [number.published.note]
    if number.verdict == verdicts.BLANK:
        parts.append(f"here: {number.status}")
    elif number.verdict == verdicts.APART and not _spread_is_known(number):
        parts.append("no spread is known")
    return "; ".join(part for part in (*parts, number.fewer) if part)


def _spread_is_known(number: Compared) -> bool:
    return bool(number.spread_kind) or math.isfinite(number.reproductions_spread)


def _of_samples(number: Compared) -> bool:
    return number.published.metric in ("IS", "FID")


def _groups(found: Sequence[Compared]) -> list[Group]:
    groups: dict[str, list[Line]] = {}
    for number in found:
        title = f"{_HEADINGS[number.item]}: {number.label}, model {number.model}"
        groups.setdefault(title, []).append(_line(number))
    return [Group(title, lines) for title, lines in groups.items()]


def _line(number: Compared) -> Line:
    printed = number.published.printed
    ours = numbers.as_printed(number.ours, printed or "0.00")
    if ours:
        bound = number.published.bound if number.published.metric == "NLL" else ""
        ours = numbers.bounded(ours + numbers.FEWER * bool(number.fewer), bound)
    if ours and math.isfinite(number.our_spread):
        ours += f"{numbers.SPACE}±{numbers.SPACE}{numbers.deviation(number.our_spread, 2)}"
    share = f"{100 * number.relative_difference:+.1f}" if math.isfinite(number.relative_difference) else ""
    return Line(
        number.name,
        [
            Cell(numbers.published(number.published)),
            Cell(ours),
            Cell(_shown_spread(number.spread_kind) if ours else ""),
            Cell(numbers.as_printed(number.difference, printed, sign=True) if printed else ""),
            Cell(share),
            Cell(_shown_verdict(number)),
        ],
    )


def _shown_spread(kind: str) -> str:
    """What the ± is over, in a word: training, sampling, splits or images."""
    return next((word for word in _SPREADS if word in kind), "")


def _shown_verdict(number: Compared) -> str:
    """The verdict, with what happened here where that is not training as usual."""
    status = number.status if number.verdict == verdicts.BLANK or "diverged" in number.status else ""
    return f"{number.verdict}; here {status}" if status else number.verdict


def _reproduction_notes(found: Sequence[Compared]) -> list[str]:
    """What others got for a published number, once for each metric; and which of it does not count."""
    notes: dict[str, None] = {}
    for number in found:
        if not number.reproductions or math.isnan(number.reproductions_spread):
            continue
        counted = ", ".join(f"{n.printed} ({n.label})" for n in number.counted_reproductions)
        spread = numbers.deviation(number.reproductions_spread, 2)
        others = [f"{n.printed} ({n.note})" for n in number.reproductions if not n.source]
        text = f"Reproductions of {number.name} {number.published.printed}: {counted}; with it, ± {spread}."
        notes[text + f" Not counted: {', '.join(others)}." * bool(others)] = None
    return list(notes)


def _difference_notes(found: Sequence[Compared]) -> list[str]:
    """One note for each reason why numbers are not comparable, with the metrics that it concerns."""
    reasons: dict[str, dict[str, None]] = {}
    for number in found:
        for reason in number.differs:
            reasons.setdefault(reason, {})[number.published.metric] = None
    return [f"Not comparable ({', '.join(metrics)}): {reason}." for reason, metrics in reasons.items()]


def _divergence_notes(found: Sequence[Compared]) -> list[str]:
    return list(dict.fromkeys(f"{n.model}: {n.status}." for n in found if "diverged" in n.status))
