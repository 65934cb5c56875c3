"""Study files: what is wrong is said with file, line, key and remedy, before any work."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from ddpm.commands.schema import study_schema
from ddpm.errors import StudyError
from ddpm.study import load_study
from ddpm.study.dependencies import weights_file
from ddpm.study.fingerprint import sampling_fingerprint, weights_fingerprint

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
        ("source: digits", "source: mnist", "source: digits", "should be one of 'digits', 'cifar10'"),
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


@pytest.fixture
def layered(project):
    """A study that extends the demo, as `config/child.yaml`; returns a function that writes and loads it."""

    def load_child(text: str, local: str | None = None):
        Path("config/demo.yaml").write_text(DEMO)
        Path("config/child.yaml").write_text(text)
        if local is not None:
            Path("config/child.local.yaml").write_text(local)
        return load_study("config/child.yaml")

    return load_child


def test_a_study_takes_over_what_it_extends(layered):
    study = layered("extends: demo.yaml\ntitle: Child\ndefaults: {training: {steps: 7}}\n")
    demo = load_study(CONFIG / "demo.yaml")
    assert (study.name, study.title, study.sampling) == ("child", "Child", demo.sampling)
    assert study.model("epsilon_L_simple").training.steps == 7
    assert study.model("epsilon_L_simple").training.batch_size == 64


def test_null_drops_a_table_of_the_extended_study(layered):
    study = layered("extends: demo.yaml\nartefacts: {table1: null}\n")
    assert study.artefacts.tables == ["table2", "table4"]


def test_local_settings_lie_on_top(layered):
    study = layered(
        "extends: demo.yaml\ndefaults: {training: {steps: 7}}\n", local="defaults: {training: {steps: 8}}\n"
    )
    assert study.model("epsilon_L_simple").training.steps == 8


def test_another_source_takes_no_keys_over(layered):
    study = layered(
        "extends: demo.yaml\ndatasets: {digits: {source: cifar10}}\nquality: {features: {kind: inception}}\n"
        "defaults: {network: {attention_resolutions: [16]}}\n"
    )
    assert study.datasets["digits"].image_shape == (3, 32, 32)
    assert study.quality.features.kind == "inception"


def test_problems_are_located_in_the_layer_that_holds_them(layered):
    with pytest.raises(StudyError, match=r"^config/child\.yaml:3: sampling\.images: .*not -1"):
        layered("extends: demo.yaml\nsampling:\n  images: -1\n")
    with pytest.raises(StudyError, match=r"^config/child\.local\.yaml:1: sampling\.images: .*not -2"):
        layered("extends: demo.yaml\n", local="sampling: {images: -2}\n")
    with pytest.raises(StudyError, match=r"^config/demo\.yaml:\d+: artefacts\.figure2\.t: 35 lies beyond"):
        layered("extends: demo.yaml\ndefaults: {diffusion: {timesteps: 30}}\n", local="{}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: child.yaml\n", "extends itself"),
        ("extends: [demo.yaml]\n", r"child\.yaml:1: extends: must be the name"),
        ("extends: dmeo.yaml\n", r"dmeo\.yaml: no such study file"),
    ],
)
def test_what_cannot_be_extended(layered, text, message):
    with pytest.raises(StudyError, match=message):
        layered(text)


def test_a_local_file_extends_nothing(layered):
    with pytest.raises(StudyError, match=r"child\.local\.yaml: extends: .*remove it"):
        layered("extends: demo.yaml\n", local="extends: demo.yaml\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("training: {gradient_clip_shards: 7}", "7 parts do not divide a batch of 64"),
        ("checkpoints: {steps: [20, 10]}", "must ascend"),
        ("checkpoints: {steps: [1100]}", "does not lie before the last"),
        ("checkpoints: {evaluate: 5}", "step 5 is not kept"),
        ("checkpoints: {evaluate: best}", "'last' or 'minimum_fid'"),
        ("checkpoints: {seed: 0}", "is a seed of its samples too"),
        ("pretrained: {revision: main}", "give either `file`, `repository` or `model`"),
        ("pretrained: {file: x, repository: a/b}", "give either `file`, `repository` or `model`"),
        ("pretrained: {repository: ab}", "repository: String should match"),
        ("pretrained: {file: x}", "is not trained .* remove it"),
        ("{pretrained: {file: x}, seeds: [0, 1]}", "give one seed"),
    ],
)
def test_problems_of_checkpoints_and_published_weights(layered, settings, message):
    model = settings if settings.startswith("{") else f"{{{settings}}}"
    with pytest.raises(StudyError, match=message):
        layered(f"extends: demo.yaml\nmodels: {{epsilon_L_fixed: {model}}}\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("pretrained: {model: nobody}", r"pretrained\.model: no model is named 'nobody'"),
        ("pretrained: {model: mine}", "cannot take its own weights"),
        ("pretrained: {model: theirs}", "theirs takes its weights from epsilon_L_simple itself"),
        ("{pretrained: {model: epsilon_L_simple}, seeds: [0, 7]}", "has no seed 7, only"),
        (
            "{pretrained: {model: epsilon_L_simple}, network: {channels: 8}, diffusion: {timesteps: 50}}",
            r"differs in diffusion\.timesteps, network; only a fixed",
        ),
        ("pretrained: {model: epsilon_L_learned}", r"differs in diffusion\.variance; only a fixed"),
        ("pretrained: {model: mu_tilde_mse}", r"differs in diffusion\.prediction; only a fixed"),
        ("pretrained: {model: epsilon_L_simple, file: x}", "give either `file`, `repository` or `model`"),
        ("pretrained: {model: epsilon_L_simple, averaged: true}", "remove `sha256` and `averaged`"),
    ],
)
def test_problems_of_the_weights_of_another_model(layered, settings, message):
    model = settings if settings.startswith("{") else f"{{{settings}}}"
    theirs = "{pretrained: {model: epsilon_L_simple}}"
    with pytest.raises(StudyError, match=message):
        layered(f"extends: demo.yaml\nmodels: {{mine: {model}, theirs: {theirs}}}\n")


def test_the_weights_of_another_model_are_its_own_file_with_the_seed(layered):
    other = "{pretrained: {model: epsilon_L_simple}, diffusion: {variance: fixed_small}, seeds: [1]}"
    study = layered(f"extends: demo.yaml\nmodels: {{mine: {other}}}\n")
    assert weights_file(study, "mine", 1) == weights_file(study, "epsilon_L_simple", 1)
    assert weights_fingerprint(study, "mine") == weights_fingerprint(study, "epsilon_L_simple")
    assert sampling_fingerprint(study, "mine") != sampling_fingerprint(study, "epsilon_L_simple")
    again = layered(f"extends: demo.yaml\nmodels: {{mine: {other.replace('fixed_small', 'fixed_large')}}}\n")
    assert sampling_fingerprint(study, "mine") != sampling_fingerprint(again, "mine")


def test_a_folder_without_images_is_refused(layered):
    folder = "{source: image_folder, train: nowhere, test: config, image_size: 8}"
    with pytest.raises(StudyError, match=r"datasets\.mine\.train: nowhere holds no images"):
        layered(f"extends: demo.yaml\ndatasets: {{mine: {folder}}}\n")
