"""All published numbers that the study measures too, table by table, each with ours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import pandas as pd

from ddpm.artefacts.published import Published, PublishedNumber
from ddpm.artefacts.tables import comparability, measures, text_numbers
from ddpm.artefacts.tables.compared import Compared
from ddpm.artefacts.tables.measured_models import MeasuredModels
from ddpm.artefacts.tables.measures import Measure
from ddpm.artefacts.tables.summary import Summary
from ddpm.artefacts.tables.table4_points import METRICS, read_points
from ddpm.measurements import read_measurements
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

_MEASURES = {
    "table1": (measures.IS, measures.FID, measures.NLL_TEST, measures.NLL_TRAIN),
    "table2": (measures.IS, measures.FID),
}
_STANDARD_ERROR = "standard error over images"


def compared_numbers(study: Study, inputs: Inputs, published: Published) -> list[Compared]:
    """The numbers of all tables that the study builds, table by table.

    Args:
        study: the study.
        inputs: as `artefact_inputs` of `comparison`.
        published: the paper's numbers.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that a table shows.
    """
    rows = read_measurements(inputs["rows"])
    found: list[Compared] = []
    for item in study.artefacts.compared:
        if item == "table4":
            found += _of_table4(study, published, inputs["rate_distortion"][0])
        elif item == "text_numbers":
            found += _of_text(study, published, rows)
        else:
            found += _of_quality_table(study, published, rows, item)
    return _marking_repeats(found)


def _of_quality_table(
    study: Study, published: Published, rows: pd.DataFrame, item: str
) -> Iterator[Compared]:
    chosen, models = _MEASURES[item], study.artefacts.rows_of(item)
    ours = MeasuredModels(study, rows, models, chosen)
    for row in models:
        for measure in chosen:
            split = measure.split if measure.metric == "NLL" else None
            number = published.number(item, row, measure.metric, split=split)
            group = f"{number.group}: " if item == "table2" else ""
            compared = _measured(ours, item, row, measure, number, f"{group}{number.label}", _name(measure))
            yield dataclasses.replace(compared, reproductions=published.reproductions(number))


def _of_text(study: Study, published: Published, rows: pd.DataFrame) -> Iterator[Compared]:
    ours = text_numbers.measured_models(study, rows)
    for text in text_numbers.shown_numbers(study):
        number = text.published(published)
        compared = _measured(
            ours[text.of], "text_numbers", text.of, text.measure, number, text.group, text.name
        )
        yield dataclasses.replace(compared, reproductions=published.reproductions(number))


def _measured(
    ours: MeasuredModels,
    item: str,
    row: str,
    measure: Measure,
    number: PublishedNumber,
    label: str,
    name: str,
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
        differs=comparability.differences(study, model, measure.metric, found.n),
        fewer=fewer,
        rows=found.rows,
    )


def _own_spread(found: Summary, measure: Measure, fewer: bool) -> tuple[float, str]:
    """How far a number may be off, and which spread that is.

    The bound of fewer images than the paper's is off by the choice of images too, which training runs
    judged by the same images do not show: their spread and the standard error add up, in quadrature.
    """
    spread, kind = found.own_spread(measure.within)
    if not fewer or measure.of_samples or kind == measure.within or not math.isfinite(found.spread):
        return spread, kind
    return math.hypot(spread, found.spread), f"{kind}, and {measure.within}"


def _of_table4(study: Study, published: Published, path: str) -> Iterator[Compared]:
    [model] = study.artefacts.models_of("table4")
    found = read_points(study, model, path, published)
    differs = [*comparability.differences(study, model, "rate"), *comparability.of_timesteps(study, model)]
    n = int(found.source["n"]) or None
    for point in found.points:
        for metric in METRICS:
            error = point.errors[metric]
            yield Compared(
                item="table4",
                label="Ours (L_simple)",
                name=f"{metric} at {point.published_steps}",
                published=point.published[metric],
                model=model,
                status=str(found.source["status"]),
                training_seeds=[found.source["training_seed"]],
                split="test",
                ours=point.measured[metric],
                our_spread=error,
                spread_kind=_STANDARD_ERROR if math.isfinite(error) else "",
                n=n,
                differs=differs,
                fewer=comparability.fewer_images(study, model, metric, "test", n),
                rows=found.measurement(point, metric),
            )


def _marking_repeats(numbers: Sequence[Compared]) -> list[Compared]:
    """The numbers, each that an earlier table prints of the same model marked so."""
    first: dict[tuple[str, str, str | None, str], str] = {}
    marked = []
    for number in numbers:
        earlier = first.setdefault(number.key, number.item) if number.published.printed else number.item
        marked.append(dataclasses.replace(number, repeats="" if earlier == number.item else earlier))
    return marked


def _name(measure: Measure) -> str:
    """A number within its row."""
    return measure.metric if measure.split is None else f"{measure.metric} ({measure.split})"
