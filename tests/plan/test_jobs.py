"""The jobs of a study: which there are, in which order, and which are left to run."""

from collections import Counter
from pathlib import Path

import pytest
from made_up import changed, make

from ddpm.errors import StudyError
from ddpm.plan.jobs import study_jobs, target_files
from ddpm.study import load_study

SIMPLE = "epsilon_L_simple"


@pytest.fixture
def demo(project):
    return load_study("config/demo.yaml")


@pytest.fixture
def paper(project):
    return load_study("config/paper.yaml")


def jobs_of(study, *targets):
    return study_jobs(study, target_files(study, targets))


def counts(jobs):
    return dict(Counter(job.rule for job in jobs))


def test_the_demo(demo):
    assert counts(jobs_of(demo).all) == {
        **{"data": 1, "features": 1, "train": 7, "sample": 7, "chain": 4, "reference": 1, "quality": 7},
        **{
            "progressive": 1,
            "bound": 6,
            "likelihood": 6,
            "neighbours": 1,
            "table": 3,
            "figure": 12,
            "index": 1,
        },
    }


def test_the_paper_fetches_its_data_and_judge_and_compares_checkpoints(paper):
    found = counts(jobs_of(paper).all)
    assert found["fetch"] == 2
    assert "features" not in found
    assert found["checkpoint"] == 8 * 5 + 11
    assert found["choose"] == found["train"] == 6
    assert found["sample"] == 10 * (5 + 3 + 1)


@pytest.mark.parametrize("name", ["demo", "paper", "pilot"])
def test_each_job_comes_after_those_it_depends_on(project, name):
    jobs = jobs_of(load_study(f"config/{name}.yaml"))
    place = {job: number for number, job in enumerate(jobs.all)}
    assert len(place) == len(jobs.all)
    for job in jobs.all:
        assert all(place[needed] < place[job] for needed in jobs.dependencies(job))


def test_nothing_but_given_files_has_no_job(demo):
    jobs = jobs_of(demo)
    given = {file for job in jobs.all for file in job.inputs if file not in jobs.makers}
    assert given == {"config/published.csv"}


def test_a_target_by_name_by_path_and_unknown(demo):
    assert counts(jobs_of(demo, "table4").all) == {
        **{"data": 1, "train": 1, "bound": 1, "likelihood": 1, "table": 1}
    }
    weights = f"results/demo/models/{SIMPLE}/seed1/weights.safetensors"
    assert [job.rule for job in jobs_of(demo, weights).all] == ["data", "train"]
    with pytest.raises(StudyError, match=r"config/demo.yaml: --target tabel1: .*did you mean 'table1'"):
        jobs_of(demo, "tabel1")
    with pytest.raises(StudyError, match="no such table, figure or file"):
        jobs_of(demo, "results/demo/models/nobody/seed0/weights.safetensors")


def test_published_weights_replace_training(project):
    weights = {"repository": "owner/name", "sha256": "0" * 64}
    shown = {"figure13": {"model": SIMPLE, "rows": 2, "columns": 2}, "training_curves": None}
    study = changed("pilot", {"models": {SIMPLE: {"pretrained": weights}}, "artefacts": shown})
    jobs = jobs_of(study, "figure13")
    assert counts(jobs.all) == {"fetch": 1, "pretrained": 1, "sample": 1, "figure": 1}
    assert jobs.all[0].outputs[0].startswith("resources/huggingface/owner/name/main/")


def test_a_file_of_the_users_own_is_not_fetched(project):
    study = changed("pilot", {"datasets": {"cifar10": {"archive": "resources/mine.tar.gz"}}})
    jobs = jobs_of(study, f"results/changed/models/{SIMPLE}/seed0/weights.safetensors")
    assert counts(jobs.all) == {"data": 1, "train": 1}
    assert jobs.all[0].inputs == ("resources/mine.tar.gz",)


def test_a_job_is_done_when_all_its_files_that_are_used_are_there(demo):
    jobs = jobs_of(demo)
    data, trained = jobs.all[0], next(job for job in jobs.all if job.rule == "train")
    weights, curve = trained.outputs
    make(next(file for file in data.outputs if file.endswith("manifest.json")))
    make(weights)
    assert data not in jobs_of(demo).to_run
    assert trained in jobs_of(demo).to_run
    make(curve)
    assert len(jobs_of(demo).to_run) == len(jobs.all) - 2


def test_a_missing_file_that_no_job_takes_is_not_missed(demo):
    trained = next(job for job in jobs_of(demo, "table2").all if job.rule == "train")
    make("results/demo/data/digits/manifest.json", trained.outputs[0])
    assert trained not in jobs_of(demo, "table2").to_run


def test_finished_targets_need_nothing(demo):
    for job in jobs_of(demo, "table2").all:
        if job.rule == "table":
            make(*job.outputs)
    assert jobs_of(demo, "table2").to_run == []


def test_what_depends_on_a_missing_file_is_made_anew(demo):
    make(*(file for job in jobs_of(demo).all for file in job.outputs))
    assert jobs_of(demo).to_run == []
    Path("results/demo/figures/figure13.png").unlink()
    assert [job.rule for job in jobs_of(demo).to_run] == ["figure", "index"]
    Path(f"results/demo/samples/{SIMPLE}/seed0/sampling0/shard0.npz").unlink()
    rerun = counts(jobs_of(demo).to_run)
    assert rerun["sample"] == 1
    assert {"quality", "progressive", "neighbours", "table"} <= rerun.keys()
    assert "train" not in rerun
