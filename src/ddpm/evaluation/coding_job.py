"""A model's codec from its files: weights and schedule, checked against what a file was made with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ddpm.errors import DataError, DivergedError
from ddpm.graph import layout
from ddpm.graph.fingerprint import schedule_fingerprint

if TYPE_CHECKING:
    from ddpm.compression.codec import Codec, Names
    from ddpm.compression.file_format import Header
    from ddpm.evaluation.model_job import ModelJob


@dataclasses.dataclass(frozen=True)
class OpenedCodec:
    """A codec, what its files say that they were made with, and the provenance of its weights."""

    codec: Codec
    names: Names
    provenance: dict[str, Any]

    @property
    def status(self) -> str:
        """How training ended, as in `ddpm.records.status`."""
        return str(self.provenance["status"])


def open_codec(job: ModelJob, schedule: str, batch_size: int, header: Header | None = None) -> OpenedCodec:
    """The codec of a model with one of its schedules.

    Args:
        job: the model.
        schedule: a key of `compression.schedules`.
        batch_size: images in a network call.
        header: of the file that is to be decoded; then weights and schedule must be its own.

    Raises:
        WeightsError, DataError: weights or schedule are missing, damaged, or not of the study's settings.
        OtherModelError: they are not those of the file.
    """
    from ddpm.compression.codec import Codec, Names
    from ddpm.compression.file_format import OtherModelError
    from ddpm.compression.schedule_file import read_code

    path = job.path(layout.SCHEDULE, schedule=schedule)
    code, about = read_code(path)
    trained, provenance = job.trained(job.study.likelihood)
    if trained is None:
        raise DivergedError(f"{job.title}: training {provenance['status']}, so there is nothing to code with")
    weights_hash = str(trained.provenance["weights_hash"])
    if header is not None and (header.weights_hash, header.schedule_hash) != (weights_hash, code.hash):
        what = "weights" if header.weights_hash != weights_hash else f"schedule ({path})"
        raise OtherModelError(
            f"the file was made with other {what} than {job.study.file} has now for {job.title}: take those "
            "it was made with (`ddpm show` prints their hashes)"
        )
    if header is None:
        settings = job.study.compression.schedules.get(schedule)
        current = settings and schedule_fingerprint(job.study, job.model, schedule)
        if (about.get("settings"), about.get("weights_hash")) != (current, weights_hash):
            raise DataError(
                f"{path}: was fitted to other weights or settings; make it with `snakemake {path}`"
            )
    names = Names(job.study.name, job.model, job.seed, schedule, weights_hash)
    return OpenedCodec(Codec(trained.diffusion, trained.network, code, batch_size), names, provenance)
