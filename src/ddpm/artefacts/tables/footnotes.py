"""Footnotes: what was measured on how many images, how, and what may be compared with what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ddpm.artefacts.tables import differences
from ddpm.artefacts.tables.numbers import FEWER

if TYPE_CHECKING:
    from ddpm.artefacts.tables.measured_rows import MeasuredRows
    from ddpm.study.models import ModelSettings
    from ddpm.study.settings import Study

PUBLISHED_NOTE = (
    "Published: the paper's numbers, on CIFAR-10 (32x32, colour); its own IS and FID are of 50,000 samples "
    "with Inception-v3 features. They are of one training run each, at its checkpoint of minimum FID."
)
SPREAD_NOTE = (
    "Measured values are means over training and sampling seeds, never the best of them. ± of IS: standard "
    "deviation over the splits of the samples, as in the paper. ± of FID: standard deviation over sampling "
    "seeds, where there are several. [±]: standard deviation over training seeds, where there are several."
)
_AVERAGED = {
    True: "averaged (EMA) weights",
    False: "weights that are not averaged (the paper evaluates averaged ones)",
    None: "not known whether they are averaged",
}


def of_table(
    study: Study, measured: Sequence[MeasuredRows], own: Sequence[str], diverged: Sequence[str] = ()
) -> list[str]:
    """The notes of a table of published and measured numbers.

    Args:
        study: the study.
        measured: the measured rows.
        own: what must be said of this table alone.
        diverged: what became of its training runs.
    """
    models = [model for ours in measured for model in ours.models.values()]
    return [
        PUBLISHED_NOTE,
        *measured_notes(study, models),
        *diverged,
        *([_comparability_note(study, models)] if study.is_judged else []),
        *dict.fromkeys(note for ours in measured for note in fewer_note(ours.fewer)),
        *own,
        SPREAD_NOTE,
        *dict.fromkeys(note for ours in measured for note in protocol_notes(ours)),
    ]


def data_of(study: Study, models: Iterable[str]) -> str:
    """The models' data in words: the study's title, and the data sets' names if they are several."""
    names = sorted({study.model(model).dataset for model in models})
    return study.title if len(names) == 1 else f"{study.title} ({', '.join(names)})"


def measured_notes(study: Study, models: Sequence[str]) -> list[str]:
    """What was trained, on what, for how long; which weights were evaluated; what was not trained."""
    models = list(dict.fromkeys(models))
    trained = [model for model in models if study.model(model).is_trained]
    steps = sorted({study.model(model).training.steps for model in trained})
    length = " to ".join(f"{n:,}" for n in dict.fromkeys([*steps[:1], *steps[-1:]]))
    sampled = [study.model(model) for model in models if study.model(model).samples is None]
    timesteps = " or ".join(f"{t:,}" for t in sorted({model.diffusion.timesteps for model in sampled}))
    of_training = f"{length} training steps" if steps else ""
    parts = [
        data_of(study, models),
        ", ".join(filter(None, [of_training, f"T = {timesteps}" * bool(sampled)])),
    ]
    measured = f"Measured here: {'; '.join(filter(None, parts))}."
    return [measured, *_evaluated(study, trained), *_not_trained(study, models)]


def _evaluated(study: Study, trained: Sequence[str]) -> list[str]:
    """Which weights of the training runs were evaluated, each way with its models."""
    ways: dict[str, list[str]] = {}
    for model in trained:
        ways.setdefault(_evaluated_weights(study.model(model)), []).append(model)
    if not trained:
        return []
    if len(ways) == 1:
        return [f"Evaluated: {next(iter(ways))}."]
    return [f"Evaluated ({', '.join(names)}): {way}." for way, names in ways.items()]


def _evaluated_weights(settings: ModelSettings) -> str:
    """Which averaged weights of a training run were evaluated, in words."""
    evaluate = settings.checkpoints.evaluate
    if evaluate == "last":
        return "the averaged weights of the last step"
    if evaluate == "minimum_fid":
        return (
            "the averaged weights of minimum FID against the training split, of each run's "
            f"{len(settings.candidates)} checkpoints (by {settings.checkpoints.images:,} samples of each, "
            "none of them among the final ones)"
        )
    return f"the averaged weights of step {evaluate:,}"


def _not_trained(study: Study, models: Sequence[str]) -> list[str]:
    notes = []
    for model in models:
        source = study.model(model).pretrained
        if (samples := study.model(model).samples) is not None:
            notes.append(f"{model} was neither trained nor sampled here: its samples are those of {samples}.")
        if source is None:
            continue
        if source.model is not None:
            notes.append(f"{model} was not trained again: it has the evaluated weights of {source.model}.")
            continue
        origin = (
            f"from {source.file}"
            if source.file
            else f"{source.repository}@{source.revision} from Hugging Face"
        )
        averaged = _AVERAGED[source.averaged]
        notes.append(f"{model} was not trained here: published weights {origin}; {averaged}.")
    return notes


def _comparability_note(study: Study, models: Iterable[str]) -> str:
    """Whether measured IS and FID may be compared with the published ones, or what differs."""
    features = study.quality.features
    if features.kind == "classifier":
        return (
            "IS, FID, KID, precision and recall measured here use the features of a classifier trained on "
            f"the {features.dataset} data, not Inception-v3: compare them with each other and with the "
            "reference rows of Table 1, not with the published numbers."
        )
    pairs = [(metric, model) for metric in ("FID", "IS") for model in dict.fromkeys(models)]
    found = dict.fromkeys(
        reason for metric, model in pairs for reason in differences.of_measurement(study, model, metric)
    )
    here = "IS, FID, KID, precision and recall measured here use the features of Inception (2015-12-05)"
    if not found:
        return (
            f"{here}; IS and FID are of {differences.SAMPLES:,} CIFAR-10 samples, as in the paper, and may "
            "be compared with the published numbers."
        )
    return f"{here}. IS and FID must not be compared with the published numbers: {'; '.join(found)}."


def fewer_note(numbers: Sequence[tuple[str, str]]) -> list[str]:
    """What the mark of numbers of fewer images means; none if none is marked.

    Args:
        numbers: metric, and its images in words ("2,000 of 50,000 samples"), of those that are marked.
    """
    metrics: dict[str, list[str]] = {}
    for metric, images in numbers:
        metrics.setdefault(images, []).append(metric)
    if not metrics:
        return []
    which = "; ".join(f"{', '.join(dict.fromkeys(names))}: {images}" for images, names in metrics.items())
    bias = any(metric in ("IS", "FID") for metric, _ in numbers)
    tendency = " FID of fewer samples is biased upwards, IS downwards." * bias
    return [f"{FEWER} Of fewer images than the paper's ({which}).{tendency}"]


def protocol_notes(ours: MeasuredRows) -> list[str]:
    """One note for each way of measuring: metrics, number of images, protocol."""
    import pandas as pd

    summaries = [s.rows for row in ours.summaries.values() for s in row.values()]
    rows = pd.concat(summaries, ignore_index=True)
    rows = rows[rows["value"].notna()]
    notes: dict[tuple[str, str], list[str]] = {}
    for metric, of_metric in rows.groupby("metric", sort=False):
        for protocol, same in of_metric.groupby("protocol", sort=False):
            numbers = same["n"].dropna()
            ends = dict.fromkeys([numbers.min(), numbers.max()]) if len(numbers) else ()
            images = f" ({' to '.join(f'{n:,}' for n in ends)} images)" if ends else ""
            notes.setdefault((str(protocol), images), []).append(str(metric))
    return [f"{', '.join(metrics)}: {protocol}{images}." for (protocol, images), metrics in notes.items()]
