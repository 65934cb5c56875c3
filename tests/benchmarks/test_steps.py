"""The harness on a tiny network, end to end; the paper's network is the same one on both sides."""

import json

import pytest
import torch
from steps import main
from timing import diffusers_peer, ours
from timing.clock import interleaved, ratios
from timing.comparison import operations
from timing.report import section
from timing.setting import NETWORKS, STEPS
from timing.sides import ON_CPU, SIDES, chosen

from ddpm.network.published.config import accepted_values
from ddpm.study.models import TrainingSettings

pytestmark = pytest.mark.slow

TINY = NETWORKS["tiny"]


def test_both_sides_are_available():
    assert chosen(ON_CPU) == ({name: SIDES[name] for name in ON_CPU}, {})


@pytest.mark.parametrize("name", ON_CPU)
def test_every_side_trains(name):
    """Finite losses, and finite weights that have changed."""
    prepared = SIDES[name].ready("training", TINY, 2, "cpu")
    before = [weight.detach().clone() for weight in prepared.network.parameters()]
    for _ in range(2):
        assert torch.isfinite(prepared.call())
    after = list(prepared.network.parameters())
    assert all(torch.isfinite(weight).all() for weight in after)
    changed = [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert sum(changed) > 0.9 * len(changed)


@pytest.mark.parametrize("step", STEPS[1:])
@pytest.mark.parametrize("name", ON_CPU)
def test_every_side_samples_and_bounds(name, step):
    call = SIDES[name].ready(step, TINY, 3, "cpu").call
    result = call()
    assert len(result) == 3
    assert torch.isfinite(result).all()
    if step == "sampling":
        assert not torch.equal(result, call())


def test_the_papers_network_has_diffusers_parameters_and_operations():
    diffusers_peer.load()
    from diffusers import UNet2DModel

    paper = NETWORKS["paper"]
    ours_built = ours.build_network(paper)
    with torch.device("meta"):
        theirs = UNet2DModel(**diffusers_peer.config(paper))
    counts = {sum(p.numel() for p in network.parameters()) for network in (ours_built, theirs)}
    assert counts == {35_746_307}
    config = dict(theirs.config)
    for key, values in accepted_values(ours_built).items():
        value = list(config[key]) if isinstance(config[key], tuple) else config[key]
        assert value in values, key
    assert operations(paper, "sampling", 1) == pytest.approx(12.4437e9, rel=1e-4)
    assert operations(paper, "training", 2) == pytest.approx(6 * 12.4437e9, rel=1e-4)


def test_training_settings_are_the_projects():
    defaults = TrainingSettings().model_dump() | {"warmup_steps": 0}
    assert vars(ours.Optimisation()) == defaults


def test_a_run_is_added_and_shown(tmp_path, capsys):
    words = ["--network", "tiny", "--batch", "2", "--rounds", "2", "--threads", "1", "--steps", "sampling"]
    words += ["--sides", "diffusers", "ours", "--results", str(tmp_path / "steps.jsonl")]
    assert main([*words, "--no-peaks"]) == 0
    assert main(words) == 0
    records = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert [record["steps"][0]["peaks"].keys() for record in records] == [set(), {"diffusers", "ours"}]
    measured = records[1]["steps"][0]
    assert {"diffusers", "ours"} == set(measured["times"])
    assert all(len(times["wall"]) == 2 for times in measured["times"].values())
    # No less than the weights.
    assert min(measured["peaks"].values()) > 4 * measured["parameters"]["ours"]
    latest, earlier = (section(record) for record in reversed(records))
    assert (tmp_path / "steps.md").read_text() == f"# Steps beside other packages'\n\n{latest}\n{earlier}"
    assert "this project, float32" in capsys.readouterr().out


def test_the_page_shows_what_the_times_say():
    """Ratios are taken round by round: a machine that is twice as slow in one round is so for both sides."""
    times = {"diffusers": [4.0, 8.0, 4.0], "ours": [2.0, 4.0, 3.0]}
    measured = {
        "step": "training",
        "batch": 10,
        "times": {name: {"wall": taken, "cpu": taken} for name, taken in times.items()},
        "nominal": 12e9,
        "peaks": {"diffusers": 200 * 2**20, "ours": 100 * 2**20},
    }
    record = {"date": "2026-01-01 00:00", "network": "paper", "rounds": 3, "hardware": "H", "threads": 1}
    record |= {"versions": {"python": "3"}, "load_before": 0.0, "load_after": 0.0, "git_commit": "c"}
    record |= {"matmul": {"float32": 8e9}, "left_out": {"other": "no wheel"}, "steps": [measured]}
    page = section(record)
    ours_row = next(line for line in page.splitlines() if line.startswith("| this project, float32 |"))
    assert [cell.strip() for cell in ours_row.split("|")[2:-1]] == [
        *("3 s", "3 s", "0.500 (0.500-0.750)", "0.500 (0.500-0.750)", "3.33"),
        # 12 GFLOP in 3 s; of 8 GFLOP/s.
        *("4", "50 %", "100", "0.50"),
    ]
    assert "Left out: other: no wheel." in page
    with pytest.raises(ValueError, match="argument"):
        ratios([1.0], [1.0, 2.0])


def test_rounds_are_interleaved_and_rotated():
    seen = []
    calls = {name: lambda name=name: seen.append(name) for name in "abc"}
    times = interleaved(calls, 3, "cpu")
    assert "".join(seen) == "abcbcacab"
    assert [len(times[name]["wall"]) for name in "abc"] == [3, 3, 3]
