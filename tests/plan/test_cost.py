"""Identities that hours and bytes must meet, whatever the settings."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import changed, job, planned

from ddpm.artefacts.published import read_published
from ddpm.graph import run_files
from ddpm.plan.amounts import state_bytes
from ddpm.plan.cost import Plan, speed_of_rate, speed_of_step
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import model_cost
from ddpm.plan.papers_machine import papers_seconds
from ddpm.plan.work import RULES, START_SECONDS, job_work
from ddpm.study import load_study

SIMPLE = "epsilon_L_simple"
# Evaluations of the chains of the paper's figures 2, 7, 8 and 9: images times steps.
CHAINS = 1000 + (1000 + 3 * (1000 + 750 + 500 + 250)) + 3 * 500 * 11 + 4500 * 11
# The same of the table of samples in fewer steps.
FEWER = 2 * 50_000 * (100 + 50 + 10)
anywhere = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


def shards(study, rule, files, **wildcards):
    return [job(study, rule, **wildcards, shard=number) for number in range(len(files))]


@anywhere
@given(steps=st.integers(1, 10**6), step_time=st.floats(1e-3, 1e3))
def test_training_is_steps_times_step_time(project, steps, step_time):
    study = changed("demo", {"models": {"mu_tilde_L_learned": {"training": {"steps": steps}}}})
    plan = planned(study, [job(study, "train", model="mu_tilde_L_learned", seed=0)], step_time)
    assert plan.total_seconds == pytest.approx(steps * step_time + START_SECONDS)


def test_an_image_forward_is_a_third_of_one_in_training(project):
    study = load_study("config/cifar10.yaml")
    speed = speed_of_step(study, list(study.models), 0.3)
    assert speed.steps["mu_tilde_L_learned"] == 0.3
    assert speed.evaluations["mu_tilde_L_learned"] == pytest.approx(0.3 / 128 / 3)


@anywhere
@given(images=st.integers(400, 3000), batch=st.integers(1, 700), per_shard=st.integers(1, 30))
def test_shards_change_nothing_of_the_sampling(project, images, batch, per_shard):
    sampling = {"images": images, "batch_size": batch, "batches_per_shard": per_shard}
    study = changed("demo", {"sampling": sampling})
    files = run_files.sample_shards(study, SIMPLE, 1, 0)
    works = [job_work(study, of) for of in shards(study, "sample", files, model=SIMPLE, seed=1, sampling=0)]
    assert sum(work.evaluations for work in works) == -(-images // batch) * batch * 100
    assert sum(work.bytes for work in works) == images * 64 * (1 + study.sampling.progressive_columns)


@anywhere
@given(batch=st.integers(1, 700), per_shard=st.integers(1, 2000), images=st.none() | st.integers(1, 2000))
def test_shards_change_nothing_of_the_bound(project, batch, per_shard, images):
    likelihood = {"batch_size": batch, "images_per_shard": per_shard, "images": images}
    study = changed("demo", {"likelihood": likelihood})
    files = run_files.bound_shards(study, SIMPLE, 0, "test")
    works = [job_work(study, of) for of in shards(study, "bound", files, model=SIMPLE, seed=0, split="test")]
    evaluated = 500 if images is None else min(images, 500)
    group = max(1, batch // 100)
    calls = -(-evaluated // group) * -(-group * 100 // batch)
    assert sum(work.evaluations for work in works) == calls * batch
    assert sum(work.bytes for work in works) == evaluated * 100 * 8


def test_the_chains_of_figures(project):
    study = load_study("config/demo.yaml")
    expected = {
        "figure2": 100,
        "figure7": 100 + 3 * (100 + 75 + 50 + 25),
        "figure8": 3 * 25 * 11,
        "figure9": (100 + 88 + 75 + 63 + 50 + 38 + 25 + 13) * 11,
    }
    assert {
        name: job_work(study, job(study, "chain", figure=name)).evaluations for name in expected
    } == expected


def test_samples_in_fewer_steps_cost_these_steps(project):
    study = changed("demo", {"artefacts": {"fewer_steps": {"images": 300}}})
    run = {"model": SIMPLE, "seed": 0, "variance": "fixed_small"}
    for steps in (1, 50):
        work = job_work(study, job(study, "respaced", **run, steps=steps))
        # Two whole batches of 250.
        assert (work.evaluations, work.features) == (500 * steps, 300)
    fixed = {name: {"diffusion": {"variance": "fixed_small"}} for name in study.models if "learned" in name}
    study = changed("demo", {"models": fixed, "sampling": {"steps": 25}}, new="shorter")
    of = {"model": SIMPLE, "seed": 0, "sampling": 0, "shard": 0}
    assert job_work(study, job(study, "sample", **of)).evaluations == 1000 * 25


def test_only_jobs_that_are_left_cost_and_a_rule_without_an_entry_costs_nothing(project):
    study = load_study("config/demo.yaml")
    done = Job("train", {"model": SIMPLE, "seed": "0"}, pending=False)
    plan = planned(study, [done, Job("unheard_of", {}), job(study, "table", table="table1")])
    assert plan.total_seconds == START_SECONDS
    assert plan.bytes_by_kind == {RULES["table"].files: job_work(study, plan.jobs[2]).bytes}
    assert plan.state_bytes == 0


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["demo", "cifar10"])
def test_the_whole_is_its_parts_and_the_longest_chain_lies_within(project, jobs_of, name):
    plan = planned(load_study(f"config/{name}.yaml"), jobs_of(name))
    assert sum(plan.seconds_by_kind.values()) == pytest.approx(plan.total_seconds)
    chain = plan.longest_chain
    assert chain.seconds == pytest.approx(plan.seconds(chain.jobs))
    assert max(plan.seconds([job]) for job in plan.to_run) < chain.seconds < plan.total_seconds
    for before, after in zip(chain.jobs, chain.jobs[1:], strict=False):
        assert set(before.outputs) & set(after.inputs)
    assert (chain.jobs[0].inputs, chain.jobs[-1].rule) == ((), "report")


def test_the_longest_chain_takes_the_slower_way(project):
    study = load_study("config/demo.yaml")
    jobs = [
        Job("table", {"table": "table1"}, ("slow", "quick"), ("end",)),
        Job("figure", {"figure": "figure1"}, ("start",), ("slow",)),
        Job("table", {"table": "table2"}, ("start",), ("quick",)),
        Job("data", {"dataset": "digits"}, (), ("start",)),
    ]
    plan = planned(study, jobs)
    assert plan.longest_chain.jobs == (jobs[3], jobs[1], jobs[0])
    assert plan.longest_chain.seconds == plan.seconds([jobs[3], jobs[1], jobs[0]])


@pytest.mark.workflow
def test_checkpoint_selection_draws_its_images_for_each_checkpoint(project, jobs_of):
    study = load_study("config/cifar10.yaml")
    works = [job_work(study, job) for job in jobs_of("cifar10") if job.rule == "checkpoint"]
    # L_simple's 11 checkpoints by 20,000 samples each, the 8 of the other five models by 5,000.
    images = Counter({20_000: 11, 5000: 5 * 8})
    assert Counter(work.features for work in works) == images
    assert Counter(work.evaluations for work in works) == {n * 1000: jobs for n, jobs in images.items()}


@pytest.mark.workflow
def test_disk_of_the_papers_weights(project, jobs_of):
    study = load_study("config/cifar10.yaml")
    plan = planned(study, jobs_of("cifar10"))
    one = 4 * model_cost(study, SIMPLE).parameters
    assert one == 4 * 35_746_307
    # Ten that are kept during training, and the last.
    assert job_work(study, job(study, "train", model=SIMPLE, seed=0)).bytes == 11 * one
    assert job_work(study, job(study, "choose", model=SIMPLE, seed=0)).bytes == one
    assert state_bytes(study, SIMPLE) == 3 * 4 * one
    assert plan.bytes_by_kind["downloads"] == 170_498_071 + 95_628_359
    assert plan.bytes_by_kind["data sets"] == 60_000 * (3 * 32 * 32 + 8)


def test_published_weights_are_as_large_as_the_models_own(project):
    weights = {"repository": "owner/name", "sha256": "0" * 64}
    study = changed(
        "pilot", {"models": {SIMPLE: {"pretrained": weights}}, "artefacts": {"training_curves": None}}
    )
    fetch = Job("fetch", {}, (), (run_files.pretrained_file(study, SIMPLE),))
    assert job_work(study, fetch).bytes == 4 * model_cost(study, SIMPLE).parameters


def test_an_array_of_samples_is_as_large_as_planned(project):
    study = load_study("config/demo.yaml")
    sample = job(study, "sample", model=SIMPLE, seed=0, sampling=0, shard=0)
    path = Path("samples.npz")
    np.savez(path, images=np.zeros((1000, 1, 8, 8), np.uint8), x_0=np.zeros((20, 1000, 1, 8, 8), np.uint8))
    assert job_work(study, sample).bytes == pytest.approx(path.stat().st_size, rel=0.01)


@pytest.mark.workflow
def test_the_papers_machine(project, jobs_of):
    study, published = load_study("config/cifar10.yaml"), read_published("config/published.csv")
    seconds = papers_seconds(planned(study, jobs_of("cifar10")), published)
    assert seconds["training"] == pytest.approx(6 * 800_000 / 21)
    assert seconds["sampling"] == pytest.approx((9 * 50_000 + FEWER / 1000 + CHAINS / 1000) / 256 * 17)
    # Its speeds say nothing of another network.
    demo = load_study("config/demo.yaml")
    assert papers_seconds(planned(demo, [job(demo, "train", model=SIMPLE, seed=0)]), published) == {}


def test_a_faster_machine_takes_proportionally_less(project):
    study = load_study("config/cifar10.yaml")
    run = {"model": SIMPLE, "seed": 0}
    jobs = [
        job(study, "train", **run),
        job(study, "sample", **run, sampling=0, shard=0),
        job(study, "bound", **run, split="test", shard=0),
    ]
    slow, fast = (Plan(study, jobs, speed_of_rate(study, rate, "it", [])) for rate in (1e9, 4e9))
    for each in jobs:
        rest = job_work(study, each).seconds
        assert math.isclose(slow.seconds([each]) - rest, 4 * (fast.seconds([each]) - rest))
