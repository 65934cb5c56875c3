"""The fingerprint that a job's results carry if they were made under the present settings."""

from __future__ import annotations

from collections.abc import Callable

from ddpm.plan.jobs import Job
from ddpm.study import Study, fingerprint

_BY_NAME: dict[str, tuple[Callable[[Study, str], str], str]] = {
    "data": (fingerprint.dataset_fingerprint, "dataset"),
    "train": (fingerprint.training_fingerprint, "model"),
    "pretrained": (fingerprint.weights_fingerprint, "model"),
    "checkpoint": (fingerprint.checkpoint_fingerprint, "model"),
    "choose": (fingerprint.weights_fingerprint, "model"),
    "sample": (fingerprint.sampling_fingerprint, "model"),
    "chain": (fingerprint.chain_fingerprint, "figure"),
    "reference": (fingerprint.reference_fingerprint, "dataset"),
    "quality": (fingerprint.quality_fingerprint, "model"),
    "progressive": (fingerprint.quality_fingerprint, "model"),
    "bound": (fingerprint.likelihood_fingerprint, "model"),
    "likelihood": (fingerprint.likelihood_fingerprint, "model"),
    "neighbours": (fingerprint.neighbours_fingerprint, "figure"),
    "table": (fingerprint.artefact_fingerprint, "table"),
    "figure": (fingerprint.artefact_fingerprint, "figure"),
}
_OF_STUDY: dict[str, Callable[[Study], str]] = {
    "features": fingerprint.features_fingerprint,
    "index": fingerprint.index_fingerprint,
}


def expected_settings(study: Study, job: Job) -> str:
    """The fingerprint; empty for a job that depends on no settings (a download)."""
    if job.rule in _OF_STUDY:
        return _OF_STUDY[job.rule](study)
    if job.rule not in _BY_NAME:
        return ""
    function, wildcard = _BY_NAME[job.rule]
    return function(study, job[wildcard])
