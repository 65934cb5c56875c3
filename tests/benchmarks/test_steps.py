"""The harness on a tiny network, end to end; the paper's network is the same one on both sides."""

import json
import math

import pytest
import torch
from gpu import main as gpu_main
from steps import main as steps_main
from timing import diffusers_peer, ours
from timing.adapters import ADAPTERS, ON_CPU
from timing.convolutions import convolutions_of
from timing.networks import NETWORKS
from timing.operations import operations
from timing.optimisation import Optimisation
from timing.setting import STEPS, Setting, chosen

from ddpm.network.published.config import accepted_values
from ddpm.study.models import TrainingSettings

TINY = NETWORKS["tiny"]
AVAILABLE, LEFT_OUT = chosen(ADAPTERS, ON_CPU)


def test_this_project_and_diffusers_are_available():
    assert set(ON_CPU) - {"denoising_diffusion"} <= set(AVAILABLE)
    assert not LEFT_OUT or "make bench" in LEFT_OUT["denoising_diffusion"]


@pytest.mark.parametrize("name", AVAILABLE)
def test_every_side_trains(name):
    """Finite losses, and finite weights that have changed."""
    prepared = AVAILABLE[name].ready("training", TINY, 2, "cpu")
    before = [weight.detach().clone() for weight in prepared.network.parameters()]
    for _ in range(2):
        assert torch.isfinite(prepared.call())
    after = list(prepared.network.parameters())
    assert all(torch.isfinite(weight).all() for weight in after)
    changed = [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert sum(changed) > 0.9 * len(changed)


@pytest.mark.parametrize("step", STEPS[1:])
@pytest.mark.parametrize("name", AVAILABLE)
def test_every_side_samples_and_bounds(name, step):
    call = AVAILABLE[name].ready(step, TINY, 3, "cpu").call
    result = call()
    assert len(result) == 3
    assert torch.isfinite(result).all()
    if step == "sampling":
        assert not torch.equal(result, call())


def test_the_papers_network_has_diffusers_parameters_and_operations():
    paper = NETWORKS["paper"]
    ours_built = ours.build_network(paper)
    from diffusers import UNet2DModel

    with torch.device("meta"):
        theirs = UNet2DModel(**diffusers_peer.config(paper))
    counts = {sum(p.numel() for p in network.parameters()) for network in (ours_built, theirs)}
    assert counts == {35_746_307}
    config = dict(theirs.config)
    for key, values in accepted_values(ours_built).items():
        value = list(config[key]) if isinstance(config[key], tuple) else config[key]
        assert value in values, key
    count = operations(paper)
    assert count.nominal == pytest.approx(12.4437e9, rel=1e-4)
    assert count.executed < count.nominal


def test_the_convolutions_of_a_step_are_nearly_all_its_operations():
    """Forward they are all but attention's products and dense layers; training is three times as much.

    In a narrow network the 1x1 convolutions of shortcuts are matrix products too.
    """
    count = operations(TINY)
    found = {}
    for step in ("training", "sampling"):
        convolutions = convolutions_of(ours.prepare(step, Setting(TINY, 2)))
        assert torch.isfinite(convolutions.call()).all()
        found[step] = convolutions.operations
        assert 0.85 < convolutions.operations / count.of_step(step, 2).executed < 1
    assert found["training"] / found["sampling"] == pytest.approx(3, rel=0.02)


def test_training_settings_are_the_projects():
    defaults = TrainingSettings().model_dump() | {"warmup_steps": 0}
    assert vars(Optimisation()) == defaults


def test_a_run_is_appended_and_shown(tmp_path, capsys):
    words = ["--network", "tiny", "--batch", "2", "--rounds", "2", "--threads", "1", "--steps", "sampling"]
    words += ["--adapters", "diffusers", "ours", "--results", str(tmp_path / "steps")]
    assert steps_main([*words, "--no-peaks"]) == 0
    assert steps_main(words) == 0
    records = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert [len(record["steps"]) for record in records] == [1, 1]
    measured = records[1]["steps"][0]
    assert {"diffusers", "ours", "convolutions_float32"} == set(measured["times"])
    assert all(len(times["wall"]) == 2 for times in measured["times"].values())
    assert records[0]["steps"][0]["peaks"] == {}
    assert set(measured["peaks"]) == {"diffusers", "ours"}
    # No less than the weights.
    assert min(measured["peaks"].values()) > 4 * measured["parameters"]["ours"]
    page = (tmp_path / "steps.md").read_text()
    assert page.count("### sampling, batch 2") == 2
    assert "this project, float32" in capsys.readouterr().out


def test_the_gpus_script_in_its_tiny_form(tmp_path):
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", names=np.arange(3), images=pixels)
    report = tmp_path / "gpu.json"
    words = ["--tiny", "--no-peers", "--images", str(tmp_path / "images.npz"), "--report", str(report)]
    assert gpu_main(words) == 0
    content = json.loads(report.read_text())
    parts = {
        name: part["result"] for name, part in content.items() if isinstance(part, dict) and "result" in part
    }
    losses = parts["precisions"]["loss_of_tenths"]
    assert losses["float32"] == losses["tf32"] != losses["bfloat16"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert all(result["finite"] for result in parts["precisions"]["evaluated"].values())
    assert 0 < parts["gradients, bfloat16"]["all"] < 0.1
    assert parts["training on real images"]["evaluated"]["finite"]
    assert math.isfinite(sum(parts["training on real images"]["loss_of_tenths"]))
    assert report.with_suffix(".png").stat().st_size > 0
