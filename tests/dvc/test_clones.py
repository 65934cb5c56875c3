"""Clones with pulled results: nothing is made again but what the settings ask for."""

import json
import os
import random
import shutil

import pytest
from workspaces import (
    TARGETS,
    VARIANT,
    WEIGHTS,
    cached,
    change,
    change_variant,
    clone,
    commit,
    planned,
    run,
    snakemake,
    status,
    tiny_demo,
    write_study,
)

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
RECEIPT = "results/demo/models/{}/seed0/trained.json"
RECORDS = "results/demo/records.json"


@pytest.fixture(scope="module")
def pulled(origin):
    """A clone that is not changed; the tests copy it."""
    return clone(origin, origin.parent / "pulled")


@pytest.fixture
def copied(pulled, tmp_path):
    """A clone of the test's own, fresh from `dvc pull`."""
    return shutil.copytree(pulled, tmp_path / "copy", symlinks=True)


def shuffle_times(folder, seed):
    """Gives all results times in a random order; with an odd seed results before what they were made from."""
    places = ["figures", "tables", "measurements", "samples", "models", "data"]
    files = [file for place in places for file in sorted((folder / "results/demo" / place).rglob("*"))]
    if seed % 2 == 0:
        random.Random(seed).shuffle(files)
    for age, file in enumerate(files):
        os.utime(file, (1e9 + age, 1e9 + age))


@pytest.mark.parametrize("cache_type", ["copy", "hardlink", "symlink"])
def test_after_a_pull_nothing_is_made_and_an_edit_remakes_its_variant_alone(origin, tmp_path, cache_type):
    folder = clone(origin, tmp_path / "clone", cache_type)
    weights = folder / WEIGHTS.format("epsilon_L_simple")
    assert weights.is_symlink() == (cache_type == "symlink")
    assert (weights.stat().st_nlink > 1) == (cache_type == "hardlink")
    shuffle_times(folder, seed=1)
    assert "Nothing to be done" in snakemake(folder, *TARGETS, "--cores", "1")
    assert status(folder) == {}
    # A real rerun of one figure replaces links and leaves what DVC keeps as it was.
    kept = cached(folder)
    change(folder, lambda study: study["artefacts"]["figure13"].update(rows=3))
    before = (folder / "results/demo/figures/figure13.png").read_bytes()
    snakemake(folder, *TARGETS, "--cores", "2")
    assert (folder / "results/demo/figures/figure13.png").read_bytes() != before
    assert cached(folder) == kept
    assert planned(folder) == set()
    change(folder, change_variant)
    jobs = planned(folder)
    assert jobs == VARIANT | {"figure figure13"}
    assert cached(folder) == kept


def test_an_edited_variant_is_trained_for_real(copied):
    fixed, simple = (WEIGHTS.format(name) for name in ("epsilon_L_fixed", "epsilon_L_simple"))
    before = {file: (copied / file).read_bytes() for file in (fixed, simple)}
    change(copied, change_variant)
    snakemake(copied, RECEIPT.format("epsilon_L_fixed"), "--cores", "1")
    assert (copied / fixed).read_bytes() != before[fixed]
    assert (copied / simple).read_bytes() == before[simple]
    # What was made of the old weights is still due.
    assert planned(copied) == VARIANT - {"train epsilon_L_fixed 0"}


def test_an_edit_taken_back_makes_nothing(copied):
    change(copied, change_variant)
    assert planned(copied) == VARIANT
    write_study(copied, tiny_demo())
    assert planned(copied) == set()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_times_are_nothing_is_made(copied, seed):
    shuffle_times(copied, seed)
    assert planned(copied) == set()


def test_results_without_records_are_judged_by_their_times_and_train_nothing(copied):
    """Where the records were not pulled: the jobs run, and training finds its run complete."""
    (copied / RECORDS).unlink()
    shutil.rmtree(copied / ".snakemake", ignore_errors=True)
    shuffle_times(copied, seed=1)
    assert "train epsilon_L_fixed 0" in planned(copied)
    before = (copied / WEIGHTS.format("epsilon_L_fixed")).read_bytes()
    snakemake(copied, RECEIPT.format("epsilon_L_fixed"), "--cores", "1")
    log = copied / "results/demo/logs/train/epsilon_L_fixed.seed0.log"
    assert "weights.safetensors is complete" in log.read_text()
    assert (copied / WEIGHTS.format("epsilon_L_fixed")).read_bytes() == before


def test_a_file_that_differs_from_its_record_is_judged_as_a_file_of_ones_own(copied):
    samples = copied / "results/demo/samples/epsilon_L_fixed/seed0/sampling0/shard0.npz"
    samples.write_bytes(samples.read_bytes() + b" ")
    later = samples.stat().st_mtime_ns + 10**9
    os.utime(samples, ns=(later, later))
    assert {"quality epsilon_L_fixed 0 0", "table table1"} <= planned(copied)


def test_partly_pulled_results_are_enough_for_what_they_make(copied):
    """Measurements without the samples and weights that they were made from."""
    for part in ("models", "samples", "likelihood"):
        shutil.rmtree(copied / "results/demo" / part)
    shuffle_times(copied, seed=1)
    assert planned(copied, "results/demo/table1.csv") == set()
    change(copied, change_variant)
    jobs = planned(copied, "results/demo/table1.csv")
    assert {"train epsilon_L_fixed 0", "quality epsilon_L_fixed 0 0", "table table1"} <= jobs


def test_other_settings_of_the_data_concern_everything(copied):
    change(copied, lambda study: study["datasets"]["digits"].update(split_seed=3))
    everything = {"data digits", "features", "train epsilon_L_fixed 0", "train epsilon_L_simple 0"}
    assert everything <= planned(copied)
    write_study(copied, tiny_demo())
    assert planned(copied) == set()


def test_other_settings_of_a_table_concern_it_alone(copied):
    change(copied, lambda study: study["artefacts"]["table4"].update(model="epsilon_L_fixed"))
    assert planned(copied) == {"table table4", "report", "demo"}


def test_other_published_numbers_concern_what_shows_them(copied):
    with (copied / "config/published.csv").open("a") as file:
        file.write("\n")
    later = (copied / RECORDS).stat().st_mtime_ns + 10**9
    os.utime(copied / "config/published.csv", ns=(later, later))
    assert planned(copied) == {"table table1", "table table4", "figure figure10", "report", "demo"}


def test_another_commit_checked_out_makes_nothing(copied):
    change(copied, lambda study: study["artefacts"]["figure13"].update(rows=3))
    snakemake(copied, *TARGETS, "--cores", "2")
    run(copied, "dvc", "commit", "--quiet", "--force", "demo")
    commit(copied, "three rows")
    assert "rows" in run(copied, "dvc", "params", "diff", "HEAD~1")
    for revision in ("HEAD~1", "-"):
        run(copied, "git", "checkout", "--quiet", revision)
        run(copied, "dvc", "checkout", "--quiet", "--allow-missing")
        assert planned(copied) == set()


def test_damaged_records_are_as_none(copied):
    (copied / RECORDS).write_text("{")
    assert "Traceback" not in snakemake(copied, *TARGETS, "-n")


def test_records_are_of_the_study_and_name_what_the_files_were_made_with(origin):
    records = json.loads((origin / RECORDS).read_text())
    assert RECEIPT.format("epsilon_L_fixed") in records
    assert all(file.startswith("results/demo/") for file in records)
    assert all((origin / file).exists() for file in records)
