"""Clones with pulled results: nothing is made again but what the settings ask for."""

import os
import shutil

import pytest
from workspaces import (
    ENVIRONMENT,
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

from ddpm.study import load_study
from ddpm.versions import settling
from ddpm.versions.lock import VersionsError
from ddpm.versions.settling import Settled, settle

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def pulled(origin):
    """A clone that is not changed; the tests copy it."""
    return clone(origin, origin.parent / "pulled")


@pytest.fixture
def copied(pulled, tmp_path, monkeypatch):
    """A clone of the test's own, fresh from `dvc pull`, made the working folder."""
    folder = tmp_path / "copy"
    shutil.copytree(pulled, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for name in ("PATH", "GIT_CONFIG_GLOBAL"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    return folder


def settled() -> Settled:
    return settle(lambda name: load_study(f"config/{name}.yaml"))


def outdated(found: Settled) -> set[str]:
    return {file.removeprefix("results/demo/") for file in found.outdated}


def shuffle_times(folder):
    """Times in the order that is worst: results older than what they were made from."""
    for age, place in enumerate(["figures", "tables", "measurements", "samples", "models", "data"]):
        for file in (folder / "results/demo" / place).rglob("*"):
            os.utime(file, (1e9 + age, 1e9 + age))


@pytest.mark.parametrize("cache_type", ["copy", "hardlink", "symlink"])
def test_after_a_pull_nothing_is_made_and_an_edit_remakes_its_variant_alone(origin, tmp_path, cache_type):
    folder = clone(origin, tmp_path / "clone", cache_type)
    weights = folder / WEIGHTS.format("epsilon_L_simple")
    assert weights.is_symlink() == (cache_type == "symlink")
    assert (weights.stat().st_nlink > 1) == (cache_type == "hardlink")
    shuffle_times(folder)
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
    snakemake(copied, fixed, "--cores", "1")
    assert (copied / fixed).read_bytes() != before[fixed]
    assert (copied / simple).read_bytes() == before[simple]
    # What was made of the old weights is still due.
    assert planned(copied) == VARIANT - {"train epsilon_L_fixed 0"}


def test_an_edit_taken_back_makes_nothing(copied):
    change(copied, change_variant)
    assert planned(copied) == VARIANT
    write_study(copied, tiny_demo())
    assert planned(copied) == set()


def test_an_ordinary_start_does_not_ask_dvc(copied, monkeypatch):
    shuffle_times(copied)
    assert settled().ordered
    monkeypatch.setattr(settling, "unchanged_files", lambda: pytest.fail("asked DVC"))
    monkeypatch.setattr(settling, "study_graph", lambda study: pytest.fail("looked at the jobs"))
    assert settled() == Settled()


def test_without_a_lock_nothing_is_touched(copied):
    shuffle_times(copied)
    (copied / "dvc.lock").unlink()
    assert settled() == Settled()
    assert not (copied / ".snakemake/versions.json").exists()


def test_a_file_that_differs_from_the_lock_is_not_settled(copied):
    weights = copied / WEIGHTS.format("epsilon_L_fixed")
    weights.write_bytes(weights.read_bytes() + b" ")
    later = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(later, later))
    found = settled()
    assert str(weights.relative_to(copied)) not in found.ordered + found.outdated
    assert weights.stat().st_mtime_ns == later
    samples = copied / "results/demo/samples/epsilon_L_fixed/seed0/sampling0/shard0.npz"
    assert samples.stat().st_mtime_ns < later
    assert planned(copied) >= {"sample epsilon_L_fixed 0 0 0", "table table1"}


def test_other_settings_of_the_data_concern_everything(copied):
    change(copied, lambda study: study["datasets"]["digits"].update(split_seed=3))
    everything = {"data digits", "features", "train epsilon_L_fixed 0", "train epsilon_L_simple 0"}
    assert everything <= planned(copied)
    snakemake(copied, "results/demo/data/digits/manifest.json", "--cores", "1")
    assert everything - {"data digits"} == everything & planned(copied)
    shutil.rmtree(copied / ".snakemake")
    run(copied, "dvc", "checkout", "--quiet", "--force", "demo")
    write_study(copied, tiny_demo())
    assert planned(copied) == set()


def test_other_settings_of_a_table_concern_it_alone(copied):
    change(copied, lambda study: study["artefacts"]["table4"].update(model="epsilon_L_fixed"))
    assert outdated(settled()) == {
        "table4.csv",
        "tables/table4.trace.csv",
        "tables/table4.md",
        "tables/table4.html",
    }
    snakemake(copied, "results/demo/table4.csv", "--cores", "1")
    assert not any("table4" in file for file in settled().outdated)


def test_other_published_numbers_concern_what_shows_them(copied):
    with (copied / "config/published.csv").open("a") as file:
        file.write("\n")
    names = {file.split("/")[-1].split(".")[0] for file in settled().outdated}
    assert names == {"table1", "table4", "figure10"}


def test_tables_alone_of_other_settings_are_made_again_with_all_they_need(copied):
    for part in ("models", "samples", "measurements", "likelihood"):
        shutil.rmtree(copied / "results/demo" / part)
    assert settled().outdated == ()
    change(copied, change_variant)
    assert {"table1.csv", "figures/training_curves.png", "metrics.json"} <= outdated(settled())
    assert planned(copied, "results/demo/table1.csv") >= {"train epsilon_L_fixed 0", "table table1"}


def test_with_an_unreadable_lock_the_times_are_left_and_it_is_said(copied):
    shuffle_times(copied)
    (copied / "dvc.lock").write_text("<<<<<<< HEAD\n")
    output = snakemake(copied, *TARGETS, "-n")
    assert "dvc.lock: not a lock file of DVC" in output
    assert "train" in output


def test_without_dvc_it_is_said(copied, monkeypatch):
    shuffle_times(copied)
    monkeypatch.setattr("sys.executable", str(copied / "python"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(VersionsError, match="dvc is not installed"):
        settled()


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
