"""The head of a study's page: its best numbers, and from what they were made."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.study import Study

_COMMIT_DIGITS = 12


def page_header(study: Study) -> str:
    """The best FID and NLL, and commits, hardware and settings, as HTML; only what is there yet.

    Raises:
        DataError: one of the two files is damaged.
    """
    return "\n".join(filter(None, [_best(study), _made_from(study)]))


def _best(study: Study) -> str:
    best = _content(study, layout.HEADLINE)
    numbers = []
    if "best_FID" in best:
        value = f"{best['best_FID']:.2f}"
        numbers.append(("Best FID", value, "against the training images", best["best_FID_model"]))
    if "best_NLL" in best:
        value = f"≤ {best['best_NLL']:.2f}"
        numbers.append(("Best NLL", value, "bits/dim, test images", best["best_NLL_model"]))
    shown = "\n".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{what}: {escape(model)}</small></dd></div>"
        for name, value, what, model in numbers
    )
    return shown and f'<dl class="best">\n{shown}\n</dl>'


def _made_from(study: Study) -> str:
    about = _content(study, layout.MADE_FROM)
    if not about:
        return ""
    commits = [_commit(commit, date) for commit, date in about["commits"].items()]
    settings = [
        f"<code>{escape(path)}</code> (SHA-256 {', '.join(digest[:_COMMIT_DIGITS] for digest in digests)})"
        for path, digests in about["study_files"].items()
    ]
    parts = {"code": commits, "hardware": list(map(escape, about["hardware"])), "settings": settings}
    words = "; ".join(f"{name} {', '.join(values)}" for name, values in parts.items() if values)
    return words and f'<p class="small">Made from: {words}.</p>'


def _commit(commit: str, date: str) -> str:
    """A commit as `git_commit` writes it, shortened, with its date."""
    name, _, remark = commit.partition(" ")
    return escape(" ".join(filter(None, [name[:_COMMIT_DIGITS], date and f"of {date}", remark])))


def _content(study: Study, pattern: str) -> dict[str, Any]:
    """A file of the verb `metrics`; empty if it is not made yet."""
    path = layout.path(pattern, study.name)
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error}); delete it and run `snakemake {path}`") from error
