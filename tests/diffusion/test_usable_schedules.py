"""Schedules that are let through give finite numbers in float32; those that are refused would not."""

import numpy as np
import pytest
import torch

from ddpm.diffusion.bound import bound_term, prior_term
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule, unusable_schedule

SCHEDULES = {
    "the paper's": ("linear", 1e-4, 0.02, 1000),
    "jsd": ("jsd", 1e-4, 0.02, 10),
    "jsd of two steps": ("jsd", 1e-4, 0.02, 2),
    "no signal at T - 1": ("constant", 0.9, 0.99, 400),
    "little signal at T": ("constant", 0.5, 0.9, 59),
    "hardly any noise": ("linear", 1e-15, 0.02, 10),
    "no noise": ("linear", 1e-17, 0.02, 10),
}
USABLE = {
    "epsilon": {"the paper's", "little signal at T", "hardly any noise"},
    "mu_tilde": {"the paper's", "jsd", "jsd of two steps", "little signal at T", "hardly any noise"},
    "x0": set(SCHEDULES) - {"no noise"},
}


@pytest.mark.parametrize("variance", ["fixed_large", "fixed_small"])
@pytest.mark.parametrize("prediction", USABLE)
@pytest.mark.parametrize("name", SCHEDULES)
def test_what_is_refused_is_what_is_not_finite(name, prediction, variance):
    usable = name in USABLE[prediction]
    assert (unusable_schedule(prediction, *SCHEDULES[name]) == "") is usable
    diffusion = GaussianDiffusion(beta_schedule(*SCHEDULES[name]), prediction, variance)
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(diffusion.timesteps)
    x_0 = torch.full((len(t), 1, 2, 2), -1.0)
    noise, output = (torch.randn(x_0.shape, generator=generator) for _ in range(2))
    x_t = diffusion.q_sample(x_0, t, noise)
    finite = []
    for clip in (True, False):
        step = diffusion.reverse_step(output, x_t, t, clip=clip)
        finite += [step.mean, step.x_0, bound_term(diffusion, x_0, x_t, t, step) if clip else step.x_0]
    finite.append(prior_term(diffusion, x_0))
    assert all(bool(np.isfinite(values.numpy()).all()) for values in finite) is usable
