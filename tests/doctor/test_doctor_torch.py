"""torch, torchvision and the GPU, as `ddpm doctor` finds them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
from machine_checks import FAILED, OK, UNUSED, WARNING, only, report, state

import ddpm.doctor.probe
from ddpm.doctor import torch_works
from ddpm.doctor.torch_works import Report


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_probe_itself(capsys):
    """In this process, which has loaded torch."""
    runpy.run_module("ddpm.doctor.probe", run_name="__main__")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in lines] == [step.__name__ for step in ddpm.doctor.probe.STEPS]
    assert not [line for line in lines if "error" in line]


def test_the_probe_and_a_torch_that_crashes(monkeypatch):
    """Its process dies of a signal in the second step."""
    code = 'import os; print(\'{"step": "torch_import", "version": "2", "cuda": null}\', flush=True)'
    code += "; os.kill(os.getpid(), 4)"
    run = subprocess.run
    monkeypatch.setattr(
        torch_works.subprocess, "run", lambda words, **more: run([sys.executable, "-c", code], **more)
    )
    crashed = torch_works.probe()
    found = only(torch_works.torch_works(crashed))
    assert (found.state, "does not compute: the process was killed by SIGILL" in found.text) == (FAILED, True)
    broken = Report({"torch_import": {"error": "ImportError: libtorch"}})
    assert "ImportError: libtorch" in only(torch_works.torch_works(broken)).text
    assert state(torch_works.torchvision_agrees(broken, "2.13.0")) == FAILED


def test_torchvision_beside_torch():
    assert state(torch_works.torchvision_agrees(report(), "2.13.0")) == OK
    assert "made for torch 2.12.0" in only(torch_works.torchvision_agrees(report(), "2.12.0")).text
    failing = report(torchvision_import={"error": "RuntimeError: nms"})
    assert state(torch_works.torchvision_agrees(failing, "2.13.0")) == FAILED


CUDA = {"version": "2.13.0", "cuda": "13.0"}


@pytest.mark.parametrize(
    ("told", "hours", "expected", "words"),
    [
        (report(), None, WARNING, "built without CUDA"),
        (report(), 1.0, WARNING, "built without CUDA"),
        (report(), 1e4, FAILED, "built without CUDA"),
        (report(torch_import=CUDA, gpu={"gpus": [], "warnings": ["driver too old"]}), 1e4, FAILED, "too old"),
        (report(gpu={"gpus": [["H100", 80e9]]}), 1e4, OK, "H100 (80 GB); a training step"),
        (
            report(gpu={"gpus": [["H100", 80e9]]}, training_step={"error": "no kernel"}),
            None,
            FAILED,
            "kernel",
        ),
    ],
)
def test_a_gpu_that_the_driver_shows(told, hours, expected, words, path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    path("nvidia-smi", "NVIDIA H100, 81559 MiB, 550.54")
    found = only(torch_works.gpu_works(told, hours))
    assert (found.state, words in found.text) == (expected, True), found
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if not told.gpus:
        assert only(torch_works.gpu_works(told, hours)).remedy == "unset CUDA_VISIBLE_DEVICES"


def test_no_gpu(path):
    assert state(torch_works.gpu_works(report(), None)) == UNUSED
    assert state(torch_works.gpu_works(report(), 1.0)) == UNUSED
    assert "about 417 days" in only(torch_works.gpu_works(report(), 1e4)).text
    path("nvidia-smi", "cannot reach the driver", 9)
    assert state(torch_works.gpu_works(report(), None)) == WARNING
    assert state(torch_works.gpu_works(report(), 1.0)) == UNUSED
