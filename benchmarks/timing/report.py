"""The page of `make bench`: a table a step and batch, from a record of times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timing.adapters import ADAPTERS, REFERENCE
from timing.ratios import ratios, spread
from timing.tables import conditions_text, mib, seconds_text, spread_text, table

_HEADER = (
    "",
    "time of a step",
    "CPU time",
    "ratio, wall (min-max)",
    "ratio, CPU (min-max)",
    "images/s",
    "GFLOP/s",
    "of matmul",
    "of its convolutions",
    "peak MiB",
    "ratio",
)
NOTES = (
    "Ratios are to {reference} in the same round, medians with the smallest and largest. GFLOP/s count the "
    "nominal operations of the paper's network for everyone (doubling and its 3x3 convolution apart), a "
    "multiply-add as two, training three times forward; over wall time. `of matmul` is that rate relative to "
    "the machine's product of square matrices in the same precision, which on some processors is slower than "
    "its convolutions; `of its convolutions` the operations that this project executes, relative to the rate "
    "(CPU time; wall time on a GPU) at which its own convolutions run by themselves in the same rounds. Peak "
    "memory is that of a process of its own, beyond its imports."
)


def section(record: Mapping[str, Any]) -> str:
    """A record of `steps.py` as Markdown."""
    lines = [
        f"## {record['date']}, {record['network']} network, {record['rounds']} rounds\n",
        conditions_text(dict(record)) + "\n",
        NOTES.format(reference=ADAPTERS[REFERENCE].title) + "\n",
    ]
    peaks = ", ".join(f"{name} {rate / 1e9:,.0f}" for name, rate in record["matmul"].items())
    lines.append(f"Products of matrices, GFLOP/s: {peaks}.\n")
    lines += [f"Left out: {name}: {reason}.\n" for name, reason in record["left_out"].items()]
    for measured in record["steps"]:
        lines.append(f"### {measured['step']}, batch {measured['batch']}\n")
        lines.append(_step_table(record, measured))
    return "\n".join(lines)


def _step_table(record: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    times = measured["times"]
    reference = times.get(REFERENCE)
    rows = []
    for name, taken in times.items():
        if name not in ADAPTERS:
            continue
        wall = spread(taken["wall"]).median
        row = [ADAPTERS[name].title, seconds_text(wall), seconds_text(spread(taken["cpu"]).median)]
        for kind in ("wall", "cpu"):
            row.append(spread_text(ratios(taken[kind], reference[kind])) if reference else "")
        row.append(f"{measured['batch'] / wall:.3g}")
        row += _rates(record, measured, name)
        row += _memory(measured["peaks"], name)
        rows.append(row)
    return table(_HEADER, rows)


def _rates(record: Mapping[str, Any], measured: Mapping[str, Any], name: str) -> list[str]:
    """GFLOP/s, relative to products of matrices and to the step's own convolutions."""
    adapter, times = ADAPTERS[name], measured["times"]
    if not adapter.same_network:
        return ["", "", ""]
    rate = measured["nominal"] / spread(times[name]["wall"]).median
    of_matmul = rate / record["matmul"][adapter.precision]
    share = convolution_share(measured, name, "cpu" if record["device"] == "cpu" else "wall")
    own = "" if share is None or not name.startswith("ours") else f"{100 * share:.0f} %"
    return [f"{rate / 1e9:,.0f}", f"{100 * of_matmul:.0f} %", own]


def convolution_share(measured: Mapping[str, Any], name: str, clock: str) -> float | None:
    """Executed operations a second of a step, relative to its convolutions' by themselves.

    Args:
        measured: of one step and batch.
        name: an adapter of this project.
        clock: "wall" or "cpu".

    Returns:
        the median over rounds; None if its convolutions were not timed.
    """
    alone = measured["convolutions"].get(ADAPTERS[name].precision)
    if alone is None:
        return None
    time_of_step = measured["times"][name][clock]
    time_of_convolutions = measured["times"][alone["name"]][clock]
    rate = measured["executed"] / alone["operations"]
    return ratios(time_of_convolutions, time_of_step).median * rate


def _memory(peaks: Mapping[str, int], name: str) -> list[str]:
    if name not in peaks:
        return ["", ""]
    reference = peaks.get(REFERENCE)
    return [mib(peaks[name]), f"{peaks[name] / reference:.2f}" if reference else ""]
