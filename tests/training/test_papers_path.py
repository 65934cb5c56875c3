"""The path of the paper's training: channels last, GroupNorm and swish with a hand-written backward pass.

The gradient of an update with all that a training run can do, against the one by torch's autograd in the
usual layout. Gradients and not weights: Adam does not see a gradient's size.
"""

import pytest
import torch
from authors import NETWORKS, Case, network

from ddpm.diffusion.objectives import training_losses
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network import normalised_swish
from ddpm.network.dropout import DropoutKeys
from ddpm.network.unet import UNet
from ddpm.study.models import TrainingSettings
from ddpm.training.loop import Training

SHAPE, UPDATES = (3, 16, 16), 3
KINDS = {
    "plain": {},
    "dropout": {"dropout": 0.25},
    "flips": {"flip": True},
    "shards": {"gradient_clip_shards": 4},
    "clipped": {"gradient_clip": 0.05},
    "kl": {"loss": "kl"},
    "all": {"dropout": 0.25, "flip": True, "gradient_clip_shards": 4, "gradient_clip": 0.05},
}


LAST = torch.channels_last


def gradients(layout, *, loss="mse", dropout=0.0, **changes) -> dict[str, torch.Tensor]:
    """What Adam gets in each of the first updates, by parameter, [UPDATES, ...].

    The weights are those of the authors' recipe, and hardly move.
    """
    learned = loss == "kl"
    unet = UNet(**NETWORKS["small"], dropout=dropout, output_multiple=2 if learned else 1)
    unet.layout = layout
    unet.to(memory_format=layout)
    unet.load_state_dict(network("small", learned=learned).state_dict())
    betas = beta_schedule("linear", 1e-4, 0.02, 1000)
    process = GaussianDiffusion(betas, "epsilon", "learned" if learned else "fixed_large")
    images = torch.randint(0, 256, (20, *SHAPE), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    values = {"batch_size": 8, "learning_rate": 1e-12, "gradient_clip": None, "flip": False} | changes
    run = Training(unet, process, loss, TrainingSettings(**values), images, seed=0)
    run.network.train()
    seen, step = [], run.adam.step

    def note(update, rate):
        parts = run.parameters.views(run.parameters.gradient)
        seen.append({name: part.clone() for name, part in parts.items()})
        step(update, rate)

    run.adam.step = note
    for update in range(UPDATES):
        run.update(run.batches[update])
    return {name: torch.stack([each[name] for each in seen]) for name in seen[0]}


def largest_error(ours: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> tuple[float, str]:
    """The largest error of a tensor over its largest value, and its name.

    Exactly zero are the gradients of keys' biases and, with a group a channel, of biases before a GroupNorm:
    tensors of less than a thousandth of the whole count as that large.
    """
    assert ours.keys() == wanted.keys()
    floor = 1e-3 * max(float(tensor.abs().max()) for tensor in wanted.values())
    return max(
        (float((ours[name] - tensor).abs().max() / tensor.abs().max().clamp(min=floor)), name)
        for name, tensor in wanted.items()
    )


def whole(gradient: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.flatten(1) for tensor in gradient.values()], dim=1)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_an_update(kind, monkeypatch):
    wanted = gradients(torch.contiguous_format, **KINDS[kind])
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    ours = gradients(LAST, **KINDS[kind])
    assert largest_error(ours, wanted)[0] < 2e-4


@pytest.mark.parametrize("kind", ["plain", "all"])
def test_gradients_in_bfloat16(kind, monkeypatch):
    """As far from float32's as rounding takes them, and no farther than by autograd."""
    exact = gradients(torch.contiguous_format, **KINDS[kind])
    usual = gradients(LAST, precision="bfloat16", **KINDS[kind])
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    ours = gradients(LAST, precision="bfloat16", **KINDS[kind])
    assert largest_error(ours, usual)[0] < 1e-3
    errors = (whole(ours) - whole(exact)).norm(dim=1) / whole(exact).norm(dim=1)
    assert 0 < float(errors.max()) < 0.02


def test_gradients_of_the_papers_network(monkeypatch):
    """The network of CIFAR-10 with its dropout: by the hand-written backward pass and by autograd."""
    case, found = Case("eps_simple", "cifar"), []
    for elements in (0, 2**30):
        monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", elements)
        unet = UNet(**NETWORKS["cifar"], dropout=0.1)
        unet.load_state_dict(case.network.state_dict())
        DropoutKeys(unet, seed=6).fill(2, 0, 2, torch.device("cpu"))
        training_losses(case.process, unet, "mse", case.x_0, case.index, case.noise).mean().backward()
        found.append({name: weights.grad for name, weights in unet.named_parameters()})
    assert largest_error(*found)[0] < 1e-6
