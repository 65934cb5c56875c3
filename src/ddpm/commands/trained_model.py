"""Opening a trained model for a verb, with the provenance that its results will carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddpm.errors import DivergedError
from ddpm.graph.dependencies import weights_file
from ddpm.graph.fingerprint import weights_fingerprint
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study
from ddpm.study.evaluation import LikelihoodSettings, SamplingSettings

if TYPE_CHECKING:
    from ddpm.model import TrainedModel


def open_trained_model(
    study: Study,
    model: str,
    seed: int,
    device: str,
    settings: SamplingSettings | LikelihoodSettings,
    result: dict[str, Any],
) -> tuple[TrainedModel | None, dict[str, Any]]:
    """The model with the weights that are evaluated, or None if its training diverged; and provenance.

    Args:
        study: the study.
        model: a key of `models`.
        seed: the training seed.
        device: "cpu" or "cuda".
        settings: of sampling or of the likelihood: how the network is computed.
        result: what the provenance says of the result itself, its settings' fingerprint for one.

    Returns:
        the model, and the provenance of a result made with it: that of its weights with `result`, this commit
        and this hardware.

    Raises:
        WeightsError: the weights are missing, damaged, of another network or of other settings.
    """
    from ddpm.model import load_model
    from ddpm.network.execution import Execution
    from ddpm.network.weights import read_weights

    path = weights_file(study, model, seed)
    execution = Execution(settings.precision, settings.compiled)
    here: dict[str, Any] = {
        "git_commit": git_commit(),
        "hardware": hardware(device),
        "execution": str(execution),
    }
    if (source := study.model(model).weights_of) is not None:
        here |= {"model": model, "weights_of": source}
    try:
        trained = load_model(study, model, path, weights_fingerprint(study, model), device, execution)
    except DivergedError:
        return None, read_weights(path)[1] | here | result
    return trained, trained.provenance | here | result
