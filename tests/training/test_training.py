"""Batches, averages, warm-up, clipping, dropout and divergence."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import training

from ddpm.data.scaling import to_model
from ddpm.random_numbers import Stream, integers, normal
from ddpm.training.batches import UPDATES_AT_ONCE, Batches
from ddpm.training.ema import ema_decay, update_ema
from ddpm.training.optimiser import learning_rate
from ddpm.training.state import StateFolder


def numbered_images(count: int) -> torch.Tensor:
    """Images whose first pixel is their number."""
    images = torch.zeros(count, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(count)
    return images


def numbers(x_0: torch.Tensor) -> list[int]:
    return ((x_0[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


@given(count=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 5))
def test_every_pass_shows_every_image_once(count, batch_size, seed):
    batches = Batches(numbered_images(count), 10, batch_size, flip=False, seed=seed)
    updates = -(-3 * count // batch_size)
    seen = [number for update in range(updates) for number in numbers(batches[update].x_0)]
    for start in range(0, 3 * count, count):
        assert sorted(seen[start : start + count]) == list(range(count))


def test_each_pass_has_an_order_of_its_own():
    batches = Batches(numbered_images(30), 10, 30, flip=False, seed=2)
    orders = [numbers(batches[update].x_0) for update in range(4)]
    assert len(set(map(tuple, [*orders, range(30)]))) == 5


def test_batches_depend_on_seed_and_update_alone():
    one, other = (Batches(numbered_images(30), 100, 8, flip=True, seed=4) for _ in range(2))
    late = other[17]
    for update in (3, 17):
        batch = one[update]
    assert all(torch.equal(getattr(batch, part), getattr(late, part)) for part in ("x_0", "t", "noise"))
    different = Batches(numbered_images(30), 100, 8, flip=True, seed=5)[17]
    assert not torch.equal(different.noise, late.noise)


def test_what_is_drawn_for_an_update_does_not_depend_on_its_neighbours():
    """Updates share calls of the generator; the numbers are those of a call for one update alone."""
    images = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2).expand(20, 3, 2, 2).contiguous()
    batches = Batches(images, 1000, 7, flip=True, seed=9)
    place = torch.arange(7)
    for update in (0, UPDATES_AT_ONCE - 1, UPDATES_AT_ONCE, 5 * UPDATES_AT_ONCE + 3):
        batch = batches[update]
        assert torch.equal(batch.t, integers(9, Stream.TIMESTEP, place, update, 1000))
        assert torch.equal(batch.noise, normal(9, Stream.TRAINING_NOISE, place, update, (3, 2, 2)))
        mirrored = integers(9, Stream.FLIP, place, update, 2).bool()
        wanted = to_model(torch.where(mirrored[:, None, None, None], images[:7].flip(-1), images[:7]))
        assert torch.equal(batch.x_0, wanted)


def test_large_noise_is_drawn_for_fewer_updates_at_once(monkeypatch):
    """With the same numbers; so a batch of large images does not take sixteen times its memory."""
    drawn = []
    monkeypatch.setattr("ddpm.training.batches.normal", lambda *a: (drawn.append(len(a[2])), normal(*a))[1])
    usual = Batches(numbered_images(30), 100, 8, flip=True, seed=4)
    wanted = [usual[update] for update in (0, 2, 3, 16, 40)]
    assert set(drawn) == {8 * UPDATES_AT_ONCE}
    for largest, at_once in ((3 * 8 * 4 * 4, 3), (1, 1)):
        drawn.clear()
        monkeypatch.setattr("ddpm.training.batches.NOISE_AT_ONCE", largest)
        bounded = Batches(numbered_images(30), 100, 8, flip=True, seed=4)
        for update, batch in zip((0, 2, 3, 16, 40), wanted, strict=True):
            for part in ("x_0", "t", "noise"):
                assert torch.equal(getattr(bounded[update], part), getattr(batch, part))
        assert set(drawn) == {8 * at_once}


def test_flips_are_for_each_image_and_can_be_off():
    images = torch.tensor([[[[0, 255]]]], dtype=torch.uint8).expand(200, 1, 1, 2).contiguous()
    mirrored = Batches(images, 10, 200, flip=True, seed=0)[0].x_0[:, 0, 0, 0] == 1
    assert 60 < int(mirrored.sum()) < 140
    assert not (Batches(images, 10, 200, flip=False, seed=0)[0].x_0[:, 0, 0, 0] == 1).any()


def test_timesteps_cover_the_whole_range():
    index = torch.cat([Batches(numbered_images(10), 5, 50, False, 0)[update].t for update in range(20)])
    assert index.unique().tolist() == [0, 1, 2, 3, 4]


def test_warm_up():
    assert [learning_rate(n, 1.0, 4) for n in range(6)] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert learning_rate(0, 1.0, 0) == 1.0


def test_average():
    assert ema_decay(0, 0.9999, ramp=False) == 1e-10
    assert ema_decay(1, 0.9999, ramp=False) == 0.9999
    assert ema_decay(8, 0.9999, ramp=True) == pytest.approx(0.5)
    assert ema_decay(10**6, 0.99, ramp=True) == 0.99
    average, weights = torch.zeros(2), torch.ones(2)
    update_ema(average, weights, 0.75)
    assert average.tolist() == [0.25, 0.25]
    update_ema(average, weights, 1e-10)
    assert average.tolist() == [1.0, 1.0]


def test_clipping_bounds_the_first_step_not_the_recorded_norm(monkeypatch):
    """The curve shows the norm before clipping; the gradient that Adam sees has the norm of the limit."""
    run = training(gradient_clip=1e-3, warmup_steps=0)
    norms = []
    step = run.adam.step

    def spy(update, rate):
        norms.append(
            float(torch.stack([p.grad.square().sum() for p in run.network.parameters()]).sum().sqrt())
        )
        step(update, rate)

    monkeypatch.setattr(run.adam, "step", spy)
    run.update(run.batches[0])
    run.curve.close_interval()
    assert norms[0] == pytest.approx(1e-3, rel=1e-3)
    assert run.curve.frame()["gradient_norm"][0] > 1e-2


def test_training_lowers_the_loss(tmp_path):
    """Fifty random images: the loss falls from 1 (a network that answers 0) well below."""
    outcome = training(steps=150, log_every=50).run(StateFolder(tmp_path, "x"), "tiny")
    losses = outcome.curve.frame()["loss"]
    assert outcome.status == "trained"
    assert losses.iloc[0] > 0.5
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


def test_dropout_draws_from_seed_and_update_and_spares_the_global_generator(tmp_path):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    one, other = training(steps=3), training(steps=3)
    one.run(StateFolder(tmp_path / "one", "x"), "tiny")
    torch.manual_seed(99)
    other.run(StateFolder(tmp_path / "other", "x"), "tiny")
    assert torch.equal(one.parameters.vector, other.parameters.vector)
    torch.manual_seed(123)
    training(steps=2).run(StateFolder(tmp_path / "third", "x"), "tiny")
    assert torch.equal(torch.get_rng_state(), before)


def test_divergence_is_a_result(tmp_path):
    """A learning rate that is far too high ends in a non-finite loss, which is reported with its step."""
    run = training("kl", "learned", learning_rate=1e8, warmup_steps=0, gradient_clip=None, log_every=10)
    outcome = run.run(StateFolder(tmp_path, "x"), "tiny")
    losses = outcome.curve.frame()["loss"]
    assert outcome.status.startswith("diverged at step ")
    step = int(outcome.status.rpartition(" ")[2])
    assert outcome.average == {}
    assert not np.isfinite(losses.iloc[-1])
    assert np.isfinite(losses.iloc[:-1]).all()
    assert 0 < step <= run.updates < step + 10


def test_learned_variance_trains(tmp_path):
    outcome = training("kl", "learned", steps=40).run(StateFolder(tmp_path, "x"), "tiny")
    losses = outcome.curve.frame()["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
