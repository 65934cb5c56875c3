"""Study files: what is wrong is said with file, line, key and remedy, before any work."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from ddpm.errors import StudyError
from ddpm.study import load_study
from ddpm.study.schema import study_schema

CONFIG = Path(__file__).parents[2] / "config"
DEMO = (CONFIG / "demo.yaml").read_text()


def load(project: Path, old: str, new: str):
    assert old in DEMO
    path = project / "config" / "changed.yaml"
    path.write_text(DEMO.replace(old, new, 1))
    return load_study(Path("config/changed.yaml"))


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(DEMO.splitlines(), 1) if text in line)


def test_the_demo_loads():
    study = load_study(CONFIG / "demo.yaml")
    assert study.name == "demo"
    assert study.model("epsilon_L_simple").diffusion.prediction == "epsilon"
    assert study.model("mu_tilde_L_learned").diffusion.variance == "learned"
    # What a model does not set comes from the defaults, and what these leave out from the paper.
    assert study.model("mu_tilde_mse").training.flip is False
    assert study.model("mu_tilde_mse").diffusion.timesteps == 100


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        (
            "warmup_steps: 100",
            "warmup_stpes: 100",
            "warmup_steps",
            r"unknown key \(did you mean 'warmup_steps'",
        ),
        ("batch_size: 64", "batch_size: many", "batch_size: 64", "should be a valid integer, not 'many'"),
        ("batch_size: 64", "batch_size: 6.5", "batch_size: 64", r"valid integer.*6\.5"),
        ("flip: false", "flip: 3", "flip:", "should be a valid boolean"),
        (
            "groups: 8",
            "groups: 7",
            "network:",
            r"network: groups: 7 groups do not divide a level of \d+ channels",
        ),
        (
            "variance: learned, loss: kl",
            "variance: learned, loss: mse",
            "learned, loss",
            "no gradient; use `loss: kl`",
        ),
        (
            "prediction: epsilon",
            "prediction: velocity",
            "prediction: epsilon",
            "'mu_tilde', 'epsilon' or 'x0'",
        ),
        ("beta_end: 0.2", "beta_end: 1.2", "beta_end", "less than 1"),
        ("beta_end: 0.2", "beta_end: 0.0001", "variance: learned, loss: kl", "lies below beta_start"),
        (
            "attention_resolutions: [4]",
            "attention_resolutions: [16]",
            "attention_resolutions",
            r"no resolution 16, only \[8",
        ),
        (
            "dataset: digits\n  network",
            "dataset: digit\n  network",
            "dataset: digits",
            "named 'digit'.*'digits'",
        ),
        (
            "figure5: {model: epsilon_L_simple",
            "figure5: {model: epsilon",
            "figure5",
            r"artefacts\.figure5: no model",
        ),
        ("figure5: {model:", "figure5: {modle:", "figure5", r"artefacts\.figure5\.modle: unknown key"),
        (
            "figure2: {model: epsilon_L_simple, t: 35",
            "figure2: {t: 35",
            "figure2",
            "model: this key is missing",
        ),
        ("t: 35", "t: 135", "figure2", "135 lies beyond T = 100"),
        ("seeds: [0, 1]", "seeds: []", "seeds: [0, 1]", "at least 1 item"),
        ("seeds: [0, 1]", "seeds: [-1]", "seeds: [0, 1]", "greater than or equal to 0"),
        ("  images: 1000", "  images: 300", "figure13", "shows 400 samples, but sampling.images is 300"),
        (
            "progressive_columns: 20",
            "progressive_columns: 101",
            "progressive_columns",
            "101 columns, but T = 100",
        ),
        ("test_images: 500", "test_images: 1797", "test_images", "less than or equal to 1787"),
        ("source: digits", "source: mnist", "source: digits", "should be 'digits'"),
    ],
)
def test_problems_are_located(project, old, new, at, message):
    with pytest.raises(StudyError, match=message) as error:
        load(project, old, new)
    assert f"config/changed.yaml:{line_of(at)}: " in str(error.value)


def test_all_problems_are_reported_at_once(project):
    with pytest.raises(StudyError) as error:
        load(
            project,
            "    batch_size: 64\n    learning_rate: 0.004",
            "    batch_size: x\n    learning_rate: -1",
        )
    assert len(str(error.value).splitlines()) == 2


def test_repeated_key(project):
    with pytest.raises(StudyError, match="key 'split_seed' is given twice; remove one"):
        load(project, "    split_seed: 0", "    split_seed: 0\n    split_seed: 1")


def test_numbers_in_scientific_notation(project):
    study = load(project, "learning_rate: 0.004", "learning_rate: 2e-4")
    assert study.model("mu_tilde_mse").training.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("a: [1", "not valid YAML: line"),
        ("\xff", None),
    ],
)
def test_files_that_are_no_study(project, content, message):
    path = project / "config" / "odd.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StudyError, match=message):
        load_study(path)


def test_missing_file_names_the_studies_there_are(project):
    with pytest.raises(
        StudyError, match=r"config/nope\.yaml: no such study file \(studies in config: .*demo"
    ):
        load_study("config/nope.yaml")


@pytest.mark.parametrize("name", ["figures", "models", "a b", "-x"])
def test_reserved_names(project, name):
    (project / "config" / f"{name}.yaml").write_text(DEMO)
    with pytest.raises(StudyError, match="cannot be named"):
        load_study(f"config/{name}.yaml")


def test_schema_is_in_step():
    """After a change of the settings: `ddpm schema config/demo.yaml`."""
    assert (CONFIG / "study.schema.json").read_text() == study_schema()


def test_schema_accepts_the_demo_and_refuses_an_unknown_key():
    import json

    schema, demo = json.loads(study_schema()), yaml.safe_load(DEMO)
    jsonschema.validate(demo, schema)
    demo["defaults"]["training"]["stpes"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(demo, schema)
