"""The pairs of the comparison: each published number that the study measures too, with ours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddpm.artefacts.published import Published, PublishedNumber
from ddpm.artefacts.tables import differences, measures, table3, table4, text_numbers
from ddpm.artefacts.tables.measured_rows import MeasuredRows
from ddpm.artefacts.tables.measures import Measure, Summary
from ddpm.artefacts.tables.verdict import Compared
from ddpm.graph.dependencies import Inputs

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

_MEASURES = {
    "table1": (measures.IS, measures.FID, measures.NLL_TEST, measures.NLL_TRAIN),
    "table2": (measures.IS, measures.FID),
}


def compared_numbers(study: Study, inputs: Inputs, published: Published) -> list[Compared]:
    """The numbers of all tables that the study builds, table by table.

    Args:
        study: the study.
        inputs: as `artefact_inputs` of `comparison`.
        published: the paper's numbers.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that a table shows.
    """
    from ddpm.records.measurements import read_measurements

    rows = read_measurements(inputs["rows"])
    found: list[Compared] = []
    for item in study.artefacts.compared:
        if item == "table4":
            found += _of_table4(study, published, inputs["rate_distortion"][0])
        elif item == "text_numbers":
            found += _of_text(study, published, rows)
        elif item == "table3":
            found += _of_table3(study, published, rows)
        else:
            found += _of_quality_table(study, published, rows, item)
    return _marking_repeats(found)


def _of_quality_table(
    study: Study, published: Published, rows: pd.DataFrame, item: str
) -> Iterator[Compared]:
    models = study.artefacts.chosen[item].rows  # type: ignore[attr-defined]
    ours = MeasuredRows(study, rows, models, _MEASURES[item])
    for row in models:
        for measure in _MEASURES[item]:
            split = measure.split if measure.metric == "NLL" else None
            number = published.number(item, row, measure.metric, split=split)
            label = f"{number.group}: {number.label}" if item == "table2" else number.label
            name = measure.metric if measure.split is None else f"{measure.metric} ({measure.split})"
            others = published.reproductions(number)
            yield _measured(ours, item, row, measure, number, label, name, others)


def _of_table3(study: Study, published: Published, rows: pd.DataFrame) -> Iterator[Compared]:
    models = study.artefacts.chosen["table3"].rows  # type: ignore[attr-defined]
    ours = MeasuredRows(study, rows, models, (measures.FID,))
    for cell in models:
        row, category = table3.CELLS[cell]
        number = published.number("table3", row, "FID", group=category)
        label = f"LSUN {category}: {number.label}"
        pair = _measured(ours, "table3", cell, measures.FID, number, label, "FID", [])
        yield dataclasses.replace(pair, differs=differences.of_lsun(study, models[cell], pair.n), fewer="")


def _of_text(study: Study, published: Published, rows: pd.DataFrame) -> Iterator[Compared]:
    settings = study.artefacts.chosen["text_numbers"]
    assert isinstance(settings, text_numbers.TextNumbersSettings)
    ours = text_numbers.measured_models(study, settings, rows)
    for text in text_numbers.shown_numbers(settings):
        number = text.published(published)
        measured, others = ours[text.of], published.reproductions(number)
        yield _measured(
            measured, "text_numbers", text.of, text.measure, number, text.group, text.name, others
        )


def _measured(
    ours: MeasuredRows,
    item: str,
    row: str,
    measure: Measure,
    number: PublishedNumber,
    label: str,
    name: str,
    reproductions: Sequence[PublishedNumber],
) -> Compared:
    study, model, found = ours.study, ours.models[row], ours.summaries[row][measure.column]
    fewer = ours.fewer_images(row, measure)
    spread, kind = _own_spread(found, measure, bool(fewer))
    return Compared(
        item=item,
        label=label,
        name=name,
        published=number,
        model=model,
        status=ours.statuses[row],
        training_seeds=ours.seeds(row),
        split=measure.split,
        ours=found.value,
        our_spread=spread,
        spread_kind=kind,
        n=found.n,
        differs=differences.of_measurement(study, model, measure.metric, found.n),
        fewer=fewer,
        rows=found.rows,
        reproductions=reproductions,
    )


def _own_spread(found: Summary, measure: Measure, fewer: bool) -> tuple[float, str]:
    """How far a number may be off, and which spread that is.

    The bound of fewer images than the paper's is off by the choice of images too, which training runs
    compared by the same images do not show: their spread and the standard error add up, in quadrature.
    """
    spread, kind = found.own_spread(measure.within)
    if not fewer or measure.of_samples or kind == measure.within or not math.isfinite(found.spread):
        return spread, kind
    return math.hypot(spread, found.spread), f"{kind}, and {measure.within}"


def _of_table4(study: Study, published: Published, path: str) -> Iterator[Compared]:
    [model] = study.artefacts.models_of("table4")
    points = table4.read_points(study, model, path, published)
    differs = [*differences.of_measurement(study, model, "rate"), *differences.of_timesteps(study, model)]
    n = int(points[0].source["n"]) or None
    for point in points:
        for metric in table4.METRICS:
            error = point.errors[metric]
            yield Compared(
                item="table4",
                label="Ours (L_simple)",
                name=f"{metric} at {point.published_steps}",
                published=point.published[metric],
                model=model,
                status=str(point.source["status"]),
                training_seeds=[point.source["training_seed"]],
                split="test",
                ours=point.measured[metric],
                our_spread=error,
                spread_kind=measures.STANDARD_ERROR if math.isfinite(error) else "",
                n=n,
                differs=differs,
                fewer=differences.fewer_images(study, model, metric, "test", n),
                rows=point.measurement(metric),
            )


def _marking_repeats(numbers: Sequence[Compared]) -> list[Compared]:
    """The numbers, each that an earlier table prints of the same model marked so."""
    first: dict[tuple[str, str, str | None, str], str] = {}
    marked = []
    for number in numbers:
        key = (number.model, number.published.metric, number.split, number.published.printed)
        earlier = first.setdefault(key, number.item) if number.published.printed else number.item
        marked.append(dataclasses.replace(number, repeats="" if earlier == number.item else earlier))
    return marked
