"""The jobs of a study by rule, and how many of them have made their file.

A file that is there counts, whatever settings it was made with: what is out of date, Snakemake says.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ddpm.errors import DDPMError
from ddpm.graph import dependencies, layout, run_files
from ddpm.study import Study

# By rule the file that stands for a job, in the order of the work.
RULES = {
    "data": layout.MANIFEST,
    "features": layout.FEATURES,
    "pretrained": layout.IMPORTED,
    "train": layout.RECEIPT,
    "checkpoint": layout.CHECKPOINT_ROWS,
    "choose": layout.CHOSEN,
    "sample": layout.SAMPLES,
    "chain": layout.CHAINS,
    "bound": layout.BOUND_TERMS,
    "likelihood": layout.LIKELIHOOD_ROWS,
    "schedule": layout.SCHEDULE,
    "coding": layout.CODING_ROWS,
    "reference": layout.REFERENCE_ROWS,
    "quality": layout.QUALITY_ROWS,
    "progressive": layout.PROGRESSIVE_ROWS,
    "respaced": layout.RESPACED_ROWS,
    "neighbours": layout.NEIGHBOURS,
    "table": layout.TABLE,
    "figure": layout.FIGURE_PNG,
    "report": layout.REPORT,
}
# A second file of a job, and the one that stands for it.
_SAME_JOB = {
    layout.RATE_DISTORTION: layout.LIKELIHOOD_ROWS,
    layout.PICTURES: layout.CODING_ROWS,
    layout.FIGURE_PDF: layout.FIGURE_PNG,
}
_SAMPLED = (layout.QUALITY_ROWS, layout.PROGRESSIVE_ROWS)
_JUDGED = (*_SAMPLED, layout.RESPACED_ROWS, layout.REFERENCE_ROWS, layout.CHECKPOINT_ROWS, layout.NEIGHBOURS)
_OF_WEIGHTS = (layout.SAMPLES, layout.BOUND_TERMS, layout.RESPACED_ROWS, layout.SCHEDULE, layout.CODING_ROWS)


@dataclass(frozen=True)
class Count:
    """How many jobs of a rule are done, of how many; `total` None while its data set is not there."""

    rule: str
    done: int
    total: int | None


def counts(files: Iterable[str], unknown: Collection[str] = ()) -> list[Count]:
    """The jobs by rule; rules without a job are left out.

    Args:
        files, unknown: of `needed_files`.
    """
    found = []
    for rule, pattern in RULES.items():
        of_rule = [file for file in files if layout.match(file)[0] == pattern]
        total = None if pattern in unknown else len(of_rule)
        if of_rule or total is None:
            found.append(Count(rule, sum(map(os.path.exists, of_rule)), total))
    return found


def needed_files(study: Study) -> tuple[list[str], set[str]]:
    """The file of each job of a study, and the patterns of which not all are known before data is packed."""
    left = [layout.path(layout.REPORT, study.name).as_posix(), *dependencies.artefact_files(study)]
    found: dict[str, str] = {}
    unknown: set[str] = set()
    while left:
        pattern, names = layout.match(dependencies.awaited(left.pop()))
        pattern = _SAME_JOB.get(pattern, pattern)
        file = pattern.format(**names)
        if pattern not in RULES.values() or file in found:
            continue
        found[file] = pattern
        try:
            left += _made_of(study, pattern, names)
        except DDPMError:
            unknown.add(layout.BOUND_TERMS)
    return list(found), unknown


def _made_of(study: Study, pattern: str, names: dict[str, str]) -> Iterator[str]:
    """The inputs of a job that other jobs make, as the rules name them."""
    if "model" in names:
        model, seed = names["model"], names["seed"]
        settings = study.model(model)
        yield run_files.fill(layout.MANIFEST, study, dataset=settings.dataset)
        if pattern in _OF_WEIGHTS and settings.samples is None:
            yield run_files.weights_file(study, model, seed)
        if pattern in (layout.CHECKPOINT_ROWS, layout.CHOSEN):
            yield run_files.fill(layout.RECEIPT, study, model=model, seed=seed)
        if pattern == layout.CHOSEN:
            yield from dependencies.choice_inputs(study, model, seed)
        if pattern in _SAMPLED:
            yield from run_files.sample_shards(study, model, seed, names["sampling"])
        if pattern == layout.CODING_ROWS:
            yield layout.SCHEDULE.format(**names)
        if pattern == layout.SCHEDULE:
            yield layout.RATE_DISTORTION.format(**names, split="train")
    if pattern in _JUDGED:
        yield from _features(study, names)
    if pattern in (layout.TABLE, layout.FIGURE_PNG):
        for files in dependencies.artefact_inputs(study, names.get("table") or names["figure"]).values():
            yield from files
    if pattern == layout.CHAINS:
        yield from dependencies.chain_inputs(study, names["figure"])
    if pattern == layout.NEIGHBOURS:
        yield from dependencies.neighbours_inputs(study, names["figure"])
    # Last, as the number of shards is known once the data set is packed.
    if pattern == layout.LIKELIHOOD_ROWS:
        yield from run_files.bound_shards(study, names["model"], names["seed"], names["split"])


def _features(study: Study, names: dict[str, str]) -> Iterator[str]:
    """What judges samples; features of Inception are computed of real images first."""
    yield dependencies.features_file(study)
    if study.quality.features.kind == "classifier":
        yield run_files.fill(layout.MANIFEST, study, dataset=study.quality.features.dataset)
    elif "model" in names:
        yield run_files.fill(layout.REFERENCE_ROWS, study, dataset=study.model(names["model"]).dataset)
