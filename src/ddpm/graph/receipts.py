"""What the receipt of a training run says of the checkpoints that it kept."""

from __future__ import annotations

import json

from ddpm.graph import layout
from ddpm.graph.fingerprint import training_fingerprint, training_job_fingerprint
from ddpm.graph.sources import packed_hash
from ddpm.study import Study


def training_job_settings(study: Study, model: str, seed: object) -> str:
    """What the files of a training job depend on, by which Snakemake tells whether to run it.

    A finished run that kept more steps than the study asks for now has all that is needed: its settings are
    those that it was run with, so that neither it nor what was made from it is made again.
    """
    wanted, kept = study.model(model).checkpoints.steps, _kept_steps(study, model, seed)
    return training_job_fingerprint(study, model, kept if set(wanted) < set(kept) else wanted)


def _kept_steps(study: Study, model: str, seed: object) -> list[int]:
    """The steps of which a run of these settings and data kept weights; none if there is no such run."""
    try:
        path = layout.path(layout.RECEIPT, study.name, model=model, seed=seed)
        receipt = json.loads(path.read_text(encoding="utf-8"))
        run = training_fingerprint(study, model), packed_hash(study, study.model(model).dataset)
        if (receipt["settings"], receipt["data_hash"]) != run:
            return []
        return sorted(int(step) for step in receipt["checkpoints"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
