"""Algorithms 3 and 4 measured: rate and distortion of real streams over the ideal, and what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.reading import divergence, read_images, status_of
from ddpm.artefacts.figures.style import GREEN, OURS, PAGE_WIDTH, PAPER, SMALL_SIZE, chart
from ddpm.artefacts.published import read_published
from ddpm.graph import layout
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import fill, first_run, rate_distortion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_MOST_COLUMNS = 9  # pictures of an image, the original besides
_MEASURED: dict[str, Any] = {
    "color": GREEN,
    "linestyle": "-",
    "linewidth": 0.8,
    "marker": "s",
    "markersize": 3.5,
}
_RMSE, _RATE = "distortion (RMSE, 0\u2013255)", "rate (bits/dim)"


class ProgressiveCodingSettings(artefact.ModelArtefactSettings):
    """Streams of one code of one model."""

    schedule: str = Field(
        "progressive_x1", description="A key of `compression.schedules`, of mode progressive."
    )
    images: Annotated[int, Field(ge=1, le=8)] = Field(5, description="Images whose pictures are shown.")


def _inputs(study: Study, settings: ProgressiveCodingSettings) -> Inputs:
    named = first_run(study, settings.model) | {"schedule": settings.schedule}
    return {
        "pictures": [fill(layout.PICTURES, study, **named)],
        "rate_distortion": rate_distortion(study, settings.model),
        "rows": [fill(layout.CODING_ROWS, study, **named)],
        "published": [PUBLISHED],
    }


def _draw(study: Study, settings: ProgressiveCodingSettings, inputs: Inputs, heading: str) -> Figure:
    from ddpm.records.measurements import read_measurements
    from ddpm.records.traced_files import read_arrays, read_frame

    [ideal], [pictures] = inputs["rate_distortion"], inputs["pictures"]
    published, dataset = read_published(inputs["published"][0]), study.model(settings.model).dataset
    rates, errors = dict(published.curve("table4", "rate")), dict(published.curve("table4", "RMSE"))
    images = read_images(pictures, pictures=5, originals=4)
    figure = chart(PAGE_WIDTH, 3.1, heading)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    label = f"ideal code, figure 5: {dataset}{divergence(status_of(ideal))}"
    _curves(left, read_frame(ideal), read_measurements(inputs["rows"]), label)
    paper = [(rates[steps], errors[steps]) for steps in sorted(rates.keys() & errors.keys())]
    left.plot(*np.array(paper).T, label="paper, Table 4: ideal code, CIFAR-10", zorder=3, **PAPER)
    left.legend(loc="upper right")
    _pictures(
        right,
        images["pictures"],
        images["originals"],
        read_arrays(pictures, "rates")["rates"],
        settings.images,
    )
    return figure


def _curves(axes: Axes, ideal: pd.DataFrame, rows: pd.DataFrame, label: str) -> None:
    """The ideal curve, and the points of what was sent."""
    values = ideal.sort_values("reverse_steps")[["rate", "rmse"]].to_numpy(dtype=float)
    axes.plot(*values[np.isfinite(values).all(axis=1)].T, label=label, **OURS)
    sent = rows[rows["reverse_steps"].notna()].pivot_table(
        values="value", index="reverse_steps", columns="metric"
    )
    axes.plot(sent["coded rate"], sent["coded RMSE"], label="sent by Algorithm 3, measured", **_MEASURED)
    axes.set(xlabel=_RATE, ylabel=_RMSE)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)


def _pictures(
    axes: Axes, pictures: np.ndarray, originals: np.ndarray, rates: np.ndarray, images: int
) -> None:
    """What the receiver of each image sees at growing rates, and the original last."""
    latents, _, _, height, width = pictures.shape
    shown = _columns(latents)
    columns = [*pictures[shown, :images], originals[:images]]
    scale = max(1, 32 // height)
    grid = Grid(
        min(images, len(originals)), len(columns), height, width, scale, apart=frozenset({len(shown) - 1})
    )
    axes.imshow(
        grid.render(np.stack(columns, axis=1).reshape(-1, *originals.shape[1:])), interpolation="none"
    )
    axes.set_axis_off()
    means = rates[:, :images].mean(axis=1)
    for column, words in enumerate([*(f"{means[k]:.2f}" for k in shown), "original"]):
        axes.text(grid.middle(column), -3, words, ha="center", va="bottom", fontsize=SMALL_SIZE, rotation=45)
    axes.text(
        0, grid.height + 4, "after so many bits/dim, on average", ha="left", va="top", fontsize=SMALL_SIZE
    )


def _columns(latents: int) -> Sequence[int]:
    """Which latents are shown, the first and the last among them."""
    return np.unique(np.linspace(0, latents - 1, min(latents, _MOST_COLUMNS)).round().astype(int)).tolist()


FIGURE = artefact.Figure(
    name="progressive_coding",
    settings=ProgressiveCodingSettings,
    inputs=_inputs,
    subject="Rate and distortion of real streams",
    paper="no such figure; its Table 4 and figure 5 show ideal code lengths",
    here="rate and distortion of {model}'s test images as Algorithm 3 sent them (code {schedule}), over the "
    "ideal curve of figure 5 and the points of Table 4; and what the receiver of the first images sees",
    of_images=True,
    draw=_draw,
)
