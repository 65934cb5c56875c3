"""The drill in short: every kind of fault, at least once, and the bits of an undisturbed run at the end."""

import json
import time

import pytest
import yaml
from killing.drill import Drill
from killing.faults import KINDS
from killing.report import summary, write_report
from killing.snapshot import snapshot
from killing.study import NAME, TARGET, drill_study
from killing.tally import Plan
from studies import snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
KILLS = 10


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    drill = Drill(tmp_path_factory.mktemp("drill"), Plan(list(KINDS), KILLS, life=2.0, on_seconds=5.0))
    started = time.monotonic()
    try:
        drill.run()
        yield drill, summary(drill, time.monotonic() - started)
    finally:
        drill.disk.close()


def test_nothing_differs_or_is_lost(drilled):
    _, figures = drilled
    assert figures["problems"] == []
    assert figures["unprovoked_failures"] == []
    assert figures["finished"] >= 1
    assert figures["kills"] == len(figures["events"]) == KILLS


def test_every_kind_that_this_machine_allows_struck(drilled):
    drill, figures = drilled
    assert set(figures["kills_by_kind"]) == set(drill.kinds)
    assert set(KINDS) - set(drill.kinds) == set(figures["kinds_left_out"])
    assert all(event["running"] for event in figures["events"] if event["kind"] == "job")


def test_results_of_every_kind_of_file_were_compared(drilled):
    drill, _ = drilled
    suffixes = {name.rpartition(".")[2] for name in drill.expected}
    assert suffixes >= {"safetensors", "npz", "npy", "parquet", "csv", "png", "pdf", "html", "json", "md"}


def test_no_state_lock_or_mark_is_left(drilled):
    drill, _ = drilled
    kinds = ("training states", "Snakemake's locks", "Snakemake's marks of incomplete files")
    assert {kind: drill.left[kind] for kind in kinds} == {kind: [] for kind in kinds}, drill.left


def test_the_report_says_the_same_twice(drilled, tmp_path):
    _, figures = drilled
    write_report(figures, tmp_path / "report")
    assert json.loads((tmp_path / "report.json").read_text()) == figures
    page = (tmp_path / "report.md").read_text()
    assert f"{KILLS} faults" in page
    assert "**problems: 0**" in page


def test_a_changed_setting_remakes_what_depends_on_it_alone(drilled):
    drill, _ = drilled
    folder = drill.undisturbed
    before = snapshot(folder)
    study = drill_study()
    study["artefacts"]["figure2"]["t"] = 5
    (folder / "config" / f"{NAME}.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    snakemake(folder, TARGET, "--cores", "2")
    after = snapshot(folder)
    touched = {path for path in after.times if after.times[path] != before.times.get(path)}
    home = f"results/{NAME}"
    assert touched == {
        f"{home}/chains/figure2.npz",
        f"{home}/index.html",
        *(f"{home}/figures/figure2.{suffix}" for suffix in ("png", "pdf", "json")),
    }
