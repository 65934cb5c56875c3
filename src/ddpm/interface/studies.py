"""Models of studies: by the study file, or by the folder of results."""

from __future__ import annotations

import os
from pathlib import Path

from ddpm.errors import DDPMError, DivergedError, StudyError, WeightsError, did_you_mean
from ddpm.evaluation.model_job import ModelJob
from ddpm.graph import layout
from ddpm.graph.dependencies import awaited
from ddpm.graph.fingerprint import weights_fingerprint
from ddpm.graph.run_files import weights_file
from ddpm.interface.files import of_own_file
from ddpm.interface.model import Model
from ddpm.model import load_model
from ddpm.network.execution import Execution, products_restored
from ddpm.study import Study, load_study
from ddpm.study.names import require_model

_RESULTS = layout.home("paper")
# Files of weights in the order in which a study evaluates them: the verb of each, and what it has done.
_MADE_BY = {
    Path(layout.CHOSEN).name: ("choose", "chosen among its checkpoints"),
    Path(layout.IMPORTED).name: ("pretrained", "imported"),
    Path(layout.WEIGHTS).name: ("train", "trained"),
}


def results_folder(path: Path) -> tuple[Path, str] | None:
    """The project's folder and the study's name, of a path `results` or `results/<study>`; None of others."""
    whole = Path(os.path.abspath(path))
    if whole.name == _RESULTS:
        return whole.parent, layout.study_of(_RESULTS)
    if whole.parent.name == _RESULTS and layout.is_study_name(whole.name):
        return whole.parent.parent, whole.name
    return None


def of_results(folder: Path, model: str | None, seed: int | None, device: str) -> Model:
    """A model by its study's folder of results: through the study file or, without one, by its weights.

    Raises:
        DDPMError: as `ddpm.load`.
    """
    found = results_folder(folder)
    assert found is not None
    project, name = found
    file = project / layout.study_file(name)
    if file.exists():
        return _of(load_study(file), project, model, seed, device)
    if not folder.is_dir():
        studies = sorted(path.stem for path in file.parent.glob("*.yaml") if layout.is_study_name(path.stem))
        raise StudyError(f"{folder}: no such folder, and no study {file}{did_you_mean(name, studies)}")
    return of_own_file(_weights_within(folder, model, seed), None, device)


def of_study(file: Path, model: str | None, seed: int | None, device: str) -> Model:
    """A model of a study file, whose results lie in the working folder.

    Raises:
        DDPMError: as `ddpm.load`.
    """
    return _of(load_study(file), Path(), model, seed, device)


def _of(study: Study, project: Path, model: str | None, seed: int | None, device: str) -> Model:
    name = require_model(study, _only(study.file, model, list(study.models)))
    settings = study.model(name)
    seed = settings.seeds[0] if seed is None else seed
    path = weights_file(study, name, seed)
    if not os.path.lexists(project / path):
        raise WeightsError(_missing(study, project, name, seed, path))
    fingerprint = weights_fingerprint(study, name)
    with products_restored():
        try:
            trained = load_model(study, name, str(project / path), fingerprint, device, Execution())
        except DivergedError as error:
            others = [str(other) for other in settings.seeds if other != seed]
            more = f"seed {', '.join(others)}" if others else "another seed, or a checkpoint of before"
            raise DivergedError(f"{error}; load {more} (`seeds`, `checkpoints` in {study.file})") from error
    job = ModelJob(
        study=study, dataset=settings.dataset, settings=fingerprint, device=device, model=name, seed=seed
    )
    # As the workflow's jobs, it knows files of the working folder alone.
    is_here = project.resolve() == Path.cwd()
    if is_here:
        job.require_data(trained.provenance, f"weights of {job.title}")
    return Model(
        job.title,
        trained.network.network,
        trained.diffusion,
        trained.provenance,
        study.sampling_of(name),
        study.likelihood,
        job if is_here else None,
    )


def _missing(study: Study, project: Path, model: str, seed: int, path: str) -> str:
    """What to do about weights that are not there."""
    settings, call = study.model(model), f"{study.file} --model {model} --seed {seed}"
    if seed not in settings.seeds:
        known = ", ".join(map(str, settings.seeds))
        return f"{project / path}: no such weights; the study's seeds of {model} are {known}"
    verb, done = _MADE_BY[Path(path).name]
    return (
        f"{project / path}: no such weights: {model} seed {seed} is not {done} yet; in the project's "
        f"folder run `snakemake {awaited(path)}` or `ddpm {verb} {call}`"
    )


def _weights_within(folder: Path, model: str | None, seed: int | None) -> Path:
    """The weights that a study evaluates, found without its file."""
    runs = sorted(run for run in folder.glob("models/*/seed*") if _first(run) is not None)
    name = _only(str(folder), model, list(dict.fromkeys(run.parent.name for run in runs)))
    seeds = {int(run.name.removeprefix("seed")): run for run in runs if run.parent.name == name}
    if not seeds:
        known = did_you_mean(name, sorted({run.parent.name for run in runs}))
        raise WeightsError(f"{folder}: holds no weights of a model {name!r}{known}")
    if seed is not None and seed not in seeds:
        raise WeightsError(f"{folder}: holds no weights of {name} seed {seed} (seeds: {sorted(seeds)})")
    found = _first(seeds[min(seeds) if seed is None else seed])
    assert found is not None
    return found


def _first(run: Path) -> Path | None:
    return next((run / name for name in _MADE_BY if (run / name).is_file()), None)


def _only(where: str, model: str | None, models: list[str]) -> str:
    if model is not None:
        return model
    if len(models) == 1:
        return models[0]
    known = ", ".join(models) or "none"
    raise DDPMError(f"{where}: which model? Name it as the second argument (models: {known})")
