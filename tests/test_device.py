"""Which device a verb computes on."""

import pytest
import torch

from ddpm import cli

WORDS = ["train", "config/demo.yaml", "--model", "epsilon_L_simple"]
GPUS = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")


@pytest.fixture
def device(project, monkeypatch):
    """Gives the device that a verb is called with, with arguments and an environment."""
    for name in (*GPUS, "DDPM_DEVICE"):
        monkeypatch.delenv(name, raising=False)

    def of(*words: str, gpu: bool = False, **environment: str) -> str | int:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        seen = []
        monkeypatch.setattr("ddpm.commands.train.run", lambda study, options: seen.append(options.device))
        status = cli.main([*WORDS, *words])
        return seen[0] if seen else status

    return of


def test_a_gpu_is_taken_where_there_is_one(device):
    assert device() == "cpu"
    assert device(gpu=True) == "cuda"
    assert device("--device", "cpu", gpu=True) == "cpu"
    assert device("--device", "cuda") == 2


@pytest.mark.parametrize("name", GPUS)
def test_a_gpu_of_the_job_that_torch_does_not_find(device, name, capsys):
    assert device(**{name: "1"}) == 2
    assert f"{name}=1" in capsys.readouterr().err
    assert device("--device", "cpu") == "cpu"
    assert device(gpu=True) == "cuda"
    assert device(DDPM_DEVICE="cpu") == "cpu"


def test_a_job_without_gpus(device):
    assert device(SLURM_GPUS_ON_NODE="0", SLURM_JOB_GPUS="") == "cpu"


def test_an_unknown_device_in_the_environment(device, capsys):
    assert device(DDPM_DEVICE="tpu") == 2
    assert "DDPM_DEVICE=tpu" in capsys.readouterr().err
