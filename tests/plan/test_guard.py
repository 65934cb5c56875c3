"""The guard: long work does not start by accident on a machine without a GPU; short work is not slowed."""

import subprocess
import sys

import pytest
from made_up import changed, job
from workflow.studies import snakemake, tiny_study, write_study

from ddpm.plan import guard
from ddpm.plan.network_cost import model_cost
from ddpm.study import load_study

TARGET = "results/long/models/epsilon_L_simple/seed0/trained.json"


def trained_and_sampled(study, model="epsilon_L_simple"):
    return [
        job(study, "train", model=model, seed=0),
        job(study, "sample", model=model, seed=0, sampling=0, shard=0),
    ]


def test_the_paper_is_refused_with_its_plan_and_the_ways_out(project, monkeypatch):
    monkeypatch.setattr(guard, "has_gpu", lambda: False)
    study = load_study("config/cifar10.yaml")
    text = guard.refusal(study, trained_and_sampled(study))
    for part in ("train ", "800,000", "make demo", "--profile slurm", "--config allow_cpu=true", "Assumed"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_gpu_is_let_through(project, monkeypatch):
    monkeypatch.setattr(guard, "has_gpu", lambda: True)
    study = load_study("config/cifar10.yaml")
    assert guard.refusal(study, trained_and_sampled(study)) is None


def test_only_what_is_about_to_run_counts(project, monkeypatch):
    monkeypatch.setattr(guard, "has_gpu", lambda: False)
    study = load_study("config/cifar10.yaml")
    assert guard.refusal(study, [job(study, "data", dataset="cifar10"), job(study, "all")]) is None
    sampled = [job(study, "sample", model="epsilon_L_simple", seed=0, sampling=0, shard=n) for n in range(2)]
    assert guard.refusal(study, sampled) is not None


@pytest.mark.parametrize(("hours", "refused"), [(20, False), (30, True)])
def test_the_limit_lies_at_a_day(project, monkeypatch, hours, refused):
    monkeypatch.setattr(guard, "has_gpu", lambda: False)
    flops_of_step = 3 * 64 * model_cost(load_study("config/demo.yaml"), "mu_tilde_mse").flops
    steps = int(hours * 3600 * guard.ASSUMED_RATE / flops_of_step)
    study = changed("demo", {"models": {"mu_tilde_mse": {"training": {"steps": steps}}}})
    train = job(study, "train", model="mu_tilde_mse", seed=0)
    assert (guard.refusal(study, [train]) is not None) == refused


def test_the_demo_loads_no_torch(project):
    program = (
        "import sys; from ddpm.plan.guard import refusal; from ddpm.plan.jobs import Job\n"
        "from ddpm.study import load_study; study = load_study('config/demo.yaml')\n"
        "jobs = [Job('train', {'model': model, 'seed': '0'}) for model in study.models]\n"
        "assert refusal(study, jobs) is None\n"
        "assert not {'torch', 'pandas', 'snakemake'}.intersection(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def long_study(folder):
    study = tiny_study()
    study["defaults"]["training"]["steps"] = 10**9
    write_study(folder, study, "long")


@pytest.mark.workflow
def test_snakemake_prints_the_plan_and_makes_nothing(tmp_path):
    if guard.has_gpu():
        pytest.skip("this machine has a GPU, on which long work is let through")
    long_study(tmp_path)
    text = snakemake(tmp_path, TARGET, "--cores", "1", status=1)
    assert "Nothing was started" in text
    assert "allow_cpu=true" in text
    assert "epsilon_L_simple" in text
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / ".snakemake" / "locks").glob("*"))


@pytest.mark.workflow
def test_snakemake_lets_dry_runs_and_short_work_through(tmp_path):
    long_study(tmp_path)
    assert "rule train" in snakemake(tmp_path, TARGET, "--cores", "1", "-n")
    snakemake(tmp_path, "results/long/data/digits/manifest.json", "--cores", "1")


@pytest.mark.workflow
def test_snakemake_starts_long_work_when_told_to(tmp_path):
    """Training that is as long as above by its settings, but has diverged after a few steps."""
    study = tiny_study()
    study["models"]["epsilon_L_learned"]["training"]["steps"] = 10**9
    write_study(tmp_path, study, "long")
    target = TARGET.replace("epsilon_L_simple", "epsilon_L_learned")
    snakemake(tmp_path, target, "--cores", "1", "--config", "allow_cpu=true")
    assert (tmp_path / target).exists()
