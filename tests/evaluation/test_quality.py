import dataclasses

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import log_softmax

from ddpm.data.scaling import to_model
from ddpm.errors import DataError
from ddpm.evaluation.classifier_features import load_classifier
from ddpm.evaluation.features import extract_features
from ddpm.evaluation.protocol import METRICS, Protocol, missing_scores
from ddpm.evaluation.quality import ImageSet, measure_quality, measure_sets, open_evaluator

EXACT = 1e-6


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 1, 8, 8), np.uint8)


def scores(generated, reference, evaluator, metrics=METRICS, **options):
    return {
        s.metric: s for s in measure_quality(generated, reference, "train", evaluator, metrics, **options)
    }


def features_of(images, evaluator):
    return extract_features(images, evaluator.extractor, 500)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al. 2017, with a matrix square root where torch-fidelity takes eigenvalues."""
    # Features that are always 0 make the product singular; the root is well defined all the same.
    root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    traces = np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + traces)


def inception_score(logits: np.ndarray, splits: int) -> tuple[float, float]:
    """Salimans et al. 2016, over consecutive splits."""
    values = []
    for part in np.array_split(log_softmax(logits, axis=1), splits):
        p = np.exp(part)
        values.append(np.exp((p * (part - np.log(p.mean(0)))).sum(1).mean()))
    return float(np.mean(values)), float(np.std(values))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Binkowski et al. 2018: unbiased squared MMD with a cubic kernel over all of both sets."""
    kernel = lambda x, y: (x @ y.T / 2048 + 1) ** 3  # noqa: E731
    within = [(kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(sum(within) - 2 * kernel(a, b).mean())


def coverage(inside: np.ndarray, of: np.ndarray, k: int) -> float:
    """Kynkaanniemi et al. 2019: share of `inside` in a ball around one of `of` up to its k-th neighbour."""
    radii = np.sort(cdist(of, of), axis=1)[:, k]
    return float((cdist(inside, of) <= radii).any(axis=1).mean())


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_fid_equals_an_independent_computation(evaluator, train, test):
    expected = frechet_distance(features_of(test, evaluator), features_of(train, evaluator))
    assert scores(test, train, evaluator, ["FID"])["FID"].value == pytest.approx(expected, rel=1e-4)


def test_inception_score_equals_an_independent_computation(evaluator, train):
    classifier, _ = load_classifier(evaluator.extractor.weights_path)
    with torch.no_grad():
        logits = classifier(to_model(torch.from_numpy(train[:1000])))[1].double().numpy()
    score = scores(train[:1000], train, evaluator, ["IS"])["IS"]
    assert (score.value, score.spread) == pytest.approx(inception_score(logits, 10), rel=EXACT * 10)
    assert score.split is None
    assert "10 splits of 100 images, consecutive" in score.protocol


def test_kid_equals_an_independent_computation(evaluator, train):
    generated, reference = train[:150], train[150:300]
    expected = kernel_distance(features_of(generated, evaluator), features_of(reference, evaluator))
    score = scores(generated, reference, evaluator, ["KID"])["KID"]
    assert score.value == pytest.approx(expected, rel=1e-4)
    assert score.spread == pytest.approx(0, abs=EXACT)


def test_precision_and_recall_equal_an_independent_computation(evaluator, train):
    generated, reference = np.concatenate([train[:100], noise(60)]), train[100:400]
    a, b = features_of(generated, evaluator), features_of(reference, evaluator)
    score = scores(generated, reference, evaluator, ["precision", "recall"])
    assert score["precision"].value == pytest.approx(coverage(a, b, 3), abs=0.01)
    assert score["recall"].value == pytest.approx(coverage(b, a, 3), abs=0.01)


def test_a_set_is_at_no_distance_from_itself(evaluator, train):
    score = scores(train[:400], train[:400], evaluator)
    assert score["FID"].value == pytest.approx(0, abs=1e-3)
    assert score["precision"].value == score["recall"].value == 1
    assert abs(score["KID"].value) < 0.03


def test_noise_is_worse_than_real_images(evaluator, train, test):
    real, worse = scores(test, train, evaluator), scores(noise(500), train, evaluator)
    assert worse["FID"].value > 20 * real["FID"].value
    assert worse["KID"].value > real["KID"].value + 0.1
    assert worse["IS"].value < real["IS"].value - 2
    assert worse["precision"].value < 0.2 < 0.8 < real["precision"].value
    assert worse["recall"].value < 0.2 < 0.8 < real["recall"].value


def test_few_samples_are_noted(evaluator, train):
    protocol = {name: score.protocol for name, score in scores(train[:50], train, evaluator).items()}
    assert "over 1 split of 50 images (fewer than the 10 asked for: too few images)" in protocol["IS"]
    assert "too few images for a covariance of full rank" in protocol["FID"]
    assert "5 subsets of 50 (fewer than the 1000 asked for: too few images)" in protocol["KID"]
    assert "k = 3;" in protocol["precision"]
    protocol = {name: score.protocol for name, score in scores(train[:3], train, evaluator).items()}
    assert "k = 2 (fewer than the 3 asked for: too few images)" in protocol["recall"]


def test_scores_repeat(study, extractor, train, test):
    def once():
        with open_evaluator(extractor, study.quality) as evaluator:
            return measure_quality(test, train, "train", evaluator, shuffle=True)

    assert once() == once()


def test_the_cache_is_never_stale(evaluator, train, test):
    """torch-fidelity looks features up by name alone: other images under one name get the old score."""
    fresh = scores(noise(300), train, evaluator, ["FID"])["FID"].value
    assert scores(test, train, evaluator, ["FID"])["FID"].value < 0.1 * fresh
    images = test.copy()
    before = scores(images, train, evaluator, ["FID"])["FID"].value
    images[:] = noise(500)
    assert scores(images, train, evaluator, ["FID"])["FID"].value > 10 * before


def test_the_features_of_a_set_are_kept_for_its_own_scores_alone(evaluator, train, test):
    """Those of 20 columns of x0-hat at once would be 12 GB at the paper's size."""
    columns = [np.clip(train[:100] + np.uint8(shift), 0, 255) for shift in range(4)]
    sets = [ImageSet(images, "train", ("IS", "FID")) for images in columns]
    sets.append(ImageSet(columns[1], "test", ("FID",)))
    kept = []
    original = evaluator.cache.drop

    def drop(name):
        original(name)
        kept.append(len({file.name[:32] for file in evaluator.cache.folder.iterdir()}))

    object.__setattr__(evaluator.cache, "drop", drop)
    scores = measure_sets(sets, {"train": train, "test": test}, evaluator, "columns")
    # The reference, and the one set that is measured once more.
    assert kept == [1, 2, 2, 2]
    assert all(np.isfinite(score.value) for of_set in scores for score in of_set)


def test_the_trap_of_the_cache_is_there(evaluator, train, test):
    import torch_fidelity

    from ddpm.evaluation.features import ImageDataset

    def fid(images):
        options = Protocol(len(images), len(train), "train", evaluator).options(["FID"])
        result = torch_fidelity.calculate_metrics(
            input1=ImageDataset(images),
            input2=ImageDataset(train),
            input1_cache_name="samples",
            **options,
        )
        return result["frechet_inception_distance"]

    assert fid(test) == fid(noise(500)), "torch-fidelity's cache has been mended; content names may go"


def test_other_weights_are_another_cache_entry(evaluator, train, test):
    scores(test, train, evaluator, ["FID"])
    entries = len(list(evaluator.cache.folder.iterdir()))
    other = dataclasses.replace(evaluator.extractor, weights_hash="0" * 64)
    scores(test, train, dataclasses.replace(evaluator, extractor=other), ["FID"])
    assert len(list(evaluator.cache.folder.iterdir())) == 2 * entries


def test_features_are_computed_once(evaluator, train, test, monkeypatch):
    scores(test, train, evaluator, ["IS", "FID"])
    monkeypatch.setattr("ddpm.evaluation.classifier.Classifier.forward", None)
    assert scores(test, train, evaluator, ["KID", "FID"])


def test_torch_fidelity_is_left_nothing_to_guess(evaluator):
    options = Protocol(1000, 1000, "train", evaluator).options()
    assert options["cuda"] is False
    assert options["feature_extractor"] == evaluator.extractor.name
    assert options["datasets_download"] is False
    assert options["save_cpu_ram"] is True, "or DataLoader workers are forked"
    assert not options["verbose"]


def test_a_metric_that_the_table_does_not_describe_is_an_error(evaluator):
    with pytest.raises(KeyError, match="sFID"):
        Protocol(1000, 1000, "train", evaluator).options(["FID", "sFID"])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (np.s_[:1], r"1 generated images: at least 2.*sampling\.images"),
        (np.s_[:, :, :4], r"shape \[1, 4, 8\].*for \[1, 8, 8\].*quality\.features\.dataset"),
    ],
)
def test_images_that_cannot_be_evaluated_are_refused(evaluator, train, part, message):
    with pytest.raises(DataError, match=message):
        scores(train[part], train, evaluator)


def test_missing_scores_are_nan():
    (score,) = missing_scores(["FID"], "test", "no samples")
    assert np.isnan(score.value)
    assert (score.n, score.split, score.protocol) == (0, "test", "no samples")
