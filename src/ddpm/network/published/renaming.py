"""Tensors from a file's names to the names of the U-Net's state_dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import Tensor


def rename(
    tensors: Mapping[str, Tensor], keys: Iterable[str], names: Callable[[str], Sequence[str]]
) -> dict[str, Tensor]:
    """The tensors under `keys`, and those without a counterpart under names that are no key.

    Args:
        tensors: by the file's names.
        keys: of network.state_dict().
        names: what a key may be called in the file, the preferred name first.

    Returns:
        what `ddpm.network.weights.check_weights` takes: a missing key is left out, a tensor that no key
        asks for is kept, so that both are listed.
    """
    keys, remaining, state = list(keys), dict(tensors), {}
    for key in keys:
        found = next((name for name in names(key) if name in remaining), None)
        if found is not None:
            state[key] = remaining.pop(found)
    # A left-over tensor must not pass for a key that happens to have its name.
    taken = frozenset(keys)
    return state | {f"{n} (named so in the file)" if n in taken else n: t for n, t in remaining.items()}
