"""The `ddpm` command: one verb for each rule of the workflow; each works without Snakemake too."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import pkgutil
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import ddpm
from ddpm import commands
from ddpm.completion import CompletedParser, add_completion
from ddpm.device import add_device_arguments, exceeded_memory, prepare_device
from ddpm.errors import DDPMError, OutputError
from ddpm.progress import Screen
from ddpm.study import load_study

logger = logging.getLogger("ddpm")
_LEAVING = (signal.SIGTERM, signal.SIGHUP)
_ABOUT = """Rebuilds Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel 2020), a step a verb.

The workflow (`snakemake`, `make demo`) calls these verbs; each works by itself too. `ddpm doctor` says
whether this machine is ready, docs/commands.md which verb is for what."""
# docs/commands.md says more.
STATUSES = """exit status:
  0    done
  1    an error of the program itself: please report it
  2    an error that you can mend, as its message says; or a wrong command line
  3-8  a compressed file cannot be decoded: each number has a reason of its own (docs/compression.md)
  9    all files are right, and a number is not the one that was expected (`ddpm verify`)
  130  interrupted (Ctrl-C); 128 + n: ended by signal n, such as 143 by SIGTERM"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns its exit status, as in STATUSES."""
    modules = verbs()
    options = _parser(modules).parse_args(arguments)
    try:
        _start_logging(options.log, options.quiet)
        with _leaving_on_signals():
            _run(modules[options.verb], options)
        return 0
    except DDPMError as error:
        logger.error("error: %s", error, exc_info=options.debug)
        return error.status
    except KeyboardInterrupt:
        logger.error("interrupted")
        return 130
    except Exception as error:
        if remedy := exceeded_memory(error):
            logger.error("error: %s: %s", options.verb, remedy, exc_info=options.debug)
            return 2
        # To the log file as well, where a job's terminal is out of sight.
        logger.exception("unexpected error, please report it:")
        return 1


@contextlib.contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as an error does: temporary files and folders are removed.

    Training, while it runs, has handlers of its own.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handled = [number for number in _LEAVING if signal.getsignal(number) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def verbs() -> dict[str, ModuleType]:
    """The modules of all verbs, by name."""
    names = [found.name for found in pkgutil.iter_modules(commands.__path__)]
    return {
        name: importlib.import_module(f"ddpm.commands.{name}")
        for name in names
        if name not in commands.SHARED
    }


def _run(verb: ModuleType, options: argparse.Namespace) -> None:
    if not _needs_study(verb):
        verb.run(options)
        return
    study = load_study(options.study)
    if _computes(verb):
        options.device = prepare_device(options.device, options.threads, getattr(options, "processes", 1))
    verb.run(study, options)


def _needs_study(verb: ModuleType) -> bool:
    return getattr(verb, "NEEDS_STUDY", True)


def _computes(verb: ModuleType) -> bool:
    return getattr(verb, "COMPUTES", False)


def _parser(modules: dict[str, ModuleType], listed: bool = False) -> argparse.ArgumentParser:
    """The parser of all verbs. If they are listed, its help shows each a second time, and shtab finds it."""
    form = argparse.RawDescriptionHelpFormatter
    parser = (CompletedParser if listed else argparse.ArgumentParser)(
        prog="ddpm", description=_ABOUT, epilog=_overview(modules), formatter_class=form
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {ddpm.__version__}")
    add_completion(parser, lambda: _parser(modules, listed=True))
    # The epilog lists the verbs, in groups.
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, module in modules.items():
        epilog = "\n  ".join(["example:", *_examples(module)]) if _examples(module) else None
        known: dict[str, Any] = {"help": _summary(module)} if listed else {}
        verb = subparsers.add_parser(
            name, description=module.__doc__, epilog=epilog, formatter_class=form, **known
        )
        if _needs_study(module):
            verb.add_argument("study", type=Path, help="the study file, for example config/demo.yaml")
        verb.add_argument(
            "--log", type=Path, metavar="FILE", help="also write messages and progress to this file"
        )
        verb.add_argument("--quiet", action="store_true", help="show warnings and errors alone, and no bars")
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error too")
        if _computes(module):
            add_device_arguments(verb)
        module.add_arguments(verb)
    return parser


def _examples(verb: ModuleType) -> Sequence[str]:
    return getattr(verb, "EXAMPLES", ())


def _summary(verb: ModuleType) -> str:
    return (verb.__doc__ or "").strip().partition("\n")[0]


def _overview(modules: dict[str, ModuleType]) -> str:
    """The verbs with their summaries, in groups in the order of the work; those of no group last."""
    groups: dict[str, list[str]] = {group: [] for group in commands.GROUPS}
    columns = shutil.get_terminal_size().columns
    for name, module in modules.items():
        lines = textwrap.wrap(
            f"{name:<12} {_summary(module)}", max(40, columns - 4), subsequent_indent=" " * 13
        )
        groups.setdefault(getattr(module, "GROUP", "other"), []).append(
            textwrap.indent("\n".join(lines), "  ")
        )
    shown = [f"{group}:\n" + "\n".join(verbs) for group, verbs in groups.items() if verbs]
    return "\n\n".join([*shown, STATUSES, "`ddpm <verb> --help` says more, with an example."])


def _start_logging(log: Path | None, quiet: bool) -> None:
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")
    logger.handlers = [_handler(Screen(quiet), "%(message)s")]
    if log is not None:
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            # A file name that is no UTF-8 must not keep the message that names it out of the log.
            file = logging.FileHandler(log, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise OutputError(f"{log}: the log cannot be written ({error}); choose another --log") from error
        logger.addHandler(_handler(file, "%(asctime)s %(message)s"))


def _handler(handler: logging.Handler, form: str) -> logging.Handler:
    handler.setFormatter(logging.Formatter(form))
    return handler


if __name__ == "__main__":
    sys.exit(main())
