"""Study files: what is wrong is said with file, line, key and remedy, before any work."""

import itertools
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ddpm.commands.schema import study_schema
from ddpm.errors import StudyError
from ddpm.graph.fingerprint import sampling_fingerprint, weights_fingerprint
from ddpm.graph.run_files import weights_file
from ddpm.study import load_study

CONFIG = Path(__file__).parents[2] / "config"
DEMO = (CONFIG / "demo.yaml").read_text()


def changed(old: str, new: str):
    """The demo with one text changed, loaded from config/changed.yaml."""
    assert old in DEMO
    Path("config/changed.yaml").write_text(DEMO.replace(old, new, 1))
    return load_study("config/changed.yaml")


def child(text: str, local: str | None = None):
    """A study that extends the demo, loaded from config/child.yaml."""
    Path("config/child.yaml").write_text(f"extends: demo.yaml\n{text}\n")
    if local is not None:
        Path("config/child.local.yaml").write_text(local)
    return load_study("config/child.yaml")


def test_the_demo_loads():
    study = load_study(CONFIG / "demo.yaml")
    assert study.name == "demo"
    assert study.model("epsilon_L_simple").diffusion.prediction == "epsilon"
    assert study.model("mu_tilde_L_learned").diffusion.variance == "learned"
    # What a model does not set comes from the defaults, and what these leave out from the paper.
    assert study.model("mu_tilde_mse").training.flip is False
    assert study.model("mu_tilde_mse").diffusion.timesteps == 100
    assert study.model("mu_tilde_mse").training.precision == "float32"


# Problems that stand elsewhere than where the demo is changed.
ELSEWHERE = {
    "groups: 7": "  network:",
    "beta_end: 0.0001": "variance: learned, loss: kl",
    "  images: 300": "figure13",
    "channels: 2": "  network:",
}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("warmup_steps: 100", "warmup_stpes: 100", r"unknown key \(did you mean 'warmup_steps'"),
        ("split_seed", "splitseed", r"datasets\.digits\.splitseed: unknown key \(did you mean 'split_seed'"),
        (
            "    epochs",
            "    official",
            r"known: kind, dataset, epochs, [a-z_, ]*required_accuracy\); remove it",
        ),
        ("batch_size: 64", "batch_size: many", "should be a valid integer, not 'many'"),
        ("batch_size: 64", "batch_size: 6.5", r"valid integer.*6\.5"),
        ("flip: false", "flip: 3", "should be a valid boolean"),
        ("flip: false", "flip: no", "should be a valid boolean, not 'no'"),  # YAML 1.2
        ("groups: 8", "groups: 7", r"network: groups: 7 groups do not divide a level of \d+ channels"),
        (
            "images_per_shard",
            "precision: float16 #",
            r"likelihood\.precision: .*'float32', 'tf32' or 'bfloat16'",
        ),
        ("variance: learned, loss: kl", "variance: learned, loss: mse", "no gradient; use `loss: kl`"),
        ("prediction: epsilon", "prediction: velocity", "'mu_tilde', 'epsilon' or 'x0'"),
        ("beta_end: 0.2", "beta_end: 1.2", "less than 1"),
        ("beta_end: 0.2", "beta_end: 0.0001", "lies below beta_start"),
        (
            "channel_multipliers: [1, 2]",
            "channel_multipliers: [1, 1, 1, 1, 1]",
            "by 16, but digits has 8; use fewer",
        ),
        ("attention_resolutions: [4]", "attention_resolutions: [16]", r"no resolution 16, only \[8"),
        ("dataset: digits\n  network", "dataset: digit\n  network", "named 'digit'.*'digits'"),
        ("figure5: {model: epsilon_L_simple", "figure5: {model: epsilon", r"artefacts\.figure5: no model"),
        ("figure5: {model:", "figure5: {modle:", r"artefacts\.figure5\.modle: unknown key"),
        ("figure2: {model: epsilon_L_simple, t: 35", "figure2: {t: 35", "model: this key is missing"),
        ("t: 35", "t: 135", "135 lies beyond T = 100"),
        ("seeds: [0, 1]", "seeds: []", "at least 1 item"),
        ("seeds: [0, 1]", "seeds: [-1]", r"seeds\.0: .* greater than or equal to 0"),
        ("  images: 1000", "  images: 300", "shows 400 samples, but sampling.images is 300"),
        ("progressive_columns: 20", "progressive_columns: 101", "101 columns, but T = 100"),
        ("progressive_columns: 20", "steps: 101", "101 steps, but T = 100 for mu_tilde_L_learned; take at"),
        ("progressive_columns: 20", "steps: 0", r"sampling\.steps.*greater than or equal to 1"),
        (
            "progressive_columns: 20",
            "steps: [9, 101]",
            "the time 101 lies beyond T = 100 of mu_tilde_L_learned",
        ),
        ("progressive_columns: 20", "steps: [9, 4]", r"sampling\.steps.*the times \[9, 4\] must ascend"),
        (
            "progressive_columns: 20",
            "steps: 50",
            "mu_tilde_L_learned learned its variance.*remove `sampling.s",
        ),
        (
            "progressive_columns: 20",
            "variance: learned",
            r"sampling\.variance: .*'fixed_large' or 'fixed_small'",
        ),
        (
            "progressive_columns: 20",
            "variance: fixed_small",
            "epsilon_L_learned learned its variance.*remove `sampling.variance`, or this model",
        ),
        ("test_images: 500", "test_images: 1797", "less than or equal to 1787"),
        (
            "  images: 1000",
            "  images: 1",
            r"sampling\.images: 1 is too few for FID",
        ),
        ("seeds: [0, 1]", "seeds: [0, 0]", "0 stands here twice; give each once"),
        ("  seeds: [0]\n", "  seeds: [3, 3]\n", r"sampling\.seeds: 3 stands here twice"),
        ("attention_resolutions: [4]", "attention_resolutions: [4, 4]", "4 stands here twice"),
        ("t: [100, 75, 50, 25, 0]", "t: [100, 75, 75]", r"figure7\.t: 75 stands here twice"),
        ("[6, 18], [2, 14], [16, 1]", "[6, 18], [6, 18]", r"figure8\.pairs: \[6, 18\] stands here twice"),
        ("steps: [100, 88,", "steps: [100, 100, 88,", r"figure9\.steps: 100 stands here twice"),
        (
            "    models:\n      - mu_tilde_L_learned",
            "    models:\n      - mu_tilde_mse",
            "mu_tilde_mse stands here twice",
        ),
        ("L: epsilon_L_fixed", "L: epsilon_L_simple", "epsilon_L_simple stands in the row L already"),
        ("channels: 16", "channels: 2", "channels: 2 are too few: the timestep embedding needs at least 4"),
        ("pairs: [[6, 18], [2,", "pairs: [[6, 500], [2,", "asks for 501 test images, .* but there are 500"),
        ("neighbours: 19", "neighbours: 1298", "asks for 1298 train images, .* but there are 1297"),
        ("schedule: linear", "schedule: jsd", "alpha-bar_T is 0: .*Use `prediction: x0` or `mu_tilde`"),
        ("beta_end: 0.2", "beta_end: .inf", "finite number"),
        ("learning_rate: 0.004", "learning_rate: .nan", "finite number"),
        ("steps: 1100", f"steps: 1{'0' * 39}", "less than or equal to 1000000000"),
        ("channels: 16", "channels: 1000000", "less than or equal to 65536"),
        ("warmup_steps: 100", "warmup_steps: 18:20", "valid integer, not '18:20'"),
        ("source: digits", "source: mnist", r"digits\.source: should be one of 'digits', 'cifar10'"),
    ],
)
@pytest.mark.usefixtures("project")
def test_problems_are_located(old, new, message):
    at = ELSEWHERE.get(new, old.partition("\n")[0])
    line = next(number for number, text in enumerate(DEMO.splitlines(), 1) if at in text)
    with pytest.raises(StudyError, match=rf"config/changed\.yaml:{line}: .*{message}"):
        changed(old, new)


@pytest.mark.usefixtures("project")
def test_all_problems_are_reported_at_once():
    with pytest.raises(StudyError) as error:
        changed("batch_size: 64\n    learning_rate: 0.004", "batch_size: x\n    learning_rate: -1")
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(("written", "read"), [("0o10", 8), ("1_000", 1000), ("0x10", 16), ("0", 0)])
@pytest.mark.usefixtures("project")
def test_whole_numbers_are_those_of_yaml_1_2(written, read):
    study = changed("warmup_steps: 100", f"warmup_steps: {written}")
    assert study.model("mu_tilde_mse").training.warmup_steps == read


@pytest.mark.parametrize(
    ("written", "title"),
    [
        (">\n  Two\n  lines\n", "Two lines"),
        ('" 확산 🎲 "', "확산 🎲"),
        ('"="', "="),
        ('" "', None),
        ("x" * 301, None),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_title_is_one_line(written, title):
    if title is not None:
        assert child(f"title: {written}").title == title
        return
    with pytest.raises(StudyError, match=r"child\.yaml:2: title: "):
        child(f"title: {written}")


@pytest.mark.usefixtures("project")
def test_numbers_in_scientific_notation():
    study = changed("learning_rate: 0.004", "learning_rate: 2e-4")
    assert study.model("mu_tilde_mse").training.learning_rate == 2e-4


# Lists of nine of the list before: 9^7 values in eight lines.
BOMB = list(itertools.pairwise("zabcdefgh"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("a: [1", r"odd\.yaml:1: is not valid YAML: expected"),
        ("a: 1\nb: 2\nb: 3", r'odd\.yaml:3: is not valid YAML: found duplicate key "b" .*; remove one'),
        ("\n\xff", r"odd\.yaml:2: cannot be read: not UTF-8"),
        ("\xff\xfea\0", r"odd\.yaml:1: cannot be read: it is UTF-16"),
        ("\n\na: \0", r"odd\.yaml:3: is not valid YAML: special characters"),
        ("\n\tb: 1", r"odd\.yaml:2: is not valid YAML"),
        ("\xef\xbb\xbf- 1", r"odd\.yaml:1: must be a mapping"),
        ("a:\n  [1]: 2", r"odd\.yaml:2: a list or a mapping cannot be a key"),
        ("? {a: b}\n: 2", r"odd\.yaml:1: a list or a mapping cannot be a key"),
        ("a: " + "[" * 2_000, r"odd\.yaml:1: is nested deeper than 50"),
        ("a: " + "[" * 60 + "]" * 60, r"odd\.yaml:1: is nested deeper than 50"),
        ("\na: " + "9" * 5000, r"odd\.yaml:2: a number of 5,000 characters"),
        ("a: 010", r"odd\.yaml:1: 010 is 10 to some readers .* and octal to others; write 10, or 0o10"),
        ("a: -007", r"odd\.yaml:1: -007 is 7 to some"),
        ("a: 2026-02-30", r"odd\.yaml:1: 'timestamp' is no kind of value here"),
        ("a: !!python/object:os.system x", "is no kind of value here; put the text in quotes"),
        ("a: !!int x", r"odd\.yaml:1: is not valid YAML"),
        ("a: &a [*a]", r"odd\.yaml:1: an alias stands within what it repeats"),
        (
            "z: &z [1]\n" + "".join(f"{c}: &{c} [{', '.join([f'*{b}'] * 9)}]\n" for b, c in BOMB),
            "100,000 values",
        ),
        ('a: "\\ud800"', r"odd\.yaml:1: holds the control character U\+D800"),
        ('a: "\\e[31m"', r"odd\.yaml:1: holds the control character U\+001B"),
        ("a: x\n" + "#" * 1_000_000, r"odd\.yaml:1: has 1,000,005 bytes"),
    ],
    ids=lambda text: text[:20],
)
def test_files_that_are_no_study(tmp_path, content, message):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StudyError, match=message):
        load_study(path)


@pytest.mark.usefixtures("project")
def test_missing_file_names_the_studies_there_are():
    with pytest.raises(
        StudyError, match=r"config/nope\.yaml: no such study file \(studies in config: .*demo"
    ):
        load_study("config/nope.yaml")


@pytest.mark.parametrize("name", ["figures", "models", "a b", "-x"])
def test_reserved_names(name):
    with pytest.raises(StudyError, match="cannot be named"):
        load_study(f"config/{name}.yaml")


def test_the_schema_is_in_step_accepts_the_demo_and_refuses_an_unknown_key():
    """After a change of the settings: `ddpm schema config/demo.yaml`."""
    assert (CONFIG / "study.schema.json").read_text() == study_schema()
    schema, demo = json.loads(study_schema()), yaml.safe_load(DEMO)
    jsonschema.validate(demo, schema)
    demo["defaults"]["training"]["stpes"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(demo, schema)


@pytest.mark.usefixtures("project")
def test_figures_of_the_reverse_process_need_as_many_steps_as_columns():
    fixed = (
        "models: {mu_tilde_L_learned: {diffusion: {variance: fixed_small}}, epsilon_L_learned: {diffusion: "
    )
    fixed += "{variance: fixed_small}}}\n"
    assert child(f"{fixed}sampling: {{steps: 20}}").sampling.reverse_steps(100) == 20
    message = r"20 columns, but 19 steps \(`sampling\.steps`\) for epsilon_L_simple; keep fewer columns"
    with pytest.raises(StudyError, match=message):
        child(f"{fixed}sampling: {{steps: 19}}")


@pytest.mark.usefixtures("project")
def test_a_study_takes_over_what_it_extends():
    study = child("title: Child\ndefaults: {training: {steps: 7}}\nartefacts: {table1: null}")
    assert (study.name, study.title) == ("child", "Child")
    assert study.sampling == load_study(CONFIG / "demo.yaml").sampling
    assert study.model("epsilon_L_simple").training.steps == 7
    assert study.model("epsilon_L_simple").training.batch_size == 64
    # null drops a table.
    assert study.artefacts.tables == ["table2", "table4", "fewer_steps", "compression"]
    # Local settings lie on top.
    study = child("defaults: {training: {steps: 7}}", local="defaults: {training: {steps: 8}}\n")
    assert study.model("epsilon_L_simple").training.steps == 8


@pytest.mark.usefixtures("project")
def test_another_source_takes_no_keys_over():
    study = child(
        "datasets: {digits: {source: cifar10}}\nquality: {features: {kind: inception}}\n"
        "defaults: {network: {attention_resolutions: [16]}}"
    )
    assert study.datasets["digits"].image_shape == (3, 32, 32)
    assert study.quality.features.kind == "inception"


@pytest.mark.usefixtures("project")
def test_hints_are_the_keys_of_the_source_that_is_chosen():
    """Not those of the source whose name the data set has."""
    with pytest.raises(StudyError, match=r"test_imges: unknown key \(did you mean 'test_images'"):
        child("datasets: {digits: {source: cifar10, test_imges: 3}}")
    with pytest.raises(StudyError, match=r"foo: unknown key \(known: source, archive, official, "):
        child("datasets: {digits: {source: cifar10, foo: 3}}")


@pytest.mark.usefixtures("project")
def test_problems_are_located_in_the_layer_that_holds_them():
    with pytest.raises(StudyError, match=r"^config/child\.yaml:3: sampling\.images: .*not -1"):
        child("sampling:\n  images: -1")
    with pytest.raises(StudyError, match=r"^config/child\.local\.yaml:1: sampling\.images: .*not -2"):
        child("", local="sampling: {images: -2}\n")
    with pytest.raises(StudyError, match=r"\nconfig/demo\.yaml:\d+: artefacts\.figure2\.t: 35 lies beyond"):
        child("defaults: {diffusion: {timesteps: 30}}", local="{}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: child.yaml\n", "extends itself"),
        ("extends: [demo.yaml]\n", r"child\.yaml:1: extends: must be the name"),
        ("extends: dmeo.yaml\n", r"dmeo\.yaml: no such study file"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_extended(text, message):
    Path("config/child.yaml").write_text(text)
    with pytest.raises(StudyError, match=message):
        load_study("config/child.yaml")


@pytest.mark.usefixtures("project")
def test_a_local_file_extends_nothing():
    with pytest.raises(StudyError, match=r"child\.local\.yaml:1: extends: .*remove it"):
        child("", local="extends: demo.yaml\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("training: {gradient_clip_shards: 7}", "7 parts do not divide a batch of 64"),
        ("checkpoints: {steps: [20, 10]}", "must ascend"),
        ("checkpoints: {steps: [1100]}", "does not lie before the last"),
        ("checkpoints: {evaluate: 5}", "step 5 is not kept"),
        ("checkpoints: {evaluate: best}", r"checkpoints\.evaluate: .*'last' or 'minimum_fid'"),
        ("checkpoints: {seed: 0}", "is a seed of its samples too"),
        ("pretrained: {revision: main}", "give either `file`, `repository` or `model`"),
        ("sampling_seeds: [1, 1]", r"sampling_seeds: 1 stands here twice"),
        ('pretrained: {file: "resources/huggingface/a/b/main/$(touch X)"}', "may hold letters, digits"),
        ("pretrained: {file: 'resources/x y'}", r"pretrained\.file: names below resources/"),
        ('pretrained: {file: "a\\nb"}', "must be a path, without line breaks"),
        ("pretrained: {repository: ../..}", "'../..' is no name of what a repository holds"),
        ("pretrained: {repository: a/b, revision: ..}", "revision: '..' is no name"),
        ("pretrained: {repository: a/b, repository_file: ../x}", "repository_file: '../x' is no name"),
        ("pretrained: {file: x, repository: a/b}", "give either `file`, `repository` or `model`"),
        ("pretrained: {repository: ab}", "repository: String should match"),
        ("pretrained: {file: x}", "is not trained .* remove it"),
        ("pretrained: {file: x}, seeds: [0, 1]", "give one seed"),
        ("pretrained: {model: nobody}", r"pretrained\.model: no model is named 'nobody'"),
        ("pretrained: {model: epsilon_L_fixed}", "cannot take its own weights"),
        ("pretrained: {model: theirs}", "theirs takes its weights from epsilon_L_simple itself"),
        ("pretrained: {model: epsilon_L_simple}, seeds: [0, 7]", "has no seed 7, only"),
        (
            "pretrained: {model: epsilon_L_simple}, network: {channels: 8}, diffusion: {timesteps: 50}",
            r"differs in diffusion\.timesteps, network; only a fixed",
        ),
        ("pretrained: {model: epsilon_L_learned}", r"differs in diffusion\.variance; only a fixed"),
        ("pretrained: {model: mu_tilde_mse}", r"differs in diffusion\.prediction; only a fixed"),
        ("pretrained: {model: epsilon_L_simple, file: x}", "give either `file`, `repository` or `model`"),
        ("pretrained: {model: epsilon_L_simple, averaged: true}", "remove `sha256` and `averaged`"),
    ],
)
@pytest.mark.usefixtures("project")
def test_problems_of_checkpoints_and_weights(settings, message):
    theirs = "{pretrained: {model: epsilon_L_simple}}"
    with pytest.raises(StudyError, match=message):
        child(f"models: {{epsilon_L_fixed: {{{settings}}}, theirs: {theirs}}}")


@pytest.mark.usefixtures("project")
def test_the_weights_of_another_model_are_its_own_file_with_the_seed():
    def mine(variance: str):
        other = f"pretrained: {{model: epsilon_L_simple}}, diffusion: {{variance: {variance}}}, seeds: [1]"
        return child(f"models: {{mine: {{{other}}}}}")

    study = mine("fixed_small")
    assert weights_file(study, "mine", 1) == weights_file(study, "epsilon_L_simple", 1)
    assert weights_fingerprint(study, "mine") == weights_fingerprint(study, "epsilon_L_simple")
    assert sampling_fingerprint(study, "mine") != sampling_fingerprint(study, "epsilon_L_simple")
    assert sampling_fingerprint(study, "mine") != sampling_fingerprint(mine("fixed_large"), "mine")


FEW = "compare at least 2 images; raise it"
FOLDERS = "{source: image_folder, train: pics/train, test: pics/test, image_size: 16}"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"datasets: {{mine: {FOLDERS.replace('/train', '')}}}",
            r"datasets\.mine: train and test: .* within",
        ),
        (
            f"datasets: {{mine: {FOLDERS}}}\nquality: {{features: {{dataset: mine}}}}",
            r"quality\.features\.dataset: the images of mine are 16x16 pixels of 3 .*, but .* 8x8 pixels",
        ),
        ("sampling: {images: 1}", rf"sampling\.images: 1 is too few .* {FEW}"),
        (
            "models: {mu_tilde_mse: {checkpoints: {images: 1}}}",
            rf"models\.mu_tilde_mse\.checkpoints\.images: 1 is .* {FEW}",
        ),
        (
            "datasets: {mine: {source: cifar10, test_images: 1}}\ndefaults: {dataset: mine}",
            rf"datasets\.mine\.test_images: 1 is .* {FEW}",
        ),
    ],
)
def test_images_that_cannot_be_compared(text, message):
    with pytest.raises(StudyError, match=message):
        child(text)


@pytest.mark.usefixtures("project")
def test_few_images_that_nothing_compares():
    child(
        "sampling: {images: 1}\nartefacts: {table1: null, table2: null, text_numbers: null, fewer_steps: "
        "null, figure1: null, figure6: null, figure10: null, figure13: null, figure14: null, figure15: null, "
        "comparison: null}"
    )
