"""The table of samples in fewer steps, from made-up measurements."""

from pathlib import Path

import made_up_study
import pandas as pd
import pytest

from ddpm.artefacts.tables.table import build_table
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_inputs

TABLE = "  fewer_steps: {model: eps_simple, steps: [100, 10]}\n"
TEXT = made_up_study.STUDY.replace("  figure5:", f"{TABLE}  figure5:")
OWN = "results/made_up/measurements/quality/{}/seed0/sampling0.parquet"
DRAWN = "results/made_up/measurements/respaced/eps_simple/seed0/steps{}.{}.parquet"
# FID and IS by steps and variance.
MADE_UP = {
    (100, "fixed_small"): (4.0, 8.5),
    (10, "fixed_large"): (60.0, 6.0),
    (10, "fixed_small"): (40.0, 7.0),
    (100, "fixed_large"): (50.0, 5.0),
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def study_of(text=TEXT, metrics=("FID", "IS"), **more):
    """The study, with all measurements written; keywords replace fields of those in fewer steps."""
    study = made_up_study.make(Path(), text)
    made_up_study.measure(study)
    for (steps, variance), (fid, score) in MADE_UP.items():
        path = layout.path(
            layout.RESPACED_ROWS, study.name, model="eps_simple", seed=0, steps=steps, variance=variance
        )
        rows = [
            made_up_study.row(
                study,
                "eps_simple",
                0,
                metric,
                value,
                **{"n": 1000, "protocol": "made up", "sampling_seed": 0, "split": split, "spread": spread}
                | more,
            )
            for metric, value, split, spread in (("FID", fid, "train", None), ("IS", score, None, 0.25))
            if metric in metrics
        ]
        made_up_study.write(study, path, rows)
    return study


def test_rows_are_steps_and_columns_variances():
    table = build_table(study_of(), "fewer_steps")
    frame = pd.DataFrame(table.frame).set_index("steps")
    # All 100 steps with the model's own variance are the study's samples of the first seeds.
    assert frame["FID_fixed_large"].to_dict() == {100: 5.0, 10: 60.0}
    assert frame["FID_fixed_small"].to_dict() == {100: 4.0, 10: 40.0}
    assert frame["IS_fixed_large"].to_dict() == {100: 8.0, 10: 6.0}
    assert frame["IS_fixed_small_spread"].to_dict() == {100: 0.25, 10: 0.25}
    assert set(frame["FID_fixed_small_n"]) == {1000}
    assert set(frame["status"]) == {"trained"}
    lines = table.markdown.splitlines()
    assert "| 100   |              5.00 |          **4.00** |" in table.markdown
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| 1")] == ["100", "10"]
    assert "training seed 0, sampling seed 0; 1,000 samples for each number" in table.markdown
    assert "The paper has no such numbers." in table.markdown
    trace = table.trace
    assert len(trace) == 2 * 2 * 2
    found = trace[(trace.cell_row == "10") & (trace.cell_column == "FID_fixed_small")]
    assert found["value"].tolist() == [40.0]


def test_only_what_the_study_has_not_drawn_is_drawn():
    study = made_up_study.make(Path(), TEXT)
    assert artefact_inputs(study, "fewer_steps")["rows"] == [
        OWN.format("eps_simple"),
        *(DRAWN.format(*pair) for pair in ((100, "fixed_small"), (10, "fixed_large"), (10, "fixed_small"))),
    ]


@pytest.mark.parametrize(
    ("old", "new", "own"),
    [
        # Another number of samples; the study's own number, said.
        ("steps: [100, 10]}", "steps: [100, 10], images: 50}", {}),
        ("steps: [100, 10]}", "steps: [100, 10], images: 1000}", {0: "eps_simple"}),
        # The study samples in fewer steps itself.
        ("seeds: [0, 7]}", "seeds: [0, 7], steps: 10}", {2: "eps_simple"}),
        ("seeds: [0, 7]}", "seeds: [0, 7], steps: 10, variance: fixed_small}", {3: "eps_simple"}),
        ("seeds: [0, 7]}", f"seeds: [0, 7], steps: {list(range(91, 101))}}}", {}),
        # The same weights with the other variance.
        (
            "models:\n",
            "models:\n  small: {pretrained: {model: eps_simple}, diffusion: {variance: fixed_small}}\n",
            {0: "eps_simple", 1: "small"},
        ),
        # ... of another sampling seed.
        (
            "models:\n",
            "models:\n  small: {pretrained: {model: eps_simple}, diffusion: {variance: fixed_small}, "
            "sampling_seeds: [7]}\n",
            {0: "eps_simple"},
        ),
    ],
)
def test_which_samples_are_the_studys_own(old, new, own):
    text = TEXT
    if "seeds: [0, 7], steps" in new:
        for learned in ("mu_learned", "eps_learned"):  # which cannot be sampled so
            text = text.replace(f"  {learned}: {{", f"  {learned}: {{}}\n  # {{", 1)
    study = made_up_study.make(Path(), text.replace(old, new, 1))
    rows = artefact_inputs(study, "fewer_steps")["rows"]
    assert {n: file for n, file in enumerate(rows) if "/quality/" in file} == {
        n: OWN.format(model) for n, model in own.items()
    }


def test_one_variance_has_no_better_one():
    text = TEXT.replace("steps: [100, 10]}", "steps: [10], variances: [fixed_small]}")
    table = build_table(study_of(text), "fewer_steps")
    assert list(table.frame["FID_fixed_small"]) == [40.0]
    assert "FID_fixed_large" not in table.frame
    assert "**" not in table.markdown


def test_a_diverged_model_is_blank_and_says_why():
    table = build_table(study_of(diverged={("eps_simple", 0): 3}), "fewer_steps")
    assert table.frame["FID_fixed_small"].isna().all()
    assert "diverged at step 3" in " ".join(table.frame["status"])
    assert "eps_simple: diverged at step 3." in table.markdown


def test_a_missing_number_and_other_settings_are_told():
    study = study_of(metrics=("FID",))
    with pytest.raises(DataError, match=r"model eps_simple, training seed 0: its measurements have no IS"):
        build_table(study, "fewer_steps")
    study_of()
    changed = made_up_study.make(Path(), TEXT.replace("[100, 10]}", "[100, 10], images: 9}"))
    with pytest.raises(DataError, match="was made under other settings"):
        build_table(changed, "fewer_steps")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{model: eps_simple, steps: [101]}", r"fewer_steps\.steps: 101 lies beyond T = 100"),
        ("{model: eps_simple, steps: []}", r"fewer_steps\.steps: .*at least 1"),
        ("{model: eps_simple, steps: [10, 10]}", r"fewer_steps\.steps: 10 stands here twice"),
        ("{model: eps_simple, steps: [10], images: 1}", r"fewer_steps\.images: .*greater than or equal to 2"),
        ("{model: eps_simple, steps: [10], variances: [learned]}", r"variances\.0: .*'fixed_large' or"),
        ("{model: eps_learned, steps: [10]}", r"fewer_steps\.model: eps_learned learned its variance.*fixed"),
    ],
)
def test_problems_are_located(table, message):
    with pytest.raises(StudyError, match=message):
        made_up_study.make(Path(), TEXT.replace(TABLE, f"  fewer_steps: {table}\n"))
