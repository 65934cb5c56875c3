"""Identities that hours and bytes must meet, whatever the settings."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ddpm.plan.papers_machine import papers_seconds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import changed, planned

from ddpm.artefacts.published import read_published
from ddpm.plan import disk
from ddpm.plan.cost import KINDS
from ddpm.plan.network_cost import model_cost
from ddpm.plan.work import START_SECONDS, job_work
from ddpm.study import load_study

SIMPLE = "epsilon_L_simple"
# Evaluations of the chains of the paper's figures 2, 7, 8 and 9: images times steps.
CHAINS = 1000 + (1000 + 3 * (1000 + 750 + 500 + 250)) + 3 * 500 * 11 + 4500 * 11
anywhere = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


def jobs_of(plan, rule):
    return [job for job in plan.jobs.all if job.rule == rule]


@anywhere
@given(steps=st.integers(1, 10**6), seeds=st.integers(1, 4), step_time=st.floats(1e-3, 1e3))
def test_training_is_steps_times_step_time_times_seeds(project, steps, seeds, step_time):
    training = {"steps": steps}
    study = changed(
        "demo", {"models": {"mu_tilde_L_learned": {"training": training, "seeds": list(range(seeds))}}}
    )
    plan = planned(study, step_time=step_time)
    runs = [job for job in jobs_of(plan, "train") if job["model"] == "mu_tilde_L_learned"]
    assert len(runs) == seeds
    assert plan.seconds(runs) == pytest.approx(seeds * (steps * step_time + START_SECONDS))


def test_an_image_forward_is_a_third_of_one_in_training(project):
    plan = planned(load_study("config/paper.yaml"), step_time=0.3)
    speed = plan.speed.models["mu_tilde_L_learned"]
    assert speed.step == 0.3
    assert speed.evaluation == pytest.approx(0.3 / 128 / 3)


@anywhere
@given(images=st.integers(400, 3000), batch=st.integers(1, 700), shards=st.integers(1, 30))
def test_shards_change_nothing_of_the_sampling(project, images, batch, shards):
    sampling = {"images": images, "batch_size": batch, "batches_per_shard": shards}
    study = changed("demo", {"sampling": sampling})
    plan = planned(study)
    first = [job for job in jobs_of(plan, "sample") if (job["model"], job["seed"]) == (SIMPLE, "1")]
    assert sum(job_work(study, job).evaluations for job in first) == -(-images // batch) * batch * 100
    row = 64 * (1 + study.sampling.progressive_columns)
    assert sum(disk.job_bytes(study, job) for job in first) == images * row


@anywhere
@given(batch=st.integers(1, 700), per_shard=st.integers(1, 2000), images=st.none() | st.integers(1, 2000))
def test_shards_change_nothing_of_the_bound(project, batch, per_shard, images):
    likelihood = {"batch_size": batch, "images_per_shard": per_shard, "images": images}
    study = changed("demo", {"likelihood": likelihood})
    test = [job for job in jobs_of(planned(study, "table4"), "bound")]
    evaluated = 500 if images is None else min(images, 500)
    group = max(1, batch // 100)
    calls = -(-evaluated // group) * -(-group * 100 // batch)
    assert sum(job_work(study, job).evaluations for job in test) == calls * batch
    assert sum(disk.job_bytes(study, job) for job in test) == evaluated * 100 * 8


def test_the_chains_of_figures(project):
    study = load_study("config/demo.yaml")
    found = {job["figure"]: job_work(study, job).evaluations for job in jobs_of(planned(study), "chain")}
    assert found == {
        "figure2": 100,
        "figure7": 100 + 3 * (100 + 75 + 50 + 25),
        "figure8": 3 * 25 * 11,
        "figure9": (100 + 88 + 75 + 63 + 50 + 38 + 25 + 13) * 11,
    }


@pytest.mark.parametrize("name", ["demo", "paper"])
def test_the_whole_is_its_parts_and_the_longest_chain_lies_within(project, name):
    plan = planned(load_study(f"config/{name}.yaml"))
    assert sum(plan.seconds_by_kind.values()) == pytest.approx(plan.total_seconds)
    chain = plan.longest_chain
    assert chain.seconds == pytest.approx(plan.seconds(chain.jobs))
    assert max(map(plan.job_seconds, plan.to_run)) < chain.seconds < plan.total_seconds
    for before, after in zip(chain.jobs, chain.jobs[1:], strict=False):
        assert before in plan.jobs.dependencies(after)
    assert chain.jobs[-1].rule == "index"


def test_checkpoint_selection_draws_its_images_for_each_checkpoint(project):
    study = load_study("config/paper.yaml")
    plan = planned(study, step_time=1.0)
    works = [job_work(study, job) for job in jobs_of(plan, "checkpoint")]
    # L_simple's 11 checkpoints by 20,000 samples each, the 8 of the other five models by 5,000.
    images = Counter({20_000: 11, 5000: 5 * 8})
    assert Counter(work.features for work in works) == images
    assert Counter(work.evaluations for work in works) == {n * 1000: jobs for n, jobs in images.items()}
    assert KINDS["checkpoint"] in plan.seconds_by_kind


def test_disk_of_the_papers_weights(project):
    study = load_study("config/paper.yaml")
    plan = planned(study)
    one = 4 * model_cost(study, SIMPLE).parameters
    train = next(job for job in jobs_of(plan, "train") if job["model"] == SIMPLE)
    chosen = next(job for job in jobs_of(plan, "choose") if job["model"] == SIMPLE)
    assert one == 4 * 35_746_307
    # Ten that are kept during training, and the last.
    assert disk.job_bytes(study, train) == 11 * one
    assert disk.job_bytes(study, chosen) == one
    assert disk.state_bytes(study, SIMPLE) == 3 * 4 * one
    assert plan.bytes_by_kind["downloads"] == 170_498_071 + 95_628_359
    assert plan.bytes_by_kind["data sets"] == 60_000 * (3 * 32 * 32 + 8)


def test_an_array_of_samples_is_as_large_as_planned(project):
    study = load_study("config/demo.yaml")
    job = next(job for job in jobs_of(planned(study), "sample") if job["model"] == SIMPLE)
    path = Path("samples.npz")
    np.savez(path, images=np.zeros((1000, 1, 8, 8), np.uint8), x_0=np.zeros((20, 1000, 1, 8, 8), np.uint8))
    assert disk.job_bytes(study, job) == pytest.approx(path.stat().st_size, rel=0.01)


def test_the_papers_machine(project):
    study, published = load_study("config/paper.yaml"), read_published("config/published.csv")
    seconds = papers_seconds(study, planned(study).to_run, published)
    assert seconds["training"] == pytest.approx(6 * 800_000 / 21)
    assert seconds["sampling"] == pytest.approx((9 * 50_000 + CHAINS / 1000) / 256 * 17)
    # Its speeds say nothing of another network.
    demo = load_study("config/demo.yaml")
    assert papers_seconds(demo, planned(demo).to_run, published) == {}


def test_a_faster_machine_takes_proportionally_less(project):
    study = load_study("config/paper.yaml")
    slow, fast = planned(study, step_time=1.0), planned(study, step_time=0.25)
    for rule in ("train", "sample", "bound"):
        job = jobs_of(slow, rule)[0]
        rest = job_work(study, job).seconds
        assert math.isclose(slow.job_seconds(job) - rest, 4 * (fast.job_seconds(job) - rest))
