"""Ratios, exponents and tables from made-up numbers; what went wrong is said."""

import base64
import json
import math

import pytest
from demo_stages import section as demo_section
from timing.clock import interleaved
from timing.exponents import exponent
from timing.jobs import read_jobs
from timing.networks import NETWORKS
from timing.partial import PartialReport
from timing.ratios import ratios, spread
from timing.real_images import read_images
from timing.record import append, read
from timing.report import convolution_share, section


def test_ratios_are_taken_round_by_round():
    """A machine that is twice as slow in one round is so for all."""
    found = ratios([2.0, 4.0, 3.0], [4.0, 8.0, 4.0])
    assert (found.median, found.least, found.most) == (0.5, 0.5, 0.75)
    assert spread([3.0, 1.0, 10.0]).median == 3.0
    with pytest.raises(ValueError, match="argument"):
        ratios([1.0], [1.0, 2.0])


def test_rounds_are_interleaved_and_rotated():
    seen = []
    calls = {name: lambda name=name: seen.append(name) for name in "abc"}
    times = interleaved(calls, 3, "cpu")
    assert "".join(seen) == "abcbcacab"
    assert [len(times[name].wall) for name in "abc"] == [3, 3, 3]


def made_up_record() -> dict:
    times = {"diffusers": [4.0, 8.0, 4.0], "ours": [2.0, 4.0, 3.0], "convolutions_float32": [1.0, 2.0, 1.5]}
    measured = {
        "step": "training",
        "batch": 10,
        "times": {name: {"wall": taken, "cpu": taken} for name, taken in times.items()},
        "nominal": 12e9,
        "executed": 10e9,
        "convolutions": {"float32": {"name": "convolutions_float32", "operations": 8e9}},
        "peaks": {"diffusers": 200 * 2**20, "ours": 100 * 2**20},
    }
    return {
        **{"date": "2026-01-01 00:00", "network": "paper", "rounds": 3, "hardware": "H", "threads": 1},
        **{"versions": {"python": "3"}, "load_before": 0.0, "load_after": 0.0, "git_commit": "c"},
        **{
            "device": "cpu",
            "matmul": {"float32": 8e9},
            "left_out": {"other": "no wheel"},
            "steps": [measured],
        },
    }


def test_the_page_shows_what_the_times_say():
    page = section(made_up_record())
    ours = next(line for line in page.splitlines() if line.startswith("| this project, float32 |"))
    cells = [cell.strip() for cell in ours.split("|")[2:-1]]
    assert cells == [
        *("3 s", "3 s", "0.500 (0.500-0.750)", "0.500 (0.500-0.750)", "3.33"),
        # 12 GFLOP in 3 s; of 8 GFLOP/s; 10 of 8 operations in twice the time.
        *("4", "50 %", "62 %", "100", "0.50"),
    ]
    assert "Left out: other: no wheel." in page
    assert convolution_share(made_up_record()["steps"][0], "ours", "cpu") == pytest.approx(0.625)


def test_exponents():
    assert exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)
    assert exponent([1, 2, 4], [5.0, 5.0, 5.0]) == pytest.approx(0, abs=1e-12)
    for sizes, costs in [([2, 2], [1.0, 2.0]), ([1, 2], [0.0, 1.0])]:
        with pytest.raises(ValueError, match="give no exponent"):
            exponent(sizes, costs)


def test_records_are_appended_and_a_damaged_line_is_named(tmp_path):
    for number in range(2):
        append({"n": number}, tmp_path / "runs", lambda record: f"run {record['n']}\n", "Runs")
    assert [record["n"] for record in read(tmp_path / "runs")] == [0, 1]
    page = (tmp_path / "runs.md").read_text()
    assert page.index("run 1") < page.index("run 0")
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write("{\n")
    with pytest.raises(ValueError, match=r"runs\.jsonl, line 3"):
        read(tmp_path / "runs")


def test_jobs_are_read_from_what_snakemake_noted(tmp_path):
    """Two outputs of one job count once; a job of another study not at all."""
    metadata = tmp_path / ".snakemake" / "metadata"
    metadata.mkdir(parents=True)
    outputs = {"results/a/w": ("train", 1, 0.0, 9.0), "results/a/x": ("train", 1, 0.5, 10.0)}
    outputs |= {"results/a/y": ("table", 2, 10.0, 12.0), "results/b/y": ("table", 3, 0.0, 99.0)}
    for output, (rule, job, start, end) in outputs.items():
        noted = {"rule": rule, "job_hash": job, "starttime": start, "endtime": end, "incomplete": False}
        (metadata / base64.b64encode(output.encode()).decode()).write_text(json.dumps(noted))
    benchmarks = tmp_path / "results" / "a" / "benchmarks" / "train"
    benchmarks.mkdir(parents=True)
    (benchmarks / "m.seed0.tsv").write_text("s\tcpu_time\n9.5\t7.25\n")
    jobs = read_jobs(tmp_path, "results/a")
    assert [(s.rule, s.jobs, s.seconds, s.cpu_seconds) for s in jobs.stages] == [
        ("train", 1, 10.0, 7.25),
        ("table", 1, 2.0, None),
    ]
    assert jobs.span == 12.0
    record = made_up_record() | {"study": "a", "cores": 1, "span": 12.0, "overheads": {"start": 0.1}}
    page = demo_section(record | {"stages": [vars(stage) for stage in jobs.stages]})
    assert "| train | 1 | 10.0 | 10.0 | 7.2 |" in page
    with pytest.raises(ValueError, match="holds nothing of results/c"):
        read_jobs(tmp_path, "results/c")


def test_a_part_that_fails_leaves_the_others(tmp_path):
    report = PartialReport(tmp_path / "r.json", {"device": "cpu"}, 100.0)
    report.part("bad", lambda: 1 / 0)
    report.part("good", lambda: 2)
    report.seconds = 0.0
    report.part("late", lambda: 3)
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["bad"]["error"].startswith("ZeroDivisionError")
    assert content["good"]["result"] == 2
    assert "result" not in content["late"]
    assert report.failed == ["bad"]


def test_images_of_another_shape_are_refused(tmp_path):
    import numpy as np

    np.savez(tmp_path / "i.npz", a=np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="holds no uint8 images of"):
        read_images(tmp_path / "i.npz", NETWORKS["tiny"].image_shape)
    assert read_images(tmp_path / "i.npz", (3, 8, 8)).shape == (2, 3, 8, 8)
    assert math.prod(NETWORKS["paper"].image_shape) == 3072
