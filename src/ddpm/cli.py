"""The `ddpm` command: one verb for each rule of the workflow; each works without Snakemake too."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ddpm.errors import DDPMError, OutputError
from ddpm.gpus import claim_gpus

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# Verbs in the order of the workflow, and whether they compute with torch.
VERBS = {
    "fetch": False,
    "data": False,
    "features": True,
    "train": True,
    "checkpoint": True,
    "choose": False,
    "pretrained": False,
    "sample": True,
    "chain": True,
    "bound": True,
    "likelihood": False,
    "quality": True,
    "progressive": True,
    "reference": True,
    "neighbours": True,
    "table": False,
    "figure": False,
    "index": False,
    "metrics": False,
    "prune": False,
    "plan": True,
    "show": False,
    "schema": False,
}
DEVICES = ("auto", "cpu", "cuda")
# A default for --device, for verbs that the workflow calls.
DEVICE = "DDPM_DEVICE"
# What Slurm tells a job of the GPUs that it was given.
_GPUS_OF_JOB = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")
WITHOUT_STUDY = frozenset({"fetch"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit status: 0, 2 after an error that the user can mend, 1 after another."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser, modules = _parser(words)
    options = parser.parse_args(words)
    try:
        _start_logging(options.log)
        return _run(options, modules[options.verb])
    except DDPMError as error:
        logging.getLogger("ddpm").error("error: %s", error)
        return 2
    except KeyboardInterrupt:
        logging.getLogger("ddpm").error("interrupted")
        return 130
    except Exception as error:
        if _exceeds_gpu_memory(error):
            logging.getLogger("ddpm").error("error: %s: %s", options.verb, _gpu_memory_remedy(error))
            return 2
        # To the log file as well, where a job's terminal is out of sight.
        logging.getLogger("ddpm").exception("unexpected error, please report it:")
        return 1


def _exceeds_gpu_memory(error: Exception) -> bool:
    # Only a verb that has imported torch can raise torch's error.
    return "torch" in sys.modules and isinstance(error, sys.modules["torch"].OutOfMemoryError)


def _gpu_memory_remedy(error: Exception) -> str:
    return (
        f"the GPU's memory is exceeded ({str(error).partition('. ')[0]}); end other work on this GPU, set "
        "`precision: bfloat16` or a smaller batch_size, or train on several GPUs (docs/several-gpus.md)"
    )


def _run(options: argparse.Namespace, verb: ModuleType) -> int:
    if options.verb in WITHOUT_STUDY:
        verb.run(options)
        return 0
    from ddpm.study import load_study

    study = load_study(options.study)
    if VERBS[options.verb]:
        if options.device != "cpu":
            claim_gpus(getattr(options, "processes", 1))
        options.device = _device(options.device, options.threads)
    verb.run(study, options)
    return 0


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, dict[str, ModuleType]]:
    """A parser that knows all verbs by their help, and the arguments of the one that is called."""
    parser = argparse.ArgumentParser(prog="ddpm", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    modules = {}
    for name, computes in VERBS.items():
        module = importlib.import_module(f"ddpm.commands.{name}")
        summary = (module.__doc__ or "").strip().partition("\n")[0]
        verb = verbs.add_parser(name, help=summary, description=module.__doc__)
        if name not in WITHOUT_STUDY:
            verb.add_argument("study", type=Path, help="the study file, for example config/demo.yaml")
        verb.add_argument("--log", type=Path, help="also write messages and progress to this file")
        if computes:
            verb.add_argument(
                "--device",
                choices=DEVICES,
                default=os.environ.get(DEVICE, DEVICES[0]),
                help=f"auto (default; or what {DEVICE} names) takes a GPU where torch finds one",
            )
            verb.add_argument("--threads", type=_positive, help="processor threads (default: torch's choice)")
        module.add_arguments(verb)
        modules[name] = module
    return parser, modules


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _device(wanted: str, threads: int | None) -> str:
    """Sets the number of threads before torch starts them; "auto" takes a GPU where there is one.

    Raises:
        DDPMError: a GPU was asked for, here or of Slurm, and torch finds none.
    """
    if wanted not in DEVICES:
        raise DDPMError(f"{DEVICE}={wanted}: no such device; set it to {', '.join(DEVICES)}, or unset it")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    # Threads that wait for others should sleep: on busy cores, spinning slows everyone down.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if wanted == "cpu" or torch.cuda.is_available():
        return "cuda" if wanted == "auto" else wanted
    if wanted == "cuda":
        raise DDPMError(
            "--device cuda: torch finds no GPU here; use --device cpu, or install a CUDA build of torch"
        )
    if given := _gpus_of_job():
        raise DDPMError(
            f"Slurm gave this job a GPU ({given}), but torch finds none; install a CUDA build of torch, look "
            f"at `nvidia-smi` on this machine, or set {DEVICE}=cpu to compute on the processor"
        )
    return "cpu"


def _gpus_of_job() -> str:
    """NAME=VALUE by which Slurm tells of a GPU, or "" if it tells of none."""
    told = {name: os.environ.get(name, "") for name in _GPUS_OF_JOB}
    return next((f"{name}={value}" for name, value in told.items() if value not in ("", "0")), "")


def keep_freed_memory() -> None:
    """Lets glibc reuse freed tensors instead of handing their pages back and faulting them in again."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 2**30)
            mallopt(_M_TRIM_THRESHOLD, 2**30)


def _start_logging(log: Path | None) -> None:
    logger = logging.getLogger("ddpm")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [_handler(logging.StreamHandler(sys.stderr), "%(message)s")]
    if log is not None:
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            file = logging.FileHandler(log, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{log}: the log cannot be written ({error}); choose another --log") from error
        logger.addHandler(_handler(file, "%(asctime)s %(message)s"))


def _handler(handler: logging.Handler, form: str) -> logging.Handler:
    handler.setFormatter(logging.Formatter(form))
    return handler


if __name__ == "__main__":
    sys.exit(main())
