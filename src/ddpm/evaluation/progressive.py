"""Quality of x0-hat in the course of the reverse process (figure 10), as rows."""

from __future__ import annotations

from ddpm.data.store import read_images
from ddpm.errors import DataError
from ddpm.evaluation.model_quality import Run, model_rows, no_samples, read_run
from ddpm.evaluation.quality import measure_quality, missing_scores, open_study_judge
from ddpm.progress import Progress
from ddpm.records.measurements import Measurement
from ddpm.study import Study

PROGRESSIVE_METRICS = ("IS", "FID")


def progressive_rows(study: Study, run: Run, device: str = "cpu") -> list[Measurement]:
    """IS, and FID against train, of each column of x0-hat that the samples keep.

    A model whose training diverged gives the same rows with value NaN and n 0.

    Raises:
        DataError, WeightsError: an input is missing, damaged, or of other settings; or the
            samples keep no x0-hat, which they do for the models of figures 6, 10 and 14.
    """
    samples = read_run(study, run, progressive=True)
    if samples.x0_hat is None or samples.reverse_steps is None:
        raise DataError(
            f"samples of {run}: x0_hat was not kept; name {run.model} in artefacts.figure10 of {study.file} "
            "and sample again"
        )
    if len(samples.images) == 0:
        missing = missing_scores(PROGRESSIVE_METRICS, "train", no_samples(samples))
        return [
            row
            for steps in samples.reverse_steps
            for row in model_rows(study, run, samples, missing, device, int(steps))
        ]
    train = read_images(study, study.model(run.model).dataset, "train")
    total = len(samples.x0_hat) * len(samples.images) + len(train)
    rows: list[Measurement] = []
    with (
        open_study_judge(study, device) as judge,
        Progress(f"progressive quality {run}", total, "images") as progress,
    ):
        for steps, images in zip(samples.reverse_steps, samples.x0_hat, strict=True):
            scores = measure_quality(images, train, "train", judge, PROGRESSIVE_METRICS, progress=progress)
            rows += model_rows(study, run, samples, scores, device, int(steps))
    return rows
