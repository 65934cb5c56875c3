"""The path grammar of results: one pattern for each file, shared by the rules and the command.

`{home}` is results/<study>, or results for the study named `paper`. The names in braces are the
workflow's wildcards.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

# Fetched files, the same for all studies.
RESOURCE = "resources/{file}"
HUGGING_FACE = "resources/huggingface/{repository}/{revision}/{file}"

TRAIN_IMAGES = "{home}/data/{dataset}/train.npy"
TEST_IMAGES = "{home}/data/{dataset}/test.npy"
TRAIN_LABELS = "{home}/data/{dataset}/train_labels.npy"
TEST_LABELS = "{home}/data/{dataset}/test_labels.npy"
MANIFEST = "{home}/data/{dataset}/manifest.json"
# What the files were that a data set was packed from. No output of a rule, so that no rerun deletes it.
SOURCE = "{home}/data/{dataset}/source.json"

FEATURES = "{home}/features/classifier.safetensors"
FEATURE_CACHE = "{home}/features/cache"

# A training run. Snakemake knows its receipt alone: the other files of the folder are no outputs, so that no
# rerun and no failed job deletes them.
RUN = "{home}/models/{model}/seed{seed}"
RECEIPT = f"{RUN}/trained.json"
WEIGHTS = f"{RUN}/weights.safetensors"
CURVE = f"{RUN}/training.parquet"
STATE = f"{RUN}/state"
TRAINING_LOCK = "{home}/models/{model}/.seed{seed}.training.lock"
# What the last attempt at a run said, and when and where each began and ended. Not in the run's folder, whose
# files are the same however often it was interrupted.
TRAINING_LOG = "{home}/logs/train/{model}.seed{seed}.log"
TRAINING_HISTORY = "{home}/logs/train/{model}.seed{seed}.history.log"
CHECKPOINT = f"{RUN}/checkpoints/step{{step}}.safetensors"
# To be looked at; nothing depends on it.
CHECKPOINT_SAMPLES = f"{RUN}/checkpoints/step{{step}}.png"
# Where the files of a run go whose settings the study has no longer.
EARLIER = "{home}/earlier/{model}/seed{seed}"
# The weights that are evaluated, where they are not those of the last step.
CHOSEN = "{home}/models/{model}/seed{seed}/chosen.safetensors"
IMPORTED = "{home}/models/{model}/seed{seed}/imported.safetensors"

SAMPLES = "{home}/samples/{model}/seed{seed}/sampling{sampling}/shard{shard}.npz"
CHAINS = "{home}/chains/{figure}.npz"
NEIGHBOURS = "{home}/neighbours/{figure}.npz"
BOUND_TERMS = "{home}/likelihood/{model}/seed{seed}/{split}/shard{shard}.parquet"
RATE_DISTORTION = "{home}/likelihood/{model}/seed{seed}/{split}/rate_distortion.parquet"

# Codes of Algorithms 3 and 4.
SCHEDULE = "{home}/compression/{model}/seed{seed}/{schedule}.json"
# What the receivers of a few images see, latent by latent.
PICTURES = "{home}/compression/{model}/seed{seed}/{schedule}.npz"

CHECKPOINT_ROWS = "{home}/measurements/checkpoints/{model}/seed{seed}/step{step}.parquet"
QUALITY_ROWS = "{home}/measurements/quality/{model}/seed{seed}/sampling{sampling}.parquet"
PROGRESSIVE_ROWS = "{home}/measurements/progressive/{model}/seed{seed}/sampling{sampling}.parquet"
RESPACED_ROWS = "{home}/measurements/respaced/{model}/seed{seed}/steps{steps}.{variance}.parquet"
LIKELIHOOD_ROWS = "{home}/measurements/likelihood/{model}/seed{seed}/{split}.parquet"
CODING_ROWS = "{home}/measurements/coding/{model}/seed{seed}/{schedule}.parquet"
REFERENCE_ROWS = "{home}/measurements/reference/{dataset}.parquet"
MEASUREMENTS = frozenset(
    {CHECKPOINT_ROWS, QUALITY_ROWS, PROGRESSIVE_ROWS, RESPACED_ROWS, LIKELIHOOD_ROWS, CODING_ROWS}
    | {REFERENCE_ROWS}
)

# For `dvc metrics`, `dvc plots` and the page.
METRICS = "{home}/metrics.json"
HEADLINE = "{home}/headline.json"
MADE_FROM = "{home}/made_from.json"
TRAINING_PLOT = "{home}/plots/training.csv"
PROGRESSIVE_PLOT = "{home}/plots/progressive.csv"
CHECKPOINTS_PLOT = "{home}/plots/checkpoints.csv"

# Below those of plots: a path is of the first pattern that fits.
TABLE = "{home}/{table}.csv"
TABLE_TRACE = "{home}/tables/{table}.trace.csv"
TABLE_MARKDOWN = "{home}/tables/{table}.md"
TABLE_HTML = "{home}/tables/{table}.html"
FIGURE_PNG = "{home}/figures/{figure}.png"
FIGURE_PDF = "{home}/figures/{figure}.pdf"
FIGURE_TRACE = "{home}/figures/{figure}.json"
REPORT = "{home}/report.html"

# Snakemake's records of the study's files, which travel with them.
RECORDS = "{home}/records.json"

# Folders of the paper study's home: a study of such a name would write into them.
RESERVED_NAMES = frozenset(
    {"data", "features", "models", "samples", "chains", "neighbours", "likelihood", "measurements"}
    | {"tables", "figures", "logs", "benchmarks", "resources", "plots", "earlier", "compression"}
)


def is_study_name(name: str) -> bool:
    """Whether a study may have this name: it names a folder, beside those of the paper's study."""
    return name not in RESERVED_NAMES and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) is not None


def home(study: str) -> str:
    """The folder of a study's results: results/<study>; the paper owns results itself."""
    return "results" if study == "paper" else f"results/{study}"


def study_of(home: str) -> str:
    """The name of the study whose results lie in `home`; the inverse of `home`."""
    folder, _, name = home.partition("/")
    if folder != "results":
        raise ValueError(f"{home!r} is not a results folder")
    return name or "paper"


def study_file(study: str) -> str:
    """The study's settings, relative to the working folder."""
    return f"config/{study}.yaml"


def path(pattern: str, study: str, **names: object) -> Path:
    """A pattern of this module filled in for a study."""
    return Path(pattern.format(home=home(study), **names))


def wildcards(file: str) -> dict[str, str]:
    """The wildcards of a file of a study by its path; none for a path that no pattern of this module fits."""
    return match(file)[1]


def match(file: str) -> tuple[str, dict[str, str]]:
    """The first pattern of this module that a path fits, and the wildcards; "" and none if none fits."""
    for pattern, expression in _expressions():
        if (found := expression.fullmatch(file)) is not None:
            return pattern, found.groupdict()
    return "", {}


@functools.cache
def _expressions() -> list[tuple[str, re.Pattern[str]]]:
    name = r"[A-Za-z0-9][A-Za-z0-9_-]*"
    values = {"home": f"results(?:/{name})?", "file": ".+"}

    def expression(pattern: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", pattern)
        groups = [f"(?P<{part}>{values.get(part, name)})" for part in parts[1::2]]
        texts = [re.escape(part) for part in parts[::2]]
        return re.compile("".join(text + group for text, group in zip(texts, [*groups, ""], strict=True)))

    constants = [value for key, value in globals().items() if key.isupper() and isinstance(value, str)]
    return [(pattern, expression(pattern)) for pattern in constants]
