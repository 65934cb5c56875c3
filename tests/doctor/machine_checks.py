"""What the tests of `ddpm doctor` share."""

from __future__ import annotations

from ddpm.doctor.finding import Finding, State
from ddpm.doctor.torch_works import Report

OK, UNUSED, WARNING, FAILED = State.OK, State.UNUSED, State.WARNING, State.FAILED


def only(findings) -> Finding:
    [finding] = findings
    assert bool(finding.remedy) == (finding.state in (WARNING, FAILED))
    return finding


def state(findings) -> State:
    return only(findings).state


def report(**steps) -> Report:
    there = {"torch_import": {"version": "2.13.0+cpu", "cuda": None}, "convolution": {}}
    there |= {"torchvision_import": {"version": "0.28.0", "operators": False}, "gpu": {"gpus": []}}
    return Report(there | {"training_step": {}} | steps)
