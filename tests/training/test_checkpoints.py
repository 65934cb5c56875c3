"""Averaged weights of chosen steps are those that a run of just so many steps ends with."""

import torch
from tiny import training

from ddpm.training.checkpoints import Checkpoints
from ddpm.training.state import StateFolder


def kept_by(run, folder, steps):
    kept = {}

    def keep(step, average):
        kept[step] = {name: tensor.clone() for name, tensor in average.items()}

    outcome = run.run(StateFolder(folder, "tiny"), "tiny", Checkpoints(steps, keep))
    return kept, outcome


def test_a_checkpoint_is_the_end_of_a_shorter_run(tmp_path):
    kept, _ = kept_by(training(), tmp_path / "long", [20, 40])
    _, shorter = kept_by(training(steps=20), tmp_path / "short", [])
    assert sorted(kept) == [20, 40]
    assert all(torch.equal(kept[20][name], tensor) for name, tensor in shorter.average.items())


def test_a_resumed_run_writes_the_same_checkpoint_again(tmp_path):
    whole, _ = kept_by(training(), tmp_path / "whole", [40])
    states = StateFolder(tmp_path / "resumed", "tiny")
    first = training()
    for _ in range(30):
        first.update(first.batches[first.updates])
    first.save(states)
    resumed, _ = kept_by(training(), tmp_path / "resumed", [20, 40])
    assert sorted(resumed) == [40]
    assert all(torch.equal(resumed[40][name], tensor) for name, tensor in whole[40].items())


def test_the_end_is_the_average_and_not_the_last_weights(tmp_path):
    """Average n is decay times the one before and 1 - decay times the weights after Adam's update n."""
    run = training(steps=6, ema_decay=0.5)
    update, wanted = run.update, []

    def followed(batch):
        update(batch)
        weights = run.parameters.vector.detach().double()
        wanted.append(weights.clone() if not wanted else 0.5 * wanted[-1] + 0.5 * weights)

    run.update = followed
    outcome = run.run(StateFolder(tmp_path, "tiny"), "tiny")
    for name, tensor in run.parameters.views(wanted[-1].float()).items():
        torch.testing.assert_close(outcome.average[name], tensor, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(run.average, run.parameters.vector.detach(), rtol=1e-3)
