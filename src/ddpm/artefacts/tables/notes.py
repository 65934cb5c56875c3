"""Footnotes: what was measured on how many images, how, and what may be compared with what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from ddpm.artefacts.tables.rendering.numbers import count
from ddpm.study.settings import Study

PUBLISHED_NOTE = (
    "Published: the paper's numbers, on CIFAR-10 (32x32, colour); its own IS and FID are of 50,000 samples "
    "with Inception-v3 features."
)
SPREAD_NOTE = (
    "Measured values are means over training and sampling seeds. ±: standard deviation over the splits of "
    "the samples, as in the paper. [±]: standard deviation over training seeds, where there are several."
)


def data_of(study: Study, models: Iterable[str]) -> str:
    """The models' data in words: the study's title, and the data sets' names if they are several."""
    names = sorted({study.model(model).dataset for model in models})
    return study.title if len(names) == 1 else f"{study.title} ({', '.join(names)})"


def measured_note(study: Study, models: Sequence[str]) -> str:
    """What was trained, on what, for how long."""
    steps = sorted({study.model(model).training.steps for model in models})
    length = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    timesteps = sorted({study.model(model).diffusion.timesteps for model in models})
    return (
        f"Measured here: {data_of(study, models)}; {length} training steps, "
        f"T = {' or '.join(f'{t:,}' for t in timesteps)}."
    )


def comparability_note(study: Study) -> str:
    """Whether quality numbers may be compared with the published ones."""
    features = study.quality.features
    if features.kind == "classifier":
        return (
            "IS, FID, KID, precision and recall measured here use the features of a classifier trained on "
            f"the {features.dataset} data, not Inception-v3: compare them with each other and with the "
            "reference rows of Table 1, not with the published numbers."
        )
    return f"IS, FID, KID, precision and recall measured here use {features.kind} features."


def protocol_notes(rows: pd.DataFrame) -> list[str]:
    """One note for each way of measuring: metrics, number of images, protocol.

    Args:
        rows: the measurements that entered the table.
    """
    rows = rows[rows["value"].notna()]
    notes: dict[tuple[str, str], list[str]] = {}
    for metric, of_metric in rows.groupby("metric", sort=False):
        for protocol, same in of_metric.groupby("protocol", sort=False):
            n = count([int(number) for number in same["n"].dropna()])
            notes.setdefault((str(protocol), n), []).append(str(metric))
    return [f"{', '.join(metrics)}: {protocol} ({n} images)." for (protocol, n), metrics in notes.items()]
