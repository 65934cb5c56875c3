"""The drill finds what it must find: one flipped bit in weights, one changed cell, a lost file."""

import base64
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from killing.comparison import differences, digests
from killing.snapshot import lost, remade, saved_updates, snapshot
from killing.study import HOME, STAGES, drill_study, remove_from, write_study

from ddpm.graph import dependencies
from ddpm.network.weights import save_weights
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.traced_files import write_arrays, write_frame
from ddpm.study import load_study

WEIGHTS = "models/epsilon_L_simple/seed0/weights.safetensors"


def provenance(commit: str = "a" * 40) -> dict:
    return {"status": "trained", "git_commit": commit, "hardware": "one", "settings": "0123"}


def write_results(home, commit: str = "a" * 40, value: float = 3.17, hardware: str = "one"):
    """A few files of each kind, as the project's own writers make them."""
    weights = {"w": torch.arange(6, dtype=torch.float32).reshape(2, 3)}
    save_weights(home / WEIGHTS, weights, provenance(commit))
    save_weights(home / "models/epsilon_L_simple/seed0/state/latest.safetensors", weights, {"updates": 7})
    write_arrays(home / "samples/m/seed0/sampling0/shard0.npz", {"images": np.arange(4)}, provenance(commit))
    frame = pd.DataFrame({"image": [0, 1], "terms": [[0.5, float("nan")], [0.25, 1.0]]})
    write_frame(home / "likelihood/m/seed0/test/shard0.parquet", frame, provenance(commit))
    row = Measurement("s", "m", "FID", value, 4, "p", "trained", "0123", commit, hardware)
    write_measurements(home / "measurements/quality/m/seed0/sampling0.parquet", [row])
    (home / "tables").mkdir(parents=True)
    (home / "table2.csv").write_text("row,measured_FID\nm,3.17\n")
    (home / "tables/table2.trace.csv").write_text(f"row,git_commit\nm,{commit}\n")
    (home / "figures").mkdir()
    (home / "figures/figure1.png").write_bytes(b"\x89PNG" + bytes(range(200)))


@pytest.fixture
def home(tmp_path):
    write_results(tmp_path / HOME)
    return tmp_path / HOME


def flip(path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_run_equals_itself_whatever_commit_and_machine_made_it(home, tmp_path):
    write_results(tmp_path / "other", commit="b" * 40 + "+changes", hardware="two")
    assert differences(digests(home), digests(tmp_path / "other")) == []
    assert len(digests(home)) == 7  # the state is no result


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (WEIGHTS, -1),
        ("samples/m/seed0/sampling0/shard0.npz", 140),
        ("likelihood/m/seed0/test/shard0.parquet", 50),
        ("figures/figure1.png", 100),
    ],
)
def test_one_flipped_bit_is_found(home, tmp_path, name, place):
    expected = digests(home)
    flip(home / name, place)
    assert differences(expected, digests(home)) == [f"{name}: other content"]


def test_weights_that_are_whole_but_of_other_value_are_found(home):
    expected = digests(home)
    changed = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    changed[1, 2] = float(np.nextafter(np.float32(5), np.float32(6)))
    save_weights(home / WEIGHTS, {"w": changed}, provenance())
    assert differences(expected, digests(home)) == [f"{WEIGHTS}: other content"]


def test_one_changed_table_cell_is_found(home):
    expected = digests(home)
    (home / "table2.csv").write_text("row,measured_FID\nm,3.18\n")
    assert differences(expected, digests(home)) == ["table2.csv: other content"]


def test_the_last_bit_of_a_measurement_is_found(home, tmp_path):
    write_results(tmp_path / "other", value=float(np.nextafter(3.17, 4)))
    assert differences(digests(home), digests(tmp_path / "other")) == [
        "measurements/quality/m/seed0/sampling0.parquet: other content"
    ]


def test_missing_and_additional_files_are_found(home):
    expected = digests(home)
    (home / "table2.csv").rename(home / "table3.csv")
    assert differences(expected, digests(home)) == [
        "table2.csv: missing",
        "table3.csv: not made by the undisturbed run",
    ]


def test_temporary_files_and_logs_are_no_results(home):
    expected = digests(home)
    (home / ".table2.0a1b2c3d.partial.csv").write_text("row,measu")
    (home / "logs").mkdir()
    (home / "logs/train.log").write_text("10:00 done in 3 s")
    assert differences(expected, digests(home)) == []


def test_a_snapshot_leaves_out_what_snakemake_marked_as_unfinished(home, tmp_path):
    before = snapshot(tmp_path)
    assert len(before.finished) == 7
    mark(tmp_path, (HOME / WEIGHTS).as_posix())
    mark(tmp_path, (HOME / "table2.csv").as_posix(), split=10)
    after = snapshot(tmp_path)
    assert before.finished.keys() - after.finished.keys() == {
        (HOME / WEIGHTS).as_posix(),
        (HOME / "table2.csv").as_posix(),
    }


def mark(folder, name: str, split: int = 0) -> None:
    """A mark as Snakemake makes it: the name in base64, cut into folders if long."""
    coded = base64.b64encode(name.encode(), altchars=b"-_").decode()
    place = folder / ".snakemake/incomplete"
    place = place / f"@{coded[:split]}" / coded[split:] if split else place / coded
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"external_jobid": None}))


def test_finished_training_whose_state_is_gone_is_noticed(home, tmp_path):
    mark(tmp_path, (HOME / WEIGHTS).as_posix())
    assert not snapshot(tmp_path).unprotected
    state = home / "models/epsilon_L_simple/seed0/state"
    shutil.rmtree(state)
    assert snapshot(tmp_path).unprotected
    (state / "finished").mkdir(parents=True)
    shutil.copy(home / WEIGHTS, state / "finished")
    assert not snapshot(tmp_path).unprotected


def test_lost_changed_and_remade_results(home, tmp_path):
    before = snapshot(tmp_path)
    assert lost(before, before) == []
    os.utime(home / "figures/figure1.png", ns=(0, 0))
    assert (lost(before, snapshot(tmp_path)), remade(before, snapshot(tmp_path))) == ([], 1)
    (home / "table2.csv").unlink()
    flip(home / WEIGHTS, -1)
    assert lost(before, snapshot(tmp_path)) == [
        f"{(HOME / WEIGHTS).as_posix()}: changed after a restart",
        f"{(HOME / 'table2.csv').as_posix()}: gone after a restart",
    ]


def test_saved_updates_are_those_of_whole_states_alone(tmp_path):
    assert saved_updates(tmp_path) == 0
    save_weights(tmp_path / "previous.safetensors", {"x": torch.zeros(3)}, {"updates": 4})
    save_weights(tmp_path / "latest.safetensors", {"x": torch.zeros(3)}, {"updates": 5})
    assert saved_updates(tmp_path) == 5
    flip(tmp_path / "latest.safetensors", -1)
    assert saved_updates(tmp_path) == 4


def test_the_stages_name_every_file_of_the_study(tmp_path, monkeypatch):
    """Removing from the first rule on removes all; what a later rule needs stays."""
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    study = load_study("config/drill.yaml")
    artefacts = [*drill_study()["artefacts"]]
    wanted = set(dependencies.artefact_files(study)) | {"results/drill/index.html"}
    for name in artefacts:
        wanted |= {path for files in dependencies.artefact_inputs(study, name).values() for path in files}
    made = {path for path in wanted if path.startswith("results/")}
    for path in made:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert remove_from(tmp_path, "index") == 1
    assert remove_from(tmp_path, "table") > 0
    assert not list((tmp_path / HOME).rglob("*.csv"))
    assert list((tmp_path / HOME).glob("chains/*.npz"))
    remove_from(tmp_path, next(iter(STAGES)))
    assert [path for path in (tmp_path / HOME).rglob("*") if path.is_file()] == []
