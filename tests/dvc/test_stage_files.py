"""The files that the paper's stages name: what tables and figures need and what that is made of, no more."""

import pytest

from ddpm.graph.stages import measured_files, trained_files
from ddpm.study import load_study

RUN = "epsilon_L_simple/seed0"
WEIGHTS = {"data/digits/manifest.json", f"models/{RUN}/trained.json"}
SAMPLES = {f"samples/{RUN}/sampling0/shard0.npz"}
BOUND = {
    split: {
        f"measurements/likelihood/{RUN}/{split}.parquet",
        *(f"likelihood/{RUN}/{split}/{name}.parquet" for name in ("shard0", "rate_distortion")),
    }
    for split in ("test", "train")
}
CODE = {
    f"measurements/coding/{RUN}/progressive_x1.parquet",
    *(f"compression/{RUN}/progressive_x1.{suffix}" for suffix in ("json", "npz")),
}


@pytest.mark.parametrize(
    ("artefact", "trained", "measured"),
    [
        ("figure13", WEIGHTS, SAMPLES),
        ("figure2", WEIGHTS, {"chains/figure2.npz"}),
        ("figure15", WEIGHTS, SAMPLES | {"neighbours/figure15.npz"}),
        ("figure10", WEIGHTS, SAMPLES | {f"measurements/progressive/{RUN}/sampling0.parquet"}),
        ("figure5", WEIGHTS, BOUND["test"]),
        ("progressive_coding", WEIGHTS, BOUND["test"] | BOUND["train"] | CODE),
    ],
)
def test_one_figure_needs(project, artefact, trained, measured):
    study = load_study("config/demo.yaml")
    others = dict.fromkeys(name for name in study.artefacts.chosen if name != artefact)
    study = study.model_copy(update={"artefacts": study.artefacts.model_copy(update=others)})
    assert trained_files(study) == sorted(f"results/demo/{file}" for file in trained)
    assert measured_files(study) == sorted(f"results/demo/{file}" for file in measured)


def test_the_choice_among_checkpoints_names_what_it_is_made_from(project):
    study = load_study("config/cifar10.yaml")
    assert "results/cifar10/models/mu_tilde_mse/seed0/chosen.safetensors" in trained_files(study)
    rows = "results/cifar10/measurements/checkpoints/mu_tilde_mse/seed0/step{}00000.parquet"
    assert {rows.format(n) for n in range(1, 9)} <= set(measured_files(study))
    # Another model's weights, and no run of its own.
    assert not any("fixed_small/seed0/trained" in file for file in trained_files(study))
