import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits as sklearn_digits

from ddpm.data.digits import load_digits, stratified_test_mask, to_grey_levels
from ddpm.study.datasets import DigitsSettings

SETTINGS = DigitsSettings(source="digits", test_images=500, split_seed=0)


def test_ink_counts_become_the_nearest_grey_levels():
    levels = to_grey_levels(np.arange(17.0))
    assert levels.dtype == np.uint8
    assert levels[[0, 8, 16]].tolist() == [0, 128, 255]
    assert np.abs(levels - np.arange(17) * 255 / 16).max() <= 0.5


def test_the_splits_hold_every_digit_once():
    splits = load_digits(SETTINGS)
    source = sklearn_digits()
    mask = stratified_test_mask(source.target, 500, 0)
    assert splits.train_images.shape == (1297, 1, 8, 8)
    assert splits.test_images.shape == (500, 1, 8, 8)
    assert splits.train_images.dtype == np.uint8
    assert splits.test_labels.dtype == np.int64
    np.testing.assert_array_equal(splits.test_images[:, 0], to_grey_levels(source.images[mask]))
    np.testing.assert_array_equal(splits.train_images[:, 0], to_grey_levels(source.images[~mask]))
    np.testing.assert_array_equal(splits.train_labels, source.target[~mask])


def test_the_split_is_pinned_and_depends_on_the_seed():
    labels = sklearn_digits().target
    assert (stratified_test_mask(labels, 500, 0) != stratified_test_mask(labels, 500, 1)).any()
    splits = load_digits(SETTINGS)
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in splits._asdict().items()}
    assert digests == {
        "train_images": "7281d32c0b25ff9d9edcd0dbbf06eab9883c56f4d032dc69eb0d0771eeddd90e",
        "train_labels": "a85cf94174f91382f77630ad576b5f8aeb99ef8629ffdec9ed059d540e36ef0f",
        "test_images": "0a87974fb72dc5510d03a30d80932160ddd1efb3ff9341c9cca926d8628c5c12",
        "test_labels": "75423c54b8d7dc2403bfeefd4dd6650513e44291ca2ec4b50d7b6fd541e36589",
    }


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.data())
def test_every_class_is_held_out_in_proportion(labels, data):
    labels = np.array(labels)
    test_images = data.draw(st.integers(0, len(labels)))
    mask = stratified_test_mask(labels, test_images, data.draw(st.integers(0, 2**63 - 1)))
    assert mask.sum() == test_images
    for label in np.unique(labels):
        members = labels == label
        assert abs(mask[members].sum() - members.sum() * test_images / len(labels)) < 1
