"""The cost of a study's jobs on one machine: hours by kind of work, the longest chain, and disk."""

from __future__ import annotations

import dataclasses
import functools
import graphlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ddpm.plan.amounts import Work, state_bytes
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import INCEPTION_FLOPS, TRAINING_TO_FORWARD, classifier_flops, model_cost
from ddpm.plan.work import RULES, Rule, job_work
from ddpm.study import Study

NOT_COUNTED = Rule()


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds of each unit of work on one machine: given, assumed, or measured (`ddpm.plan.measure`).

    Attributes:
        machine: what it is, in words.
        steps: seconds of one training step, by model.
        evaluations: seconds of one network input in sampling or the bound, by model.
        features: seconds of one image through the feature extractor.
        notes: how the numbers were found, a sentence each.
    """

    machine: str
    steps: Mapping[str, float]
    evaluations: Mapping[str, float]
    features: float
    notes: tuple[str, ...]

    def seconds(self, work: Work) -> float:
        """The time that some work takes."""
        seconds = work.seconds + work.features * self.features
        if work.model is not None:
            seconds += work.steps * self.steps[work.model]
            seconds += work.evaluations * self.evaluations[work.model]
        return seconds


def features_flops(study: Study) -> float:
    """Operations of one image through the study's feature extractor."""
    features = study.quality.features
    if features.kind != "classifier":
        return INCEPTION_FLOPS
    return float(classifier_flops(study.datasets[features.dataset].image_shape))


def training_to_forward(study: Study, model: str) -> int:
    """Operations of an image in training, relative to those of an image forward.

    What is computed again with checkpointing is nearly a forward pass.
    """
    return TRAINING_TO_FORWARD + study.model(model).training.activation_checkpointing


def training_flops(study: Study, model: str) -> float:
    """Operations of one training step of a model."""
    batch = study.model(model).training.batch_size
    return float(training_to_forward(study, model) * model_cost(study, model).flops * batch)


def speed_of_rate(study: Study, rate: float, machine: str, notes: Sequence[str]) -> Speed:
    """A machine that does `rate` floating-point operations a second, whatever they are for."""
    steps = {name: training_flops(study, name) / rate for name in study.models}
    evaluations = {name: model_cost(study, name).flops / rate for name in study.models}
    return Speed(machine, steps, evaluations, features_flops(study) / rate, tuple(notes))


def speed_of_step(study: Study, models: Sequence[str], seconds: float) -> Speed:
    """The machine on which one training step of the largest of the models takes so long.

    Everything else follows from the number of operations.
    """
    model = max(models, key=lambda name: training_flops(study, name))
    batch = study.model(model).training.batch_size
    ratio = training_to_forward(study, model)
    notes = (
        f"Given: one training step of {model} (batch {batch}) takes {seconds:g} s.",
        f"The rest follows from the number of operations: an image forward is 1/{ratio} of an image in "
        "training.",
    )
    rate = training_flops(study, model) / seconds
    return speed_of_rate(study, rate, f"a machine with training steps of {seconds:g} s", notes)


@dataclasses.dataclass(frozen=True)
class Chain:
    """Jobs that wait for one another, from the first to the last, and their time in seconds."""

    jobs: tuple[Job, ...] = ()
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """The jobs of a study for some targets, done and left to run, on one machine."""

    study: Study
    jobs: Sequence[Job]
    speed: Speed

    @functools.cached_property
    def to_run(self) -> list[Job]:
        """The jobs that are left."""
        return [job for job in self.jobs if job.pending]

    @functools.cached_property
    def work(self) -> dict[Job, Work]:
        """The work of each job that is left."""
        return {job: job_work(self.study, job) for job in self.to_run}

    def seconds(self, jobs: Iterable[Job]) -> float:
        """Time of some jobs, one after another."""
        return sum(self.speed.seconds(self.work[job]) for job in jobs)

    @property
    def total_seconds(self) -> float:
        """Time of all jobs that are left, one after another."""
        return self.seconds(self.to_run)

    @functools.cached_property
    def seconds_by_kind(self) -> dict[str, float]:
        """Time of the jobs that are left, by kind of work; kinds without jobs are left out."""
        return self._sums(lambda rule: rule.kind, lambda job: self.seconds([job]))

    @functools.cached_property
    def bytes_by_kind(self) -> dict[str, float]:
        """Disk that the jobs that are left will fill and keep, by kind of file."""
        return self._sums(lambda rule: rule.files, lambda job: self.work[job].bytes)

    def _sums(self, heading: Callable[[Rule], str], amount: Callable[[Job], float]) -> dict[str, float]:
        """Sums by heading in the order of the rules, the rest last."""
        sums: defaultdict[str, float] = defaultdict(float)
        for job in self.to_run:
            sums[heading(RULES.get(job.rule, NOT_COUNTED))] += amount(job)
        rest = heading(NOT_COUNTED)
        headings = [*dict.fromkeys(name for rule in RULES.values() if (name := heading(rule)) != rest), rest]
        return {name: sums[name] for name in headings if name in sums}

    @functools.cached_property
    def longest_chain(self) -> Chain:
        """What takes longest however many machines there are."""
        makers = {file: job for job in self.to_run for file in job.outputs}
        needs = {job: {makers[file] for file in job.inputs if file in makers} for job in self.to_run}
        best: dict[Job, Chain] = {}

        def longest(jobs: Iterable[Job]) -> Chain:
            return max((best[job] for job in jobs), key=lambda chain: chain.seconds, default=Chain())

        for job in graphlib.TopologicalSorter(needs).static_order():
            before = longest(needs[job])
            best[job] = Chain((*before.jobs, job), before.seconds + self.seconds([job]))
        return longest(best)

    @functools.cached_property
    def state_bytes(self) -> int:
        """Disk that the largest training run needs while it trains, besides; 0 if nothing is trained."""
        models = {job["model"] for job in self.to_run if job.rule == "train"}
        return max((state_bytes(self.study, model) for model in models), default=0)


def used_models(study: Study, jobs: Iterable[Job]) -> list[str]:
    """The models whose networks some jobs train or evaluate."""
    works = [job_work(study, job).model for job in jobs]
    return list(dict.fromkeys(model for model in works if model is not None))
