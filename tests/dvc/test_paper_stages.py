"""The paper's stages for real, in miniature: one `dvc repro` from nothing, an edit, and a clone."""

from collections import Counter
from pathlib import Path

import pytest
from http_server import faulty_server
from small_paper import ARCHIVE, make_small_paper, small_paper, write_small_paper
from workspaces import clone, commit, jobs, planned, run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
STAGES = {"trained", "measured", "all"}
SIMPLE, FIXED = "epsilon_L_simple", "epsilon_L_fixed"


def started(folder: Path) -> Counter[str]:
    """How often each job was started here, by Snakemake's own logs."""
    logs = sorted((folder / ".snakemake/log").glob("*.log"))
    return Counter(job for log in logs for job in jobs(log.read_text()))


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The study made by one call of `dvc repro`, and the jobs that Snakemake had planned for all of it."""
    folder = tmp_path_factory.mktemp("stages") / "paper"
    folder.mkdir()
    with faulty_server() as server:
        make_small_paper(folder, server)
        whole = planned(folder, "all")
        run(folder, "dvc", "repro", "artefacts")
        assert len(server.requests) == 1
    commit(folder, "results")
    return folder, whole


def test_one_repro_makes_everything_and_each_job_once(paper):
    folder, whole = paper
    assert len(whole) > 20
    assert started(folder) == Counter(whole | STAGES)
    assert (folder / "results/comparison.csv").stat().st_size > 0
    assert run(folder, "dvc", "status", "train", "evaluate", "artefacts").strip().endswith("up to date.")


def test_the_download_is_left_alone(paper):
    """As an output of a stage it would get a new time whenever the stage is saved."""
    folder, _ = paper
    archive = (folder / "resources" / ARCHIVE).stat().st_mtime
    assert archive < (folder / "results/data/cifar10/manifest.json").stat().st_mtime


def test_a_clone_has_nothing_to_do(paper, tmp_path):
    folder, _ = paper
    run(folder, "dvc", "push", "--quiet")
    copy = clone(folder, tmp_path / "clone")
    for target in ("trained", "measured", "all"):
        assert planned(copy, target) == set()
    assert "up to date" in run(copy, "dvc", "repro", "artefacts")
    assert not (copy / "resources").exists()


def test_an_edited_setting_makes_what_depends_on_it(paper):
    folder, _ = paper
    before = started(folder)
    study = small_paper()
    study["models"][FIXED]["training"] = {"learning_rate": 0.001}
    write_small_paper(folder, study)
    run(folder, "dvc", "repro", "artefacts")
    made = {f"train {FIXED} 0", f"sample {FIXED} 0 0 0", "figure figure13", "report"}
    assert started(folder) - before == Counter(made | STAGES)
