"""Files of Algorithms 3 and 4 and of bits-back coding: bits by part, beside the bound and other formats."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.tables import footnotes
from ddpm.artefacts.tables.measured_rows import cell_of, csv_frame, summaries_of
from ddpm.artefacts.tables.measures import STANDARD_ERROR, Measure, Summary, require_runs, status_of
from ddpm.artefacts.tables.table import BuiltTable, cell_trace, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import bound_shards, fill, first_run
from ddpm.study.base import EachOnce

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ddpm.study.settings import Study


def _of_code(column: str, metric: str, within: str = "", decimals: int = 2) -> Measure:
    more = {"within": within, "decimals": decimals, "of_samples": False, "required": False}
    return Measure(column, metric, ("test",), **more)  # type: ignore[arg-type]


# As they are measured (`ddpm.evaluation.coding`).
_BITS = _of_code("bits", "coded bits", STANDARD_ERROR)
_LATENTS = _of_code("latents", "coded latents")
_CODE = {
    "Latents": _LATENTS,
    "Ideal": _of_code("ideal_bits", "coded ideal bits", STANDARD_ERROR),
    "Chunk counts": _of_code("chunk_count_bits", "coded chunk counts"),
    "Indices": _of_code("index_bits", "coded indices"),
    "x_0": _of_code("x_0_bits", "coded x_0"),
    "Rounding": _of_code("rounding_bits", "coded rounding"),
    "Bits/dim": _BITS,
}
_BESIDE = {
    "Initial bits": _of_code("initial_bits", "coded initial bits"),
    "Header": _of_code("header_bits", "coded header"),
}
_OF_THE_BOUND = "bits_of_the_bound"
_YARDSTICKS = ("PNG", "WebP", "AVIF")
_NOTES = (
    "All in bits/dim. Bits/dim: all that the files hold of the images. Ideal: the KL of these images' "
    "latents and x_0, without what indices take more. Initial bits are returned by decoding and weigh less "
    "with more images. Header: names, checksums, lengths. Every image was decoded, and is the same to the "
    "bit.",
    "progressive: Algorithms 3 and 4, each image a stream of its own; archive: bits-back coding. Codes of "
    "`variance: optimal` take other variances than the model's bound, and may be shorter than it.",
)


class CompressionTableSettings(artefact.ModelArtefactSettings):
    """Codes of one model."""

    schedules: Annotated[list[str], EachOnce] | None = Field(
        None, min_length=1, description="Keys of `compression.schedules`; null for all."
    )

    def codes(self, study: Study) -> list[str]:
        """The codes, in the order of the rows."""
        return list(study.compression.schedules) if self.schedules is None else self.schedules


def _inputs(study: Study, settings: CompressionTableSettings) -> Inputs:
    run = first_run(study, settings.model)
    codes = settings.codes(study)
    return {
        "rows": [fill(layout.CODING_ROWS, study, **run, schedule=code) for code in codes],
        "terms": bound_shards(study, **run, split="test"),
    }


def _build(study: Study, settings: CompressionTableSettings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    codes = settings.codes(study)
    seed = study.model(settings.model).seeds[0]
    found: dict[str, dict[str, Summary]] = {}
    for code, file in zip(codes, inputs["rows"], strict=True):
        rows = read_measurements([file])
        require_runs(rows, settings.model, [seed], [_required(_BITS)])
        status = status_of(rows, [seed])
        found[code] = summaries_of(rows, [*_CODE.values(), *_BESIDE.values()])
    others = _other_formats(read_measurements(inputs["rows"][:1]))
    images = next(iter(found.values()))[_BITS.column].n or 0
    bound, images_of_bound = _bound(inputs["terms"], images)
    lines = [(_mode(study, code), _line(code, of, bound)) for code, of in found.items()]
    lines += [
        ("Other lossless formats, a file for each image", _line(n, of, bound)) for n, of in others.items()
    ]
    fields = [_fields(study, settings.model, n, of, bound) for n, of in (found | others).items()]
    return BuiltTable(
        frame=csv_frame(fields, fields[0]),
        view=View(
            title=f"Test images as files, coded by {settings.model}",
            label_heading="Code",
            columns=[Column(name) for name in (*_CODE, "of the bound", *_BESIDE)],
            groups=grouped(lines),
            notes=[
                *footnotes.measured_notes(study, [settings.model]),
                *_images_note(seed, images, images_of_bound, bound, status),
                *_NOTES,
            ],
        ),
        trace=joined(
            cell_trace(name, column, summary.rows)
            for name, of in (found | others).items()
            for column, summary in of.items()
        ),
    )


def _images_note(seed: int, images: int, images_of_bound: int, bound: float, status: str) -> list[str]:
    if not images:
        return [f"Training seed {seed}: {status}, so there is no code."]
    return [
        f"Training seed {seed}; the first {images:,} test images; the bound of the first "
        f"{images_of_bound:,} of them (as NLL in Table 1, which is of more images) is {bound:.2f}."
    ]


def files_of_the_bound(study: Study, models: Sequence[str]) -> list[str]:
    """Measurements of the archives that take the very steps of a model's bound, if the table has them."""
    table = study.artefacts.chosen.get("compression")
    if not isinstance(table, CompressionTableSettings) or table.model not in models:
        return []
    run, schedules = first_run(study, table.model), study.compression.schedules
    codes = [code for code in table.codes(study) if schedules[code].variance == "model"]
    return [fill(layout.CODING_ROWS, study, **run, schedule=code) for code in codes]


def note_of_the_bound(study: Study, files: Sequence[str]) -> list[str]:
    """What Table 1 says of them: the NLL as the length of a file."""
    from ddpm.records.measurements import read_measurements

    notes = []
    for file in files:
        rows = read_measurements([file])
        found = summaries_of(rows, [_BITS])[_BITS.column]
        if math.isfinite(found.value):
            notes.append(
                f"NLL as a file: bits-back coding with the steps of {rows['model'].iloc[0]}'s bound takes "
                f"{found.value:.2f} bits/dim for the first {found.n:,} test images "
                f"({fill(layout.TABLE, study, table='compression')})."
            )
    return notes


def _required(measure: Measure) -> Measure:
    return dataclasses.replace(measure, required=True)


def _other_formats(rows: pd.DataFrame) -> dict[str, dict[str, Summary]]:
    """Bits/dim of the images in other formats, those that were measured."""
    found = {name: summaries_of(rows, [_of_code(_BITS.column, name, STANDARD_ERROR)]) for name in _YARDSTICKS}
    return {name: of for name, of in found.items() if of[_BITS.column].n}


def _bound(terms: list[str], images: int) -> tuple[float, int]:
    """The bound of the first images, bits/dim, and of how many: those of which it was evaluated."""
    import numpy as np
    import pandas as pd

    from ddpm.records.traced_files import read_frame

    frame = pd.concat([read_frame(path) for path in terms], ignore_index=True)
    frame = frame[frame["image"] < images]
    if frame.empty:
        return math.nan, 0
    whole = frame["prior"].to_numpy(np.float64) + np.stack(frame["terms"].to_list()).sum(
        axis=1, dtype=np.float64
    )
    return float(whole.mean()), len(frame)


def _mode(study: Study, code: str) -> str:
    return f"Codes of mode {study.compression.schedules[code].mode}"


def _line(name: str, of: dict[str, Summary], bound: float) -> Line:
    latents = of.get(_LATENTS.column)
    cells = [Cell(f"{latents.value:.0f}" if latents and math.isfinite(latents.value) else "")]
    cells += [_cell(measure, of) for measure in [*_CODE.values()][1:]]
    share = of[_BITS.column].value / bound
    shown = f"{share:.2f}" if math.isfinite(share) else ""
    return Line(name, [*cells, Cell(shown), *(_cell(measure, of) for measure in _BESIDE.values())])


def _cell(measure: Measure, of: dict[str, Summary]) -> Cell:
    return cell_of(measure, of[measure.column]) if measure.column in of else Cell()


def _fields(study: Study, model: str, name: str, of: dict[str, Summary], bound: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "data": footnotes.data_of(study, [model]),
        "model": model,
        "training_seed": study.model(model).seeds[0],
        "code": name,
        "bound": bound,
    }
    for measure in (*_CODE.values(), *_BESIDE.values()):
        summary = of.get(measure.column)
        fields[measure.column] = None if summary is None else summary.value
        if measure.within:
            fields[f"{measure.column}_spread"] = None if summary is None else summary.spread
    return fields | {_OF_THE_BOUND: of[_BITS.column].value / bound, f"{_BITS.column}_n": of[_BITS.column].n}


TABLE = artefact.Table(name="compression", settings=CompressionTableSettings, inputs=_inputs, build=_build)
