"""What a verb works on, resolved once, where that is one model: its weights, samples and files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data.store import manifest_path
from ddpm.errors import DataError, DivergedError
from ddpm.evaluation.job import Fingerprint, Job
from ddpm.graph import layout
from ddpm.graph.fingerprint import sampling_fingerprint, weights_fingerprint
from ddpm.graph.run_files import sample_shards, weights_file
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study
from ddpm.study.carried import MODEL_SETTINGS
from ddpm.study.evaluation import LikelihoodSettings, SamplingSettings

if TYPE_CHECKING:
    from ddpm.evaluation.samples import Samples
    from ddpm.model import TrainedModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelJob(Job):
    """One call of a verb, for a model.

    Attributes:
        model: a key of `models`.
        seed: the training seed.
        sampling: the sampling seed; None where the result has none.
    """

    model: str
    seed: int
    sampling: int | None = None

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.model} seed {self.seed}"

    @property
    def names(self) -> dict[str, Any]:
        """What fills in the patterns of `ddpm.graph.layout`."""
        return super().names | {"model": self.model, "seed": self.seed, "sampling": self.sampling}

    @property
    def about(self) -> dict[str, Any]:
        """What every result says of itself: fields of `Measurement`."""
        seeds = {"training_seed": self.seed, "sampling_seed": self.sampling}
        return super().about | {"model": self.model} | seeds

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The model's images: channels, height, width."""
        return self.study.datasets[self.dataset].image_shape

    @property
    def overrides(self) -> str:
        """How the study samples the model otherwise than it was trained, in words; "" if it does not."""
        diffusion = self.study.model(self.model).diffusion
        return self.study.sampling_of(self.model).overrides(diffusion.timesteps, diffusion.variance)

    def samples(self, *, progressive: bool = False) -> Samples:
        """The model's samples, checked to come from a model of the data that the study has now.

        Raises:
            DataError: as `ddpm.evaluation.samples.read_samples`, or the data are others.
        """
        from ddpm.evaluation.samples import read_samples

        shards = sample_shards(self.study, self.model, self.seed, self.sampling)
        samples = read_samples(
            shards,
            sampling_fingerprint(self.study, self.model),
            self.study.sampling_of(self.model).images,
            self.image_shape,
            f"run `ddpm sample {self.study.file} --model {self.model} --seed {self.seed} --sampling "
            f"{self.sampling}` for each shard",
            progressive=progressive,
        )
        self.require_data(samples.provenance, f"samples of {self.title}")
        return samples

    def require_data(self, provenance: Mapping[str, Any], what: str) -> None:
        """Raises DataError if results (`what`) are of a model that was trained on other data than these.

        Where the data set is not here, as after a pull of the weights alone, there is nothing to compare.
        """
        known = provenance.get("data_hash")
        if known is not None and manifest_path(self.study, self.dataset).exists() and known != self.data_hash:
            raise DataError(
                f"{what}: their model was trained on other data than {self.dataset} holds now; make them "
                f"again after `ddpm train {self.study.file} --model {self.model} --seed {self.seed}`"
            )

    def checkpoint(self, step: int) -> Path:
        """The averaged weights of a step: a checkpoint, or the finished weights for the last step."""
        last = step == self.study.model(self.model).training.steps
        return self.path(layout.WEIGHTS if last else layout.CHECKPOINT, step=step)

    def trained(
        self, settings: SamplingSettings | LikelihoodSettings, **about: object
    ) -> tuple[TrainedModel | None, dict[str, Any]]:
        """The model with the weights that are evaluated, or None if its training diverged; and provenance.

        Args:
            settings: of sampling or of the likelihood: how the network is computed.
            about: what the provenance says of the result besides its settings.

        Returns:
            the model, and the provenance of a result made with it: that of its weights with `about`, this
            commit and this hardware.

        Raises:
            WeightsError: the weights are missing, damaged, of another network or of other settings.
            DataError: they were trained on other data.
        """
        from ddpm.model import load_model
        from ddpm.network.execution import Execution
        from ddpm.network.weights import read_weights

        path = weights_file(self.study, self.model, self.seed)
        execution = Execution(settings.precision, settings.compiled)
        here: dict[str, Any] = {
            "study_files": self.study.files,
            "git_commit": git_commit(*self.study.files),
            "hardware": hardware(self.device),
            "execution": str(execution),
        }
        if (source := self.study.model(self.model).weights_of) is not None:
            here |= {"model": self.model, "weights_of": source}
        result = here | about | {"settings": self.settings}
        weights = weights_fingerprint(self.study, self.model)
        try:
            trained = load_model(self.study, self.model, path, weights, self.device, execution)
        except DivergedError:
            return None, _of_weights(read_weights(path)[1]) | result
        self.require_data(trained.provenance, f"weights of {self.title}")
        return trained, _of_weights(trained.provenance) | result


def _of_weights(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a result says of its weights: all but their settings, of which it has the fingerprint."""
    return {key: value for key, value in provenance.items() if key != MODEL_SETTINGS}


def figure_job(study: Study, figure: str, fingerprint: Fingerprint, device: str) -> ModelJob:
    """The job for a figure of one model: of its first training seed and its first sampling seed."""
    model = study.artefacts.models_of(figure)[0]
    return ModelJob(
        study=study,
        dataset=study.model(model).dataset,
        settings=fingerprint(study, figure),
        device=device,
        model=model,
        seed=study.model(model).seeds[0],
        sampling=study.sampling_seeds(model)[0],
    )
