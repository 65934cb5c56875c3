"""Measuring the machine: what is called, how much, and how it is scaled."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import changed

from ddpm.plan import measure
from ddpm.plan.network_cost import INCEPTION_FLOPS, model_cost
from ddpm.study import load_study


class Machine:
    """A clock, and calls that move it by a fixed time for each image."""

    def __init__(self, seconds_per_image):
        self.now, self.seconds_per_image = 0.0, seconds_per_image
        self.sizes = []

    def clock(self):
        return self.now

    def steps(self, size):
        while True:
            self.sizes.append(size)
            self.now += size * self.seconds_per_image
            yield


def timed(machine, full, multiple=1, device="cpu", budget=13.0):
    clock = SimpleNamespace(monotonic=machine.clock, perf_counter=machine.clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "time", clock)
        patch.setattr(measure, "_wait", lambda device: None)
        return measure.timed(machine.steps, full, multiple, device, budget)


@given(
    per_image=st.floats(1e-6, 20),
    parts=st.integers(1, 8),
    part_size=st.integers(1, 64),
)
def test_a_call_keeps_the_budget_and_scales_to_the_truth(per_image, parts, part_size):
    machine, full, budget = Machine(per_image), parts * part_size, 13.0
    result = timed(machine, full, parts, budget=budget)
    assert result.batch % parts == 0
    assert result.batch <= full
    assert result.seconds / result.batch == pytest.approx(per_image, rel=1e-6)
    smallest = 2 * max(parts, min(measure.PROBE_BATCH, full)) * per_image
    longest_call = result.batch * per_image
    assert machine.now <= max(smallest, budget + longest_call) * (1 + 1e-9)


def test_a_fast_machine_is_measured_at_the_full_batch():
    machine = Machine(1e-3)
    result = timed(machine, 128)
    assert (result.batch, result.repeats) == (128, measure.MOST_REPEATS)
    assert "scaled" not in result.text(128)


def test_a_slow_machine_is_measured_at_a_smaller_batch_and_says_so():
    result = timed(Machine(0.5), 128)
    assert result.batch < 128
    assert result.repeats >= 3
    assert "scaled linearly to 128" in result.text(128)


def test_a_gpu_is_measured_at_the_full_batch_alone():
    machine = Machine(0.5)
    assert timed(machine, 128, device="cuda").batch == 128
    assert set(machine.sizes) == {128}


def test_a_real_machine(project):
    """Two networks: models that share one share its measurement."""
    wide = {"network": {"channels": 32}}
    study = changed("demo", {"models": {"mu_tilde_mse": wide}})
    names = ["epsilon_L_simple", "epsilon_L_learned", "mu_tilde_mse"]
    speed = measure.measured_speed(study, names, "cpu", budget=1.0)
    for measured in (speed.steps, speed.evaluations):
        assert list(measured) == names
        assert measured["epsilon_L_simple"] == measured["epsilon_L_learned"] > 0
        assert measured["mu_tilde_mse"] > 0
    assert sum("training step of batch 64" in note for note in speed.notes) == 2
    assert speed.features > 0


def test_inception_is_estimated_by_its_operations(project, monkeypatch):
    study = load_study("config/cifar10.yaml")
    monkeypatch.setattr(measure, "_measured", lambda *_: (1.0, 0.5, "measured"))
    speed = measure.measured_speed(study, ["epsilon_L_simple"], "cpu")
    flops = model_cost(study, "epsilon_L_simple").flops
    assert speed.features == pytest.approx(0.5 * INCEPTION_FLOPS / flops)
    assert "not measured" in speed.notes[-1]
