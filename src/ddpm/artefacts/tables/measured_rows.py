"""The measured rows of a table: each a model, with its numbers, its status, and where they came from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ddpm.artefacts.tables import differences, numbers
from ddpm.artefacts.tables.measures import Measure, Summary, best_of, require_runs, status_of, summarise
from ddpm.artefacts.tables.table import cell_trace
from ddpm.artefacts.tables.view import Cell
from ddpm.records.status import NOT_FINITE, TRAINED

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

_NOT_FINITE = ", but all its samples, or its bound, are NaN or infinite: no number"
# What follows a measure's name in the CSV columns of its summary: the attribute that stands there.
_FIELDS = {
    "": "value",
    "_spread": "spread",
    "_sampling_spread": "sampling_spread",
    "_seed_spread": "seed_spread",
    "_n": "n",
}


class MeasuredRows:
    """The measured rows of a table.

    Args:
        study: the study.
        rows: the measurements, columns of `ddpm.records.measurements.SCHEMA`.
        models: model of each row of the table.
        measures: the columns.

    Raises:
        DataError: a model that did not diverge lacks a required number.
    """

    def __init__(
        self, study: Study, rows: pd.DataFrame, models: Mapping[str, str], measures: Sequence[Measure]
    ) -> None:
        self.study, self.models, self.measures = study, dict(models), measures
        self.summaries: dict[str, dict[str, Summary]] = {}
        self.statuses: dict[str, str] = {}
        for row, model in self.models.items():
            of_model, seeds = rows[rows["model"] == model], study.model(model).seeds
            require_runs(of_model, model, seeds, [m for m in measures if _can_have(study, model, m)])
            self.summaries[row] = summaries_of(of_model, measures)
            self.statuses[row] = status_of(of_model, seeds)

    def seeds(self, row: str) -> list[int]:
        """Training seeds of a row's model."""
        return self.study.model(self.models[row]).seeds

    def shown_status(self, row: str) -> str:
        """How the training of a row's model ended, or that it was not trained here."""
        settings = self.study.model(self.models[row])
        if settings.samples is not None:
            return "others' samples"
        published = settings.pretrained is not None and settings.weights_of is None
        return "published weights" if published else self.statuses[row]

    def best(self, row: str) -> list[str]:
        """Columns in which the row is the best of the measured rows; none where it is the only one."""
        if len(self.models) < 2:
            return []
        return [
            measure.column
            for measure in self.measures
            if row in best_of({name: of[measure.column] for name, of in self.summaries.items()}, measure)
        ]

    def description(self, row: str) -> dict[str, Any]:
        """CSV fields that say which model fills a row and how its training ended."""
        return {
            "model": self.models[row],
            "status": self.statuses[row],
            "training_seeds": " ".join(map(str, self.seeds(row))),
            "sampling_seeds": " ".join(map(str, self.study.sampling_seeds(self.models[row]))),
        }

    def cell(self, row: str, measure: Measure, best: bool = False, bound: str = "") -> Cell:
        """One measured number of a row as shown."""
        fewer = bool(self.fewer_images(row, measure))
        return cell_of(measure, self.summaries[row][measure.column], best, bound, fewer)

    def fewer_images(self, row: str, measure: Measure) -> str:
        """In words, that a number is of fewer images than the paper's; "" if not, or if it has no value."""
        found = self.summaries[row][measure.column]
        if not math.isfinite(found.value):
            return ""
        model = self.models[row]
        return differences.fewer_images(self.study, model, measure.metric, measure.split, found.n)

    @property
    def fewer(self) -> list[tuple[str, str]]:
        """Metric, and its images in words, of the numbers of fewer images than the paper's."""
        cells = [(measure, row) for measure in self.measures for row in self.models]
        found = dict.fromkeys((measure.metric, self.fewer_images(row, measure)) for measure, row in cells)
        return [(metric, images) for metric, images in found if images]

    @property
    def divergence_notes(self) -> list[str]:
        """One note for each model of which a training run diverged, or has samples or a bound not finite."""
        found = {self.models[row]: status for row, status in self.statuses.items() if status != TRAINED}
        words = {model: status.replace(NOT_FINITE, _NOT_FINITE) for model, status in found.items()}
        return [f"{model}: {status}." for model, status in words.items()]

    def trace(self, row_name: str = "{row}", column_prefix: str = "") -> list[pd.DataFrame]:
        """The measurements of every cell; `row_name` and `column_prefix` name the cells."""
        return [
            cell_trace(row_name.format(row=row), column_prefix + column, s.rows)
            for row, summaries in self.summaries.items()
            for column, s in summaries.items()
        ]


def _can_have(study: Study, model: str, measure: Measure) -> bool:
    """Whether there can be such a number: of samples alone no bound, on no test images none."""
    settings = study.model(model)
    if settings.samples is not None and not measure.of_samples:
        return False
    return measure.split != "test" or study.datasets[settings.dataset].has_test_images


def summaries_of(rows: pd.DataFrame, measures: Sequence[Measure]) -> dict[str, Summary]:
    """One model's numbers by CSV column."""
    return {measure.column: summarise(rows, measure) for measure in measures}


def fields_of(
    summaries: Mapping[str, Summary], measures: Iterable[Measure], prefix: str = ""
) -> dict[str, Any]:
    """CSV fields of one model's numbers: each with those spreads that it can have, and its n."""
    return {
        f"{prefix}{measure.column}{suffix}": getattr(summaries[measure.column], attribute)
        for measure in measures
        for suffix, attribute in _FIELDS.items()
        if (suffix != "_spread" or measure.within) and (suffix != "_sampling_spread" or measure.of_samples)
    }


def csv_frame(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    """The rows under the columns; counts are whole numbers also where some are missing."""
    import pandas as pd

    frame = pd.DataFrame([dict(row) for row in rows], columns=list(columns))
    return frame.astype({column: "Int64" for column in map(str, frame) if column.endswith("_n")})


def cell_of(
    measure: Measure, found: Summary, best: bool = False, bound: str = "", fewer: bool = False
) -> Cell:
    """One measured number as shown, blank if it is missing.

    After it ± its spread within a run or over sampling seeds, as in the paper, and [±] that over training
    seeds; `fewer` marks one of fewer images than the paper's with a †.
    """
    if not math.isfinite(found.value):
        return Cell("", best)
    text = numbers.bounded(numbers.decimal(found.value, measure.decimals) + numbers.FEWER * fewer, bound)
    if measure.shows_spreads:
        text += numbers.plus_minus(
            found.spread if measure.within else found.sampling_spread, measure.decimals
        )
        if math.isfinite(found.seed_spread):
            text += f" [±{numbers.deviation(found.seed_spread, measure.decimals)}]"
    return Cell(text, best)
