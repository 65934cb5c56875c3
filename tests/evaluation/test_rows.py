import argparse

import numpy as np
import pytest

from ddpm.commands import progressive, quality, reference
from ddpm.data.store import read_images, read_manifest
from ddpm.errors import DataError, StudyError
from ddpm.evaluation import quality as evaluation
from ddpm.graph import layout
from ddpm.graph.fingerprint import quality_fingerprint, reference_fingerprint
from ddpm.records.measurements import read_measurements

RUN = argparse.Namespace(model="model", seed=0, sampling=0, device="cpu")
NAMES = {"model": "model", "seed": 0, "sampling": 0}


def measured(verb, study, pattern, arguments=RUN, **names):
    verb.run(study, arguments)
    return read_measurements([layout.path(pattern, study.name, **names)])


def test_quality_rows(study, write_samples, train):
    write_samples(train[:200])
    rows = measured(quality, study, layout.QUALITY_ROWS, **NAMES)
    metrics = list(zip(rows.metric, rows.split.fillna(""), strict=True))
    assert metrics == [
        ("IS", ""),
        ("FID", "train"),
        ("KID", "train"),
        ("precision", "train"),
        ("recall", "train"),
        ("FID", "test"),
        ("KID", "test"),
    ]
    assert rows.value.notna().all()
    assert set(rows.n) == {200}
    assert set(rows.status) == {"trained"}
    assert set(rows.settings) == {quality_fingerprint(study, "model")}
    assert set(rows.data_hash) == {read_manifest(study, "digits")["data_hash"]}
    assert set(rows.weights_hash) == {"w" * 64}
    assert rows.reverse_steps.isna().all()
    assert rows.git_commit.notna().all()
    assert rows.hardware.notna().all()


def test_each_split_is_compared_with_its_own_images(study, write_samples, train, monkeypatch):
    write_samples(train[:200])
    compared, measure = {}, evaluation.measure_quality

    def noted(generated, reference, split, *given, **named):
        compared[split] = reference
        return measure(generated, reference, split, *given, **named)

    monkeypatch.setattr(evaluation, "measure_quality", noted)
    quality.run(study, RUN)
    assert set(compared) == {"train", "test"}
    for split, images in compared.items():
        np.testing.assert_array_equal(images, read_images(study, "digits", split))


def test_a_diverged_model_has_rows_without_values(study, write_samples, train):
    write_samples(train[:0], np.stack([train[:0]] * 2), status="diverged at step 7")
    rows = measured(quality, study, layout.QUALITY_ROWS, **NAMES)
    steps = measured(progressive, study, layout.PROGRESSIVE_ROWS, **NAMES)
    assert len(rows) == 7
    assert steps.metric.tolist() == ["IS", "FID"] * 2
    assert steps.reverse_steps.tolist() == [500, 500, 1000, 1000]
    for frame in (rows, steps):
        assert frame.value.isna().all()
        assert set(frame.n) == {0}
        assert set(frame.status) == {"diverged at step 7"}
        assert frame.protocol.str.contains("training diverged at step 7, so there are no samples").all()


def test_progressive_rows_improve_with_the_reverse_process(study, write_samples, train):
    noise = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8), np.uint8)
    write_samples(train[:200], np.stack([noise, train[:200]]))
    rows = measured(progressive, study, layout.PROGRESSIVE_ROWS, **NAMES)
    assert rows.reverse_steps.tolist() == [500, 500, 1000, 1000]
    fid = rows[rows.metric == "FID"].value.to_numpy()
    score = rows[rows.metric == "IS"].value.to_numpy()
    assert fid[1] < 0.1 * fid[0]
    assert score[1] > score[0]
    final = measured(quality, study, layout.QUALITY_ROWS, **NAMES)
    assert fid[1] == pytest.approx(final[(final.metric == "FID") & (final.split == "train")].value.item())


def test_samples_without_x0_hat_name_the_remedy(study, write_samples, train):
    write_samples(train[:200])
    with pytest.raises(DataError, match=r"x0_hat was not kept; name model in artefacts\.figure10"):
        progressive.run(study, RUN)


def test_samples_of_other_data_are_refused(study, write_samples, train):
    write_samples(train[:200], data_hash="0" * 64)
    with pytest.raises(
        DataError, match=r"trained on other data than digits.*ddpm train tiny\.yaml --model model"
    ):
        quality.run(study, RUN)


def test_non_finite_samples_are_noted(study, write_samples, train):
    write_samples(train[:200], non_finite=1)
    rows = measured(quality, study, layout.QUALITY_ROWS, **NAMES)
    assert rows.protocol.str.endswith("2 samples were not finite and count as mid-grey").all()


def test_a_model_without_a_finite_sample_has_no_scores(study, write_samples, train):
    grey = np.full_like(train[:200], 128)
    write_samples(grey, np.stack([grey] * 2), non_finite=100)
    rows = measured(quality, study, layout.QUALITY_ROWS, **NAMES)
    steps = measured(progressive, study, layout.PROGRESSIVE_ROWS, **NAMES)
    for frame in (rows, steps):
        assert frame.value.isna().all()
        assert set(frame.n) == {0}
        assert set(frame.status) == {"trained; not finite"}
        assert frame.protocol.str.contains("none of the 200 samples is finite").all()


def test_missing_samples_are_named_before_any_work(study, tmp_path):
    (tmp_path / "results/tiny/features/classifier.safetensors").unlink()
    with pytest.raises(DataError, match=r"shard0\.npz: there is no such file"):
        quality.run(study, RUN)


def test_reference_rows_rank(study):
    arguments = argparse.Namespace(dataset="digits", device="cpu")
    rows = measured(reference, study, layout.REFERENCE_ROWS, arguments, dataset="digits")
    assert set(rows.status) == {"reference"}
    assert set(rows.settings) == {reference_fingerprint(study, "digits")}
    assert rows.training_seed.isna().all()
    assert rows.value.notna().all()
    fid = rows[(rows.metric == "FID") & (rows.split == "train")].set_index("model").value
    assert fid.index.tolist() == [
        "reference: test images",
        "reference: test images with noise",
        "reference: Gaussian noise",
        "reference: uniform noise",
    ]
    real, noisy, *noise = fid
    assert real * 3 < noisy < 0.2 * min(noise)


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (reference, "no data set is named 'modell'"),
        (quality, r"no model is named 'modell' \(did you mean 'model'"),
        (progressive, r"no model is named 'modell' \(did you mean 'model'"),
    ],
)
def test_what_the_study_does_not_name_is_refused(study, verb, message):
    arguments = argparse.Namespace(model="modell", dataset="modell", seed=0, sampling=0, device="cpu")
    with pytest.raises(StudyError, match=message):
        verb.run(study, arguments)
