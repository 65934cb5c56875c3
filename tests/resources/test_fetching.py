"""Downloads from a local server that fails in every way that servers are known to fail."""

import logging
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from http_server import Answers
from thing import CONTENT
from waiting import PATIENCE

from ddpm.cli import main
from ddpm.errors import OutputError, ResourceError
from ddpm.resources.fetching import fetch

FILE = Path("resources/thing.bin")
PART = Path("resources/thing.bin.part")
HALF = len(CONTENT) // 2


@pytest.fixture
def mirror(server, register) -> Answers:
    """The only mirror of `thing.bin`."""
    register(f"{server.url}/a")
    server.answers["/a"] = Answers(CONTENT, etag='"1"')
    return server.answers["/a"]


def leave_part(content: bytes) -> None:
    PART.parent.mkdir(exist_ok=True)
    PART.write_bytes(content)


def files() -> set[str]:
    return {path.name for path in Path("resources").iterdir()}


@pytest.mark.usefixtures("mirror")
def test_a_file_is_fetched_once(server):
    assert fetch(FILE) is True
    assert FILE.read_bytes() == CONTENT
    assert files() == {"thing.bin"}
    assert fetch(FILE) is False
    assert len(server.requests) == 1


@pytest.mark.parametrize("breaks", [[HALF, HALF // 2], [100_000] * 10])
def test_a_broken_transfer_continues_where_it_broke(server, mirror, breaks):
    """However often, if something arrives in between."""
    mirror.break_after = list(breaks)
    fetch(FILE)
    assert FILE.read_bytes() == CONTENT
    begins = [f"bytes={sum(breaks[: count + 1])}-" for count in range(len(breaks))]
    assert server.ranges("/a") == [None, *begins]


def test_a_later_run_continues_the_part(server, mirror):
    mirror.break_after = [HALF, 0, 0]
    with pytest.raises(ResourceError, match=r"What arrived \(0\.8 MB\) is kept and continued"):
        fetch(FILE)
    assert PART.read_bytes() == CONTENT[:HALF]
    server.requests.clear()
    fetch(FILE)
    assert server.ranges("/a") == [f"bytes={HALF}-"]
    assert FILE.read_bytes() == CONTENT
    assert files() == {"thing.bin"}


@pytest.mark.parametrize("server_is", [{"ranges": False}, {"content_length": -1}])
def test_a_server_without_ranges_or_lengths(server, mirror, server_is):
    """It sends all again, or the truncation is noticed all the same."""
    vars(mirror).update(server_is, break_after=[HALF])
    fetch(FILE)
    assert server.ranges("/a") == [None, f"bytes={HALF}-"]
    assert FILE.read_bytes() == CONTENT


def test_a_length_that_is_not_the_files_is_refused_before_the_part_is_touched(mirror):
    leave_part(CONTENT[:HALF])
    mirror.ranges, mirror.content = False, b"<html>log in to this network</html>"
    with pytest.raises(ResourceError, match="offers 35 bytes, not 1,500,000"):
        fetch(FILE)
    assert PART.read_bytes() == CONTENT[:HALF]


def test_more_than_the_file_is_refused(mirror):
    mirror.content, mirror.content_length = CONTENT + b"x", -1
    with pytest.raises(ResourceError, match="sends more than 1,500,000 bytes"):
        fetch(FILE)
    assert files() == set()


def test_busy_servers_are_asked_again(server, mirror):
    mirror.statuses = [503, 429]
    fetch(FILE)
    assert len(server.requests) == 3


def test_the_second_mirror_stands_in_and_continues(server, register):
    register(f"{server.url}/gone", f"{server.url}/broken", f"{server.url}/b")
    server.answers["/broken"] = Answers(CONTENT, etag='"1"', break_after=[HALF, 0, 0])
    server.answers["/b"] = Answers(CONTENT, etag='"another server, another tag"')
    fetch(FILE)
    assert FILE.read_bytes() == CONTENT
    assert server.ranges("/gone") == [None]
    assert server.ranges("/b") == [f"bytes={HALF}-"]


def test_a_wrong_hash_leaves_nothing(mirror):
    mirror.content = b"y" * len(CONTENT)
    with pytest.raises(
        ResourceError, match=r"/a: sent other content: SHA-256 \w{64}, expected \w{64}"
    ) as error:
        fetch(FILE)
    assert "config/resources.yaml" in str(error.value)
    assert files() == set()


def test_a_wrong_part_is_begun_anew_once(server, register):
    register(f"{server.url}/a", f"{server.url}/b")
    server.answers |= {f"/{name}": Answers(b"z" * len(CONTENT)) for name in "ab"}
    leave_part(b"y" * HALF)
    with pytest.raises(ResourceError, match="sent other content"):
        fetch(FILE)
    assert server.ranges("/a") == [f"bytes={HALF}-", None]
    assert server.ranges("/b") == [None]
    leave_part(b"y" * HALF)
    server.answers["/a"].content = CONTENT
    fetch(FILE)
    assert FILE.read_bytes() == CONTENT


def test_a_part_that_is_whole_or_too_long(server, mirror):
    leave_part(CONTENT)
    fetch(FILE)
    assert server.requests == []
    FILE.unlink()
    leave_part(CONTENT + b"more")
    fetch(FILE)
    assert server.ranges("/a") == [None]
    assert FILE.read_bytes() == CONTENT


def test_content_is_not_unpacked_on_the_way(mirror):
    mirror.encoding = "gzip"
    fetch(FILE)
    assert FILE.read_bytes() == CONTENT


def test_all_mirrors_failing_lists_each_and_the_ways_on(server, register):
    register(f"{server.url}/a", "http://127.0.0.1:1/b", "http://name.invalid/c")
    with pytest.raises(ResourceError) as error:
        fetch(FILE)
    message = str(error.value)
    assert f"{server.url}/a: HTTP 404 Not Found" in message
    assert "http://127.0.0.1:1/b: " in message
    assert "http://name.invalid/c: " in message
    assert "put the file there yourself (SHA-256 " in message
    assert "datasets.<name>.archive, quality.features.weights, or a model's pretrained.file" in message
    assert files() == set()


@pytest.mark.usefixtures("mirror")
def test_another_file_under_the_name_is_replaced_but_kept(caplog):
    FILE.parent.mkdir()
    FILE.write_bytes(b"mine")
    with caplog.at_level(logging.WARNING, "ddpm"):
        fetch(FILE)
    assert FILE.read_bytes() == CONTENT
    assert Path("resources/thing.bin.old").read_bytes() == b"mine"


@pytest.mark.usefixtures("mirror")
def test_a_full_disk_keeps_the_part(small_disk, monkeypatch):
    (small_disk / "config").mkdir()
    (small_disk / "config/resources.yaml").write_text(Path("config/resources.yaml").read_text())
    monkeypatch.chdir(small_disk)
    with pytest.raises(OutputError, match=r"thing\.bin\.part: cannot be written \(the disk is full"):
        fetch(FILE)
    part = PART.read_bytes()
    assert len(part) > 100_000
    assert CONTENT.startswith(part)
    assert not FILE.exists()


def test_two_processes_fetch_once(server, mirror):
    """The second finds the part held, waits, and then finds the file."""
    mirror.hold = threading.Event()
    command = [sys.executable, "-m", "ddpm.cli", "fetch", str(FILE)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.stderr for run in runs]
    # One of the two says that it waits; only then is the other's download let go.
    waiting = threading.Event()
    output: list[list[str]] = [[], []]

    def read(index: int) -> None:
        for line in said[index]:
            output[index].append(line)
            if "another process is fetching it" in line:
                waiting.set()

    readers = [threading.Thread(target=read, args=[index]) for index in range(2)]
    for reader in readers:
        reader.start()
    assert waiting.wait(PATIENCE), output
    mirror.hold.set()
    assert [run.wait(PATIENCE) for run in runs] == [0, 0]
    for reader in readers:
        reader.join()
    assert len(server.requests) == 1
    assert FILE.read_bytes() == CONTENT
    assert files() == {"thing.bin"}


HUGGING_FACE = Path("resources/huggingface/google/ddpm-cifar10-32/v1.0/unet/weights.safetensors")
RESOLVED = "/google/ddpm-cifar10-32/resolve/v1.0/unet/weights.safetensors"


@pytest.fixture
def hub(server, register, monkeypatch) -> Answers:
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    register()
    server.answers[RESOLVED] = Answers(CONTENT, etag='"1"')
    return server.answers[RESOLVED]


@pytest.mark.usefixtures("hub")
def test_hugging_face_with_a_revision(server):
    fetch(HUGGING_FACE)
    assert HUGGING_FACE.read_bytes() == CONTENT
    assert fetch(HUGGING_FACE) is False
    assert server.requests[0][1]["Authorization"] is None


@pytest.fixture
def https(server, hub, monkeypatch) -> None:
    """Every https address is answered by the server, without a certificate."""
    send = requests.adapters.HTTPAdapter.send

    def through(self, request, **options):
        host = urlsplit(request.url)
        if host.scheme != "https":
            return send(self, request, **options)
        plain = request.copy()
        plain.url = server.url + host.path
        response = send(self, plain, **options)
        response.url, response.request = request.url, request
        return response

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", through)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")


@pytest.mark.usefixtures("https")
@pytest.mark.parametrize("storage", ["https://storage.invalid", "https://hub.invalid"])
def test_the_token_goes_to_the_hub_and_not_to_another_host(server, hub, monkeypatch, storage):
    monkeypatch.setenv("HF_TOKEN", "secret\n")
    hub.redirect = f"{storage}/storage"
    server.answers["/storage"] = Answers(CONTENT)
    fetch(HUGGING_FACE)
    assert [(path, headers["Authorization"]) for path, headers in server.requests] == [
        (RESOLVED, "Bearer secret"),
        ("/storage", "Bearer secret" if "hub" in storage else None),
    ]


@pytest.mark.usefixtures("hub")
def test_the_token_does_not_go_to_http(server, monkeypatch, caplog):
    monkeypatch.setenv("HF_TOKEN", "secret")
    fetch(HUGGING_FACE)
    assert server.requests[0][1]["Authorization"] is None
    assert "is not https, so HF_TOKEN is not sent there" in caplog.text


@pytest.mark.parametrize("token", ["sec\nret", "sec ret", "sec\x7fret", "sécret"])
def test_a_token_that_is_none_is_refused_and_not_shown(hub, monkeypatch, token, capsys):
    monkeypatch.setenv("HF_TOKEN", token)
    assert main(["fetch", str(HUGGING_FACE)]) == 2
    said = capsys.readouterr().err
    assert "HF_TOKEN: the token" in said
    assert not any(part in said for part in ("sec", "ret\n", "cret"))


@pytest.mark.usefixtures("https")
def test_without_a_hash_https_does_not_lead_to_http(server, hub, register):
    hub.redirect = f"{server.url}/storage?signature=secret"
    server.answers["/storage?signature=secret"] = Answers(CONTENT)
    with pytest.raises(ResourceError, match=r"redirects to http://.*=\*\*\*, which is not https") as error:
        fetch(HUGGING_FACE)
    assert "secret" not in str(error.value)
    assert len(server.requests) == 1
    # With a hash, what arrives is known to be the file.
    register("https://mirror.invalid/a")
    server.answers["/a"] = Answers(redirect=f"{server.url}/b")
    server.answers["/b"] = Answers(CONTENT)
    assert fetch(FILE)


def test_passwords_of_mirrors_are_in_no_message(server, register, capsys):
    host = server.url.removeprefix("http://")
    register(
        f"http://me:secret@{host}/gone", f"http://me:secret@{host}/other?key=secret", "http://me:secret@[/"
    )
    server.answers["/other?key=secret"] = Answers(CONTENT[::-1], statuses=[503])
    assert main(["fetch", str(FILE), "--log", "fetch.log"]) == 2
    said = capsys.readouterr().err + Path("fetch.log").read_text()
    assert "secret" not in said
    for told in ("/gone: HTTP 404", "HTTP 503", "/other?key=***: sent other content"):
        assert f"http://***@{host}" in said
        assert told in said
    register("ftp://me:secret@host/x")
    with pytest.raises(ResourceError, match=r"not 'ftp://\*\*\*@host/x'"):
        fetch(FILE)


@pytest.mark.parametrize("path", ["a/b/main/$(touch x)", "a/b/main/x;y", "a/b c/main/x", "a/b/c\n/x"])
def test_names_for_a_shell_are_no_files_of_a_repository(register, path):
    register()
    with pytest.raises(ResourceError, match="hold letters, digits"):
        fetch(f"resources/huggingface/{path}")


@pytest.mark.parametrize("etag", ['"1"', ""])
def test_without_a_hash_only_the_same_version_is_continued(server, hub, etag):
    hub.etag = etag
    hub.break_after = [HALF]
    fetch(HUGGING_FACE)
    assert HUGGING_FACE.read_bytes() == CONTENT
    assert server.ranges(RESOLVED) == [None, f"bytes={HALF}-" if etag else None]


def test_without_a_hash_the_rest_of_another_version_is_not_taken(server, hub, monkeypatch):
    """Neither in the same run nor in a later one."""
    hub.break_after = [HALF, HALF, 0, 0, 0]

    def change(seconds: float) -> None:
        hub.content, hub.etag, hub.conditions = CONTENT[::-1], '"2"', False

    monkeypatch.setattr("ddpm.resources.download.time.sleep", change)
    with pytest.raises(ResourceError, match=r"run `ddpm fetch [^`]*` again\.\n"):
        fetch(HUGGING_FACE)
    assert server.ranges(RESOLVED)[:3] == [None, f"bytes={HALF}-", None]
    fetch(HUGGING_FACE)
    assert HUGGING_FACE.read_bytes() == CONTENT[::-1]
    assert server.ranges(RESOLVED)[-1] is None


def test_without_a_hash_or_a_length(hub):
    hub.content_length = -1
    fetch(HUGGING_FACE)
    assert HUGGING_FACE.read_bytes() == CONTENT


def test_a_repository_that_asks_for_a_login(hub):
    hub.statuses = [401]
    with pytest.raises(ResourceError, match=r"HTTP 401 Unauthorized\n.*asks for a login needs HF_TOKEN"):
        fetch(HUGGING_FACE)


def test_the_command(mirror, capsys):
    mirror.break_after = [HALF]
    assert main(["fetch", str(FILE), "--log", "fetch.log"]) == 0
    log = Path("fetch.log").read_text()
    assert "broke off after 750,000" in log
    assert "fetch thing.bin: 2/2 MB" in log
    assert "SHA-256 as expected" in log
    assert main(["fetch", str(FILE)]) == 0
    assert "resources/thing.bin: is there, SHA-256 as expected" in capsys.readouterr().err
    assert main(["fetch", str(FILE), "resources/thong.bin"]) == 2
    assert "did you mean 'thing.bin'" in capsys.readouterr().err
