from pathlib import Path

import pytest

from ddpm.errors import ResourceError, StudyError
from ddpm.resources.locating import fetched_names, remote_file, require_obtainable
from ddpm.resources.registry import CIFAR10, read_registry, registered, require_official
from ddpm.study.datasets import Cifar10Settings
from ddpm.study.evaluation import InceptionSettings


@pytest.mark.usefixtures("project")
def test_the_projects_own_registry_has_what_the_settings_default_to():
    assert remote_file(Cifar10Settings(source="cifar10").archive).size == 170_498_071
    assert remote_file(Cifar10Settings(source="cifar10").archive).sha256 == registered(CIFAR10).sha256
    assert remote_file(InceptionSettings(kind="inception").weights).size == 95_628_359
    for entry in read_registry().values():
        assert len(entry.mirrors) >= 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "abc"}, "config/resources.yaml:6: thing.bin: sha256: String should match"),
        ({"bytes": 0}, "thing.bin: bytes: Input should be greater than or equal to 1, not 0"),
        ({"mirrors": []}, r"thing.bin: mirrors: List should have at least 1 item"),
        ({"mirrors": ["ftp://x/y"]}, "thing.bin: mirrors: 0: String should match .* not 'ftp://x/y'"),
        ({"mirror": []}, r"thing.bin: mirror: unknown key \(did you mean 'mirrors'\?\); remove it"),
    ],
)
def test_a_malformed_entry_is_named_with_its_line(register, changes, message):
    register(**changes)
    with pytest.raises(ResourceError, match=message):
        read_registry()


def test_a_missing_key_is_named(register):
    register()
    path = Path("config/resources.yaml")
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "sha256" not in line))
    with pytest.raises(ResourceError, match=r"yaml:1: thing.bin: sha256: this key is missing"):
        read_registry()


@pytest.mark.parametrize("name", ["../thing", "/etc/thing", "huggingface/thing", "a/../../b"])
def test_a_name_that_leads_elsewhere_is_refused(register, name):
    register()
    path = Path("config/resources.yaml")
    path.write_text(path.read_text().replace("thing.bin:", f"{name}:"))
    with pytest.raises(ResourceError, match=r"must be a path below resources/"):
        read_registry()


def test_a_registry_that_is_no_yaml(register):
    register()
    Path("config/resources.yaml").write_text("a: [")
    with pytest.raises(StudyError, match=r"config/resources\.yaml:1: is not valid YAML"):
        read_registry()


def test_unknown_files(register):
    register()
    with pytest.raises(ResourceError, match=r"no entry 'thin.bin' \(did you mean 'thing.bin'\?\)"):
        remote_file("resources/thin.bin")
    with pytest.raises(ResourceError, match=r"did you mean resources/thing.bin"):
        remote_file("thing.bin")
    with pytest.raises(ResourceError, match=r"only files under resources/ are fetched"):
        remote_file("resources/../thing")
    with pytest.raises(
        ResourceError, match=r"must be resources/huggingface/<owner>/<name>/<revision>/<file>"
    ):
        remote_file("resources/huggingface/owner/name/main")


def test_without_a_registry_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResourceError, match=r"config/resources.yaml is not in the working folder"):
        remote_file("resources/thing.bin")
    assert fetched_names().startswith("huggingface/")


def test_what_can_be_had(register):
    register()
    Path("here.bin").touch()
    Path("resources").mkdir()
    Path("resources/own.bin").touch()
    require_obtainable(["resources/thing.bin", "here.bin", "resources/own.bin"])
    require_obtainable(["resources/huggingface/google/ddpm-cifar10-32/main/x.safetensors"])
    with pytest.raises(ResourceError, match=r"there.bin: no such file or folder; correct the path"):
        require_obtainable(["here.bin", "there.bin"])
    with pytest.raises(ResourceError, match=r"did you mean 'thing.bin'"):
        require_obtainable(["resources/thng.bin"])


def test_other_content_is_not_official(register):
    register()
    Path("copy.bin").write_bytes(b"other")
    with pytest.raises(
        ResourceError, match=r"copy.bin: is not the official content: its SHA-256 is d9298a"
    ) as error:
        require_official(Path("copy.bin"), "thing.bin")
    # What is advised is to pin what was found, not to take whatever comes.
    assert "pin it in the study: `sha256: " in str(error.value)
    assert "official: false" not in str(error.value)
