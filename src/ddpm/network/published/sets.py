"""Sets of weights in one file: which of them are averaged (EMA), and which one is taken."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.words import says_averaged, stated_words

# Prefixes of torch.nn.DataParallel and torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")
# Entries of a checkpoint that hold tensors by name but no weights.
_NO_WEIGHTS = re.compile(r"opt(im.*)?|.*optimi[sz]er.*|.*scheduler.*|scaler|callbacks|rng.*", re.IGNORECASE)
# Counters that torch's AveragedModel and others' averages keep beside the weights.
_AVERAGED_MODEL = "n_averaged"
_COUNTERS = frozenset({"decay", "num_updates", "initted", "step", _AVERAGED_MODEL})
_DEEPEST = 4


@dataclasses.dataclass(frozen=True)
class WeightSet:
    """A set of weights as a file holds it.

    Attributes:
        name: what the file calls it, "" if it has no name.
        averaged: True for averages, False for raw weights beside averages, None if the file does not say.
        content: weights by name, as far as was looked.
    """

    name: str
    averaged: bool | None
    content: Any


def choose(path: Path, sets: Sequence[WeightSet], stated: bool | None) -> WeightSet:
    """The set that the study asks for; without a word from it the averaged one.

    Args:
        path: the file, for messages.
        sets: what it holds, at least one.
        stated: `averaged` of the study file.

    Raises:
        WeightsError: there is no such set, or several; the message lists those that there are.
    """
    # What a file does not say, the study may; but not of one set where another is the averaged one.
    for averaged in (True, False, None) if stated is None else (stated, None):
        if found := [given for given in sets if given.averaged is averaged]:
            if len(found) > 1:
                raise WeightsError(
                    f"{path}: holds several sets of weights ({described(found)}); save the one that you mean "
                    "in a file of its own"
                )
            return found[0]
    held = "averaged (EMA)" if any(given.averaged for given in sets) else "raw"
    raise WeightsError(
        f"{path}: holds {held} weights only{stated_words(stated)}; what it holds: {described(sets)}. Correct "
        "`pretrained: averaged` or use another file"
    )


def described(sets: Sequence[WeightSet]) -> str:
    """Sets by name and kind: "`model` (raw), `model_ema` (averaged)"."""
    kinds = {True: "averaged", False: "raw", None: "raw or averaged, not said"}
    return ", ".join(f"`{given.name or 'weights'}` ({kinds[given.averaged]})" for given in sets)


def sets_of_checkpoint(path: Path, content: Any) -> list[WeightSet]:
    """The sets in what torch.save wrote: a bare state_dict, a dictionary around some, or the list of DDIM.

    Raises:
        WeightsError: it holds no weights by name.
    """
    if isinstance(content, list) and len(content) in (4, 5):
        # [model, optimiser, epoch, step] and, with averaging, the average (DDIM's runners/diffusion.py).
        found = zip(("entry 0", "entry 4"), (False, True), (content[0], *content[4:]), strict=False)
        return [WeightSet(name, averaged, given) for name, averaged, given in found]
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: holds a {type(content).__name__}, not weights by name; save a state_dict"
        )
    inner = list(_nested(content, "", 0)) or [("", content)]
    sets = [part for name, given in inner for part in _parts(name, given)]
    beside_averages = any(given.averaged for given in sets)
    return [
        dataclasses.replace(given, averaged=False)
        if given.averaged is None and beside_averages and len(sets) > 1
        else given
        for given in sets
    ]


def sets_of_tensors(tensors: Mapping[str, Tensor]) -> list[WeightSet]:
    """The sets in weights by name whose names may begin with those of two networks: model.x, model_ema.x."""
    return _parts("", tensors)


def _nested(content: Mapping[Any, Any], above: str, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Mappings within a checkpoint that hold tensors by name or call themselves averaged, by name."""
    for key, value in content.items():
        if not isinstance(value, Mapping) or not isinstance(key, str) or _NO_WEIGHTS.fullmatch(key):
            continue
        name = f"{above}.{key}" if above else key
        deeper = list(_nested(value, name, depth + 1)) if depth < _DEEPEST else []
        if any(isinstance(inner, Tensor) for inner in value.values()):
            yield name, value
        elif deeper:
            yield from deeper
        elif value and says_averaged(name):
            yield name, value


def _parts(name: str, content: Mapping[str, Any]) -> list[WeightSet]:
    """One set, or two whose names begin with a word such as `model_ema.` and with another."""
    averaged = says_averaged(name)
    if _AVERAGED_MODEL in content:
        averaged = True
    names = [key for key in content if isinstance(key, str) and key not in _COUNTERS]
    scopes = list(dict.fromkeys(key.partition(".")[0] for key in names))
    own = [scope for scope in scopes if says_averaged(scope)]
    if not own or any(not isinstance(content[key], Tensor) for key in names):
        bare = {key: value for key, value in content.items() if key not in _COUNTERS} if averaged else content
        return [WeightSet(name, averaged, bare)]
    parts = [WeightSet(f"{name}.{scope}" if name else scope, True, _below(content, scope)) for scope in own]
    others = {key: content[key] for key in names if key.partition(".")[0] not in own}
    rest = [scope for scope in scopes if scope not in own]
    if not others:
        return parts
    label, raw = (rest[0], _below(others, rest[0])) if len(rest) == 1 else (name, others)
    return [*(_dotted(part, raw) for part in parts), WeightSet(label, False, raw)]


def _below(content: Mapping[str, Any], scope: str) -> dict[str, Any]:
    inner = {key.partition(".")[2]: value for key, value in content.items() if key.startswith(f"{scope}.")}
    return {key: value for key, value in inner.items() if key not in _COUNTERS}


def _dotted(averages: WeightSet, raw: Mapping[str, Any]) -> WeightSet:
    """Averages under the names of the raw weights, where they are those without their dots (LitEma)."""
    names = {key.replace(".", ""): key for key in raw}
    if not averages.content.keys() <= names.keys():
        return averages
    return dataclasses.replace(
        averages, content={names[key]: value for key, value in averages.content.items()}
    )


def bare(path: Path, chosen: WeightSet, sets: Sequence[WeightSet]) -> dict[str, Tensor]:
    """The tensors of a set without the prefixes that all names share because the network was wrapped.

    Raises:
        WeightsError: some of its entries are no tensors.
    """
    try:
        return _bare(path, chosen.content)
    except WeightsError as error:
        others = [given for given in sets if given is not chosen]
        if not others:
            raise
        raise WeightsError(
            f"{error}. That is the set `{chosen.name}`; beside it: {described(others)}, which "
            f"`averaged: {str(bool(others[0].averaged)).lower()}` takes"
        ) from error


def _bare(path: Path, tensors: Any) -> dict[str, Tensor]:
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"{path}: holds a {type(tensors).__name__} where weights by name were expected")
    others = [str(name) for name, value in tensors.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(
            f"{path}: {len(others)} of {len(tensors)} entries are no tensors ({', '.join(others[:5])}); "
            "save the network's state_dict alone, or under the key `state_dict` or `ema`"
        )
    bare = {str(name): value for name, value in tensors.items()}
    while bare and any(all(name.startswith(prefix) for name in bare) for prefix in _WRAPPERS):
        bare = {name.partition(".")[2]: value for name, value in bare.items()}
    return bare
