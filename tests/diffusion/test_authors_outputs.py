"""Network, losses, bound, sampler and gradients agree with the authors' code.

The small network runs in its own layout and channels last; channels last each GroupNorm with its swish takes
the path that the large tensors of the paper take. Tolerances are 1.5 to 2 times the largest disagreement over
both layouts and three instruction sets (SSE4, AVX2, AVX-512). The terms of the bound subtract nearly equal
distribution functions in float32, hence their larger ones.
"""

import pytest
import torch
from authors import CASES, Case, archive, relative_error

from ddpm.diffusion.bound import bound_term, prior_term
from ddpm.diffusion.objectives import training_losses
from ddpm.diffusion.sampler import ancestral_step
from ddpm.network import normalised_swish
from ddpm.network.published.names import tensorflow_name

SMALL = [Case(name, "small", layout) for name in CASES for layout in (None, torch.channels_last)]
ALL = [*SMALL, Case("eps_simple", "cifar"), Case("eps_L_learned", "cifar")]
LOSS_TOLERANCE = {"mu_L_learned": 3e-5, "mu_L_fixed": 3e-5, "eps_L_fixed": 3e-5}
GRADIENT_TOLERANCE = {"mu_L_learned": 2e-3, "mu_L_fixed": 1.5e-2, "eps_L_fixed": 4e-4}
# Of one reverse step: with epsilon and a fixed variance the network's output has a small coefficient.
STEP_TOLERANCE = dict.fromkeys(("eps_L_fixed", "eps_simple", "eps_simple_fixedsmall"), 2.5e-7)


def name_of(case: Case) -> str:
    return f"{case.name}-{case.size}{'' if case.layout is None else '-channels_last'}"


@pytest.fixture(params=ALL, ids=name_of)
def case(request, monkeypatch):
    if request.param.layout is not None:
        monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    return request.param


@torch.no_grad()
def test_forward_process_and_network(case):
    x_t = case.process.q_sample(case.x_0, case.index, case.noise)
    assert relative_error(x_t, case["xt"]) < 1.4e-7
    output = case.network.eval()(case["xt"], case.index)
    assert relative_error(output, case["output"]) < (3e-6 if case.size == "small" else 6e-6)


@torch.no_grad()
def test_losses(case):
    case.network.eval()
    losses = training_losses(case.process, case.network, case.loss, case.x_0, case.index, case.noise)
    assert relative_error(losses, case["losses"]) < LOSS_TOLERANCE.get(case.name, 3e-7)


@pytest.mark.parametrize("clip", [True, False])
def test_terms_of_the_bound(case, clip):
    step = case.process.reverse_step(case["output"], case["xt"], case.index, clip=clip)
    terms = bound_term(case.process, case.x_0, case["xt"], case.index, step)
    assert relative_error(terms, case["vb_clipped" if clip else "vb_unclipped"]) < 6e-5


def test_x_0_hat_and_prior(case):
    step = case.process.reverse_step(case["output"], case["xt"], case.index, clip=True)
    assert relative_error(step.x_0, case["pred_x0_clipped"]) < 2e-7
    assert relative_error(prior_term(case.process, case.x_0), case["prior"]) < 3e-7


@torch.no_grad()
def test_ancestral_step(case):
    case.network.eval()
    for i, index in enumerate(case.index.tolist()):
        image = slice(i, i + 1)
        draw = ancestral_step(case.process, case.network, case["xt"][image], index, case.sample_noise[image])
        assert relative_error(draw.x, case["sample"][image]) < STEP_TOLERANCE.get(case.name, 5e-6)


@pytest.mark.parametrize("case", SMALL, ids=name_of, indirect=True)
def test_gradients(case):
    case.network.eval()
    case.network.zero_grad()
    losses = training_losses(case.process, case.network, case.loss, case.x_0, case.index, case.noise)
    losses.mean().backward()
    gradients = {key: p.grad for key, p in case.network.named_parameters()}
    norm = torch.stack([g.square().sum() for g in gradients.values()]).sum().sqrt()
    tolerance = 1e-4 if case.name in GRADIENT_TOLERANCE else 4e-7
    assert float(norm) == pytest.approx(float(case["gnorm"]), rel=tolerance)
    compared = 0
    for key, gradient in gradients.items():
        theirs = archive("small").get(f"{case.name}/grad/{tensorflow_name(key)}")
        if theirs is None:
            continue
        compared += 1
        # To TensorFlow's layout: HWIO convolutions, (in, out) dense layers.
        ours = (
            gradient.permute(2, 3, 1, 0)
            if gradient.dim() == 4
            else gradient.T
            if gradient.dim() == 2
            else gradient
        )
        error = relative_error(ours, torch.from_numpy(theirs))
        assert error < GRADIENT_TOLERANCE.get(case.name, 8e-6), key
    assert compared == 4
