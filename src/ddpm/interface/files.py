"""Models of files: of weights that carry their settings, and of published ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddpm.errors import DivergedError, WeightsError
from ddpm.interface.model import Model
from ddpm.model import diffusion_of, network_of
from ddpm.network.published.importing import import_weights
from ddpm.network.published.settings import settings_beside
from ddpm.network.weights import check_weights, read_weights
from ddpm.records.status import TRAINED, is_evaluated
from ddpm.study.carried import MODEL_SETTINGS, CarriedSettings, read_settings


def of_own_file(path: Path, settings: Mapping[str, Any] | None, device: str) -> Model:
    """The model of a weights file of this project, built from the settings in it.

    Raises:
        WeightsError: the file is damaged, or holds no settings, as earlier versions wrote none.
        DivergedError: training diverged.
    """
    tensors, provenance = read_weights(path)
    status = str(provenance.get("status", TRAINED))
    if not is_evaluated(status):
        raise DivergedError(f"{path}: holds no weights: training {status}; load another seed's file")
    carried = provenance.get(MODEL_SETTINGS)
    if carried is None and settings is None:
        study, model = provenance.get("study", "<study>"), provenance.get("model", "<model>")
        raise WeightsError(
            f"{path}: holds no settings, as an earlier version wrote it; load it through its study, "
            f'ddpm.load("config/{study}.yaml", "{model}"), or give `settings`'
        )
    if carried is not None and settings is not None:
        raise WeightsError(f"{path}: holds its settings itself; leave out `settings`")
    read = read_settings(str(path), carried if settings is None else dict(settings))
    return _model(path.name if path.parent == Path() else str(path), read, path, tensors, provenance, device)


def of_published(
    path: Path,
    settings: Mapping[str, Any] | None,
    averaged: bool | None,
    device: str,
    origin: str | None = None,
) -> Model:
    """The model of published weights.

    Args:
        path: a file, or a folder as diffusers writes it.
        settings, averaged: as for `ddpm.load`.
        device: of torch.
        origin: where it came from, for the model's name; None: the path.

    Raises:
        WeightsError: as `import_weights`, or the settings cannot be used.
    """
    read = settings_beside(path, averaged, {} if settings is None else dict(settings))
    network = network_of(read.shape, read.network, read.diffusion, seed=0)
    published = import_weights(path, network, averaged=averaged)
    provenance = {
        "status": TRAINED,
        "origin": origin or str(published.file),
        "origin_sha256": published.sha256,
        "layout": published.convention,
        "averaged": published.averaged,
        MODEL_SETTINGS: read.model_dump(mode="json"),
    }
    name = origin or os.fspath(path)
    return _model(name, read, published.file, published.tensors, provenance, device)


def _model(
    name: str,
    settings: CarriedSettings,
    path: Path,
    tensors: Mapping[str, Any],
    provenance: dict[str, Any],
    device: str,
) -> Model:
    network = network_of(settings.shape, settings.network, settings.diffusion, seed=0)
    check_weights(path, tensors, network)
    network.load_state_dict(tensors)
    return Model(name, network.to(device), diffusion_of(settings.diffusion), provenance)
