"""How long a machine takes for a unit of work: given, assumed, or measured (`ddpm.plan.measure`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ddpm.plan.network_cost import INCEPTION_FLOPS, TRAINING_TO_FORWARD, classifier_flops, model_cost
from ddpm.plan.work import Work
from ddpm.study import Study


@dataclasses.dataclass(frozen=True)
class ModelSpeed:
    """Seconds of one training step, and of one network input in sampling or the bound."""

    step: float
    evaluation: float


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds of each unit of work on one machine.

    Attributes:
        machine: what it is, in words.
        models: by name of the model.
        features: seconds of one image through the feature extractor.
        notes: how the numbers were found, a sentence each.
    """

    machine: str
    models: Mapping[str, ModelSpeed]
    features: float
    notes: tuple[str, ...]

    def seconds(self, work: Work) -> float:
        """The time that some work takes."""
        if work.model is None:
            return work.seconds + work.features * self.features
        model = self.models[work.model]
        network = work.steps * model.step + work.evaluations * model.evaluation
        return work.seconds + network + work.features * self.features


def features_flops(study: Study) -> float:
    """Operations of one image through the study's feature extractor."""
    features = study.quality.features
    if features.kind == "inception":
        return INCEPTION_FLOPS
    return float(classifier_flops(study.datasets[features.dataset].image_shape))


def training_flops(study: Study, model: str) -> float:
    """Operations of one training step of a model."""
    batch = study.model(model).training.batch_size
    return float(TRAINING_TO_FORWARD * model_cost(study, model).flops * batch)


def speed_of_rate(study: Study, rate: float, machine: str, notes: Sequence[str]) -> Speed:
    """A machine that does `rate` floating-point operations a second, whatever they are for."""
    models = {
        name: ModelSpeed(training_flops(study, name) / rate, model_cost(study, name).flops / rate)
        for name in study.models
    }
    return Speed(machine, models, features_flops(study) / rate, tuple(notes))


def largest_model(study: Study, models: Sequence[str]) -> str:
    """The model whose training step takes the most operations; the first of equals."""
    return max(models, key=lambda name: training_flops(study, name))


def speed_of_step(study: Study, models: Sequence[str], seconds: float) -> Speed:
    """The machine on which one training step of the largest of the models takes so long.

    Everything else follows from the number of operations.
    """
    model = largest_model(study, models)
    batch = study.model(model).training.batch_size
    notes = (
        f"Given: one training step of {model} (batch {batch}) takes {seconds:g} s.",
        f"The rest follows from the number of operations: an image forward is 1/{TRAINING_TO_FORWARD} of an "
        "image in training.",
    )
    rate = training_flops(study, model) / seconds
    return speed_of_rate(study, rate, f"a machine with training steps of {seconds:g} s", notes)
