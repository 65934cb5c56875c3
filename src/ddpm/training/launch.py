"""Starting the processes of a run on this machine: torch's launcher, which watches over them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ddpm.errors import StateError
from ddpm.training.ranks import LOST_STATUS
from ddpm.training.signals import SIGNALS, Stopped

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

# What torchrun passes on to the processes. It leaves them time to save their state.
_PASSED_ON = SIGNALS
_SECONDS_TO_LEAVE = 120
# Failures this long after the first are its consequence: torchrun kills what does not leave after 30 s.
_SECONDS_OF_FAILURE = 5

_AGAIN = "run the same command again: it continues from the last saved state"


def launch(words: Sequence[str], count: int) -> None:
    """Runs `ddpm` with the same words in `count` processes and waits for all of them.

    Args:
        words: the verb and its arguments.
        count: of processes.

    Raises:
        Stopped: a signal reached this process or one of them; the state was saved if training had begun.
        SystemExit: one of them ended with an error, which it has logged.
        StateError: one of them was killed.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher import LaunchConfig, elastic_launch

    _silence_torchrun()
    # Set for the processes, which would otherwise take a thread a core each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(_SECONDS_TO_LEAVE))
    # As `torchrun --standalone --nproc-per-node=count --max-restarts=0`.
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle=",".join(signal.Signals(number).name for number in _PASSED_ON),
    )
    with _handlers_restored():
        try:
            elastic_launch(config, sys.executable)("-u", "-m", "ddpm.cli", *words)
        except SignalException as stop:
            raise Stopped(128 + stop.sigval) from None
        except ChildFailedError as error:
            _raise_cause(error.failures)


def _raise_cause(failures: Mapping[int, ProcessFailure]) -> None:
    """Raises what the process that failed first ended with; those that failed of it are passed over."""
    first = min(failure.timestamp for failure in failures.values())
    early = {
        rank: failure.exitcode
        for rank, failure in failures.items()
        if failure.timestamp <= first + _SECONDS_OF_FAILURE
    }
    killed = [rank for rank, code in early.items() if code < 0 and -code not in _PASSED_ON]
    if killed:
        names = ", ".join(f"{rank} ({signal.Signals(-early[rank]).name})" for rank in killed)
        raise StateError(
            f"a process of the training was killed: {names}; if there was too little memory, ask for more; "
            f"then {_AGAIN}"
        )
    if errors := [code for code in early.values() if 0 < code < 128 and code != LOST_STATUS]:
        raise SystemExit(errors[0])
    if stops := [abs(code) % 128 for code in early.values() if code != LOST_STATUS]:
        # torchrun ends the others by SIGTERM as soon as the first has left.
        raise Stopped(128 + max(stops, key=lambda number: number != signal.SIGTERM))
    raise StateError(f"the processes of the training lost each other, see above; {_AGAIN}")


def _silence_torchrun() -> None:
    """What it would say of signals and failures is said here in one line."""
    for name in logging.root.manager.loggerDict:
        if name.startswith("torch.distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _handlers_restored() -> Iterator[None]:
    """Takes back the signal handlers that torchrun installs and leaves behind."""
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
