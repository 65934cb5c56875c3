"""The jobs of a study as Snakemake finds them: which there are, and which are left to run."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from made_up import changed
from workflow.studies import snakemake, tiny_study, write_study

from ddpm.errors import DDPMError, StudyError
from ddpm.graph import layout
from ddpm.plan import jobs as plan_jobs
from ddpm.plan.jobs import printed_inputs, study_jobs, summarised_jobs, target_files
from ddpm.study import load_study

SIMPLE = "epsilon_L_simple"
PATTERNS = [
    value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str) and "{" in value
]


def counts(jobs):
    return dict(Counter(job.rule for job in jobs))


@pytest.mark.parametrize("home", ["results", "results/demo"])
@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if "{file}" not in pattern])
def test_wildcards_are_found_in_every_path_of_the_layout(home, pattern):
    names = [name for name in re.findall(r"\{(\w+)\}", pattern) if name != "home"]
    values = {"home": home, **{name: f"{name}_1-a" for name in names}}
    assert layout.wildcards(pattern.format(**values)) == values


def test_wildcards_of_other_files():
    assert layout.wildcards("resources/huggingface/a/b/main/c.npz") == {"file": "huggingface/a/b/main/c.npz"}
    assert layout.wildcards("elsewhere/table1.csv") == {}


def test_the_texts_of_snakemake():
    summary = (
        "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"
        "resources/a.tar.gz\t-\tfetch\t-\tmissing\tupdate pending\n"
        "results/data/x/train.npy\tThu\tdata\tl\tok\tno update\n"
        "results/models/m/seed3/weights.safetensors\t-\ttrain\t-\tmissing\tupdate pending\n"
        "results/models/m/seed3/training.parquet\t-\ttrain\t-\tmissing\tupdate pending\n"
        "elsewhere/new.txt\t-\tnew\t-\tmissing\tupdate pending\n"
    )
    dry_run = (
        "Job stats:\n[Thu]\nlocalrule fetch:\n    output: resources/a.tar.gz (update)\n    jobid: 1\n\n"
        "rule train:\n    input: results/data/x/train.npy, more.txt\n    output: "
        "results/models/m/seed3/weights.safetensors, results/models/m/seed3/training.parquet\n"
        "    reason: Missing output files: b, c\n\n"
        "rule new:\n    output: elsewhere/new.txt\n"
    )
    fetch, data, train, new = summarised_jobs(summary, printed_inputs(dry_run))
    assert (fetch.rule, fetch["file"], fetch.inputs, fetch.pending) == ("fetch", "a.tar.gz", (), True)
    assert (data.rule, data.pending) == ("data", False)
    assert train.wildcards == {"home": "results", "model": "m", "seed": "3"}
    assert train.inputs == ("results/data/x/train.npy", "more.txt")
    assert len(train.outputs) == 2
    assert (new.rule, new.wildcards) == ("new", {})
    with pytest.raises(DDPMError, match=r"does not show the job that makes resources/a.tar.gz"):
        summarised_jobs(summary, {})


def test_targets_by_name_by_path_and_unknown(project):
    demo = load_study("config/demo.yaml")
    assert target_files(demo, ["figure1", "results/demo/data/digits/manifest.json"]) == [
        "results/demo/figures/figure1.png",
        "results/demo/figures/figure1.pdf",
        "results/demo/data/digits/manifest.json",
    ]
    assert target_files(demo, [])[-1] == "results/demo/report.html"
    with pytest.raises(StudyError, match=r"config/demo.yaml: --target tabel1: .*did you mean 'table1'"):
        target_files(demo, ["tabel1"])
    for other in ("results/models/x/seed0/trained.json", "elsewhere/file"):
        with pytest.raises(StudyError, match="no such table, figure or file"):
            target_files(demo, [other])


@pytest.mark.slow
@pytest.mark.workflow
def test_the_demo(jobs_of):
    jobs = jobs_of("demo")
    assert counts(jobs) == {
        **{"data": 1, "features": 1, "train": 7, "sample": 7, "chain": 4, "reference": 1, "quality": 7},
        **{
            "progressive": 1,
            "respaced": 7,
            "schedule": 4,
            "coding": 4,
            "bound": 6,
            "likelihood": 6,
            "neighbours": 1,
            "table": 5,
            "figure": 13,
            "metrics": 1,
            "report": 1,
        },
    }
    assert all(job.pending for job in jobs)
    made = {file for job in jobs for file in job.outputs}
    assert {file for job in jobs for file in job.inputs} - made == {
        "config/expected/demo.csv",
        "config/published.csv",
    }
    assert counts(jobs_of("demo", "table4")) == {
        "data": 1,
        "train": 1,
        "bound": 1,
        "likelihood": 1,
        "table": 1,
    }


@pytest.mark.slow
@pytest.mark.workflow
def test_the_paper_fetches_its_data_and_inception_and_compares_checkpoints(jobs_of):
    found = counts(jobs_of("cifar10"))
    assert found["fetch"] == 2
    assert "features" not in found
    assert found["choose"] == found["train"] == 6
    # 11 checkpoints of L_simple and 8 of each other; 10 shards of three sets of samples of L_simple, one of
    # each other, and one with fixed_small.
    assert found["checkpoint"] == 11 + 5 * 8
    assert found["quality"] == 3 + 5 + 1
    assert found["sample"] == 10 * found["quality"]


@pytest.mark.workflow
def test_files_of_the_users_own_and_published_weights(project):
    """Weights are fetched, not trained; an archive that lies there is neither fetched nor any job's input."""
    Path("resources").mkdir()
    Path("resources/mine.tar.gz").touch()
    weights = {"repository": "owner/name", "sha256": "0" * 64}
    shown = {"figure13": {"model": SIMPLE, "rows": 2, "columns": 2}, "training_curves": None}
    change = {
        "datasets": {"cifar10": {"archive": "resources/mine.tar.gz"}},
        "models": {SIMPLE: {"pretrained": weights}},
        "artefacts": shown,
    }
    other = "results/changed/models/mu_tilde_mse/seed0/trained.json"
    jobs = study_jobs(changed("pilot", change), ["figure13", other])
    assert counts(jobs) == {"fetch": 1, "pretrained": 1, "sample": 1, "figure": 1, "data": 1, "train": 1}
    fetched = next(job for job in jobs if job.rule == "fetch")
    assert fetched.outputs[0].startswith("resources/huggingface/owner/name/main/")
    assert next(job for job in jobs if job.rule == "data").inputs == ()


@pytest.mark.slow
@pytest.mark.workflow
def test_what_is_left_to_run_is_what_snakemake_says(tmp_path, monkeypatch):
    write_study(tmp_path, tiny_study())
    monkeypatch.chdir(tmp_path)
    manifest = "results/tiny/data/digits/manifest.json"
    snakemake(tmp_path, manifest, "--cores", "1")

    def left():
        jobs = study_jobs(load_study("config/tiny.yaml"), ["table4"])
        assert len(jobs) == 5
        return [job.rule for job in jobs if job.pending]

    assert sorted(left()) == ["bound", "likelihood", "table", "train"]
    study = tiny_study()
    study["datasets"]["digits"]["split_seed"] = 7
    Path("config/tiny.yaml").write_text(yaml.safe_dump(study))
    assert "data" in left()


@pytest.mark.slow
@pytest.mark.workflow
def test_errors_of_snakemake_are_passed_on(project):
    study = load_study("config/demo.yaml")
    with pytest.raises(DDPMError, match=r"(?s)config/demo.yaml: .*no model is named 'nobody'") as error:
        study_jobs(study, ["results/demo/models/nobody/seed0/trained.json"])
    assert "Building DAG" not in str(error.value)
    assert "Traceback" not in str(error.value)


def test_without_snakemake_or_the_workflow(project, monkeypatch):
    study = load_study("config/demo.yaml")
    with monkeypatch.context() as patch:
        patch.setattr(plan_jobs, "REPOSITORY", Path("nowhere"))
        with pytest.raises(DDPMError, match="no Snakefile here"):
            study_jobs(study, [])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DDPMError, match="a plan needs Snakemake"):
        study_jobs(study, [])


def test_the_whole_paper_is_planned_before_its_data_are_there(project):
    found = counts(study_jobs(load_study("config/paper.yaml"), ["table3", "figure12"]))
    assert (found["data"], found["train"], found["neighbours"]) == (4, 5, 1)
    assert found["sample"] == 4 * 50 + 1
