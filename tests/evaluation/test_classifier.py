import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ddpm.commands import features
from ddpm.data.scaling import to_model
from ddpm.data.splits import Splits
from ddpm.data.store import read_labels, write_dataset
from ddpm.errors import WeightsError
from ddpm.evaluation.classifier import MEAN_SQUARE, Classifier, accuracy, train_classifier
from ddpm.evaluation.classifier_features import load_classifier, save_classifier
from ddpm.evaluation.job import Job
from ddpm.graph.fingerprint import features_fingerprint
from ddpm.records.files import sha256
from ddpm.study import Study, load_study
from ddpm.study.evaluation import ClassifierSettings

PATH = Path("results/tiny/features/classifier.safetensors")
QUICK = ClassifierSettings(kind="classifier", dataset="digits", epochs=2)


def open_extractor(study: Study):
    return Job(study=study, dataset="digits", settings="").extractor()


def rewrite(content: bytes) -> None:
    """Puts other content in the classifier's place without touching the file that other tests link to."""
    PATH.unlink()
    PATH.write_bytes(content)


def test_it_knows_the_digits_of_the_test_split(study, test):
    classifier, record = load_classifier(PATH)
    assert record.accuracy >= 0.97
    assert record.accuracy == accuracy(classifier, test, read_labels(study, "digits", "test"))
    assert record.settings == features_fingerprint(study)
    assert (record.image_shape, record.classes) == ((1, 8, 8), 10)


def test_its_features_have_the_stated_scale(study, train):
    classifier, _ = load_classifier(PATH)
    with torch.no_grad():
        features, logits = classifier(to_model(torch.from_numpy(train)))
    assert features.shape == (1297, 64)
    assert logits.shape == (1297, 10)
    assert features.square().mean() == pytest.approx(MEAN_SQUARE, rel=1e-4)


def test_training_depends_on_its_arguments_alone(study, train, one_thread):
    labels = read_labels(study, "digits", "train")
    before = torch.get_rng_state()
    first = train_classifier(train[:300], labels[:300], QUICK)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    second = train_classifier(train[:300], labels[:300], QUICK)
    other = train_classifier(train[:300], labels[:300], QUICK.model_copy(update={"seed": 1}))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


def test_images_of_any_shape(one_thread):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 12, 20), np.uint8)
    classifier = train_classifier(images, np.arange(40) % 3, QUICK)
    features, logits = classifier(to_model(torch.from_numpy(images)))
    assert (features.shape, logits.shape) == ((40, 64), (40, 3))


def study_with(features_settings: str):
    text = Path("tiny.yaml").read_text().replace("kind: classifier", f"kind: classifier, {features_settings}")
    Path("tiny.yaml").write_text(text)
    return load_study("tiny.yaml")


def test_a_bad_classifier_is_refused_and_not_written(study, one_thread):
    PATH.unlink()
    with pytest.raises(
        WeightsError, match=r"tiny\.yaml: quality\.features: .* below required_accuracy 1\.0.*epochs"
    ):
        features.run(study_with("epochs: 1, required_accuracy: 1.0"), argparse.Namespace(device="cpu"))
    assert not PATH.exists()


@pytest.mark.parametrize("length", [None, 0, 5, 200, -1])
def test_a_missing_or_truncated_file_names_the_command(study, length):
    content = PATH.read_bytes()[:length]
    PATH.unlink()
    if length is not None:
        PATH.write_bytes(content)
    found = "truncated" if length is not None else "there is no trained classifier"
    with pytest.raises(WeightsError, match=rf"classifier\.safetensors: {found}.*ddpm features tiny\.yaml"):
        open_extractor(study)


def test_an_altered_byte_is_noticed(study):
    """In the header (its length, names, shapes, the record) and in the tensors, wherever it is."""
    content = PATH.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    places = [*range(0, header, 7), *range(header, len(content), len(content) // 50), len(content) - 1]
    for place in places:
        rewrite(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(WeightsError, match="run `ddpm features"):
            open_extractor(study)
    rewrite(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match=r"classifier\.safetensors: its content differs from the hash"):
        open_extractor(study)
    rewrite(content)
    open_extractor(study)


def test_a_file_without_a_hash_is_read(study, tmp_path):
    """As it was written before there was one."""
    with safe_open(PATH, framework="pt") as file:
        record = json.loads(file.metadata()["classifier"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del record["hash"]
    save_file(weights, tmp_path / "old.safetensors", {"classifier": json.dumps(record)})
    assert load_classifier(tmp_path / "old.safetensors")[1] == load_classifier(PATH)[1]


def test_another_networks_weights_are_refused(study):
    _, record = load_classifier(PATH)
    other = json.dumps(dataclasses.asdict(record) | {"classes": 9})
    weights = Classifier(record.image_shape, record.classes).state_dict()
    PATH.unlink()
    for tensors, metadata, message in (
        (weights, {"classifier": other}, "weights of another network"),
        ({"weight": torch.zeros(3)}, None, "not the weights of a classifier"),
        (weights, {"classifier": "{}"}, "record cannot be read"),
    ):
        save_file(tensors, PATH, metadata)
        with pytest.raises(WeightsError, match=message):
            load_classifier(PATH)


def test_a_classifier_of_other_settings_is_refused(study):
    with pytest.raises(WeightsError, match=r"other settings than quality\.features.*ddpm features"):
        open_extractor(study_with("epochs: 7"))


def test_a_classifier_of_other_data_is_refused(study, train, test):
    labels = np.zeros(len(train), np.int64), np.zeros(len(test), np.int64)
    write_dataset(study, "digits", Splits(train, labels[0], test, labels[1]))
    with pytest.raises(WeightsError, match=r"trained on other data.*ddpm features"):
        open_extractor(study)


def test_the_file_is_the_same_each_time_it_is_written(study, tmp_path):
    save_classifier(tmp_path / "again.safetensors", *load_classifier(PATH))
    assert sha256(tmp_path / "again.safetensors") == sha256(PATH)
