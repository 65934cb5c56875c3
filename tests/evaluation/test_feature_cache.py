"""What is kept of features between jobs: the same again, or nothing; strangers' files are not unpickled."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ddpm.errors import ResourceError, WeightsError
from ddpm.evaluation.feature_cache import FeatureCache
from ddpm.evaluation.features import inception_extractor
from ddpm.study.evaluation import InceptionSettings

NAME = "images-weights-float32-0.4.0"
FEATURES, STATISTICS = f"{NAME}-inception-features-2048", f"{NAME}-inception-stat-fid-2048"
CONTENT = {
    FEATURES: torch.arange(12.0).reshape(3, 4),
    STATISTICS: {"mu": np.arange(4.0), "sigma": np.eye(4)[::-1]},
}


class Evil:
    """Its unpickling leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.fixture
def lasting(tmp_path, monkeypatch) -> Path:
    """What a first job kept of one set of images; it had another set besides."""
    monkeypatch.chdir(tmp_path)
    Path("first").mkdir()
    for name, content in CONTENT.items():
        torch.save(content, f"first/{name}.pt")
    torch.save(torch.zeros(2), "first/samples-weights.pt")
    FeatureCache(Path("first"), Path("lasting")).keep(NAME)
    assert {path.name for path in Path("lasting").iterdir()} == {f"{name}.safetensors" for name in CONTENT}
    return Path("lasting")


def taken(lasting: Path) -> dict[str, object]:
    folder = Path("another")
    folder.mkdir()
    cache = FeatureCache(folder, lasting)
    found = cache.take(NAME)
    assert not cache.take(NAME), "what is there is not taken twice"
    content = {path.stem: torch.load(path, weights_only=False) for path in folder.iterdir()}
    assert found == bool(content)
    return content


def test_features_come_back_as_they_were(lasting):
    content = taken(lasting)
    assert torch.equal(content[FEATURES], CONTENT[FEATURES])
    assert content[STATISTICS].keys() == CONTENT[STATISTICS].keys()
    for key, array in CONTENT[STATISTICS].items():
        assert isinstance(content[STATISTICS][key], np.ndarray)
        np.testing.assert_array_equal(content[STATISTICS][key], array)


def poison(path: Path) -> None:
    torch.save(Evil(), path)
    torch.save(Evil(), path.with_suffix(".pt"))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, -1),
        lambda path: flip(path, 20),
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.with_name(f"{STATISTICS}.safetensors").read_bytes()),
        poison,
    ],
)
def test_damaged_features_are_not_taken_and_are_written_anew(lasting, damage):
    path = lasting / f"{FEATURES}.safetensors"
    whole = path.read_bytes()
    damage(path)
    assert taken(lasting).keys() == {STATISTICS}
    FeatureCache(Path("first"), lasting).keep(NAME)
    assert path.read_bytes() == whole
    assert not Path("unpickled").exists()


def test_weights_that_are_not_the_official_ones_hold_tensors_alone(tmp_path, monkeypatch):
    """torch-fidelity unpickles the file."""
    monkeypatch.chdir(tmp_path)

    def extractor(**settings):
        return inception_extractor(InceptionSettings(kind="inception", weights="mine.pth", **settings))

    torch.save({"a": torch.zeros(2)}, "mine.pth")
    digest = extractor(official=False).weights_hash
    assert "unofficial weights" in extractor(sha256=digest).description
    with pytest.raises(
        ResourceError, match=rf"is not the pinned content.* pin it in the study: `sha256: {digest}`"
    ):
        extractor(sha256="0" * 64)
    for content in (Evil(), {"a": torch.zeros(2), "b": Evil()}, {"a": 1}, [1]):
        torch.save(content, "mine.pth")
        with pytest.raises(WeightsError, match=r"mine\.pth: is no file of weights alone"):
            extractor(official=False)
    Path("mine.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(WeightsError, match=r"mine\.pth: a git-lfs pointer"):
        extractor(official=False)
    assert not Path("unpickled").exists()
