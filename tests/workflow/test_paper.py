"""The paper's study: its jobs at full scale in a dry run, and all of it in miniature for real."""

import argparse
import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from http_server import faulty_server
from miniature import ARCHIVE, INCEPTION, LOCAL, write_miniature
from studies import ROOT, planned, snakemake

from ddpm.commands.arguments import model_job
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.network.weights import read_weights
from ddpm.records.measurements import read_measurements
from ddpm.study import load_study

pytestmark = pytest.mark.workflow
FIGURES = [f"figure{n}" for n in (1, 2, 5, 6, 7, 8, 9, 10, 13, 14, 15)] + ["training_curves", "checkpoints"]
MODELS = [
    *("mu_tilde_L_learned", "mu_tilde_L_fixed", "mu_tilde_mse"),
    *("epsilon_L_learned", "epsilon_L_fixed", "epsilon_L_simple"),
]
FULL_SCALE = {
    "fetch": 2,  # CIFAR-10, Inception
    "data": 1,
    "reference": 1,
    "train": 6,
    "checkpoint": 51,  # 8 steps of 5 runs, 11 of L_simple
    "choose": 6,
    "sample": 90,  # 10 shards of 6 runs, of L_simple three times, and with fixed_small
    "chain": 4,
    "quality": 9,
    "bound": 24,  # L and L_simple: 2 shards of the test split, 10 of the train split
    "likelihood": 4,
    "progressive": 1,
    "respaced": 6,  # 100, 50 and 10 steps with both variances; samples of all 1,000 are there
    "neighbours": 1,
    "table": 7,
    "schedule": 4,
    "coding": 4,
    "figure": 14,
    "report": 1,
    "metrics": 1,
    "cifar10": 1,
}


@pytest.fixture
def full_scale(tmp_path):
    """A working folder with the real studies and nothing else."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("*.local.yaml"))
    return tmp_path


def counts(folder: Path, *targets: str) -> dict[str, int]:
    """Jobs by rule, from a dry run's own summary."""
    output = snakemake(folder, *targets, "-n")
    summary = output[output.index("Job stats:") :]
    found = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", summary, re.MULTILINE)}
    assert found.pop("total") == sum(found.values())
    return found


def test_all_at_full_scale_is_exactly_these_jobs(full_scale):
    assert counts(full_scale, "cifar10") == FULL_SCALE


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/cifar10/table4.csv", {"train": 1, "checkpoint": 11, "choose": 1, "bound": 2, "sample": 0}),
        (
            "results/cifar10/table1.csv",
            {"train": 2, "checkpoint": 19, "choose": 2, "bound": 24, "sample": 40},
        ),
        ("results/cifar10/table2.csv", {"train": 6, "checkpoint": 51, "choose": 6, "bound": 0, "sample": 80}),
        ("results/cifar10/figures/figure13.png", {"train": 1, "sample": 1, "quality": 0}),
        ("results/cifar10/figures/training_curves.png", {"train": 6, "checkpoint": 0, "sample": 0}),
    ],
)
def test_one_artefact_at_full_scale(full_scale, target, expected):
    found = Counter(counts(full_scale, target))
    assert {rule: found[rule] for rule in expected} == expected


def test_the_whole_paper_says_what_is_missing(full_scale):
    """Without the 256x256 part's data; with --keep-going the rest is this study's, less shared figures."""
    told = snakemake(full_scale, "all", "-n", status=1)
    assert "figure3, figure16: config/paper.yaml: datasets.church.archive: datasets/church_" in told
    found = counts(full_scale, "all", "--keep-going")
    shared = {"figure": FULL_SCALE["figure"] - 5, "chain": 0}
    assert Counter(found) == Counter(FULL_SCALE | shared | {"all": 1, "cifar10": 0})


def test_the_pilot_trains_the_same_models_for_less(full_scale):
    found = counts(full_scale, "results/pilot/report.html")
    assert (found["train"], found["sample"]) == (6, 7)
    assert "checkpoint" not in found


def test_published_weights_replace_training(full_scale):
    (full_scale / "weights.npz").touch()
    study = {
        "extends": "cifar10.yaml",
        "models": {"epsilon_L_simple": {"pretrained": {"file": "weights.npz"}}},
        "artefacts": {"table1": {"L": None}, "table2": None, "training_curves": None, "checkpoints": None},
    }
    (full_scale / "config" / "released.yaml").write_text(yaml.safe_dump(study))
    found = counts(full_scale, "results/released/report.html")
    assert found["pretrained"] == 1
    assert not {"train", "checkpoint", "choose"} & set(found)


def test_the_miniature_changes_sizes_alone():
    """The local layer names nothing that would make it another study: no objective, no judge, no artefact."""
    assert set(LOCAL["defaults"]["diffusion"]) == {"timesteps", "beta_start", "beta_end"}
    assert {key for model in LOCAL["models"].values() for key in model} == {"checkpoints", "sampling_seeds"}
    assert "features" not in LOCAL["quality"]
    assert set(load_study(ROOT / "config" / "cifar10.yaml").models) == {
        *MODELS,
        "epsilon_L_simple_fixed_small",
    }


# The mark is that of all tests that use this.
@pytest.fixture(scope="module", params=[pytest.param("miniature", marks=pytest.mark.slow)])
def built(tmp_path_factory):
    """The whole study in miniature, with the archive's first transfer broken off halfway."""
    folder = tmp_path_factory.mktemp("paper")
    with faulty_server() as server:
        write_miniature(folder, server)
        archive = server.answers[f"/{ARCHIVE}"]
        archive.break_after = [len(archive.content) // 2]
        snakemake(folder, "cifar10", "--cores", "2")
        folder.joinpath("ranges.json").write_text(json.dumps(server.ranges(f"/{ARCHIVE}")))
    return folder


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "results" / "cifar10" / f"{name}.csv")


def test_a_broken_transfer_was_resumed(built):
    first, second = json.loads((built / "ranges.json").read_text())
    half = (built / "served" / ARCHIVE).stat().st_size // 2
    assert (first, second) == (None, f"bytes={half}-")
    for name in (ARCHIVE, INCEPTION):
        assert (built / "resources" / name).read_bytes() == (built / "served" / name).read_bytes()


def test_every_figure_is_there(built):
    for figure in FIGURES:
        for suffix in ("png", "pdf", "json"):
            assert (built / "results/cifar10/figures" / f"{figure}.{suffix}").stat().st_size > 500


def test_table2_measures_all_six_rows_by_inception(built):
    measured = table(built, "table2").set_index("row")
    assert list(measured.index) == MODELS
    assert measured["measured_FID"].notna().all()
    assert measured["measured_IS"].notna().all()


def test_the_chosen_weights_are_those_of_least_fid(built):
    for model in LOCAL["models"]:
        files = sorted((built / "results/cifar10/measurements/checkpoints" / model / "seed0").iterdir())
        assert {file.stem for file in files} == {"step6", "step12"}
        rows = pd.concat([read_measurements([file]).assign(step=int(file.stem[4:])) for file in files])
        fid = rows[rows["metric"] == "FID"].set_index("step")["value"]
        _, chosen = read_weights(built / "results/cifar10/models" / model / "seed0/chosen.safetensors")
        assert chosen["updates"] == fid.idxmin()
        assert f"{fid.min():.2f} of 6 samples" in chosen["chosen"]
        quality = read_measurements(
            [built / f"results/cifar10/measurements/quality/{model}/seed0/sampling0.parquet"]
        )
        assert set(quality["weights_hash"]) == {chosen["weights_hash"]}


def test_protocols_say_how_far_this_is_from_the_papers(built):
    quality = read_measurements(sorted((built / "results/cifar10/measurements/quality").rglob("*.parquet")))
    assert quality["protocol"].str.contains("12 images, fewer than the 50,000 of the published").all()
    assert quality["protocol"].str.contains("Inception-v3 of 2015-12-05 by torch-fidelity").all()
    assert "fewer" in (built / "results/cifar10/tables/table1.md").read_text()


def test_the_text_numbers_and_the_comparison_are_there(built):
    text = table(built, "text_numbers")
    assert text["published"].notna().any()
    compared = table(built, "comparison")
    assert set(compared["item"]) == {"table1", "table2", "table4", "text_numbers"}
    assert compared["verdict"].notna().all()
    # Ten times of Table 4, were T that of the paper; here it is not, and 12 samples are not 50,000.
    assert not compared["verdict"].str.startswith("within published").any()


def test_likelihood_covers_whole_splits(built):
    rows = read_measurements(sorted((built / "results/cifar10/measurements/likelihood").rglob("*.parquet")))
    sizes = rows.groupby("split")["n"].unique()
    assert sizes["test"].tolist() == [10]
    assert sizes["train"].tolist() == [25]
    parts = rows[(rows["model"] == "epsilon_L_simple") & (rows["split"] == "test")].set_index("metric")
    assert math.isclose(parts["value"]["NLL"], parts["value"]["rate"] + parts["value"]["distortion"])


def test_the_result_does_not_depend_on_the_shards(built, tmp_path):
    """A copy with other shards draws the same samples and the same terms of the bound."""
    shutil.copytree(
        built, tmp_path / "copy", ignore=shutil.ignore_patterns("samples", "likelihood", ".snakemake")
    )
    folder = tmp_path / "copy"
    local = yaml.safe_load((folder / "config/cifar10.local.yaml").read_text())
    local["sampling"]["batches_per_shard"], local["likelihood"]["images_per_shard"] = 1, 4
    (folder / "config/cifar10.local.yaml").write_text(yaml.safe_dump(local))
    targets = [
        "results/cifar10/measurements/likelihood/epsilon_L_simple/seed0/test.parquet",
        *(f"results/cifar10/samples/epsilon_L_simple/seed0/sampling0/shard{n}.npz" for n in range(3)),
    ]
    snakemake(folder, *targets, "--cores", "2", "--rerun-triggers", "mtime")
    names = argparse.Namespace(model="epsilon_L_simple", seed=0, sampling=0)
    images = {}
    for place in (built, folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            job = model_job(load_study("config/cifar10.yaml"), names, sampling_fingerprint)
            images[place] = job.samples().images
    assert (images[built] == images[folder]).all()
    rows = [read_measurements([place / targets[0]]).set_index("metric")["value"] for place in (built, folder)]
    pd.testing.assert_series_equal(*rows)


def test_a_second_run_does_nothing(built):
    assert "Nothing to be done" in snakemake(built, "cifar10", "--cores", "1")


def test_a_lost_shard_is_drawn_again_alone(built, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    (folder / "results/cifar10/samples/mu_tilde_mse/seed0/sampling0/shard0.npz").unlink()
    quality = "results/cifar10/measurements/quality/mu_tilde_mse/seed0/sampling0.parquet"
    (folder / quality).unlink()
    assert planned(folder, quality, "--rerun-triggers", "mtime") == {
        "sample mu_tilde_mse 0 0 0",
        "quality mu_tilde_mse 0 0",
    }


def test_content_with_another_hash_stops_before_training(tmp_path):
    with faulty_server() as server:
        write_miniature(tmp_path, server)
        archive = server.answers[f"/{ARCHIVE}"]
        archive.content = archive.content[:-1] + bytes([archive.content[-1] ^ 1])
        output = snakemake(tmp_path, "cifar10", "--cores", "2", status=1)
    assert ARCHIVE in output
    assert "SHA-256" in output
    assert not (tmp_path / "resources" / ARCHIVE).exists()
    assert not (tmp_path / "results/cifar10/models").exists()
