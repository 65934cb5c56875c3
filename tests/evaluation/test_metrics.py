"""The numbers and curves that DVC compares between versions."""

import pandas as pd

from ddpm.evaluation.metrics import checkpoints_plot, headline, metrics, progressive_plot, training_plot
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.traced_files import write_frame


def test_metrics_are_means_over_seeds_of_what_was_trained(tmp_path):
    rows = [
        row(metric="FID", split="train", value=3.0),
        row(metric="FID", split="train", value=5.0, training_seed=1),
        row(metric="IS", value=9.0),
        row(metric="FID", split="train", value=100.0, reverse_steps=10),
        row(metric="L_0", split="test", value=1.0),
        row(model="other", status="diverged at step 3", metric="FID", split="train", value=float("nan")),
        row(model="reference: test images", status="reference", metric="IS", value=11.0),
    ]
    write_measurements(tmp_path / "rows.parquet", rows)
    files = [str(tmp_path / "rows.parquet")]
    assert metrics(files) == {"m": {"FID_train": 4.0, "IS": 9.0}}
    assert metrics([]) == headline({}) == {}
    found = {"a": {"FID_train": 4.0, "NLL_test": 3.5}, "b": {"FID_train": 3.0}, "c": {"IS": 9.0}}
    assert headline(found) == {
        "best_FID": 3.0,
        "best_FID_model": "b",
        "best_NLL": 3.5,
        "best_NLL_model": "a",
    }
    assert progressive_plot(files)[["reverse_steps", "FID"]].to_numpy().tolist() == [[10, 100.0]]


def test_plots_of_training_and_checkpoints(tmp_path):
    curve = pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0], "gradient_norm": [1.0, 1.0]})
    write_frame(tmp_path / "training.parquet", curve, {"model": "m", "training_seed": 4})
    shown = training_plot([str(tmp_path / "training.parquet")])
    assert shown["run"].unique().tolist() == ["m seed 4"]
    assert shown["loss"].tolist() == [3.0, 2.0]
    write_measurements(tmp_path / "step600.parquet", [row(metric="FID", value=7.0)])
    measured = checkpoints_plot([str(tmp_path / "step600.parquet")])
    assert measured[["step", "FID"]].to_numpy().tolist() == [[600, 7.0]]
    for empty in (training_plot([]), checkpoints_plot([]), progressive_plot([])):
        assert len(empty) == 0
        assert len(empty.columns) == 4


def row(**changed) -> Measurement:
    given = {
        **{"study": "s", "model": "m", "metric": "FID", "value": 1.0, "n": 10, "protocol": "p"},
        **{"status": "trained", "settings": "abc", "git_commit": "c", "hardware": "h", "training_seed": 0},
    }
    return Measurement(**{**given, **changed})
