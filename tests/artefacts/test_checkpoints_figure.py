"""FID over training: a line for each run, a ring at the evaluated weights, words for diverged runs."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import made_up_cifar10
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from ddpm.artefacts.figures.checkpoints import Run, checkpoints_figure, evaluated_step
from ddpm.artefacts.figures.drawing import draw_figure, save_image
from ddpm.commands import figure as verb
from ddpm.errors import DataError
from ddpm.graph.dependencies import artefact_inputs
from ddpm.study import Study

RING = "weights that are evaluated"
DIVERGED = "diverged at step 437"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    study = made_up_cifar10.make(tmp_path)
    made_up_cifar10.measure(study)
    return study


def lines(figure: Figure) -> dict[str, np.ndarray]:
    """[n, 2] by label."""
    return {
        str(line.get_label()): np.asarray(line.get_xydata(), dtype=float)
        for line in figure.axes[0].get_lines()
    }


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def run(fid: list[float], evaluated: int | None = None, status: str = "trained", images: int = 500) -> Run:
    steps = 100 * np.arange(1, len(fid) + 1)
    return Run("model_of_x", 0, status, steps, np.array(fid, dtype=float), images, evaluated)


def test_each_run_has_a_line_and_its_evaluated_weights_a_ring(study: Study) -> None:
    figure = draw_figure(study, "checkpoints")
    found = lines(figure)
    assert list(found) == ["mu_mse", "eps_fixed, seed 0", "eps_fixed, seed 1", "eps_simple", RING]
    simple = [[200_000, 25.2], [400_000, 15.2], [600_000, 5.2], [800_000, 15.2]]
    np.testing.assert_allclose(found["eps_simple"], simple)
    np.testing.assert_allclose(found["eps_fixed, seed 1"], [[800_000, 27.0]])
    # A named step, the last step of both seeds, the minimum.
    np.testing.assert_allclose(found[RING], [[400_000, 192], [800_000, 26], [800_000, 27], [600_000, 5.2]])
    (axes,) = figure.axes
    assert axes.get_ylabel() == "FID against train\n(5,000 samples a checkpoint)"
    assert axes.get_xlabel() == "training steps"
    assert axes.get_yscale() == "log"
    assert "Made up: CIFAR-10" in texts(figure)


def test_seeds_share_a_colour_and_models_do_not(study: Study) -> None:
    drawn = draw_figure(study, "checkpoints").axes[0].get_lines()
    colours = {str(line.get_label()): line.get_color() for line in drawn}
    assert colours["eps_fixed, seed 0"] == colours["eps_fixed, seed 1"]
    assert len({colours[name] for name in ("mu_mse", "eps_fixed, seed 0", "eps_simple", RING)}) == 4


def test_the_figure_is_written_with_its_trace(study: Study) -> None:
    verb.run(study, argparse.Namespace(figure="checkpoints"))
    folder = Path("results/made_up/figures")
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".pdf", ".png"]
    trace = json.loads((folder / "checkpoints.json").read_text())
    assert [entry["path"] for entry in trace["inputs"]] == artefact_inputs(study, "checkpoints")["rows"]
    assert trace["inputs"][0]["provenance"]["model"] == ["mu_mse"]


def test_a_diverged_run_is_named_in_words(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(made_up_cifar10.DIVERGED, ("eps_simple", 0), 437)
    made_up_cifar10.measure(study)
    found = lines(draw_figure(study, "checkpoints"))
    assert found[f"eps_simple: {DIVERGED}"].size == 0
    assert len(found[RING]) == 3


def test_no_value_at_all_is_said_in_words(tmp_path: Path) -> None:
    figure = checkpoints_figure([run([math.nan, math.nan], None, DIVERGED, images=0)], "title")
    save_image(figure, tmp_path / "figure.png")
    words = texts(figure)
    assert "Nothing to show: no checkpoint has an FID." in words
    assert DIVERGED in words
    assert RING not in words


@pytest.mark.parametrize(
    ("fid", "scale"), [([3.0, 30.0], "linear"), ([3.0, 90.0], "log"), ([0.0, 9.0], "linear")]
)
def test_the_axis_is_logarithmic_where_ranges_demand(fid: list[float], scale: str) -> None:
    (axes,) = checkpoints_figure([run(fid, 100)], "title").axes
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(fid)
    assert high >= max(fid)
    assert scale == "log" or low == 0


@given(st.lists(st.floats(0, 1e3) | st.just(math.nan), min_size=1, max_size=8))
def test_the_minimum_is_the_first_of_the_lowest(fid: list[float]) -> None:
    steps = 10 * np.arange(1, len(fid) + 1)
    values = np.array(fid)
    known = [value for value in fid if not math.isnan(value)]
    chosen = evaluated_step("minimum_fid", steps, values)
    assert chosen == (10 * (fid.index(min(known)) + 1) if known else None)
    assert evaluated_step("last", steps, values) == steps[-1]
    assert evaluated_step(10, steps, values) == 10


def test_a_missing_checkpoint_is_named(study: Study) -> None:
    path = Path("results/made_up/measurements/checkpoints/eps_simple/seed0/step400000.parquet")
    path.unlink()
    with pytest.raises(DataError, match=str(path)):
        draw_figure(study, "checkpoints")
