"""The stages of dvc.yaml: what they cover, and where they stop."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from workspaces import ENVIRONMENT, ROOT, make_workspace, run, snakemake, status

from ddpm.graph.available import select
from ddpm.graph.stages import measured_files, trained_files
from ddpm.study import load_study

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PAPER = ("train", "evaluate", "artefacts")


def outputs(stage: str) -> list[str]:
    entries = [*STAGES[stage]["outs"], *STAGES[stage].get("metrics", [])]
    return [path for entry in entries for path in entry]


def fetched() -> list[str]:
    """Names of the downloads, which the stages depend on by their hashes and do not store."""
    assert all("config/resources.yaml" in STAGES[stage]["deps"] for stage in ("train", "evaluate"))
    return list(yaml.safe_load((ROOT / "config/resources.yaml").read_text()))


def covered(file: str, paths: list[str]) -> bool:
    return any(Path(file).is_relative_to(path) for path in paths)


@pytest.mark.workflow
@pytest.mark.slow
@pytest.mark.parametrize(("target", "stages"), [("all", PAPER), ("demo", ("demo",))])
def test_every_file_that_a_study_makes_is_stored(full_scale, target, stages):
    stored = [path for stage in stages for path in outputs(stage)]
    stored += [f"resources/{name}" for name in fetched()]
    home = "results/demo" if target == "demo" else "results"
    lines = snakemake(full_scale, target, "--keep-going", "--summary").splitlines()
    made = [line.split("\t")[0] for line in lines if line.startswith(("results/", "resources/"))]
    assert len(made) > 40
    assert f"{home}/metrics.json" in made
    assert [file for file in [*made, f"{home}/records.json"] if not covered(file, stored)] == []


@pytest.mark.workflow
@pytest.mark.slow
def test_the_stages_of_the_paper_name_every_file_of_theirs(full_scale, monkeypatch):
    """So that a folder of results that is gone is made again, and not recorded as an empty one."""
    lines = snakemake(full_scale, "measured", "--keep-going", "--summary").splitlines()
    made = {line.split("\t")[0] for line in lines if line.startswith("results/")}
    monkeypatch.chdir(full_scale)
    study = select(load_study("config/paper.yaml")).study
    named = set(trained_files(study)) | set(measured_files(study))
    assert named <= made
    # A data set is known by its manifest.
    assert {Path(file).suffix for file in made - named} == {".npy"}


def test_outputs_stay_when_a_stage_runs_again():
    for stage in STAGES.values():
        for entry in [*stage["outs"], *stage.get("metrics", [])]:
            assert list(entry.values()) == [{"persist": True}]


def test_every_setting_of_a_study_is_a_parameter_of_the_stage_that_makes_its_tables():
    for stage, study in (("artefacts", "paper"), ("artefacts", "cifar10"), ("demo", "demo")):
        (parameters,) = [file for file in STAGES[stage]["params"] if f"config/{study}.yaml" in file]
        settings = yaml.safe_load((ROOT / f"config/{study}.yaml").read_text())
        assert set(parameters[f"config/{study}.yaml"]) == set(settings) - {"extends"}


@pytest.fixture(scope="module")
def full_scale(tmp_path_factory):
    """The project's stages and studies, without results, under git."""
    folder = tmp_path_factory.mktemp("full-scale")
    make_workspace(folder, folder / "store")
    return folder


@pytest.mark.workflow
@pytest.mark.slow
def test_the_paper_s_stages_run_these_jobs(full_scale):
    """Where there are no data of the 256x256 part."""
    counts = {}
    for stage, target in zip(PAPER, ("trained", "measured", "all"), strict=True):
        commands = STAGES[stage]["cmd"]
        command = commands[0] if isinstance(commands, list) else commands
        assert command == f"snakemake {target} --keep-going"
        output = snakemake(full_scale, "-n", *command.split()[1:])
        summary = output[output.index("Job stats:") :]
        counts[stage] = Counter(
            {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", summary, re.MULTILINE)}
        )
        assert counts[stage].pop(target) == 1
        counts[stage].pop("total")
    train = {"fetch": 2, "data": 1, "reference": 1, "train": 6, "checkpoint": 51, "choose": 6}
    evaluate = {"sample": 90, "bound": 24, "likelihood": 4, "quality": 9, "progressive": 1, "neighbours": 1}
    evaluate |= {"respaced": 6, "schedule": 4, "coding": 4}
    artefacts = {"table": 7, "figure": 9, "report": 1, "metrics": 1}
    assert counts["train"] == train
    assert counts["evaluate"] == train | evaluate
    assert counts["artefacts"] == train | evaluate | artefacts


@pytest.mark.workflow
@pytest.mark.slow
def test_without_a_gpu_a_bare_repro_has_the_demo_and_then_prints_the_plan(origin):
    """The demo is recorded here already; of the paper's study nothing is made."""
    before = set(origin.joinpath("results").iterdir())
    output = run(origin, "dvc", "repro", status=255)
    demo, _, rest = output.partition("Running stage 'train'")
    assert "Stage 'demo' didn't change, skipping" in demo
    assert "Without a GPU this takes" in rest
    assert "failed to reproduce 'train'" in rest
    assert set(origin.joinpath("results").iterdir()) == before
    assert not (origin / "resources").exists()
    assert run(origin, "git", "status", "--porcelain") == ""


@pytest.mark.workflow
@pytest.mark.slow
def test_a_cluster_s_profile_reaches_snakemake(full_scale, monkeypatch):
    """SNAKEMAKE_PROFILE is handed on: a profile that asks for a dry run makes it one."""
    profile = full_scale.parent / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text("dry-run: true\n")
    monkeypatch.setitem(ENVIRONMENT, "SNAKEMAKE_PROFILE", str(profile))
    output = run(full_scale, "dvc", "repro", "train", status=255)  # a dry run makes no outputs
    assert "This was a dry-run" in output
    assert re.search(r"^train +6$", output, re.MULTILINE)


@pytest.mark.workflow
@pytest.mark.slow
def test_status_metrics_and_plots(origin):
    assert status(origin) == {}
    heads, row = run(origin, "dvc", "metrics", "show").splitlines()
    assert heads.split() == ["Path", "best_FID", "best_FID_model", "best_NLL", "best_NLL_model"]
    assert row.startswith("results/demo/headline.json ")
    assert max(map(len, (heads, row))) < 110
    metrics = json.loads(run(origin, "dvc", "metrics", "show", "--json", "results/demo/metrics.json"))
    numbers = metrics[""]["data"]["results/demo/metrics.json"]["data"]
    assert set(numbers) == {"epsilon_L_fixed", "epsilon_L_simple"}
    assert numbers["epsilon_L_simple"]["FID_train"] > 0
    assert numbers["epsilon_L_simple"]["NLL_test"] > 0
    run(origin, "dvc", "plots", "show", "--quiet")
    page = (origin / "dvc_plots/index.html").read_text()
    for shown in ("measured_RMSE", "reverse_steps", "epsilon_L_fixed seed 0", "figure13.png"):
        assert shown in page
    assert run(origin, "git", "status", "--porcelain") == ""


@pytest.mark.workflow
@pytest.mark.slow
def test_logs_and_measured_times_are_not_stored(origin):
    tracked = run(origin, "dvc", "ls", "--recursive", "--dvc-only", ".")
    assert "results/demo/metrics.json" in tracked
    assert "logs/" not in tracked
    assert "benchmarks/" not in tracked
    assert "results" not in run(origin, "git", "ls-files")
