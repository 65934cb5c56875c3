"""A Slurm for the tests of this folder. Where there can be none they skip, or fail if REQUIRE_SLURM=1."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "workflow"), str(HERE.parent / "dvc")]

from slurm_settings import FOLDER_PREFIX, foreign_settings, remove_stale_links  # noqa: E402

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")


def refuse(reason: str) -> None:
    """Skips, or fails where a Slurm is required."""
    if os.environ.get("REQUIRE_SLURM") == "1":
        pytest.fail(f"REQUIRE_SLURM=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="package")
def slurm() -> Iterator[Path]:
    """The folder of a running Slurm, which is gone without a trace afterwards."""
    search = os.environ["PATH"] + ":/usr/sbin:/sbin"
    if os.getuid() != 0:
        refuse("only root can start a Slurm of its own")
    if missing := [program for program in PROGRAMS if shutil.which(program, path=search) is None]:
        refuse(f"{', '.join(missing)} missing: apt-get install slurmctld slurmd slurm-client munge")
    # munged takes no socket in a folder that others may write to, as pytest's own may be.
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    # Two runs of these tests on one machine wait for each other: there is one /etc/slurm.
    with open(Path(tempfile.gettempdir()) / "ddpm-slurm-tests.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_stale_links()
        if foreign := foreign_settings():
            refuse(f"this machine has a Slurm of its own: {', '.join(foreign)}")
        daemons = subprocess.Popen(
            [sys.executable, str(HERE / "slurm_daemons.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends the daemons
            env={k: v for k, v in os.environ.items() if not k.startswith("SLURM_")} | {"PATH": search},
        )
        assert daemons.stdin is not None
        assert daemons.stdout is not None
        answer = json.loads(daemons.stdout.readline() or '{"up": false, "reason": "no answer"}')
        if not answer["up"]:
            daemons.wait(timeout=300)
            refuse(answer["reason"])
        try:
            yield folder
        finally:
            daemons.stdin.close()
            daemons.wait(timeout=300)
        assert processes_of(folder) == []
        assert not folder.exists()
        assert foreign_settings() == []


@pytest.fixture(autouse=True, scope="package")
def jobs_compute_on_the_processor() -> Iterator[None]:
    """The GPUs of these tests are device files without a GPU behind them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDPM_DEVICE", "cpu")
        yield


def processes_of(folder: Path) -> list[str]:
    """Command lines of living daemons and job steps of the Slurm in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            files = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if str(folder) in command or any(file.startswith(str(folder)) for file in files):
            found.append(command)
    return [command for command in found if command != " ".join(sys.orig_argv)]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes a program of a made-up Slurm from its name and lines of shell; `calls` keeps its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, lines: str) -> None:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{lines}\n')
        path.chmod(0o755)

    return make
