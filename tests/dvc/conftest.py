"""One tiny study, built once by Snakemake, stored by DVC, and pushed to a remote in a temporary folder."""

import pytest
from workspaces import INDEX, commit, make_workspace, run, snakemake, weights_times


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    """The folder where the study was built; `built` beside it holds what the two commands printed."""
    parent = tmp_path_factory.mktemp("dvc")
    folder = parent / "origin"
    folder.mkdir()
    make_workspace(folder, parent / "store")
    snakemake(folder, "demo", "results/demo/metrics.json", "--cores", "2")
    before = weights_times(folder)
    printed = run(folder, "dvc", "repro", "demo")
    assert "Nothing to be done" in printed
    assert weights_times(folder) == before
    assert (folder / INDEX).exists()
    commit(folder, "results")
    run(folder, "dvc", "push", "--quiet")
    return folder
