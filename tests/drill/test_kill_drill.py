"""The drill in short, with its random faults, and the bytes of an undisturbed run at the end."""

import pytest
from drill import Drill, report
from killing.faults import KINDS
from killing.results import digests
from killing.study import HOME, drill_study, write_study
from killing.workflow import Workflow

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
KILLS = 2


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    drill = Drill(tmp_path_factory.mktemp("drill"), KILLS)
    drill.run()
    return drill


def test_nothing_differs_or_is_lost(drilled):
    assert drilled.problems == []
    assert drilled.ends >= 1
    assert len(drilled.faults) == KILLS
    assert {fault.kind for fault in drilled.faults} <= set(KINDS)


def test_results_of_every_kind_of_file_were_compared(drilled):
    assert digests(drilled.disturbed) == drilled.expected
    suffixes = {name.rpartition(".")[2] for name in drilled.expected}
    assert suffixes >= {"safetensors", "npz", "npy", "parquet", "csv", "png", "pdf", "html", "json", "md"}


def test_the_report_names_every_fault(drilled):
    page = report(drilled, seconds=60.0)
    assert f"{KILLS} faults in 1 min" in page
    assert "**problems: 0**" in page
    assert all(f"\n{number}. {fault}\n" in page for number, fault in enumerate(drilled.faults, start=1))


def test_a_changed_setting_remakes_what_depends_on_it_alone(drilled):
    folder = drilled.undisturbed
    before = {path: path.stat().st_mtime_ns for path in map((folder / HOME).joinpath, digests(folder))}
    study = drill_study()
    study["artefacts"]["figure2"]["t"] = 5
    write_study(folder, study)
    workflow = Workflow(drilled.source, folder, drilled.temporary)
    assert workflow.wait() == 0, workflow.messages()
    touched = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {path.relative_to(folder / HOME).as_posix() for path in touched} == {
        "chains/figure2.npz",
        "report.html",
        *(f"figures/figure2.{suffix}" for suffix in ("png", "pdf", "json")),
    }
