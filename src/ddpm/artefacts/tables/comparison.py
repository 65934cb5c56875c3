"""The paper's numbers and ours side by side, each pair with a verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ddpm.artefacts import artefact
from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import footnotes, numbers, verdict
from ddpm.artefacts.tables.pairs import compared_numbers
from ddpm.artefacts.tables.table import BuiltTable, cell_trace, joined
from ddpm.artefacts.tables.verdict import Compared
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs, artefact_inputs

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.artefacts import ArtefactSettings
    from ddpm.study.settings import Study

_TITLE = "Comparison with the paper. Its numbers and those measured here, each pair with a verdict"
_HEADINGS = {
    "table1": "Table 1",
    "table2": "Table 2",
    "table3": "Table 3",
    "table4": "Table 4",
    "text_numbers": "Text",
}
_SHOWN = ("Published", "Measured here", "± over", "Diff.", "in %", "Verdict")
_COLUMNS = (
    *("item", "row", "label", "number", "metric", "split", "reverse_steps", "published", "published_spread"),
    *("rounding", "claim", "ours", "our_spread", "spread_kind", "reproductions", "reproductions_spread"),
    *(
        "judged_by",
        "n",
        "difference",
        "relative_difference",
        "differs",
        "verdict",
        "repeats",
        "status",
        "note",
    ),
    *("model", "training_seeds", "sampling_seeds"),
)


class ComparisonSettings(artefact.OneArtefactSettings):
    """Every published number beside ours, with a verdict: for the tables that the study builds."""

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The models of all compared tables, each once."""
        models = [model for table in artefacts.compared for model in artefacts.models_of(table)]
        return list(dict.fromkeys(models))


def _inputs(study: Study, settings: ComparisonSettings) -> Inputs:
    """The rows of all compared tables, each file once, and Table 4's curve."""
    tables = [artefact_inputs(study, table) for table in study.artefacts.compared]

    def files(role: str) -> list[str]:
        return list(dict.fromkeys(file for inputs in tables for file in inputs.get(role, [])))

    return {"rows": files("rows"), "rate_distortion": files("rate_distortion"), "published": [PUBLISHED]}


def _build(study: Study, settings: ComparisonSettings, inputs: Inputs) -> BuiltTable:
    found = compared_numbers(study, inputs, read_published(inputs["published"][0]))
    return BuiltTable(
        frame=_frame(study, found),
        view=View(
            title=_TITLE,
            label_heading="Number",
            columns=[Column(name) for name in _SHOWN],
            groups=grouped((f"{_HEADINGS[n.item]}: {n.label}, model {n.model}", _line(n)) for n in found),
            notes=[
                _counts(found),
                *verdict.RULE,
                *_reproduction_notes(found),
                *_difference_notes(found),
                *footnotes.fewer_note([(n.published.metric, n.fewer) for n in found if n.fewer]),
                footnotes.PUBLISHED_NOTE,
                *footnotes.measured_notes(study, study.artefacts.models_of("comparison")),
                *dict.fromkeys(f"{n.model}: {n.status}." for n in found if "diverged" in n.status),
                "Measured values are means over training and sampling seeds, never the best of them. "
                "± over: training seeds, sampling seeds, splits of the samples, or images; the CSV file has "
                "the number of seeds. Table 4 is of the first training seed.",
            ],
        ),
        trace=joined(cell_trace(f"{n.item}: {n.published.row}: {n.name}", "ours", n.rows) for n in found),
    )


def _frame(study: Study, found: Sequence[Compared]) -> pd.DataFrame:
    import pandas as pd

    rows = [_fields(study, number) for number in found]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"n": "Int64", "reverse_steps": "Int64"})


def _fields(study: Study, number: Compared) -> dict[str, Any]:
    """The columns of the CSV file: most are attributes of the pair by the same name."""
    published = number.published
    of_samples = published.metric in ("IS", "FID")
    return {name: getattr(number, name) for name in _COLUMNS if hasattr(number, name)} | {
        "row": published.row,
        "number": number.name,
        "metric": published.metric,
        "reverse_steps": published.reverse_steps,
        "published": published.value,
        "published_spread": published.spread,
        "reproductions": len(number.counted_reproductions),
        "differs": "; ".join(number.differs),
        "note": _note(number),
        "training_seeds": " ".join(map(str, number.training_seeds)),
        "sampling_seeds": " ".join(map(str, study.sampling_seeds(number.model))) if of_samples else "",
    }


def _note(number: Compared) -> str:
    """What else must be known: why the paper is blank, what happened here, how many images."""
    parts = [number.published.note]
    if number.verdict == verdict.BLANK:
        parts.append(f"here: {number.status}")
    elif number.verdict == verdict.APART and number.lacks_spread:
        parts.append("no spread is known")
    return "; ".join(part for part in (*parts, number.fewer) if part)


def _line(number: Compared) -> Line:
    printed = number.published.printed
    ours = numbers.as_printed(number.ours, printed or "0.00")
    # What the ± is over, in a word.
    over = next((w for w in ("training", "sampling", "splits", "images") if w in number.spread_kind), "")
    if ours:
        bound = number.published.bound if number.published.metric == "NLL" else ""
        ours = numbers.bounded(ours + numbers.FEWER * bool(number.fewer), bound)
        ours += numbers.plus_minus(number.our_spread, 2)
    share = f"{100 * number.relative_difference:+.1f}" if math.isfinite(number.relative_difference) else ""
    unusual = number.verdict == verdict.BLANK or "diverged" in number.status
    return Line(
        number.name,
        [
            Cell(numbers.published(number.published)),
            Cell(ours),
            Cell(over if ours else ""),
            Cell(numbers.as_printed(number.difference, printed, sign=True) if printed else ""),
            Cell(share),
            Cell(f"{number.verdict}; here {number.status}" if unusual else number.verdict),
        ],
    )


def _counts(found: Sequence[Compared]) -> str:
    """How many numbers lie within which spread, in a sentence; numbers that tables repeat count once."""
    once = [number for number in found if not number.repeats]
    counts = Counter(number.verdict for number in once)
    total = sum(counts[name] for name in verdict.COMPARED)
    unknown = sum(number.verdict == verdict.APART and number.lacks_spread for number in once)
    words = [f"{counts[name]} {name}" for name in verdict.COMPARED if counts[name] or "spread" in name]
    rest = [f"{counts[name]} {name}" for name in verdict.VERDICTS[len(verdict.COMPARED) :] if counts[name]]
    text = f"Of {total} compared numbers: {', '.join(words)}" if total else "No number can be compared"
    text += f" ({unknown} of those apart have no known ±)" * bool(unknown)
    text += f". Beside these: {', '.join(rest)}" * bool(rest)
    return f"{text}. A number that several tables print counts once."


def _reproduction_notes(found: Sequence[Compared]) -> list[str]:
    """What others got for a published number, once for each metric; and which of it does not count."""
    notes = []
    for number in found:
        if not number.reproductions or math.isnan(number.reproductions_spread):
            continue
        counted = ", ".join(f"{n.printed} ({n.label})" for n in number.counted_reproductions)
        spread = numbers.deviation(number.reproductions_spread, 2)
        others = [f"{n.printed} ({n.note})" for n in number.reproductions if not n.source]
        text = f"Reproductions of {number.name} {number.published.printed}: {counted}; with it, ± {spread}."
        notes.append(text + f" Not counted: {', '.join(others)}." * bool(others))
    return list(dict.fromkeys(notes))


def _difference_notes(found: Sequence[Compared]) -> list[str]:
    """One note for each reason why numbers are not comparable, with the metrics that it concerns."""
    reasons: dict[str, dict[str, None]] = {}
    for number in found:
        for reason in number.differs:
            reasons.setdefault(reason, {})[number.published.metric] = None
    return [f"Not comparable ({', '.join(metrics)}): {reason}." for reason, metrics in reasons.items()]


TABLE = artefact.Table(
    name="comparison",
    title="Comparison with the paper",
    settings=ComparisonSettings,
    inputs=_inputs,
    build=_build,
)
