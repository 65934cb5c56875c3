"""The workflow's rules as a table: the files that each makes, and the files that it makes them from.

It repeats what the Snakefile and workflow/rules say, for where Snakemake is not at hand; both take the
edges from `ddpm.study.dependencies` and the paths from `ddpm.study.layout`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping

from ddpm.resources.locating import fetched_names
from ddpm.study import Study, dependencies, layout

Wildcards = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule: its name, the patterns of its outputs, and its inputs from a study and the wildcards."""

    name: str
    outputs: tuple[str, ...]
    inputs: Callable[[Study, Wildcards], list[str]]

    def filled(self, study: Study, wildcards: Wildcards) -> tuple[str, ...]:
        """The outputs of the job with these wildcards."""
        home = layout.home(study.name)
        return tuple(pattern.format(home=home, **wildcards) for pattern in self.outputs)


def matching_rule(study: Study, file: str) -> tuple[Rule, dict[str, str]] | None:
    """The rule that makes a file, and its wildcards without the home; None for a file that is given."""
    for rule in RULES:
        for pattern in rule.outputs:
            found = _expression(pattern, layout.home(study.name)).fullmatch(file)
            if found is not None and _is_made(rule, found.groupdict()):
                return rule, found.groupdict()
    return None


def _is_made(rule: Rule, wildcards: Wildcards) -> bool:
    """False for a file of the user's own under resources/, which nothing fetches."""
    return rule.name != "fetch" or re.fullmatch(fetched_names(), wildcards["file"]) is not None


@functools.cache
def _expression(pattern: str, home: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", pattern.replace("{home}", home))
    names = [r".+" if name == "file" else r"[A-Za-z0-9][A-Za-z0-9_-]*" for name in parts[1::2]]
    groups = [f"(?P<{name}>{values})" for name, values in zip(parts[1::2], names, strict=True)]
    text = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(part + group for part, group in zip(text, [*groups, ""], strict=True)))


def _nothing(study: Study, w: Wildcards) -> list[str]:
    return []


def _data(study: Study, w: Wildcards) -> list[str]:
    return dependencies.dataset_inputs(study, w["dataset"])


def _pretrained(study: Study, w: Wildcards) -> list[str]:
    return [dependencies.pretrained_file(study, w["model"])]


def _choose(study: Study, w: Wildcards) -> list[str]:
    return [_run_file(study, layout.WEIGHTS, w), *dependencies.choice_inputs(study, w["model"], w["seed"])]


def _weights(study: Study, w: Wildcards) -> list[str]:
    return [dependencies.weights_file(study, w["model"], w["seed"])]


def _bound(study: Study, w: Wildcards) -> list[str]:
    return _weights(study, w) + _model_data(study, w)


def _likelihood(study: Study, w: Wildcards) -> list[str]:
    shards = dependencies.bound_shards(study, w["model"], w["seed"], w["split"])
    return [*shards, *_model_data(study, w)]


def _chain(study: Study, w: Wildcards) -> list[str]:
    return dependencies.chain_inputs(study, w["figure"])


def _neighbours(study: Study, w: Wildcards) -> list[str]:
    return [*dependencies.neighbours_inputs(study, w["figure"]), dependencies.features_file(study)]


def _quality(study: Study, w: Wildcards) -> list[str]:
    samples = dependencies.sample_shards(study, w["model"], w["seed"], w["sampling"])
    return samples + _judge(study, w)


def _checkpoint(study: Study, w: Wildcards) -> list[str]:
    return [_run_file(study, layout.WEIGHTS, w), *_judge(study, w)]


def _reference(study: Study, w: Wildcards) -> list[str]:
    return [dependencies.features_file(study), _manifest(study, w["dataset"])]


def _features(study: Study, w: Wildcards) -> list[str]:
    features = study.quality.features
    return [_manifest(study, features.dataset)] if features.kind == "classifier" else []


def _artefact(kind: str) -> Callable[[Study, Wildcards], list[str]]:
    def inputs(study: Study, w: Wildcards) -> list[str]:
        return [file for files in dependencies.artefact_inputs(study, w[kind]).values() for file in files]

    return inputs


def _index(study: Study, w: Wildcards) -> list[str]:
    return dependencies.artefact_files(study)


def _judge(study: Study, w: Wildcards) -> list[str]:
    """What samples of a model are measured with; Inception's features of the data come with its reference."""
    dataset = study.model(w["model"]).dataset
    files = [dependencies.features_file(study), _manifest(study, dataset)]
    if study.quality.features.kind == "inception":
        files.append(layout.REFERENCE_ROWS.format(home=layout.home(study.name), dataset=dataset))
    return files


def _model_data(study: Study, w: Wildcards) -> list[str]:
    return [_manifest(study, study.model(w["model"]).dataset)]


def _manifest(study: Study, dataset: str) -> str:
    return layout.MANIFEST.format(home=layout.home(study.name), dataset=dataset)


def _run_file(study: Study, pattern: str, w: Wildcards) -> str:
    return pattern.format(home=layout.home(study.name), model=w["model"], seed=w["seed"])


_DATASET_FILES = (
    *(layout.MANIFEST, layout.TRAIN_IMAGES, layout.TEST_IMAGES),
    *(layout.TRAIN_LABELS, layout.TEST_LABELS),
)
_TABLE_FILES = (layout.TABLE, layout.TABLE_TRACE, layout.TABLE_MARKDOWN, layout.TABLE_HTML)
_FIGURE_FILES = (layout.FIGURE_PNG, layout.FIGURE_PDF, layout.FIGURE_TRACE)

# In the order of the workflow.
RULES = (
    Rule("fetch", (layout.RESOURCE,), _nothing),
    Rule("data", _DATASET_FILES, _data),
    Rule("features", (layout.FEATURES,), _features),
    Rule("train", (layout.WEIGHTS, layout.CURVE), _model_data),
    Rule("pretrained", (layout.IMPORTED,), _pretrained),
    Rule("checkpoint", (layout.CHECKPOINT_ROWS,), _checkpoint),
    Rule("choose", (layout.CHOSEN,), _choose),
    Rule("sample", (layout.SAMPLES,), _weights),
    Rule("chain", (layout.CHAINS,), _chain),
    Rule("reference", (layout.REFERENCE_ROWS,), _reference),
    Rule("quality", (layout.QUALITY_ROWS,), _quality),
    Rule("progressive", (layout.PROGRESSIVE_ROWS,), _quality),
    Rule("bound", (layout.BOUND_TERMS,), _bound),
    Rule("likelihood", (layout.LIKELIHOOD_ROWS, layout.RATE_DISTORTION), _likelihood),
    Rule("neighbours", (layout.NEIGHBOURS,), _neighbours),
    Rule("table", _TABLE_FILES, _artefact("table")),
    Rule("figure", _FIGURE_FILES, _artefact("figure")),
    Rule("index", (layout.INDEX,), _index),
)
