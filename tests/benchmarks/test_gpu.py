"""The script for a GPU in its tiny form, and its parts."""

import json
import math

import numpy as np
import pytest
from gpu import main
from timing.partial import PartialReport
from timing.real_images import read_images
from timing.setting import NETWORKS

pytestmark = pytest.mark.slow


def test_the_gpus_script_in_its_tiny_form(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", names=np.arange(3), images=pixels)
    report = tmp_path / "gpu.json"
    words = ["--tiny", "--alone", "--images", str(tmp_path / "images.npz"), "--report", str(report)]
    assert main(words) == 0
    content = json.loads(report.read_text())
    parts = {
        name: part["result"] for name, part in content.items() if isinstance(part, dict) and "result" in part
    }
    assert set(parts["training, batch 4"]["times"]) == {"ours", "ours_bfloat16"} == set(parts["peak memory"])
    losses = parts["precisions"]["loss_of_tenths"]
    assert losses["float32"] == losses["tf32"] != losses["bfloat16"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert all(result["finite"] for result in parts["precisions"]["evaluated"].values())
    assert parts["training on real images"]["evaluated"]["finite"]
    assert math.isfinite(sum(parts["training on real images"]["loss_of_tenths"]))
    assert report.with_suffix(".png").stat().st_size > 0


def test_a_part_that_fails_leaves_the_others(tmp_path):
    report = PartialReport(tmp_path / "r.json", {"device": "cpu"}, 100.0)
    report.part("bad", lambda: 1 / 0)
    report.part("good", lambda: 2)
    report.seconds = 0.0
    report.part("late", lambda: 3)
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["bad"]["error"].startswith("ZeroDivisionError")
    assert content["good"]["result"] == 2
    assert "result" not in content["late"]
    assert report.failed == ["bad"]


def test_images_of_another_shape_are_refused(tmp_path):
    np.savez(tmp_path / "i.npz", a=np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="holds no uint8 images of"):
        read_images(tmp_path / "i.npz", NETWORKS["tiny"].image_shape)
    assert read_images(tmp_path / "i.npz", (3, 8, 8)).shape == (2, 3, 8, 8)
