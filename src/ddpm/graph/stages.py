"""The files of a study by the stage that makes them: trained, then measured; tables and figures come last.

They are what the tables and figures need, and what that is made of. All of it is named, as Snakemake does not
make a missing file again for the sake of one that is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_inputs, awaited, chain_inputs, choice_inputs, neighbours_inputs
from ddpm.graph.run_files import bound_shards, fill, sample_shards, weights_file

if TYPE_CHECKING:
    from ddpm.study.settings import Study

_TRAINED = frozenset({layout.MANIFEST, layout.RECEIPT, layout.CHOSEN, layout.IMPORTED})
_MEASURED = layout.MEASUREMENTS | {
    *(layout.SAMPLES, layout.CHAINS, layout.NEIGHBOURS, layout.BOUND_TERMS, layout.RATE_DISTORTION),
    *(layout.SCHEDULE, layout.PICTURES),
}


def trained_files(study: Study) -> list[str]:
    """The packed data, the receipts of training runs, and the weights chosen among checkpoints or imported.

    Raises:
        DataError: a folder or archive cannot be read.
    """
    return [file for file in _needed(study) if layout.match(file)[0] in _TRAINED]


def measured_files(study: Study) -> list[str]:
    """Samples, chains, neighbours, bounds, codes, and all rows of measurements.

    Raises:
        DataError: a folder or archive cannot be read.
    """
    return [file for file in _needed(study) if layout.match(file)[0] in _MEASURED]


def _needed(study: Study) -> list[str]:
    """All files that tables and figures are made of, and what those are made of."""
    of_artefacts = (artefact_inputs(study, artefact) for artefact in study.artefacts.chosen)
    left = [file for inputs in of_artefacts for files in inputs.values() for file in files]
    found = set()
    while left:
        file = awaited(left.pop())
        if file not in found:
            found.add(file)
            left += _made_of(study, file)
    return sorted(found)


def _made_of(study: Study, file: str) -> Iterator[str]:
    """The study's own files that a file is made of, or that its job makes besides."""
    pattern, names = layout.match(file)
    names.pop("home", None)
    run = {name: names[name] for name in ("model", "seed") if name in names}
    if pattern == layout.CHAINS:
        yield from chain_inputs(study, **names)
    elif pattern == layout.NEIGHBOURS:
        yield from neighbours_inputs(study, **names)
    elif pattern in (layout.QUALITY_ROWS, layout.PROGRESSIVE_ROWS):
        yield from sample_shards(study, **names)
    elif pattern in (layout.LIKELIHOOD_ROWS, layout.RATE_DISTORTION):
        yield from bound_shards(study, **names)
        yield from (
            fill(beside, study, **names) for beside in (layout.LIKELIHOOD_ROWS, layout.RATE_DISTORTION)
        )
    elif pattern in (layout.CODING_ROWS, layout.PICTURES):
        yield from (fill(beside, study, **names) for beside in (layout.CODING_ROWS, layout.PICTURES))
        yield fill(layout.SCHEDULE, study, **names)
    elif pattern == layout.SCHEDULE:
        yield fill(layout.RATE_DISTORTION, study, **run, split="train")
    elif pattern == layout.CHOSEN:
        yield from choice_inputs(study, **run)
    if pattern in (layout.CHECKPOINT_ROWS, layout.CHOSEN):
        yield fill(layout.RECEIPT, study, **run)
    elif pattern in _MEASURED and run and study.model(run["model"]).samples is None:
        yield weights_file(study, **run)
    if dataset := names.get("dataset") or (run and study.model(run["model"]).dataset):
        yield fill(layout.MANIFEST, study, dataset=dataset)
