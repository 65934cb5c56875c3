"""What a verb works on, resolved once: data, model, files, and what results say of themselves.

The rest of `ddpm.evaluation` takes arrays and settings, knows no study, and returns arrays or scores.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data.store import Split, read_images, read_manifest
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import features_fingerprint
from ddpm.records.files import require_writable
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study

if TYPE_CHECKING:
    import numpy as np

    from ddpm.evaluation.features import FeatureExtractor
    from ddpm.evaluation.protocol import Score
    from ddpm.evaluation.quality import Evaluator
    from ddpm.records.measurements import Measurement

# A function of `ddpm.graph.fingerprint`, of a model, data set or figure by name.
Fingerprint = Callable[[Study, str], str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One call of a verb, for a data set.

    Attributes:
        study: the study.
        dataset: a key of `datasets`.
        settings: fingerprint of what the result depends on.
        device: "cpu" or "cuda".
    """

    study: Study
    dataset: str
    settings: str
    device: str = "cpu"

    @property
    def names(self) -> dict[str, Any]:
        """What fills in the patterns of `ddpm.graph.layout`."""
        return {"dataset": self.dataset}

    @property
    def about(self) -> dict[str, Any]:
        """What every result says of itself: fields of `Measurement`."""
        return {
            "study": self.study.name,
            "settings": self.settings,
            "git_commit": git_commit(*self.study.files),
        }

    @functools.cached_property
    def data_hash(self) -> str:
        """Of the data set.

        Raises:
            DataError: its manifest is missing or damaged.
        """
        return read_manifest(self.study, self.dataset)["data_hash"]

    def images(self, split: Split) -> np.ndarray:
        """The images of a split, uint8 [n, C, H, W]; errors as for `ddpm.data.store.read_images`."""
        return read_images(self.study, self.dataset, split)

    @functools.cached_property
    def references(self) -> dict[str, np.ndarray]:
        """What samples are compared with, by split: its images, of the training split the first so many."""
        settings = self.study.datasets[self.dataset]
        found = {"train": self.images("train")[: settings.reference_images]}
        return found | ({"test": self.images("test")} if settings.has_test_images else {})

    def path(self, pattern: str, **names: object) -> Path:
        """A pattern of `ddpm.graph.layout` filled in for this job."""
        return layout.path(pattern, self.study.name, **self.names, **names)

    def output(self, pattern: str, **names: object) -> Path:
        """The same for a file that the job will write; raises OutputError now if it cannot."""
        path = self.path(pattern, **names)
        require_writable(path.parent)
        return path

    def extractor(self) -> FeatureExtractor:
        """The feature extractor of `quality.features`, its weights checked, registered with torch-fidelity.

        Raises:
            WeightsError: its file is missing, damaged, or not the one that the study asks for.
            DataError: the manifest of the data set that it was trained on cannot be read.
        """
        features = self.study.quality.features
        if features.kind == "inception":
            from ddpm.evaluation.features import inception_extractor

            return inception_extractor(features)
        from ddpm.evaluation.classifier_features import classifier_extractor

        if features.kind == "none":
            raise StudyError(
                f"{self.study.file}: quality.features.kind is none: nothing judges samples; name a kind"
            )
        return classifier_extractor(
            self.path(layout.FEATURES),
            features.dataset,
            features_fingerprint(self.study),
            read_manifest(self.study, features.dataset)["data_hash"],
            f"run `ddpm features {self.study.file}`",
        )

    def evaluator(self) -> AbstractContextManager[Evaluator]:
        """Computes scores; Inception's features of real images are computed once for all jobs.

        Raises:
            WeightsError, DataError: as `extractor`.
        """
        from ddpm.evaluation.quality import open_evaluator

        costly = self.study.quality.features.kind == "inception"
        lasting = self.path(layout.FEATURE_CACHE) if costly else None
        return open_evaluator(self.extractor(), self.study.quality, self.device, lasting)

    def write_rows(self, path: Path, rows: Iterable[Measurement]) -> None:
        """Writes measurements, with the files of the study that they were made for."""
        from ddpm.records.measurements import write_measurements

        write_measurements(path, rows, {"study_files": self.study.files})

    def rows(self, scores: Iterable[Score], **about: object) -> list[Measurement]:
        """Measurements of scores that this job computed.

        Args:
            scores: the scores.
            about: further fields of `Measurement`, `status` for one.
        """
        from ddpm.records.measurements import measurements

        here = {"hardware": hardware(self.device), "data_hash": self.data_hash}
        return measurements(scores, self.about | here | about)
