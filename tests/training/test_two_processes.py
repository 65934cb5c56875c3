"""Two processes train as one does, up to rounding, and agree with each other."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import training
from two_processes import RUNS, diverging, run

from ddpm.training.agreement import StopAgreement
from ddpm.training.batches import Batches
from ddpm.training.ranks import ALONE, Ranks

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "two_processes.py"


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """Where two processes have written their results."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ended = subprocess.run([*torchrun, SCRIPT, folder], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder


def lines(two: Path, rank: int) -> dict[str, str]:
    found = {}
    for line in (two / f"rank{rank}.txt").read_text().splitlines():
        for start in ("largest ", "of first ", "diverging ", "refused ", *(f"{name} kept " for name in RUNS)):
            if line.startswith(start):
                found[start.strip()] = line.removeprefix(start)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_one_and_two_processes_agree(name, two, tmp_path):
    """Dropout, flips and clipping included.

    Bounds: 1e-5 of each value of the curve; of what weights and averages moved, 3e-5 in the mean square and
    1e-3 for any of them (Adam makes a step even of a gradient that is rounding alone). Seen: a tenth of it.
    """
    torch.set_num_threads(1)
    alone, kept = run(name, ALONE, tmp_path)
    both = load_file(two / f"{name}.safetensors")
    assert kept == [5, 15]
    assert both.keys() == alone.keys()
    torch.testing.assert_close(both["curve.points"], alone["curve.points"], rtol=1e-5, atol=0.0)
    start = training(*RUNS[name][0]).state()
    for kind in ("weights", "average"):
        names = [key for key in alone if key.startswith(f"{kind}.")]
        moved = torch.cat([(alone[key] - start[key]).flatten() for key in names])
        apart = torch.cat([(both[key] - alone[key]).flatten() for key in names])
        assert apart.norm() < 3e-5 * moved.norm(), kind
        assert apart.abs().max() < 1e-3 * moved.abs().max(), kind


def test_the_first_process_alone_keeps_checkpoints(two):
    for name in RUNS:
        assert lines(two, 0)[f"{name} kept"] == "[5, 15]"
        assert lines(two, 1)[f"{name} kept"] == "[]"


def test_divergence_in_one_process_ends_both(two, tmp_path):
    assert diverging(ALONE, tmp_path) == "diverged at step 4"
    assert [lines(two, rank)["diverging"] for rank in (0, 1)] == ["diverged at step 4"] * 2


def test_other_initial_weights_are_refused(two):
    for rank in (0, 1):
        assert lines(two, rank)["refused"].startswith("weights of process 1 differ from those of process 0")


def test_values_are_shared(two):
    for rank in (0, 1):
        assert lines(two, rank)["largest"] == "[1.0, 0.0]"
        assert lines(two, rank)["of first"] == "0"


@pytest.mark.parametrize("count", [2, 3, 6])
def test_parts_of_batches_make_the_whole(count):
    images = torch.randint(0, 256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    whole = Batches(images, 50, 12, flip=True, seed=3)
    parts = [Batches(images, 50, 12, True, 3, Ranks(rank, count).part(12)) for rank in range(count)]
    for update in (0, 1, 2, 40):
        expected, drawn = whole[update], [part[update] for part in parts]
        for name in ("x_0", "t", "noise"):
            assert torch.equal(torch.cat([getattr(batch, name) for batch in drawn]), getattr(expected, name))
        assert [batch.first for batch in drawn] == [rank * 12 // count for rank in range(count)]


class Recorded(Ranks):
    """Two processes of which the other is told to stop after some number of questions."""

    def __init__(self, stop_after: int) -> None:
        super().__init__(0, 2)
        self.questions, self.stop_after = 0, stop_after

    def largest(self, *values: float) -> list[float]:
        self.questions += 1
        return [15.0 if self.questions > self.stop_after else values[0], *values[1:]]


def asked_at(device: str, seconds: float, monkeypatch, updates: int = 200) -> list[int]:
    """The updates after which all were asked, where each takes some seconds."""
    now = [0.0]
    monkeypatch.setattr("ddpm.training.agreement.time.monotonic", lambda: now[0])
    ranks = Recorded(10**9)
    agreement, asked = StopAgreement(ranks, device), []
    for update in range(1, updates + 1):
        now[0] += seconds
        before = ranks.questions
        assert agreement.after_update(None) is None
        if ranks.questions > before:
            asked.append(update)
    return asked


def test_processors_are_asked_after_each_update_gpus_once_a_second(monkeypatch):
    assert asked_at("cpu", 0.01, monkeypatch) == list(range(1, 201))
    assert asked_at("cuda", 3.0, monkeypatch, 5) == [1, 2, 3, 4, 5]
    asked = asked_at("cuda", 0.125, monkeypatch)
    assert asked[:4] == [1, 3, 7, 15]
    assert {later - earlier for earlier, later in itertools.pairwise(asked[3:])} == {8}


def test_a_signal_of_another_process_stops_this_one():
    agreement = StopAgreement(Recorded(2), "cpu")
    assert [agreement.after_update(None) for _ in range(3)] == [None, None, 15]
    assert StopAgreement(Recorded(9), "cpu").after_update(10) == 10
    assert StopAgreement(ALONE, "cuda").after_update(10) == 10
