"""The head of a report: samples, what was rebuilt, whether as expected, and from what it was made."""

from __future__ import annotations

import json
import os
from html import escape
from typing import Any

from ddpm.artefacts.expected import DIFFERS
from ddpm.artefacts.expected import summary as expected_summary
from ddpm.artefacts.figures.reading import first_samples, status_of
from ddpm.artefacts.report.expected_numbers import judged_numbers
from ddpm.artefacts.report.images import strip
from ddpm.artefacts.tables.verdict import verdicts_of
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.dependencies import shown_first
from ddpm.graph.run_files import first_shards
from ddpm.records.status import is_evaluated
from ddpm.study import Study

_COMMIT_DIGITS = 12


def summary(study: Study) -> str:
    """The head as HTML; only what is there yet.

    Raises:
        DataError: a file that it shows is damaged.
    """
    verdicts = "".join(f"<li>{line}</li>" for line in [*_built(study), *_reproduced(study)])
    parts = [_samples(study), _best(study), f'<ul class="verdicts">{verdicts}</ul>', _made_from(study)]
    return "\n".join(filter(None, parts))


def _samples(study: Study) -> str:
    """The first samples of the first figure of samples."""
    for model, count in shown_first(study).items():
        shards = first_shards(study, model, count)
        if all(map(os.path.exists, shards)):
            if not is_evaluated(status_of(shards[0])):
                return ""
            words = f"The first {count} samples of {model}, not chosen"
            url = strip(first_samples(shards, count))
            image = f'<p><img class="samples" src="{url}" alt="{escape(words)}"></p>'
            return f'{image}\n<p class="small">{escape(words)}.</p>'
    return ""


def _built(study: Study) -> list[str]:
    """How many of the tables and figures are there."""
    counts = []
    for names, pattern, key, words in (
        (study.artefacts.tables, layout.TABLE_HTML, "table", "tables"),
        (study.artefacts.figures, layout.FIGURE_PNG, "figure", "figures"),
    ):
        there = sum(layout.path(pattern, study.name, **{key: name}).exists() for name in names)
        counts.append(f"{there} of {len(names)} {words}")
    return [f"Built: {' and '.join(counts)} that the study asks for."]


def _reproduced(study: Study) -> list[str]:
    """Whether the numbers are those that were expected, and those of the paper."""
    lines = []
    if (found := judged_numbers(study)) is not None:
        differs = any(number.outcome == DIFFERS for number in found[1])
        sign = "✗" if differs else "✓"
        words = escape(expected_summary(found[1]).capitalize())
        lines.append(f'{sign} <a href="#expected">{words}</a> of what several runs gave.')
    comparison = layout.path(layout.TABLE, study.name, table="comparison")
    if comparison.exists():
        lines.append(f'Of the paper\'s numbers, <a href="#comparison">{escape(verdicts_of(comparison))}</a>.')
    return lines


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
