"""A whole tiny study through Snakemake: every artefact, traceable; then what reruns, and what does not."""

import copy
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import chromium
import numpy as np
import pandas as pd
import pytest
import torch
from pausing import ask_to_pause, go_on, paused_trainer
from PIL import Image
from studies import kill, planned, snakemake, started, tiny_study, write_study
from waiting import PATIENCE

from ddpm.evaluation.rerun import rerun_samples
from ddpm.network.weights import read_weights
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_arrays, read_provenance, write_arrays
from ddpm.study import load_study

pytestmark = pytest.mark.workflow
ALL = "tiny"
FIGURES = [f"figure{n}" for n in (1, 2, 5, 6, 7, 8, 9, 10, 13, 14, 15)] + ["training_curves"]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_study(folder, tiny_study())
    (folder / "output.txt").write_text(snakemake(folder, ALL, "--cores", "2"))
    return folder


@pytest.fixture
def edited(built):
    """A function that changes the study in place; it is restored afterwards."""
    study = tiny_study()

    def edit(change) -> Path:
        changed = copy.deepcopy(study)
        change(changed)
        write_study(built, changed)
        return built

    yield edit
    write_study(built, study)


def home(folder: Path) -> Path:
    return folder / "results" / "tiny"


def test_every_figure_is_there_and_traceable(built):
    for figure in FIGURES:
        for suffix in ("png", "pdf", "json"):
            assert (home(built) / "figures" / f"{figure}.{suffix}").stat().st_size > 500
        trace = json.loads((home(built) / "figures" / f"{figure}.json").read_text())
        assert trace["git_commit"]
        assert "weights_hash" in json.dumps(trace)


@pytest.mark.parametrize("width", [1200, 500])
def test_the_report_opens_from_disk_without_a_network(built, tmp_path, width):
    """On a desktop and a telephone: nothing on the console, nothing fetched, every image decoded."""
    chromium.required()
    page = home(built) / "report.html"
    assert page.stat().st_size < 10e6
    looked, console, asked = chromium.opened(page, tmp_path, width=width)
    assert console == []
    assert {url for url in asked if not url.startswith("file:")} == set()
    sizes = [int(size) for size in looked["images"].split()]
    assert len(sizes) == len(FIGURES) + 2  # progressive_coding, and the samples at its head
    assert min(sizes) > 100
    assert int(looked["width"]) <= width


def test_a_browser_would_tell_of_faults(tmp_path):
    chromium.required()
    (tmp_path / "a").mkdir()
    page = tmp_path / "a/page.html"
    image = "<img src='http://127.0.0.1:9/x.png'>"
    page.write_text(f"<html><body>{image}<script>console.error('bad')</script></body></html>")
    looked, console, asked = chromium.opened(page, tmp_path)
    assert looked["images"] == "0"
    assert '"bad"' in console[0]
    assert "http://127.0.0.1:9/x.png" in asked


def verify(folder: Path, *words: str) -> tuple[int, str]:
    """`ddpm verify` in a process of its own, as a person runs it."""
    command = [sys.executable, "-m", "ddpm.cli", "verify", "config/tiny.yaml", *words]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    return run.returncode, run.stderr


def test_samples_that_are_drawn_again_have_the_same_bits(built, tmp_path):
    status, told = verify(built)
    assert status == 0, told
    assert "are as they were written" in told
    assert "samples: 20 drawn again, the same bits as in results/tiny/samples/" in told
    # An altered sample whose file is whole.
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    for shard in home(tmp_path).glob("samples/*/seed0/sampling0/shard0.npz"):
        arrays = dict(read_arrays(shard))
        if len(arrays["images"]):
            arrays["images"][3, 0, 0, 0] ^= 1
            write_arrays(shard, arrays, read_provenance(shard))
    found = rerun_samples_in(tmp_path)
    assert (found.images, found.different) == (20, 1)


def rerun_samples_in(folder: Path):
    before = Path.cwd()
    os.chdir(folder)
    torch.set_num_threads(1)
    try:
        return rerun_samples(load_study("config/tiny.yaml"), "cpu")
    finally:
        os.chdir(before)


def test_snakemakes_own_report_has_a_caption_on_every_artefact(built, tmp_path):
    snakemake(built, ALL, "--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
        page = archive.read("report/report.html").decode()
    assert {f"{figure}.png" for figure in FIGURES} | {"table1.csv", "table2.csv", "table4.csv"} <= names
    for artefact in [*FIGURES, "table1", "table2", "table4"]:
        assert f"{artefact}, rebuilt by the study in config/tiny.yaml" in page


def test_the_studys_target_makes_what_was_deleted_again(built):
    """The page that shows all would not do: what it was made of is not asked for while it is there."""
    table, figure = home(built) / "table1.csv", home(built) / "figures/figure1.png"
    kept = [path.rename(path.with_name(f"kept.{path.name}")) for path in (table, figure)]
    try:
        assert set(planned(built, ALL)) == {"table table1", "figure figure1", "report"}
    finally:
        kept[0].rename(table)
        kept[1].rename(figure)


def test_the_screen_has_a_line_a_job_with_its_result(built):
    lines = (built / "output.txt").read_text().splitlines()
    total = int(re.search(r"^(\d+) jobs: ", "\n".join(lines), re.MULTILINE)[1])
    # One for each job that began and one for each that ended, and a few for the whole.
    ended = [line for line in lines if re.search(rf"  \d+/{total}\b", line)]
    assert len(ended) == total - 1  # the last line tells of the target
    assert len(lines) < 2 * total + 15
    assert re.search(
        r"  train mu_tilde_mse seed 0: trained, 30 steps, loss [\d.]+, weights ", "\n".join(lines)
    )
    assert re.search(r"  quality mu_tilde_mse seed 0 sampling 0: FID [\d.]+, IS ", "\n".join(lines))
    assert re.search(r" epsilon_L_simple seed 1 test: NLL <= [\d.]+ ", "\n".join(lines))
    assert lines[-1].startswith(f"{total} of {total} jobs done in ")


def test_the_curve_so_far_can_be_read_and_holds_what_is_kept(built):
    for run in (home(built) / "models").glob("*/seed*"):
        curve, kept = pd.read_csv(run / "state/training.csv"), pd.read_parquet(run / "training.parquet")
        # The last interval may be an open one.
        assert len(kept) - 1 <= len(curve) <= len(kept)
        assert np.allclose(curve, kept[: len(curve)], rtol=1e-6, equal_nan=True)


def test_table2_has_all_six_rows_and_the_divergence(built):
    table = pd.read_csv(home(built) / "table2.csv")
    status = table.set_index("row")["status"].to_dict()
    assert len(status) == 6
    assert status.pop("epsilon_L_learned").startswith("diverged at step")
    assert set(status.values()) == {"trained"}
    measured = table.set_index("row")["measured_FID"]
    assert measured.isna().to_dict() == {row: row == "epsilon_L_learned" for row in measured.index}
    published = table.set_index("row")["published_FID"]
    assert published["epsilon_L_simple"] == 3.17


def test_every_measurement_is_traceable(built):
    rows = read_measurements(sorted((home(built) / "measurements").rglob("*.parquet")))
    for column in ("git_commit", "hardware", "data_hash", "settings", "protocol", "status"):
        assert rows[column].notna().all(), column
    trained = rows[rows["status"] == "trained"]
    assert trained["value"].notna().all()
    assert trained["weights_hash"].str.len().eq(64).all()
    # The hash in a row is that of the weights that lie on the disk.
    weights = home(built) / "models/epsilon_L_simple/seed1/weights.safetensors"
    _, provenance = read_weights(weights)
    seed1 = trained[(trained["model"] == "epsilon_L_simple") & (trained["training_seed"] == 1)]
    assert set(seed1["weights_hash"]) == {provenance["weights_hash"]}


def test_likelihood_parts_add_up(built):
    rows = read_measurements(sorted((home(built) / "measurements/likelihood").rglob("*.parquet")))
    for _, run in rows.groupby(["model", "training_seed", "split"]):
        parts = run.set_index("metric")["value"]
        assert parts["NLL"] == pytest.approx(parts["rate"] + parts["distortion"])
        assert parts["NLL"] == pytest.approx(parts["L_T"] + parts["L_1:T-1"] + parts["L_0"])
        table4 = pd.read_csv(home(built) / "table4.csv")
        assert len(table4) == 10


def test_each_run_keeps_its_last_state_alone(built):
    for state in (home(built) / "models").rglob("state"):
        assert {path.name for path in state.iterdir()} == {"latest.safetensors", "training.csv"}


def test_deleted_results_of_training_are_written_again_without_training(tmp_path, built):
    """And a forced job makes no step."""
    folder = shutil.copytree(built, tmp_path / "copy", symlinks=True)
    run = home(folder) / "models/mu_tilde_mse/seed0"
    weights = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").unlink()
    log = home(folder) / "logs/train/mu_tilde_mse.seed0.log"
    snakemake(folder, "results/tiny/models/mu_tilde_mse/seed0/trained.json", "--cores", "1", "--force")
    assert "wrote results/tiny/models/mu_tilde_mse/seed0/trained.json" in log.read_text()
    assert "steps/s" not in log.read_text()
    assert (run / "weights.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_an_edited_rate_and_back_trains_once(tmp_path):
    folder, target = tmp_path, "results/tiny/models/mu_tilde_mse/seed0/trained.json"
    write_study(folder, tiny_study())
    snakemake(folder, target, "--cores", "1")
    before = (folder / target).read_bytes()
    for rate in (0.001, None):
        study = tiny_study()
        if rate:
            study["models"]["mu_tilde_mse"]["training"] = {"learning_rate": rate}
        write_study(folder, study)
        snakemake(folder, target, "--cores", "1")
        log = (home(folder) / "logs/train/mu_tilde_mse.seed0.log").read_text()
        assert ("/30 steps" in log) == (rate is not None)
    assert (folder / target).read_bytes() == before


def test_a_second_run_does_nothing(built):
    assert "Nothing to be done" in snakemake(built, ALL, "--cores", "1")


def test_one_variants_setting_reruns_it_and_what_depends_on_it(edited):
    def change(study):
        study["models"]["mu_tilde_mse"]["training"] = {"learning_rate": 0.001}

    assert planned(edited(change), ALL) == {
        "train mu_tilde_mse 0",
        "sample mu_tilde_mse 0 0 0",
        "sample mu_tilde_mse 0 0 1",
        "quality mu_tilde_mse 0 0",
        "table table2",
        "figure training_curves",
        "metrics",
        "report",
    }


def test_a_new_seed_trains_that_seed_alone(edited):
    def change(study):
        study["models"]["mu_tilde_mse"]["seeds"] = [0, 5]

    jobs = planned(edited(change), ALL)
    assert {job for job in jobs if job.startswith(("train", "sample", "quality"))} == {
        "train mu_tilde_mse 5",
        "sample mu_tilde_mse 5 0 0",
        "sample mu_tilde_mse 5 0 1",
        "quality mu_tilde_mse 5 0",
    }


def test_a_figures_setting_redraws_it_alone(edited):
    def change(study):
        study["artefacts"]["figure13"]["rows"] = 4

    assert planned(edited(change), ALL) == {"figure figure13", "report"}


def test_how_jobs_run_reruns_nothing(edited):
    def change(study):
        study["defaults"]["training"]["save_every_minutes"] = 3
        study["likelihood"]["seed"] = 0

    assert planned(edited(change), ALL) == set()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/tiny/figures/figure13.png", {"data digits", "train epsilon_L_simple 0", "figure figure13"}),
        ("results/tiny/table4.csv", {"data digits", "train epsilon_L_simple 0", "table table4"}),
    ],
)
def test_an_artefact_is_a_target_of_its_own(tmp_path, target, expected):
    write_study(tmp_path, tiny_study())
    jobs = planned(tmp_path, target)
    assert expected <= jobs
    assert not any("mu_tilde" in job or "seed1" in job for job in jobs)


def test_a_missing_study(tmp_path):
    write_study(tmp_path, tiny_study())
    output = snakemake(tmp_path, "results/nope/table1.csv", "-n", status=1)
    assert "config/nope.yaml: no such study file (studies in config: tiny)" in output


def test_a_bad_study_stops_before_any_work(tmp_path):
    study = tiny_study()
    study["defaults"]["training"]["stpes"] = 5
    write_study(tmp_path, study)
    output = snakemake(tmp_path, ALL, "--cores", "1", status=1)
    assert "defaults.training.stpes: unknown key (did you mean 'steps'?)" in output
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_changed_images_reach_all_that_was_made_of_them_and_nothing_else_does(tmp_path):
    """Samples and measurements included; and what is finished is shown without the images."""
    study, index = tiny_study(), "results/tiny/report.html"
    pixels = np.random.default_rng(0)
    for split, label, number in itertools.product(("train", "test"), range(2), range(10)):
        place = tmp_path / "pics" / split / str(label)
        place.mkdir(parents=True, exist_ok=True)
        image = (60 + 120 * label + pixels.integers(-30, 30, (8, 8, 3))).astype(np.uint8)
        Image.fromarray(image).save(place / f"{number}.png")
    folders = {"source": "image_folder", "train": "pics/train", "test": "pics/test", "image_size": 8}
    study["datasets"] = {"pics": folders}
    study["defaults"]["dataset"] = study["quality"]["features"]["dataset"] = "pics"
    study["models"] = {"epsilon_L_simple": {"seeds": [0], "checkpoints": {"steps": [10]}}}
    study["artefacts"] = {"models": None, "table1": {"L": None, "L_simple": "epsilon_L_simple"}}
    write_study(tmp_path, study)
    snakemake(tmp_path, index, "--cores", "2")
    (tmp_path / "pics/train/.DS_Store").write_bytes(b"x")
    for path in (tmp_path / "pics").rglob("*"):
        path.touch()
    assert planned(tmp_path, index) == set()
    (tmp_path / "pics").rename(tmp_path / "moved")
    study["datasets"]["pics"] |= {"train": "moved/train", "test": "moved/test"}
    study["models"]["epsilon_L_simple"].pop("checkpoints")
    write_study(tmp_path, study)
    assert planned(tmp_path, index) == set()
    (tmp_path / "moved").rename(tmp_path / "gone")
    assert planned(tmp_path, index) == set()
    (tmp_path / "gone").rename(tmp_path / "moved")
    for path in (tmp_path / "moved").rglob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    jobs = {job.split()[0] for job in planned(tmp_path, index)}
    made = {
        "data",
        "features",
        "train",
        "sample",
        "quality",
        "reference",
        "bound",
        "likelihood",
        "metrics",
        "table",
        "report",
    }
    assert jobs == made
    log = tmp_path / "results/tiny/logs/train/epsilon_L_simple.seed0.log"
    log.unlink()
    snakemake(tmp_path, index, "--cores", "2")
    assert "/30 steps" in log.read_text()
    assert planned(tmp_path, index) == set()


@pytest.mark.slow
def test_a_killed_workflow_continues_to_the_same_weights(tmp_path):
    """SIGKILL to the whole process group leaves half-made outputs behind."""
    run = Path("results/tiny/models/epsilon_L_fixed/seed0")
    target = str(run / "trained.json")
    write_study(tmp_path, tiny_study())
    ask_to_pause(tmp_path / run, "save")
    with started(tmp_path, target) as process:
        paused_trainer(tmp_path / run, process)
        kill(process)
    assert (tmp_path / run / "state/latest.safetensors").exists()
    snakemake(tmp_path, target, "--cores", "1")
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    write_study(undisturbed, tiny_study())
    snakemake(undisturbed, target, "--cores", "1")
    assert (tmp_path / target).read_text() == (undisturbed / target).read_text()


@pytest.mark.slow
def test_a_second_workflow_in_the_same_folder_is_refused(tmp_path):
    run = Path("results/tiny/models/epsilon_L_fixed/seed0")
    target = str(run / "trained.json")
    write_study(tmp_path, tiny_study())
    ask_to_pause(tmp_path / run, "save")
    with started(tmp_path, target) as first:
        trainer = paused_trainer(tmp_path / run, first)
        output = snakemake(tmp_path, target, "--cores", "1", status=1)
        assert f"Another workflow runs in this folder: process {first.pid} on " in output
        go_on(trainer)
        assert first.wait(PATIENCE) == 0
    assert "Nothing to be done" in snakemake(tmp_path, target, "--cores", "1")


def test_an_untested_snakemake_is_refused(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import snakemake; snakemake.__version__ = '10.0.1'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    write_study(tmp_path, tiny_study())
    output = snakemake(tmp_path, ALL, "-n", status=1)
    assert "Snakemake 10.0.1 is installed, and this workflow is tested with 9.27" in output
