"""One tiny study, built once by Snakemake, stored by DVC, and pushed to a remote in a temporary folder."""

import pytest
from filelock import FileLock
from workspaces import REPORT, commit, make_workspace, run, snakemake, weights_times


@pytest.fixture(scope="session")
def origin(tmp_path_factory, request):
    """The folder where the study was built, once for all workers of pytest-xdist."""
    parent = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # Each worker has a folder of its own in that of the run.
        parent = parent.parent
    parent = parent / "dvc"
    parent.mkdir(exist_ok=True)
    folder = parent / "origin"
    with FileLock(parent / "lock"):
        if not (parent / "built").exists():
            _build(folder)
            (parent / "built").touch()
    return folder


def _build(folder):
    parent = folder.parent
    folder.mkdir()
    make_workspace(folder, parent / "store")
    snakemake(folder, "demo", "--cores", "2")
    before = weights_times(folder)
    # What is not recorded yet is not pulled; DVC then proposes --force, which would delete it.
    assert "Use `--force` to force" in run(folder, "dvc", "pull", "demo", status=1)
    printed = run(folder, "dvc", "repro", "demo")
    assert "Nothing to be done" in printed
    assert weights_times(folder) == before
    assert (folder / REPORT).exists()
    commit(folder, "results")
    run(folder, "dvc", "push", "--quiet")
