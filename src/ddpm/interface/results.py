"""`ddpm.open_study`: a study's settings and what it has come to so far."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.study import Study, load_study
from ddpm.study.names import require_names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ddpm.data.store import Split
    from ddpm.interface.model import Model


def open_study(file: str | os.PathLike[str]) -> StudyResults:
    """A study by its file (`config/demo.yaml`), whose results lie in the working folder.

    Reads and checks the settings; results are read when they are asked for.

    Raises:
        StudyError: the file is missing or has mistakes.
    """
    return StudyResults(load_study(Path(file)))


class StudyResults:
    """A study: what it consists of, and its results so far; `ddpm.open_study` makes it.

    A name that the study does not have is a `ddpm.DDPMError` that lists those it has, and a result that is
    not there yet is one that says what to run.

    Attributes:
        settings: all settings of the study file, checked.
        name: the file's, without .yaml.
        title: one line.
        datasets, models, tables, figures: the names of what it consists of.
    """

    def __init__(self, settings: Study) -> None:
        self.settings = settings
        self.name, self.title = settings.name, settings.title
        self.datasets, self.models = list(settings.datasets), list(settings.models)
        self.tables, self.figures = settings.artefacts.tables, settings.artefacts.figures

    def __repr__(self) -> str:
        parts = f"{len(self.models)} models, {len(self.tables)} tables, {len(self.figures)} figures"
        return f"<ddpm.StudyResults {self.settings.file}: {self.title}; {parts}>"

    def model(self, name: str, seed: int | None = None, device: str = "auto") -> Model:
        """A trained model; arguments and errors as of `ddpm.load`."""
        from ddpm.interface.loading import load

        return load(self.settings.file, name, seed=seed, device=device)

    def images(self, dataset: str, split: Split) -> np.ndarray:
        """The images of a split of a data set, "train" or "test".

        Returns:
            uint8 [N, C, H, W] in 0..255; of more than 1 GiB a read-only memory map, of which only what is
            looked at is read.

        Raises:
            DDPMError: no such data set or split, or one that is not packed yet, was packed under other
                settings, or is damaged.
        """
        from ddpm.data.store import read_images

        if split not in ("train", "test"):
            raise DataError(f'split: must be "train" or "test", not {split!r}')
        return read_images(self.settings, dataset, split)

    def table(self, name: str) -> pd.DataFrame:
        """A table as its CSV file has it.

        Raises:
            DDPMError: the study has no such table, or it is not built yet.
        """
        import pandas as pd

        return pd.read_csv(self._built("table", layout.TABLE, name))

    def figure(self, name: str) -> Path:
        """Where a figure lies as PNG; the PDF lies beside it.

        Raises:
            DDPMError: the study has no such figure, or it is not built yet.
        """
        return self._built("figure", layout.FIGURE_PNG, name)

    def measurements(self) -> pd.DataFrame:
        """Every number that was measured under the settings of now, a row each (docs/data-flow.md).

        Raises:
            DataError: a file of them is damaged.
        """
        from ddpm.records.measurements import read_measurements

        folder = Path(layout.home(self.name), "measurements")
        settings = {str(path): self._settings_of(str(path)) for path in sorted(folder.rglob("*.parquet"))}
        rows = read_measurements(path for path, known in settings.items() if known is not None)
        return rows[rows["settings"].isin(list(settings.values()))].reset_index(drop=True)

    def _settings_of(self, file: str) -> str | None:
        """The fingerprint that a result should have; None for one of a model that the study has no more."""
        try:
            return result_fingerprint(self.settings, file)
        except KeyError:
            return None

    def _built(self, kind: str, pattern: str, name: str) -> Path:
        require_names(self.settings, {kind: name})
        path = layout.path(pattern, self.name, **{kind: name})
        if not path.exists():
            raise DataError(f"{path}: is not built yet; run `snakemake {path}`")
        return path
