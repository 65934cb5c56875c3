"""Completion of the `ddpm` command in shells, by the package shtab where it is installed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")
# What arguments that are paths are called in the help.
_FILES, _FOLDERS = ("FILE", "file", "image"), ("FOLDER",)


class CompletedParser(argparse.ArgumentParser):
    """A parser whose arguments tell shtab which of them are paths; needs shtab."""

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Adds an argument as any parser does."""
        import shtab

        action = super().add_argument(*names, **settings)
        if action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.type is Path or action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        return action


def add_completion(parser: argparse.ArgumentParser, complete: Callable[[], argparse.ArgumentParser]) -> None:
    """Adds --print-completion, which prints the script that a shell reads, and exits.

    Args:
        parser: gets the option.
        complete: makes the parser whose verbs and options are completed.
    """

    class PrintCompletion(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, option: Any = None) -> None:
            try:
                import shtab
            except ImportError:
                parser.error("--print-completion needs the package shtab: pip install shtab")
            print(shtab.complete(complete(), shell))
            parser.exit()

    about = 'print the completion script of a shell: eval "$(ddpm --print-completion bash)"'
    parser.add_argument("--print-completion", choices=SHELLS, action=PrintCompletion, help=about)
