"""DVC, for those who keep versions of results with it."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ddpm.doctor.disk import existing
from ddpm.doctor.finding import Finding, ok, unused, warning
from ddpm.programs import Answer, ask

# By the scheme of a remote's address the extra of dvc, and the module that it installs.
_EXTRAS = {
    "s3": ("s3", "dvc_s3"),
    "ssh": ("ssh", "dvc_ssh"),
    "gs": ("gs", "dvc_gs"),
    "azure": ("azure", "dvc_azure"),
    "gdrive": ("gdrive", "dvc_gdrive"),
    "hdfs": ("hdfs", "dvc_hdfs"),
    "oss": ("oss", "dvc_oss"),
}


def dvc() -> Iterator[Finding]:
    """Whether results can be pushed to a remote, and DVC's cache lies on their disk."""
    if importlib.util.find_spec("dvc") is None:
        yield unused("DVC", "not installed; only versions of results need it")
        return
    if not Path(".dvc").is_dir():
        yield unused("DVC", "this folder is no DVC repository; only versions of results need one")
        return
    remotes = _ask("remote", "list")
    if not remotes.good:
        yield warning("DVC", f"`dvc remote list` fails: {remotes.text}", "correct .dvc/config")
        return
    # Name, address and, of the default one, that it is so.
    default = re.search(r"^\S+\s+(.+?)\s+\(default\)$", remotes.text, re.MULTILINE)
    if default is None:
        yield unused("DVC", "no default remote is set; only `dvc push` and `dvc pull` need one")
    else:
        yield _remote(default[1])
    yield from _cache()


def _remote(address: str) -> Finding:
    scheme, mark, _ = address.partition("://")
    if mark:
        extra, module = _EXTRAS.get(scheme, ("", ""))
        if module and importlib.util.find_spec(module) is None:
            return warning(
                "DVC", f"the remote {address} needs dvc's {extra} part", f'pip install "dvc[{extra}]"'
            )
        return ok("DVC", f"the default remote is {address}; whether it can be reached was not tried")
    folder = Path(address)
    if not folder.is_dir() and folder.parent.is_dir() and os.access(folder.parent, os.W_OK):
        return ok("DVC", f"the default remote is the folder {address}, which the first push makes")
    if not folder.is_dir():
        remedy = "mount it, or set another: dvc remote modify"
        return warning("DVC", f"the default remote {address} is no folder", remedy)
    if not os.access(folder, os.W_OK):
        return warning("DVC", f"the default remote {address} cannot be written", "make it writable")
    return ok("DVC", f"the default remote is the folder {address}")


def _cache() -> Iterator[Finding]:
    answer = _ask("cache", "dir")
    if not answer.good:
        yield warning("DVC", f"`dvc cache dir` fails: {answer.text}", "correct .dvc/config")
        return
    if existing(Path(answer.text)).stat().st_dev != existing(Path("results")).stat().st_dev:
        text = f"its cache {answer.text} lies on another disk than results/: all is stored twice"
        yield warning("DVC", text, "to save space: dvc cache dir, with a folder on the disk of results/")


def _ask(*words: str) -> Answer:
    answer = ask(sys.executable, "-m", "dvc", *words, seconds=20)
    return answer or Answer(False, "Python is not found")
