"""What `ddpm plan` prints."""

import argparse
import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import changed

from ddpm.commands import plan as verb
from ddpm.plan import cost, jobs, measure
from ddpm.plan.report import card
from ddpm.plan.units import duration, size
from ddpm.study import load_study

pytestmark = pytest.mark.workflow


@pytest.fixture
def done(monkeypatch, jobs_of):
    """The verb takes the jobs of an empty folder; those whose rule is added here are done."""
    done: set[str] = set()

    def study_jobs(study, targets):
        name = study.name if study.name != "changed" else "cifar10"
        found = jobs_of(name, *targets)
        return [dataclasses.replace(job, pending=job.rule not in done) for job in found]

    monkeypatch.setattr(jobs, "study_jobs", study_jobs)
    return done


def printed(capsys, study, *words, device="cpu"):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    verb.run(study, argparse.Namespace(**vars(parser.parse_args(words)), device=device))
    return capsys.readouterr().out


def line(text, start):
    found = next(row for row in text.splitlines() if row.startswith(start))
    return re.split(r"  +", found)


def test_a_given_step_time_gives_exact_hours(project, capsys, done):
    study = load_study("config/cifar10.yaml")
    text = printed(capsys, study, "--step-time", "0.045")
    assert line(text, "train ")[:5] == ["train", "6", "0", "6", "10 h"]
    # 6 x 800,000 x 0.045 s, and what the paper's machine takes for as many steps at 21 a second.
    assert line(text, "training") == ["training", "60.0", "2.5 days", "63.5"]
    # 90 jobs of 5,000 images, each image 1,000 evaluations at a third of 0.045 s / 128, a job's start 5 s;
    # and the chains of 4 figures, together 75,500 evaluations (tests/plan/test_cost.py);
    # and 50,000 images in each of 100, 50 and 10 steps with two variances, measured in the same job.
    hours = (94 * 5 + (9 * 50_000 * 1000 + 75_500) * 0.045 / 128 / 3) / 3600
    rate = max(cost.training_flops(study, model) for model in study.models) / 0.045
    features = 6 * 50_000 * cost.features_flops(study) / rate
    hours += (6 * (5 + 10) + 2 * 50_000 * 160 * 0.045 / 128 / 3 + features) / 3600
    assert line(text, "sampling") == ["sampling", f"{hours:.1f}", f"{hours:.1f} h", "8.6"]
    assert "21 training steps/s, 10.6 h for 800,000 steps; 256 samples in 17 s" in text
    assert "1/3 of an image in training" in text
    assert "make demo" not in text


@pytest.mark.parametrize(
    ("finished", "rule", "minutes"), [([], "checkpoint", 80), (["checkpoint"], "respaced", 30)]
)
def test_the_time_of_jobs_for_slurm(project, capsys, done, finished, rule, minutes):
    """Twice that of the longest but training, which takes hours here, and data, which Slurm does not run."""
    done.update(finished)
    text = printed(capsys, load_study("config/cifar10.yaml"), "--step-time", "0.045")
    longest = line(text, f"{rule} ")[4]
    unfolded = text.replace("\n  ", " ")
    assert f"no job but training takes longer than {longest} ({rule} " in unfolded
    assert f"`job_time: {minutes}`" in unfolded


@pytest.mark.parametrize("name", ["demo", "cifar10", "pilot"])
def test_no_line_is_wider_than_100_columns(project, capsys, name, done):
    text = printed(capsys, load_study(f"config/{name}.yaml"), "--step-time", "3000")
    assert max(map(len, text.splitlines())) <= 100


def test_as_json(project, capsys, done):
    plan = json.loads(printed(capsys, load_study("config/demo.yaml"), "--step-time", "1", "--json"))
    assert plan["jobs"]["train"]["all"] == 7
    assert plan["total_seconds"] == pytest.approx(sum(plan["seconds"].values()))
    assert plan["seconds"]["training"] >= plan["jobs"]["train"]["to_run"] * 1100 * 0.5
    assert plan["bytes"]["weights"] > 0


def test_done_jobs_are_counted(project, capsys, done):
    done.add("train")
    text = printed(capsys, load_study("config/demo.yaml"), "--step-time", "1")
    assert line(text, "train ")[:4] == ["train", "7", "7", "0"]
    assert "saved state" not in text


def test_a_finished_study_is_not_measured(project, capsys, done):
    done.update(("data", "train", "bound", "likelihood", "table"))
    text = printed(capsys, load_study("config/demo.yaml"), "--target", "table4")
    assert "All of it is done" in text
    assert "GFLOP" not in text


def test_a_rule_without_an_entry_is_shown_as_not_counted(project, capsys, monkeypatch):
    monkeypatch.setattr(jobs, "study_jobs", lambda study, targets: [jobs.Job("unheard_of", {})])
    text = printed(capsys, load_study("config/demo.yaml"), "--step-time", "1")
    assert line(text, "unheard_of") == ["unheard_of", "1", "0", "1", "not counted"]


def test_memory_of_each_model(project, capsys, done):
    text = printed(capsys, load_study("config/cifar10.yaml"), "--step-time", "1")
    assert line(text, "epsilon_L_simple ") == ["epsilon_L_simple", "6.9 GB", "3 GB", "3 GB", "16 GB"]
    # Its gradients are clipped in 8 shards of 16 images; its bound is asked for nowhere.
    assert line(text, "mu_tilde_L_learned ") == ["mu_tilde_L_learned", "1.8 GB", "3 GB", "16 GB"]
    assert "Left out" in text


def test_what_lets_training_fit_a_card(project, capsys, done):
    study = changed("paper", {"defaults": {"training": {"batch_size": 1024}}})
    text = printed(capsys, study, "--step-time", "1")
    assert line(text, "epsilon_L_simple ")[1:] == ["48.8 GB", "3 GB", "3 GB", "80 GB"]
    said = " ".join(text.split())
    assert (
        "To train epsilon_L_simple on a card of 24 GB: with gradient_accumulation: 4 (12.8 GB); or with "
        "activation_checkpointing: true (16.8 GB)."
    ) in said
    # Its gradients are clipped in shards of 128 images, which fit as they are.
    assert "To train epsilon_L_learned" not in said


@pytest.mark.parametrize(
    ("gigabytes", "text"),
    [(15, "16 GB"), (15.1, "24 GB"), (35, "40 GB"), (79, "80 GB"), (79.5, "over 80 GB")],
)
def test_the_smallest_card(gigabytes, text):
    assert card(gigabytes * 1e9).startswith(text)


def test_one_target(project, capsys, done):
    text = printed(capsys, load_study("config/demo.yaml"), "--target", "table4", "--step-time", "1")
    assert line(text, "train ")[1] == "1"
    assert "figure" not in text.partition("On a machine")[0]


def test_without_a_gpu_it_says_what_to_run_instead(project, capsys, monkeypatch, done):
    monkeypatch.setattr(
        measure,
        "measured_speed",
        lambda study, models, device: cost.speed_of_rate(study, 1e11, "a processor", []),
    )
    study = load_study("config/cifar10.yaml")
    text = printed(capsys, study)
    assert re.search(r"Without a GPU this takes [\d.]+ years here", text)
    for instead in ("make demo", "results/pilot/report.html", "--profile slurm", "pretrained", "--step-time"):
        assert instead in text
    assert "make demo" not in printed(capsys, study, device="cuda")
    assert "make demo" not in printed(capsys, load_study("config/demo.yaml"))


@pytest.mark.parametrize("word", ["0", "-1", "inf", "nan", "fast"])
def test_a_step_time_must_be_positive(word):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--step-time", word])


def test_missing_inception_weights_or_archive_is_no_obstacle(project, capsys, done):
    study = changed("cifar10", {"quality": {"features": {"weights": "/nowhere/inception.pth"}}})
    assert "evaluation" in printed(capsys, study, "--step-time", "1")


@given(st.floats(0, 1e12))
def test_durations_keep_two_digits(seconds):
    number, unit = duration(seconds).split()
    scale = {"s": 1, "min": 60, "h": 3600, "days": 86400, "years": 365.25 * 86400}[unit]
    assert float(number.replace(",", "")) * scale == pytest.approx(seconds, rel=0.06, abs=1e-4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (38160, "10.6 h"), (7948800, "92 days"), (3e8, "9.5 years"), (120, "2 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@given(st.integers(0, 10**15))
def test_sizes_keep_two_digits(count):
    number, unit = size(count).split()
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(number.replace(",", "")) * scale == pytest.approx(count, rel=0.06)
