"""Files that cannot be read: each reader says why, and what helps."""

import builtins
import errno
import os
from pathlib import Path

import pytest

from ddpm.artefacts.published import read_published
from ddpm.errors import DDPMError, StateError
from ddpm.evaluation.classifier_features import load_classifier
from ddpm.evaluation.features import inception_extractor
from ddpm.evaluation.samples import read_samples
from ddpm.network.published.places import find
from ddpm.network.weights import read_weights
from ddpm.records.files import output_error
from ddpm.records.traced_files import read_arrays, read_frame, read_provenance
from ddpm.resources.locating import require_obtainable
from ddpm.resources.registry import require_official
from ddpm.study import load_study
from ddpm.study.evaluation import InceptionSettings
from ddpm.training.earlier import read_description
from ddpm.training.state import StateFolder

READERS = {
    "weights": read_weights,
    "classifier": load_classifier,
    "Inception": lambda path: inception_extractor(InceptionSettings(kind="inception", weights=str(path))),
    "published": lambda path: find(path, None),
    "archive": lambda path: require_official(path, "cifar-10-python.tar.gz"),
    "arrays": lambda path: read_arrays(path),
    "provenance": read_provenance,
    "frame": read_frame,
    "samples": lambda path: read_samples([path], "", 1, (1, 8, 8), "sample again"),
    "published numbers": read_published,
    "study": load_study,
    "input": lambda path: require_obtainable([str(path)]),
}


def pointer(path: Path) -> None:
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{7:064}\nsize 143000000\n")


def dead_link(path: Path) -> None:
    path.symlink_to(".dvc/cache/files/md5/0a/1b")


def link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


WRONG = {
    "pointer": (pointer, "a git-lfs pointer, not the file itself: run `git lfs pull`"),
    "dead link": (dead_link, r"a link to \.dvc/cache/.*, which is not there; .*`dvc pull`"),
    "circle": (link_in_a_circle, "a link that leads back to itself"),
    "pipe": (os.mkfifo, "is no regular file"),
    "unreadable": (lambda path: path.write_bytes(b"x"), "it is there but may not be read .*; it belongs to "),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.usefixtures("project")
def test_what_is_wrong_with_a_file_is_told_as_such(reader, wrong, monkeypatch):
    """None is called missing, and nobody is told to train anew."""
    path = Path("config/given.yaml")
    make, message = WRONG[wrong]
    make(path)
    if wrong == "unreadable":
        # Permissions do not bind root, as whom tests may run.
        opened = builtins.open

        def refused(file, *words, **named):
            if str(file) == str(path):
                raise PermissionError(errno.EACCES, "Permission denied", str(file))
            return opened(file, *words, **named)

        monkeypatch.setattr(builtins, "open", refused)
    with pytest.raises(DDPMError, match=rf"config/given\.yaml(:1)?: {message}"):
        READERS[reader](path)


@pytest.mark.parametrize("wrong", ["pointer", "dead link"])
def test_a_training_run_that_cannot_be_read_is_not_begun_anew(tmp_path, wrong):
    make, message = WRONG[wrong]
    state = StateFolder(tmp_path, "fingerprint")
    make(state.latest)
    with pytest.raises(StateError, match=rf"{state.latest.name}: {message}"):
        state.load()
    make(tmp_path / "run.json")
    with pytest.raises(StateError, match=rf"run\.json: {message}"):
        read_description(tmp_path)


def test_a_folder_that_may_not_be_entered(tmp_path, monkeypatch):
    def refused(self, **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(DDPMError, match="may not be read"):
        read_weights(tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("blocks", "inodes", "message"),
    [
        (10**6, 0, r"as many files as it can \(no inodes are free"),
        (10**6, 10, "the disk is full, or holds as many files as it can: 4,096 MB are free"),
        (0, 10, "the disk is full: free some space"),
    ],
)
def test_a_disk_that_takes_no_more_is_full_of_bytes_or_of_files(
    tmp_path, monkeypatch, blocks, inodes, message
):
    full = os.statvfs_result((4096, 4096, 10**7, blocks, blocks, 10**6, inodes, inodes, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    error = output_error(tmp_path / "there" / "x", OSError(errno.ENOSPC, "No space left on device"))
    assert error.args[0].startswith(str(tmp_path / "there" / "x"))
    with pytest.raises(DDPMError, match=message):
        raise error
