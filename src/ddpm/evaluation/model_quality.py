"""The quality of one set of a model's samples, as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from ddpm.data.store import read_images, read_manifest
from ddpm.errors import DataError
from ddpm.evaluation.protocol import METRICS, Score
from ddpm.evaluation.quality import measure_quality, missing_scores, open_study_judge
from ddpm.evaluation.samples import Samples, read_samples
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.progress import Progress
from ddpm.records.measurements import Measurement
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study

# IS belongs to the samples alone; precision and recall are against the training set, as in the literature.
METRICS_AGAINST = {"train": METRICS, "test": ("FID", "KID")}


@dataclasses.dataclass(frozen=True)
class Run:
    """One set of samples: a model, its training seed, and the sampling seed."""

    model: str
    seed: int
    sampling: int

    def __str__(self) -> str:
        return f"{self.model} seed {self.seed}"


def quality_rows(study: Study, run: Run, device: str = "cpu") -> list[Measurement]:
    """IS, FID and KID against train and test, precision and recall of a model's samples.

    A model whose training diverged gives the same rows with value NaN and n 0.

    Raises:
        DataError, WeightsError: an input is missing, damaged, or of other settings.
    """
    samples = read_run(study, run)
    if len(samples.images) == 0:
        scores = [
            score
            for split, metrics in METRICS_AGAINST.items()
            for score in missing_scores(metrics, split, no_samples(samples))
        ]
        return model_rows(study, run, samples, scores, device)
    dataset = study.model(run.model).dataset
    references = {"train": read_images(study, dataset, "train"), "test": read_images(study, dataset, "test")}
    total = len(samples.images) + sum(map(len, references.values()))
    scores = []
    with (
        open_study_judge(study, device) as judge,
        Progress(f"quality {run}", total, "images") as progress,
    ):
        for split, metrics in METRICS_AGAINST.items():
            scores += measure_quality(
                samples.images, references[split], split, judge, metrics, progress=progress
            )
    return model_rows(study, run, samples, scores, device)


def read_run(study: Study, run: Run, *, progressive: bool = False) -> Samples:
    """The samples of a run, checked to come from a model of the data that the study has now.

    Raises:
        KeyError: the study names no such model.
        DataError: samples or manifest are missing or damaged, or the data are others.
    """
    samples = read_samples(study, run.model, run.seed, run.sampling, progressive=progressive)
    dataset = study.model(run.model).dataset
    data_hash = read_manifest(study, dataset)["data_hash"]
    if samples.provenance.get("data_hash") not in (None, data_hash):
        raise DataError(
            f"samples of {run}: their model was trained on other data than {dataset} holds now; "
            f"run `ddpm train {study.file} --model {run.model} --seed {run.seed}` and sample again"
        )
    return samples


def model_rows(
    study: Study,
    run: Run,
    samples: Samples,
    scores: Iterable[Score],
    device: str,
    reverse_steps: int | None = None,
) -> list[Measurement]:
    """Rows for the scores of a model's samples."""
    data_hash = read_manifest(study, study.model(run.model).dataset)["data_hash"]
    return [
        Measurement(
            study=study.name,
            model=run.model,
            training_seed=run.seed,
            sampling_seed=run.sampling,
            reverse_steps=reverse_steps,
            status=samples.status,
            settings=quality_fingerprint(study, run.model),
            git_commit=git_commit(),
            data_hash=data_hash,
            weights_hash=samples.provenance.get("weights_hash"),
            hardware=hardware(device),
            **dataclasses.asdict(_noting_non_finite(score, samples)),
        )
        for score in scores
    ]


def no_samples(samples: Samples) -> str:
    """Why there is nothing to measure, for the protocol of the rows."""
    return f"not measured: training {samples.status}, so there are no samples"


def _noting_non_finite(score: Score, samples: Samples) -> Score:
    if not samples.non_finite:
        return score
    note = f"{samples.non_finite} samples were not finite and count as mid-grey"
    return dataclasses.replace(score, protocol=f"{score.protocol}; {note}")
