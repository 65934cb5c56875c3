"""Figures drawn from made-up inputs: they show their inputs, say their units, and are written whole."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_inputs import DIVERGED, FIGURES, write_inputs, write_study
from matplotlib.figure import Figure
from matplotlib.text import Text

from ddpm.artefacts.figures import figure7, reading, training_curves
from ddpm.artefacts.figures.drawing import draw_figure, save_image
from ddpm.artefacts.figures.figure10 import Course, quality_figure
from ddpm.artefacts.figures.interpolation import Interpolations
from ddpm.artefacts.published import read_published
from ddpm.commands import figure as verb
from ddpm.errors import DataError, OutputError, StudyError
from ddpm.graph.dependencies import artefact_inputs
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.records.files import sha256
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_arrays, read_frame, write_arrays

SCALES = {"grey, T=100": (100, (1, 8, 8)), "RGB, T=1000": (1000, (3, 16, 16))}


@pytest.fixture(params=SCALES.values(), ids=SCALES.keys())
def study(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    timesteps, shape = request.param
    study = write_study(timesteps)
    write_inputs(study, shape)
    return study


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = write_study()
    write_inputs(study)
    return study


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def lines(axes) -> list[np.ndarray]:
    """[n, 2] for each line, NaN where it has no point."""
    return [np.asarray(line.get_xydata(), dtype=float) for line in axes.get_lines()]


def shown_images(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.get_images()]


def make(study, name: str) -> None:
    verb.run(study, argparse.Namespace(figure=name))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_written_with_its_trace(study, name) -> None:
    make(study, name)
    folder = Path("results/tiny/figures")
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.json", f"{name}.pdf", f"{name}.png"]
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    pdf = (folder / f"{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert b"/Type3" not in pdf
    trace = json.loads((folder / f"{name}.json").read_text())
    assert (trace["figure"], trace["study"]) == (name, "tiny")
    expected = [path for paths in artefact_inputs(study, name).values() for path in paths]
    assert [entry["path"] for entry in trace["inputs"]] == expected
    assert [entry["sha256"] for entry in trace["inputs"]] == [sha256(path) for path in expected]


@pytest.mark.parametrize("name", ["figure2", "figure5", "figure13", "training_curves"])
def test_equal_inputs_give_equal_bytes(tiny, name, monkeypatch) -> None:
    folder = Path("results/tiny/figures")
    make(tiny, name)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Neither the reader's own matplotlib settings nor the clock may show.
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    make(tiny, name)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


@pytest.mark.parametrize("name", FIGURES)
def test_a_diverged_model_is_drawn_in_words(tmp_path, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    study = write_study()
    write_inputs(study, status=DIVERGED)
    figure = draw_figure(study, name)
    assert DIVERGED in texts(figure)
    save_image(figure, "figure.png")


@pytest.mark.parametrize("name", FIGURES)
def test_headings_name_the_study_and_the_model(tiny, name) -> None:
    heading = texts(draw_figure(tiny, name)).replace("\n", " ")
    assert "Made up: $8 & <tiny>" in heading
    assert "simple" in heading


def test_figure13_shows_the_first_samples_in_order(study) -> None:
    (grid,) = shown_images(draw_figure(study, "figure13"))
    samples = reading.first_samples(artefact_inputs(study, "figure13")["samples"], 20)
    size = samples.shape[-1]
    scale, gap = round(grid.shape[1] / (5 * size) - 0.5), 3
    cell = scale * size + gap
    for index in (0, 4, 5, 19):
        row, column = divmod(index, 5)
        shown = grid[row * cell :: scale, column * cell :: scale][:size, :size]
        assert np.array_equal(shown.transpose(2, 0, 1), np.broadcast_to(samples[index], (3, size, size)))


def test_samples_come_in_order_of_their_index(tmp_path) -> None:
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    paths = [str(tmp_path / f"{shard}.npz") for shard in (0, 1)]
    write_arrays(paths[0], {"images": images[3:], "index": np.arange(3, 6)}, {})
    write_arrays(paths[1], {"images": images[:3], "index": np.arange(3)}, {})
    assert reading.first_samples(paths, 5).ravel().tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match=r"0\.npz.*samples 0 to 6, the files hold 6; raise sampling\.images"):
        reading.first_samples(paths, 7)


def test_figure14_shows_one_chain_a_row_and_names_the_steps(study) -> None:
    figure = draw_figure(study, "figure14")
    paths = artefact_inputs(study, "figure14")["samples"]
    x0_hat, _ = reading.first_chains(paths, 8)
    assert x0_hat.shape[:2] == (5, 8)
    second = read_arrays(paths[1], "x0_hat")["x0_hat"]
    assert np.array_equal(x0_hat[:, 7], second[:, 1])
    timesteps = study.model("simple").diffusion.timesteps
    words = texts(figure).split("\n")
    assert [str(timesteps // 5 * step) for step in (5, 4, 3, 2, 1)] == [
        word for word in words if word.isdigit()
    ]
    assert f"of $T = {timesteps}$" in texts(figure)


def test_figure7_puts_the_latent_last_and_frames_it() -> None:
    samples = np.full((1, 4, 1, 2, 2), 50, np.uint8)
    latents = np.full((1, 1, 2, 2), 200, np.uint8)
    figure = figure7.shared_latents_figure(np.array([750]), latents, samples, "title")
    (panel,) = shown_images(figure)
    assert (panel[-1, -1] == 200).all()
    assert (panel[0, 0] == 50).all()
    # Four samples and the latent in 2 x 3 cells: the fifth stays white.
    middle = panel.shape[1] // 2
    assert (panel[-1, middle] == 255).all()
    assert (panel[-1, 0] == 50).all()
    assert "share $\\mathbf{x}_{750}$" in texts(figure)
    (frame,) = figure.axes[0].patches
    assert frame.get_x() > panel.shape[1] * 0.6


def test_rows_of_interpolations_have_the_sources_at_both_ends() -> None:
    sources = np.arange(4, dtype=np.uint8).reshape(2, 2, 1, 1, 1)
    images = 100 + np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1, 1, 1)
    rows = Interpolations(np.array([50, 0]), np.array([0, 0.5, 1]), sources, images).rows
    assert rows.reshape(4, 5).tolist() == [
        [0, 100, 101, 102, 1],
        [0, 103, 104, 105, 1],
        [2, 106, 107, 108, 3],
        [2, 109, 110, 111, 3],
    ]


def test_figures_8_and_9_label_columns_and_rows(study) -> None:
    timesteps = study.model("simple").diffusion.timesteps
    for name in ("figure8", "figure9"):
        words = texts(draw_figure(study, name)).split("\n")
        assert words.count("source") == words.count("rec.") == 2
        assert [f"0.{digit}" for digit in range(1, 10)] == [word for word in words if word.startswith("0.")]
    assert [str(timesteps), str(timesteps // 2), "0"] == [word for word in words if word.isdigit()]


def test_figure5_shows_the_curve_and_table_4(study) -> None:
    figure = draw_figure(study, "figure5")
    timesteps = study.model("simple").diffusion.timesteps
    curve = read_frame(artefact_inputs(study, "figure5")["rate_distortion"][0])
    published = read_published("config/published.csv")
    paper_steps, paper_rmse = np.array(published.curve("table4", "RMSE")).T
    paper_rate = np.array(published.curve("table4", "rate")).T[1]
    assert len(paper_rmse) == 10
    left, centre, right = (lines(axes) for axes in figure.axes[:3])
    np.testing.assert_allclose(left[0], curve.assign(x=timesteps - curve["t"])[["x", "rmse"]])
    np.testing.assert_allclose(centre[0], curve.assign(x=timesteps - curve["t"])[["x", "rate"]])
    np.testing.assert_allclose(right[0], curve[["rate", "rmse"]])
    np.testing.assert_allclose(left[1], np.stack([(paper_steps - 1) * timesteps / 1000, paper_rmse], axis=1))
    np.testing.assert_allclose(centre[1][:, 1], paper_rate)
    np.testing.assert_allclose(right[1], np.stack([paper_rate, paper_rmse], axis=1))
    words = texts(figure)
    assert "rate (bits/dim)" in words
    assert "distortion (RMSE, 0\u2013255)" in words
    assert "CIFAR-10 test images, T = 1000" in words
    assert f"tiny test images, T = {timesteps}" in words
    # The paper's steps have an axis of their own where T differs.
    assert ("the paper's steps" in words) == (timesteps != 1000)


def test_figure10_shows_the_measurements_and_the_papers_points(study) -> None:
    figure = draw_figure(study, "figure10")
    rows = read_measurements(artefact_inputs(study, "figure10")["rows"])
    published = read_published("config/published.csv")
    for column, metric in enumerate(("IS", "FID")):
        ours = rows[rows["metric"] == metric][["reverse_steps", "value"]].to_numpy(dtype=float)
        np.testing.assert_allclose(lines(figure.axes[column])[0], ours)
        papers = np.array(published.curve("figure10", metric), dtype=float)
        assert len(papers) == 20
        np.testing.assert_allclose(lines(figure.axes[2 + column])[0], papers)
    # Other data and features have another scale: no panel holds both.
    assert all(len(axes.get_lines()) == 1 for axes in figure.axes)
    words = texts(figure)
    assert "this study: tiny, classifier features, 1,000 samples" in words
    assert "paper: CIFAR-10, Inception features" in words


def test_figure10_lays_equal_scales_over_each_other() -> None:
    course = Course(np.array([50.0, 100.0]), np.array([1.0, 2.0]), np.array([]))
    both = {"IS": course, "FID": course}
    figure = quality_figure(both, both, "ours", "title", overlaid=True)
    assert [len(axes.get_lines()) for axes in figure.axes] == [2, 2]


def test_training_curves_have_a_panel_for_each_model_and_a_line_for_each_seed(tiny) -> None:
    figure = draw_figure(tiny, "training_curves")
    assert [axes.get_title() for axes in figure.axes] == ["bound", "mse_of_mu", "simple"]
    assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 2]
    curves = [read_frame(path) for path in artefact_inputs(tiny, "training_curves")["curves"]]
    shown = [line for axes in figure.axes for line in lines(axes)]
    for line, curve in zip(shown, curves, strict=True):
        np.testing.assert_allclose(line, curve[["step", "loss"]])
    assert all(axes.get_yscale() == "log" and axes.get_xlabel() for axes in figure.axes)
    units = [axes.get_ylabel() for axes in figure.axes]
    assert units[0] == "term of $L$ (bits/dim)"
    assert units[1].startswith(r"MSE of $\tilde{\mu}_t$ (pixels")
    assert units[2].startswith(r"MSE of $\epsilon$")


@pytest.mark.parametrize("loss", [[], [np.nan, np.nan], [1.0, np.inf], [0.0, -1.0]])
def test_training_curves_survive_losses_that_a_log_axis_cannot_show(loss, tmp_path) -> None:
    run = training_curves.Run("m", 0, DIVERGED, np.array([20, 40])[: len(loss)], np.array(loss))
    figure = training_curves.curves_figure([run], {"m": "loss"}, "title")
    save_image(figure, tmp_path / "curves.png")
    assert DIVERGED in texts(figure)


def test_axes_have_labels(study) -> None:
    for name in ("figure5", "figure10", "training_curves"):
        for axes in draw_figure(study, name).axes:
            assert axes.get_ylabel()
            assert axes.get_xlabel() or name == "training_curves"


def test_the_trace_of_measurements_lists_what_they_came_from(tiny) -> None:
    make(tiny, "figure10")
    trace = json.loads(Path("results/tiny/figures/figure10.json").read_text())
    rows, published = trace["inputs"]
    assert rows["provenance"]["settings"] == [result_fingerprint(tiny, rows["path"])]
    assert rows["provenance"]["training_seed"] == [0]
    assert published["path"] == "config/published.csv"
    make(tiny, "figure2")
    trace = json.loads(Path("results/tiny/figures/figure2.json").read_text())
    assert trace["inputs"][0]["provenance"]["model"] == "simple"


def test_an_unknown_figure_is_refused(tiny) -> None:
    with pytest.raises(StudyError, match=r"config/tiny\.yaml: artefacts\.figure3: .*it builds: figure1"):
        make(tiny, "figure3")


@pytest.mark.parametrize("name", FIGURES)
def test_a_missing_input_is_named(tmp_path, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    study = write_study()
    path = next(iter(artefact_inputs(study, name).values()))[0]
    with pytest.raises(DataError, match=path):
        make(study, name)
    assert not Path("results").exists()


def test_images_of_another_kind_are_refused(tiny) -> None:
    path = artefact_inputs(tiny, "figure15")["neighbours"][0]
    arrays = read_arrays(path)
    write_arrays(path, {**arrays, "samples": arrays["samples"] / 255}, {})
    with pytest.raises(DataError, match=r"figure15\.npz: samples: must be uint8"):
        make(tiny, "figure15")


def test_a_full_disk_leaves_the_old_figure(tiny, monkeypatch) -> None:
    make(tiny, "figure1")
    before = Path("results/tiny/figures/figure1.png").read_bytes()

    def fails(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(OutputError, match=r"figure1\.png: .*the disk is full"):
        make(tiny, "figure1")
    assert Path("results/tiny/figures/figure1.png").read_bytes() == before
    assert len(list(Path("results/tiny/figures").iterdir())) == 3


def test_drawing_needs_neither_torch_nor_pyplot(tiny) -> None:
    code = (
        "import argparse, sys; from ddpm.study import load_study; from ddpm.commands import figure; "
        "figure.run(load_study('config/tiny.yaml'), argparse.Namespace(figure='figure8')); "
        "print([name for name in ('torch', 'matplotlib.pyplot') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_published_point_is_lost_from_a_curve_without_values(tiny) -> None:
    curve = pd.DataFrame({"t": [1], "reverse_steps": [100], "rate": [np.inf], "rmse": [1.0]})
    from ddpm.artefacts.figures.figure5 import rate_distortion_figure

    figure = rate_distortion_figure(curve, [(1000, 1.8, 0.95)], 100, "ours", "title")
    assert [len(line) for line in lines(figure.axes[0])] == [0, 1]
