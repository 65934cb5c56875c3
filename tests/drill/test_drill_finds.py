"""The drill finds what it must find: a flipped bit, a lost file, training that fell back."""

import base64

import pytest
import torch
from drill import Drill
from killing.results import differences, digests, finished, saved_states, saved_updates
from killing.study import HOME, STATE

from ddpm.network.weights import save_weights

FILES = ("models/m/seed0/weights.safetensors", "samples/m/shard0.npz", "table2.csv")
NO_RESULTS = ("logs/train.log", "benchmarks/train.tsv", ".table2.0a1b2c3d.partial.csv", "samples/.writable")


@pytest.fixture
def folder(tmp_path):
    for name in (*FILES, *NO_RESULTS):
        (tmp_path / HOME / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / HOME / name).write_bytes(b"content of " + name.encode())
    save_state(tmp_path, "previous", 6)
    save_state(tmp_path, "latest", 7)
    return tmp_path


def save_state(folder, name: str, updates: int) -> None:
    save_weights(folder / STATE / f"{name}.safetensors", {"x": torch.zeros(3)}, {"updates": updates})


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def mark(folder, name: str, split: int = 0) -> None:
    """Marks an output as unfinished, as Snakemake does: its name in base64, cut into folders if long."""
    coded = base64.b64encode((HOME / name).as_posix().encode(), altchars=b"-_").decode()
    place = folder / ".snakemake/incomplete"
    place = place / f"@{coded[:split]}" / coded[split:] if split else place / coded
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()


def test_logs_temporary_files_and_states_are_no_results(folder):
    assert set(digests(folder)) == set(FILES)
    assert digests(folder / "nowhere") == {}


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found(folder, name):
    expected = digests(folder)
    flip(folder / HOME / name)
    assert differences(expected, digests(folder)) == [f"{name}: other content"]


def test_missing_and_additional_files_are_found(folder):
    expected = digests(folder)
    (folder / HOME / "table2.csv").rename(folder / HOME / "table3.csv")
    assert differences(expected, digests(folder)) == [
        "table2.csv: missing",
        "table3.csv: not made by the undisturbed run",
    ]


def test_outputs_of_jobs_whose_end_snakemake_has_not_seen_are_not_finished(folder):
    mark(folder, FILES[0])
    mark(folder, FILES[2], split=10)
    assert set(finished(folder)) == {FILES[1]}


def test_saved_updates_are_those_of_whole_states_alone(folder, tmp_path):
    assert [path.name for path in saved_states(folder)] == ["previous.safetensors", "latest.safetensors"]
    assert saved_updates(folder) == 7
    flip(folder / STATE / "latest.safetensors")
    assert saved_updates(folder) == 6
    assert saved_updates(tmp_path / "nowhere") == 0


def test_what_is_lost_between_two_looks_is_a_problem(folder):
    drill = Drill(folder / "drill", kills=1)
    drill.disturbed, drill.expected = folder, digests(folder)
    drill._look()
    assert drill.problems == []
    (folder / HOME / "table2.csv").unlink()
    flip(folder / HOME / FILES[0])
    (folder / STATE / "latest.safetensors").unlink()
    drill._look()
    assert drill.problems == [
        "table2.csv: gone after a restart",
        f"{FILES[0]}: other content",
        "training fell back from 7 to 6 saved updates",
    ]
