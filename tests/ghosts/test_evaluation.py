"""Sampling, the bound and chains of the paper's six models would pass on a GPU, without waiting for it."""

import ghosts
import pytest
import torch

from ddpm.data.scaling import to_model
from ddpm.diffusion.bound import prior_term
from ddpm.diffusion.sampler import ancestral_step
from ddpm.evaluation.bound_terms import pair_terms
from ddpm.sampling import chains
from ddpm.sampling.shards import initial_noise, step_noise

SHAPE = (3, 32, 32)
NORMALISATIONS = 51


def test_reverse_steps(trained):
    network, process = trained
    index = torch.arange(8).to("meta")
    with ghosts.ghosts() as counts:
        x = initial_noise(0, index, process.timesteps, SHAPE)
        for step in (process.timesteps - 1, 1, 0):
            x = ancestral_step(process, network, x, step, step_noise(0, index, step, SHAPE)).x
    assert counts["aten.native_group_norm.default"] == 3 * NORMALISATIONS
    assert x.is_meta
    assert x.dtype == torch.float32


def test_terms_of_the_bound(trained):
    network, process = trained
    pixels = torch.empty(8, *SHAPE, dtype=torch.uint8, device="meta")
    places = torch.arange(8).to("meta")
    with ghosts.ghosts() as counts:
        x_0 = to_model(pixels)
        term, error = pair_terms(process, network, x_0, places, places, 0)
        prior = prior_term(process, x_0)
    assert counts["aten.native_group_norm.default"] == NORMALISATIONS
    assert {part.shape for part in (term, error, prior)} == {(8,)}


@pytest.mark.parametrize("figure", ["trajectory", "shared latents", "interpolations"])
def test_chains(trained, figure, monkeypatch):
    network, process = trained
    process.timesteps = 3
    # Their results are fetched at the end.
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: torch.zeros_like(tensor, device="cpu"))
    with ghosts.ghosts() as counts:
        if figure == "trajectory":
            arrays = chains.trajectory(process, network, SHAPE, 2, 0)
        elif figure == "shared latents":
            arrays = chains.shared_latents(process, network, SHAPE, [3, 2, 0], 2, 0)
        else:
            sources = torch.empty(1, 2, *SHAPE, dtype=torch.uint8, device="meta")
            arrays = chains.interpolations(process, network, sources, [0, 3], True, 0, "chains")
    assert counts["aten.native_group_norm.default"] >= 3 * NORMALISATIONS
    assert arrays
