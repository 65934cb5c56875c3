"""Parts that need no DVC: its lock file and answers, recorded fingerprints, metrics."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ddpm.measurements import Measurement, write_measurements
from ddpm.plan.rules import RULES
from ddpm.study import load_study
from ddpm.traced_files import write_arrays, write_frame
from ddpm.versions.expected import expected_settings
from ddpm.versions.graph import locked_study, study_graph
from ddpm.versions.lock import Lock, VersionsError
from ddpm.versions.metrics import checkpoints_plot, metrics, progressive_plot, training_plot
from ddpm.versions.recorded import UNREADABLE, recorded_inputs, recorded_settings
from ddpm.versions.records import RECORDS, forget, made_here, record
from ddpm.versions.unchanged import as_locked

LOCK = """
schema: '2.0'
stages:
  demo:
    cmd: snakemake demo
    deps:
    - {path: config/published.csv, hash: md5, md5: 0cc175b9c0f1b6a831c399e269772661, size: 1}
    params:
      config/demo.yaml: {title: then}
      elsewhere/other.yaml: {title: not a study}
    outs:
    - {path: results/demo, hash: md5, md5: 0cc175b9c0f1b6a831c399e269772661.dir}
"""


def test_a_lock_names_studies_settings_and_inputs(project):
    (project / "dvc.lock").write_text(LOCK)
    (project / "config/published.csv").write_text("a")
    lock = Lock()
    assert lock.studies == ["demo"]
    assert lock.settings("config/demo.yaml", "results/demo/index.html") == {"title": "then"}
    assert lock.settings("config/demo.yaml", "results/index.html") is None
    assert lock.input_changed("config/published.csv") is False
    assert lock.input_changed("config/demo.yaml") is None
    (project / "config/published.csv").write_text("b")
    assert lock.input_changed("config/published.csv") is True
    (project / "config/published.csv").unlink()
    assert lock.input_changed("config/published.csv") is True


@pytest.mark.parametrize("content", ["", "[]", "stages: 3", "<<<<<<< HEAD\nstages: {}", "stages: {a: {"])
def test_a_damaged_lock_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(VersionsError, match=r"dvc\.lock: .*git checkout"):
        Lock(tmp_path / "dvc.lock")


def test_files_agree_with_the_lock_whether_it_is_committed_or_not():
    status = {
        "committed": {
            "added": ["r/", "r/new"],
            "modified": ["r/other"],
            "renamed": [{"old": "r/1", "new": "r/2"}],
        },
        "uncommitted": {
            "modified": ["r/", "r/edited"],
            "renamed": [{"old": "r/3", "new": "r/4"}],
            "added": ["r/5"],
        },
        "unchanged": ["r/same", "r/edited", "r/3"],
    }
    assert as_locked(status) == {"r/new", "r/other", "r/2", "r/same"}
    assert as_locked({}) == frozenset()


def test_each_kind_of_file_tells_its_settings(tmp_path):
    about = {"settings": "abc"}
    write_arrays(tmp_path / "a.npz", {"x": np.zeros(2)}, about)
    write_frame(tmp_path / "b.parquet", pd.DataFrame({"x": [1.0]}), about)
    write_measurements(tmp_path / "c.parquet", [row(settings="abc")])
    (tmp_path / "d.json").write_text(json.dumps(about | {"inputs": [{"path": "p"}, {"path": "q"}]}))
    write_weights(tmp_path / "e.safetensors", about)
    for name in ("a.npz", "b.parquet", "c.parquet", "d.json", "e.safetensors"):
        assert recorded_settings(str(tmp_path / name)) == "abc", name
    assert recorded_settings(str(tmp_path / "f.csv")) is None
    assert recorded_inputs(str(tmp_path / "d.json")) == ["p", "q"]
    assert recorded_inputs(str(tmp_path / "a.npz")) is None
    write_measurements(tmp_path / "c.parquet", [row(settings="abc"), row(settings="other")])
    assert recorded_settings(str(tmp_path / "c.parquet")) == UNREADABLE


@given(st.sampled_from([".npz", ".parquet", ".safetensors"]), st.binary(max_size=40))
def test_a_damaged_file_has_no_settings_that_could_be_expected(tmp_path_factory, suffix, content):
    path = tmp_path_factory.mktemp("damaged") / f"file{suffix}"
    path.write_bytes(content)
    assert recorded_settings(str(path)) == UNREADABLE


def test_every_job_of_the_studies_has_settings_to_expect(project):
    for name in ("demo", "paper", "pilot"):
        study = load_study(f"config/{name}.yaml")
        for job in study_graph(study).all:
            assert bool(expected_settings(study, job)) == (job.rule not in ("fetch", "metrics")), job
    assert {rule.name for rule in RULES} >= {job.rule for job in study_graph(study).all} - {"metrics"}


def test_a_locked_study_is_the_study_unless_a_layer_is_missing(project):
    settings = yaml.safe_load((project / "config/demo.yaml").read_text())
    settings["title"] = "then"
    then = locked_study("config/demo.yaml", settings)
    assert then is not None
    assert (then.name, then.title) == ("demo", "then")
    assert len(study_graph(then).all) == len(study_graph(load_study("config/demo.yaml")).all)
    assert locked_study("config/demo.yaml", {"title": "alone"}) is None
    (project / "config/demo.local.yaml").write_text("title: mine\n")
    assert locked_study("config/demo.yaml", settings) is None


@given(st.text("abcdefghij/_.0123456789", min_size=1, max_size=600))
def test_records_are_looked_for_where_snakemake_keeps_them(path):
    from snakemake.persistence.file import FilePersistence

    class Longest:
        def _fetch_max_len(self, subject):
            return 255

    assert FilePersistence._record_path(Longest(), str(RECORDS), path) == str(record(RECORDS, path))


def test_made_here_means_a_record_no_older_than_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert not made_here("file")
    kept = record(RECORDS, "file")
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert made_here("file")
    os.utime(kept, (1, 1))
    assert not made_here("file")
    forget("file")
    forget("file")
    assert not kept.exists()


def test_metrics_are_means_over_seeds_of_what_was_trained(tmp_path):
    rows = [
        row(metric="FID", split="train", value=3.0),
        row(metric="FID", split="train", value=5.0, training_seed=1),
        row(metric="IS", value=9.0),
        row(metric="FID", split="train", value=100.0, reverse_steps=10),
        row(metric="L_0", split="test", value=1.0),
        row(model="other", status="diverged at step 3", metric="FID", split="train", value=float("nan")),
        row(model="reference: test images", status="reference", metric="IS", value=11.0),
    ]
    write_measurements(tmp_path / "rows.parquet", rows)
    files = [str(tmp_path / "rows.parquet")]
    assert metrics(files) == {"m": {"FID_train": 4.0, "IS": 9.0}}
    assert metrics([]) == {}
    assert progressive_plot(files)[["reverse_steps", "FID"]].to_numpy().tolist() == [[10, 100.0]]


def test_plots_of_training_and_checkpoints(tmp_path):
    curve = pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0], "gradient_norm": [1.0, 1.0]})
    write_frame(tmp_path / "training.parquet", curve, {"model": "m", "training_seed": 4})
    shown = training_plot([str(tmp_path / "training.parquet")])
    assert shown["run"].unique().tolist() == ["m seed 4"]
    assert shown["loss"].tolist() == [3.0, 2.0]
    write_measurements(tmp_path / "step600.parquet", [row(metric="FID", value=7.0)])
    measured = checkpoints_plot([str(tmp_path / "step600.parquet")])
    assert measured[["step", "FID"]].to_numpy().tolist() == [[600, 7.0]]
    for empty in (training_plot([]), checkpoints_plot([]), progressive_plot([])):
        assert len(empty) == 0
        assert len(empty.columns) == 4


def row(**changed) -> Measurement:
    given = {
        **{"study": "s", "model": "m", "metric": "FID", "value": 1.0, "n": 10, "protocol": "p"},
        **{"status": "trained", "settings": "abc", "git_commit": "c", "hardware": "h", "training_seed": 0},
    }
    return Measurement(**{**given, **changed})


def write_weights(path, about) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3, np.float32)}, path, metadata={"provenance": json.dumps(about)})
