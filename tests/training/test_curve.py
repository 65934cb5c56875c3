"""The training curve: means over intervals of updates."""

import math

import torch

from ddpm.training.curve import Curve

LOSSES, NORMS = [1.0, 2.0, 6.0, 5.0], [4.0, 8.0, 3.0, 7.0]


def test_a_point_is_the_mean_of_its_interval_with_the_last_step_and_rate():
    curve = Curve(torch.device("cpu"))
    for step, (loss, norm) in enumerate(zip(LOSSES, NORMS, strict=True), 1):
        curve.add(step, torch.tensor(loss), torch.tensor(norm), rate=0.1 * step)
        if step == 3:
            curve.close_interval()
    rows = curve.frame().to_dict("split")["data"]
    assert rows == [[3, 3.0, 5.0, 0.1 * 3], [4, 5.0, 7.0, 0.1 * 4]]


def test_the_first_loss_that_is_not_finite_is_where_it_diverged():
    curve = Curve(torch.device("cpu"))
    for step, loss in enumerate([1.0, math.inf, 1.0, math.nan], 1):
        curve.add(step, torch.tensor(loss), torch.tensor(1.0), rate=0.1)
    assert curve.diverged_at == 2
