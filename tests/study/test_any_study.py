"""Whatever stands in a study file, reading it ends in a study, or in an error with file and line."""

import copy
import functools
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddpm.errors import StudyError
from ddpm.study import Study, load_study

FILE = "config/any.yaml"
EXAMPLES = int(os.environ.get("DDPM_EXAMPLES", "40"))
# Strings that name no folder: a data set of images would count those below it.
TEXTS = st.text(max_size=8).filter(lambda text: not set(text) <= set("./~")) | st.sampled_from(
    [
        "digits",
        "image_folder",
        "cifar10",
        "inception",
        "epsilon_L_simple",
        "jsd",
        "learned",
        "minimum_fid",
        "m",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 10**40, 2**63]),
    st.floats(),
    TEXTS,
)
KEYS = st.sampled_from(
    ["source", "kind", "seeds", "images", "steps", "model", "pretrained", "file", "train", "test", "extends"]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXTS, inner, max_size=4),
    max_leaves=12,
)


@functools.cache
def demo() -> Any:
    """The demo, without most of what it says twice, so that it is read fast."""
    study = yaml.safe_load((Path(__file__).parents[2] / "config" / "demo.yaml").read_text())
    models = ("epsilon_L_fixed", "epsilon_L_simple")
    study["models"] = {name: study["models"][name] for name in models}
    study["artefacts"].pop("table2")
    study["artefacts"]["training_curves"]["models"] = list(models)
    return study


def places(tree: Any, above: tuple = ()) -> list[tuple]:
    """The keys of all values in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [above, *(place for key, value in inner for place in places(value, (*above, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The demo with one to three values replaced, removed, doubled or added to."""
    study = copy.deepcopy(demo())
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(places(study)[1:]))
        parent = functools.reduce(lambda tree, step: tree[step], above, study)
        change = draw(st.sampled_from(["replace", "remove", "double", "add"]))
        if change == "replace":
            parent[key] = draw(TREES)
        elif change == "remove":
            del parent[key]
        elif change == "double" and isinstance(parent, list):
            parent.append(parent[key])
        elif isinstance(parent, dict):
            parent[draw(KEYS | TEXTS)] = draw(TREES)
        else:
            parent.append(draw(TREES))
    return study


def ends_well(content: bytes) -> bool:
    """Whether reading a study file of this content gives a study; otherwise the error has file and line."""
    Path(FILE).write_bytes(content)
    try:
        assert isinstance(load_study(FILE), Study)
    except StudyError as error:
        for line in str(error).splitlines():
            assert re.match(rf"{re.escape(FILE)}:\d+: ", line), line
            assert line.isprintable()
        return False
    return True


@pytest.fixture
def config(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)


def written(tree: Any) -> bytes:
    # Of its flow and block styles a study may have any; this one is the fastest to read.
    return yaml.dump(tree, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)).encode(
        "utf-8", "surrogatepass"
    )


@pytest.mark.usefixtures("config")
@settings(
    max_examples=int(os.environ.get("DDPM_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
@given(tree=mutated())
def test_a_changed_demo_is_a_study_or_an_error_with_file_and_line(tree):
    ends_well(written(tree))


@pytest.mark.usefixtures("config")
@settings(
    max_examples=int(os.environ.get("DDPM_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
@given(content=TREES.map(written) | st.text().map(str.encode) | st.binary())
def test_any_yaml_is_a_study_or_an_error_with_file_and_line(content):
    assert not ends_well(content)


@pytest.mark.usefixtures("config")
def test_the_shorter_demo_is_a_study():
    assert ends_well(written(demo()))
