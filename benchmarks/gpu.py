"""Everything that only a GPU can tell, in one call of at most ten minutes.

    python benchmarks/gpu.py --images cifar10.npz      results in benchmarks/results/gpu-DATE.json
    python benchmarks/gpu.py --tiny                    a few seconds of each part, on a CPU too

Needs torch, numpy, safetensors and tqdm; diffusers is timed where it is installed. The tests that need a GPU
(if pytest is there), throughput of training, sampling and the bound in each precision, eager and compiled;
the precisions with the same seeds; gradients of the compiled network; then training on real images. The
report is saved after each part, and a part that fails is noted while the rest goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.util
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if importlib.util.find_spec("ddpm") is None:
    sys.path.insert(0, str(ROOT / "src"))

import torch  # noqa: E402
from timing.clock import matmul_peak  # noqa: E402
from timing.comparison import compared, peaks  # noqa: E402
from timing.ours import training_run  # noqa: E402
from timing.partial import PartialReport  # noqa: E402
from timing.precisions import (  # noqa: E402
    averaged,
    loss_of_tenths,
    precisions_compared,
    samples,
    short_run,
    statistics,
)
from timing.real_images import read_images, save_grid  # noqa: E402
from timing.report import conditions  # noqa: E402
from timing.setting import NETWORKS, Setting  # noqa: E402
from timing.sides import ON_CPU, ON_GPU, chosen  # noqa: E402
from torch import Tensor  # noqa: E402

from ddpm.training.compiled_gradients import require_compiled_gradients  # noqa: E402

RESULTS = Path(__file__).parent / "results"
# Seconds left for evaluation when training on real images ends, and updates that tell its pace.
_RESERVE, _PROBE = 60.0, 20
MEASURED_PEAKS = ("diffusers", "diffusers_bfloat16", "ours", "ours_bfloat16")


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of each part is done.

    Attributes:
        batches: of each step that is timed.
        rounds: of each timing.
        precisions: batch, updates and reverse steps of each precision.
        real_updates: most updates on real images.
    """

    batches: dict[str, int]
    rounds: int
    precisions: tuple[int, int, int]
    real_updates: int


FULL = Scale({"training": 128, "sampling": 512, "likelihood": 512}, 3, (64, 100, 1000), 10**6)
TINY = Scale({"training": 4}, 1, (4, 10, 3), 10)


def main(words: Sequence[str] | None = None) -> int:
    """Runs all parts; returns 1 if one failed."""
    options = _parsed(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.tiny:
        print("error: torch finds no GPU here; run with --tiny, or where there is one", file=sys.stderr)
        return 2
    if device == "cpu":
        torch.set_num_threads(1)
    network = "tiny" if options.tiny else "paper"
    shape = NETWORKS[network]
    images = None if options.images is None else read_images(options.images, shape.image_shape).to(device)
    header = conditions(device) | {"device": device, "network": network}
    report = PartialReport(options.report, header, 60 * options.minutes)
    names = [name for name in (ON_GPU if device == "cuda" else ON_CPU) if not options.alone or "ours" in name]
    sides, left_out = chosen(names)
    report.part("left_out", lambda: left_out)
    if device == "cuda":
        report.part("tests", _gpu_tests)
    precisions = sorted({side.precision for side in sides.values()})
    report.part("matmul", lambda: {name: matmul_peak(name, device, options.tiny) for name in precisions})
    scale = TINY if options.tiny else FULL
    for step, batch in scale.batches.items():
        # Compiling takes most of the time: all precisions for training, bfloat16 for the others.
        timed = {
            name: side
            for name, side in sides.items()
            if step == "training" or not side.compiled or side.precision == "bfloat16"
        }
        timing = functools.partial(compared, timed, step, network, batch, scale.rounds, device)
        report.part(f"{step}, batch {batch}", timing)
        torch.compiler.reset()
    if device == "cuda":
        report.part("gradients, compiled", functools.partial(_compiled_gradients, network, device))
        torch.compiler.reset()
    size, updates, steps = scale.precisions
    report.part("precisions", lambda: precisions_compared(shape, size, device, images, updates, steps))
    batch = scale.batches["training"]
    measured = [name for name in sides if name in MEASURED_PEAKS]
    report.part("peak memory", lambda: peaks(measured, "training", network, batch, device))
    if images is not None:
        real = functools.partial(_real_training, images, network, device, report, scale)
        report.part("training on real images", real)
    print(report.path)
    return 1 if report.failed else 0


def _gpu_tests() -> dict[str, Any]:
    """The end of what pytest prints for the tests that need a GPU."""
    words = [sys.executable, "-m", "pytest", "-q", "-rs", "--noconftest", "tests/gpu"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    run = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=240, env=environment, check=False
    )
    return {"status": run.returncode, "output": (run.stdout + run.stderr)[-3000:]}


def _compiled_gradients(network: str, device: str) -> str:
    """Raises CompilationError if the compiled network's gradients differ from those without compilation."""
    run = training_run(Setting(NETWORKS[network], 16, device, "bfloat16", compiled=True))
    require_compiled_gradients(run.parameters, run.mean_loss, run.batches[0])
    return "as without compilation"


def _real_training(
    images: Tensor, network: str, device: str, report: PartialReport, scale: Scale
) -> dict[str, Any]:
    """Trains in bfloat16 for the time that is left; draws samples in float32 from the average."""
    shape, batch = NETWORKS[network], scale.batches["training"]
    run = short_run(Setting(shape, batch, device, "bfloat16", compiled=device == "cuda"), images)
    loss_of_tenths(run, _PROBE)
    began = time.monotonic()
    loss_of_tenths(run, _PROBE)
    pace = (time.monotonic() - began) / _PROBE
    most = max(10, int((report.left - _RESERVE) / pace))
    losses = loss_of_tenths(run, min(most, scale.real_updates))
    weights = averaged(run, shape)
    size, _, steps = scale.precisions
    drawn = Setting(shape, size, device)
    x = samples(weights, drawn, steps)
    save_grid(x, report.path.with_suffix(".png"))
    return {
        "images": len(images),
        "updates": run.updates,
        "seconds_an_update": pace,
        "loss_of_tenths": losses,
        "evaluated": statistics(weights, drawn, x, images),
    }


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a tiny network, a few steps")
    parser.add_argument(
        "--images", type=Path, help="an .npz with uint8 images [N, 32, 32, 3] or [N, 3, 32, 32]"
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="no part begins later")
    parser.add_argument("--alone", action="store_true", help="without diffusers")
    default = RESULTS / f"gpu-{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.json"
    parser.add_argument("--report", type=Path, default=default, help="a .json file")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
