"""`ddpm crate`: what the crate says of files and jobs is what they are; what it does not hold; refusals."""

import importlib.util
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import made_up_study
import pandas as pd
import pytest

from ddpm.cli import main
from ddpm.crate.contents import result_files
from ddpm.records.traced_files import write_frame

STUDY = "config/made_up.yaml"
HOME = "results/made_up"
RUN = f"{HOME}/models/eps_simple/seed0"
ROWS = f"{HOME}/measurements/quality/eps_simple/seed0/sampling0.parquet"
# Of a job: rule, the name of its log, its inputs and its outputs.
JOBS = (
    (
        "data",
        "data/tiny",
        ("resources/images.zip", "/data/somebody/labels.csv"),
        (f"{HOME}/data/tiny/manifest.json", f"{HOME}/data/tiny/train.npy"),
    ),
    ("train", "train/eps_simple.seed0", (f"{HOME}/data/tiny/manifest.json",), (f"{RUN}/trained.json",)),
    ("quality", "quality/eps_simple.seed0.sampling0", (f"{RUN}/trained.json",), (ROWS,)),
    ("table", "tables/table1", (ROWS, "config/published.csv"), (f"{HOME}/table1.csv",)),
)
# What a job read that no job made.
FETCHED, ELSEWHERE = "resources/images.zip", "/data/somebody/labels.csv"
LARGE = (f"{HOME}/data/tiny/train.npy", f"{RUN}/weights.safetensors")
pytestmark = pytest.mark.usefixtures("built")


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A study with files and records as a workflow leaves them."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(made_up_study.PROJECT / "Snakefile", "Snakefile")
    shutil.copytree(made_up_study.PROJECT / "workflow", "workflow")
    study = made_up_study.make(Path())
    made_up_study.measure(study)
    Path("config/made_up.local.yaml").write_text("datasets: {tiny: {source: digits}}\n")
    contents = {f"{RUN}/state/latest.safetensors": b"s", f"{HOME}/earlier/x/seed0/a-b/run.json": b"{}"}
    contents |= dict.fromkeys((*LARGE, FETCHED), b"large")
    contents |= {path: b"small" for _, _, _, outputs in JOBS for path in outputs if not Path(path).exists()}
    header = b"s\th:m:s\tmax_rss\tcpu_time\n"
    contents[f"{HOME}/benchmarks/train/eps_simple.seed0.tsv"] = header + b"12.5\t0:00:12\tNA\t11.0\n"
    for path, content in contents.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    frame = pd.DataFrame({"loss": [1.0]})
    write_frame(f"{RUN}/training.parquet", frame, {"git_commit": "def", "hardware": "a GPU"})
    Path(HOME, "records.json").write_text(json.dumps(records()))


def records():
    found = {}
    for start, (rule, name, inputs, outputs) in enumerate(JOBS):
        record = {
            "rule": rule,
            "shellcmd": f"exec ddpm {rule} {STUDY} --log {HOME}/logs/{name}.log",
            "log": [f"{HOME}/logs/{name}.log"],
            "input": list(inputs),
            "input_checksums": {path: f"sha256:{digest(path)}" for path in inputs if path != ELSEWHERE},
            "starttime": 1_800_000_000.25 + start,
            "endtime": 1_800_000_001.5 + start,
            "incomplete": False,
        }
        for path in outputs:
            found[path] = {"record": record, "size": os.path.getsize(path), "sha256": digest(path)}
    return found


def digest(path):
    return sha256(Path(path).read_bytes()).hexdigest()


def crate(*options):
    """The written crate, read back by the library."""
    rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed")
    assert main(["crate", STUDY, "--to", "out", "--quiet", *options]) == 0
    return rocrate.ROCrate("out")


def names(entities):
    return {entity["name"] for entity in (entities if isinstance(entities, list) else [entities])}


def test_each_file_is_an_entity_with_its_hash():
    read = crate()
    files = {path.relative_to("out").as_posix(): path for path in Path("out").rglob("*") if path.is_file()}
    written = {entity.id: entity for entity in read.get_by_type("File")}
    assert written.keys() == files.keys() - {"ro-crate-metadata.json"}
    for path, entity in written.items():
        if path != "README.md":
            assert (entity["sha256"], entity["contentSize"]) == (digest(path), str(os.path.getsize(path))), (
                path
            )
            assert digest(files[path]) == digest(path)
    assert {
        ROWS,
        f"{HOME}/table1.csv",
        f"{HOME}/records.json",
        STUDY,
        "config/published.csv",
    } <= written.keys()
    # Large files, and a file that names places on somebody's machine, are described.
    for path in (*LARGE, "config/made_up.local.yaml"):
        assert path not in files
        assert read.get(f"#file/{path}")["sha256"] == digest(path)
    assert not [path for path in files if "/state/" in path or "/earlier/" in path]


def test_each_job_is_an_action():
    read = crate("--by", "Ada Example")
    actions = {entity.id: entity for entity in read.get_by_type("CreateAction")}
    assert actions.keys() == {"#run"} | {f"#job/{name}" for _, name, _, _ in JOBS}
    for rule, name, inputs, outputs in JOBS:
        action = actions[f"#job/{name}"]
        assert action["description"] == f"ddpm {rule} {STUDY} --log {HOME}/logs/{name}.log"
        assert action["instrument"]["name"] == f"ddpm {rule}"
        assert names(action["object"]) == {path.removeprefix("/data/somebody/") for path in inputs}
        assert names(action["result"]) >= set(outputs)
        assert action["agent"]["name"] == "Ada Example"
    # The receipt is the rule's only output; what lies beside it was made with it.
    train = actions["#job/train/eps_simple.seed0"]
    assert names(train["result"]) == {
        f"{RUN}/{file}" for file in ("trained.json", "training.parquet", "weights.safetensors")
    }
    assert (train["startTime"], train["endTime"]) == (
        "2027-01-15T08:00:01.250+00:00",
        "2027-01-15T08:00:02.500+00:00",
    )
    assert {entity["value"] for entity in train["environment"]} == {"def", "a GPU"}
    assert {entity["propertyID"]: entity["value"] for entity in train["resourceUsage"]} == {
        "s": "12.5",
        "cpu_time": "11.0",
    }
    run = actions["#run"]
    assert {STUDY, "config/made_up.local.yaml", "config/published.csv"} <= names(run["object"])
    assert (run["startTime"], run["endTime"]) == (
        "2027-01-15T08:00:00.250+00:00",
        "2027-01-15T08:00:04.500+00:00",
    )
    assert read.get(f"#file/{FETCHED}")["sha256"] == digest(FETCHED)
    assert (read.get("#file/labels.csv") in run["object"], Path("out", FETCHED).exists()) == (True, False)
    seeds = read.get("#seeds/eps_simple")
    assert (seeds["value"], seeds in run["object"]) == ("0, 1; 0, 7", True)


def test_a_file_changed_since_has_no_action(capsys):
    Path(f"{HOME}/table1.csv").write_text("by hand")
    read = crate()
    assert read.get("#job/tables/table1") is None
    assert read.get(f"{HOME}/table1.csv")["sha256"] == digest(f"{HOME}/table1.csv")
    assert f"{HOME}/table1.csv is not as its job wrote it" in capsys.readouterr().err


def test_all_holds_the_large_files_too():
    read = crate("--all")
    for path in LARGE:
        assert read.get(path)["sha256"] == digest(Path("out", path))
    assert not Path("out/config/made_up.local.yaml").exists()


def test_the_papers_study_has_none_of_others_files():
    for path in ("results/table1.csv", "results/logs/tables/table1.log", "results/.workflow.lock"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    found = result_files(SimpleNamespace(name="paper"), everything=False)
    assert [file.path for file in found] == ["results/table1.csv", "results/logs/tables/table1.log"]


def refused(*options):
    before = sorted(Path().rglob("*"))
    assert main(["crate", STUDY, *options]) == 2
    assert sorted(Path().rglob("*")) == before


def test_refusals_leave_everything_as_it_was(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        refused("--to", "out")
    assert "pip install" in capsys.readouterr().err
    pytest.importorskip("rocrate", reason="rocrate is not installed")
    refused("--to", "config")
    refused("--to", f"{HOME}/crate")
    refused("--to", "out", "--orcid", "https://orcid.org/0000-0002-1825-0097")
    refused("--to", "out", "--by", "Ada Example", "--orcid", "0000-0002-1825-0097")
    Path(HOME, "records.json").unlink()
    capsys.readouterr()
    refused("--to", "out")
    assert "run `snakemake made_up`" in capsys.readouterr().err
    Path("Snakefile").unlink()
    refused("--to", "out")
