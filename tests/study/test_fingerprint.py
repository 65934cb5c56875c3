"""A fingerprint changes with what its step depends on, and with nothing else."""

import json
from pathlib import Path

import pytest
from pydantic_core import to_jsonable_python

from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_files, artefact_inputs
from ddpm.graph.fingerprint import (
    artefact_fingerprint,
    chain_fingerprint,
    checkpoint_fingerprint,
    dataset_fingerprint,
    features_fingerprint,
    fingerprint,
    likelihood_fingerprint,
    quality_fingerprint,
    respaced_fingerprint,
    sampling_fingerprint,
    training_fingerprint,
    training_job_fingerprint,
)
from ddpm.graph.run_files import bound_shards, sample_shards
from ddpm.study import load_study
from ddpm.study.base import Settings, is_runtime_only

DEMO = (Path(__file__).parents[2] / "config" / "demo.yaml").read_text()
MODEL = "epsilon_L_fixed"
RECORD = Path(__file__).with_name("fingerprints.json")


def fingerprints(study) -> dict[str, str]:
    return {
        "training": training_fingerprint(study, MODEL),
        "features": features_fingerprint(study),
        "checkpoint": checkpoint_fingerprint(study, MODEL),
        "sampling": sampling_fingerprint(study, MODEL),
        "quality": quality_fingerprint(study, MODEL),
        "respaced": respaced_fingerprint(study, MODEL),
        "likelihood": likelihood_fingerprint(study, MODEL),
        "chain": chain_fingerprint(study, "figure7"),
        "figure13": artefact_fingerprint(study, "figure13"),
    }


# What depends on the training of a model.
TRAINED = {"training", "checkpoint", "sampling", "quality", "respaced", "likelihood", "chain"}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("save_every_minutes: 0.25", "save_every_minutes: 5", set()),
        ("batches_per_shard: ", "batches_per_shard: 1 #", set()),
        ("images_per_shard: ", "images_per_shard: 1 #", set()),
        ("seeds: [0, 1]", "seeds: [0, 1, 2]", set()),
        ("seeds: [0, 1]", "sampling_seeds: [0, 1]", set()),
        ("learning_rate: ", "learning_rate: 0.1 #", TRAINED),
        ("    log_every: 20", "    log_every: 20\n    precision: tf32", TRAINED),
        ("    beta_end: 0.2", "    beta_end: 0.21", TRAINED),
        ("test_images: 500", "test_images: 400", {"features", *TRAINED}),
        ("  images: 1000", "  images: 1001", {"respaced", "sampling", "quality"}),
        (
            "  batches_per_shard: 4",
            "  precision: tf32",
            {"checkpoint", "sampling", "quality", "respaced", "chain"},
        ),
        ("steps: [100, 50, 25, 10]}", "steps: [100], images: 9}", {"respaced"}),
        ("epochs: 30", "epochs: 31", {"features", "checkpoint", "quality", "respaced"}),
        ("kid_subsets: ", "kid_subsets: 7 #", {"checkpoint", "quality", "respaced"}),
        ("  seed: 0", "  seed: 1", {"likelihood"}),
        ("  images_per_shard: 1300", "  precision: tf32", {"likelihood"}),
        ("rows: 20, columns: 20", "rows: 10, columns: 20", {"figure13"}),
    ],
)
def test_what_changes(project, old, new, changed):
    before = fingerprints(load_study("config/demo.yaml"))
    assert old in DEMO
    Path("config/demo.yaml").write_text(DEMO.replace(old, new, 1))
    after = fingerprints(load_study("config/demo.yaml"))
    assert {name for name in before if before[name] != after[name]} == changed


@pytest.mark.parametrize("override", [{"steps": 50}, {"steps": [1, 100]}, {"variance": "fixed_small"}])
def test_overrides_of_sampling_change_all_samples_but_those_that_name_theirs(override):
    study = load_study(Path(__file__).parents[2] / "config" / "demo.yaml")
    sampling = study.sampling.model_copy(update=override)
    before, after = fingerprints(study), fingerprints(study.model_copy(update={"sampling": sampling}))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"checkpoint", "sampling", "quality"}


def test_chains_depend_on_their_noise_and_their_weights(project):
    """The first sampling seed and the training, but not the number of samples."""
    made = set()
    for old, new in (
        ("#", "#"),
        ("  seeds: [0]", "  seeds: [5]"),
        ("    beta_end: 0.2", "    beta_end: 0.21"),
    ):
        assert old in DEMO
        Path("config/demo.yaml").write_text(DEMO.replace(old, new, 1))
        made.add(chain_fingerprint(load_study("config/demo.yaml"), "figure8"))
    assert len(made) == 3
    Path("config/demo.yaml").write_text(DEMO.replace("  images: 1000", "  images: 1001", 1))
    assert chain_fingerprint(load_study("config/demo.yaml"), "figure8") in made


def test_models_do_not_share_fingerprints():
    study = load_study(Path(__file__).parents[2] / "config" / "demo.yaml")
    assert len({training_fingerprint(study, model) for model in study.models}) == 6


def test_fingerprints_of_the_shipped_studies_are_those_on_record(project):
    """What is finished under the shipped studies stays current: who changes a fingerprint must mean it.

    A new setting with a default that does nothing changes none. To record changes that are meant:
    `python tests/study/test_fingerprint.py`.
    """
    recorded = json.loads(RECORD.read_text())
    assert all_fingerprints() == recorded["fingerprints"]


def test_no_default_has_changed():
    """Fingerprints leave defaults out: under another default, old results would pass for new ones."""
    recorded, now = json.loads(RECORD.read_text())["defaults"], all_defaults()
    changed = [key for key, value in recorded.items() if now.get(key, value) != value]
    assert changed == []
    assert sorted(now.keys() - recorded.keys()) == [], "record new settings, see above"


def test_a_new_setting_that_does_nothing_changes_no_fingerprint():
    class Now(Settings):
        rate: float = 0.1
        layers: tuple[int, ...] = (1, 2)

    class Later(Now):
        weight_decay: float = 0.0
        nested: Now = Now()

    for values in ({}, {"rate": 0.2}, {"layers": (2, 1)}):
        assert fingerprint("x", Now(**values)) == fingerprint("x", Later(**values))
    assert fingerprint(Later(weight_decay=0.1)) != fingerprint(Later())
    assert fingerprint(Later(nested=Now(rate=0.2))) != fingerprint(Later())


def all_fingerprints() -> dict[str, dict[str, str]]:
    """By study: fingerprints of all that the rules ask for."""
    found = {}
    for name in ("demo", "paper", "cifar10", "pilot"):
        study = load_study(f"config/{name}.yaml")
        of = found[name] = {"features": features_fingerprint(study)}
        of |= {f"dataset {dataset}": dataset_fingerprint(study, dataset) for dataset in study.datasets}
        for model in study.models:
            of[f"train {model}"] = training_job_fingerprint(study, model)
            of[f"sample {model}"] = sampling_fingerprint(study, model)
            of[f"quality {model}"] = quality_fingerprint(study, model)
            of[f"likelihood {model}"] = likelihood_fingerprint(study, model)
    return found


def all_defaults() -> dict[str, object]:
    """By class and key: the defaults of all settings that change results."""
    classes, found = [Settings], {}
    while classes:
        settings = classes.pop()
        classes += [kind for kind in settings.__subclasses__() if kind.__module__.startswith("ddpm.")]
        if settings.__name__.startswith("Partial"):
            continue
        for key, field in settings.model_fields.items():
            if not field.is_required() and not is_runtime_only(field):
                default = field.get_default(call_default_factory=True)
                found[f"{settings.__name__}.{key}"] = to_jsonable_python(default)
    return dict(sorted(found.items()))


def test_homes():
    assert layout.home("paper") == "results"
    assert layout.home("demo") == "results/demo"
    for name in ("paper", "demo", "my-study_2"):
        assert layout.study_of(layout.home(name)) == name
    with pytest.raises(ValueError, match="not a results folder"):
        layout.study_of("other/demo")


def test_every_artefact_has_inputs():
    study = load_study(Path(__file__).parents[2] / "config" / "demo.yaml")
    for artefact in study.artefacts.chosen:
        assert any(artefact_inputs(study, artefact).values())
    files = artefact_files(study)
    assert len(files) == len(set(files)) == 5 + 2 * 13
    assert len(sample_shards(study, MODEL, 0, 0)) == study.sampling.shards
    assert bound_shards(study, MODEL, 0, "test")[0].endswith("/test/shard0.parquet")


if __name__ == "__main__":
    record = {"fingerprints": all_fingerprints(), "defaults": all_defaults()}
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
