"""Which device a verb computes on."""

import pytest
import torch

from ddpm import cli
from ddpm.device import prepare_device
from ddpm.errors import DDPMError

GPUS = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Outside Slurm; returns a function that gives the machine a GPU or none, and an environment."""
    for name in (*GPUS, "DDPM_DEVICE"):
        monkeypatch.delenv(name, raising=False)

    def has(gpu: bool, **environment: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return has


@pytest.mark.parametrize(
    ("wanted", "gpu", "environment", "device"),
    [
        ("auto", False, {}, "cpu"),
        ("auto", True, {}, "cuda"),
        ("cuda", True, {}, "cuda"),
        ("cpu", True, {}, "cpu"),
        ("auto", False, {"SLURM_GPUS_ON_NODE": "0", "SLURM_JOB_GPUS": ""}, "cpu"),
        *[("cpu", False, {name: "1"}, "cpu") for name in GPUS],
        *[("auto", True, {name: "1"}, "cuda") for name in GPUS],
    ],
)
def test_a_gpu_is_taken_where_there_is_one(machine, wanted, gpu, environment, device):
    machine(gpu, **environment)
    assert prepare_device(wanted) == device


@pytest.mark.parametrize(
    ("wanted", "environment", "message"),
    [
        ("cuda", {}, "torch finds no GPU here"),
        ("tpu", {}, "DDPM_DEVICE=tpu: no such device"),
        *[("auto", {name: "1"}, f"Slurm gave this job a GPU .{name}=1") for name in GPUS],
    ],
)
def test_a_gpu_that_torch_does_not_find(machine, wanted, environment, message):
    machine(False, **environment)
    with pytest.raises(DDPMError, match=message):
        prepare_device(wanted)


@pytest.mark.usefixtures("project")
def test_what_a_verb_is_called_with(machine, monkeypatch, capsys):
    """--device goes before DDPM_DEVICE, which is no word of the command line and so checked later."""
    seen = []
    monkeypatch.setattr("ddpm.commands.train.run", lambda study, options: seen.append(options.device))
    words = ["train", "config/demo.yaml", "--model", "epsilon_L_simple", "--threads", "1"]
    machine(True, DDPM_DEVICE="cpu")
    assert [cli.main(words), cli.main([*words, "--device", "cuda"])] == [0, 0]
    assert seen == ["cpu", "cuda"]
    machine(False, DDPM_DEVICE="tpu")
    assert cli.main(words) == 2
    assert "DDPM_DEVICE=tpu" in capsys.readouterr().err
