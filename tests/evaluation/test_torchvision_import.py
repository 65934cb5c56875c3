import subprocess
import sys

import pytest
import torch

from ddpm.evaluation import torchvision_import
from ddpm.evaluation.torchvision_import import prepare_torchvision


def test_torchvision_and_torch_fidelity_can_be_imported():
    prepare_torchvision()
    import torch_fidelity
    import torchvision

    assert torch_fidelity.calculate_metrics
    assert torchvision.utils.make_grid(torch.zeros(4, 1, 8, 8)).shape[0] == 3


def test_nothing_is_defined_where_the_operators_load(monkeypatch):
    monkeypatch.setattr(torchvision_import, "_operators_load", lambda extension: True)
    monkeypatch.setattr(torchvision_import, "_libraries", [])
    assert prepare_torchvision.__wrapped__() is True
    assert torchvision_import._libraries == []


def test_preparing_again_after_the_import_does_no_harm(monkeypatch):
    prepare_torchvision()
    import torchvision

    monkeypatch.setattr(torchvision_import, "_operators_load", lambda extension: False)
    assert prepare_torchvision.__wrapped__() is False
    assert torchvision.__version__


def test_a_missing_torchvision_is_named(monkeypatch):
    monkeypatch.setattr(torchvision_import.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="torchvision is not installed"):
        prepare_torchvision.__wrapped__()


def test_the_verbs_are_known_without_torch():
    verbs = "data, features, neighbours, progressive, quality, reference"
    code = f"import sys; from ddpm.commands import {verbs}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
