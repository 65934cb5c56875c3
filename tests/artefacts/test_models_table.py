"""The table of a study's own models."""

import made_up_study
import pandas as pd
import pytest

from ddpm.cli import main

MODELS = "  models: null\n"


def build(text: str) -> tuple[pd.DataFrame, str]:
    study = made_up_study.make(made_up_study.Path(), text)
    made_up_study.measure(study)
    assert main(["table", study.file, "models"]) == 0
    home = made_up_study.Path("results/made_up")
    return pd.read_csv(home / "models.csv"), (home / "tables" / "models.md").read_text()


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_each_model_has_a_row_with_its_numbers_steps_and_seeds():
    frame, page = build(made_up_study.STUDY.replace(MODELS, ""))
    measured = frame[frame["source"] == "measured"].set_index("row")
    assert list(measured.index) == list(
        ("mu_learned", "mu_fixed", "mu_mse", "eps_learned", "eps_fixed", "eps_simple")
    )
    # Means over the seeds that did not diverge: the FID of the model, 2 a seed, 0.01 a sampling seed.
    assert measured["FID"].dropna().round(3).to_dict() == {
        "mu_learned": 30.035, "mu_fixed": 20.035, "mu_mse": 25.035, "eps_fixed": 15.035, "eps_simple": 6.035,
    }  # fmt: skip
    assert measured.loc["eps_simple", ["FID_test", "NLL_test", "NLL_train"]].round(3).tolist() == [
        7.035,
        3.8,
        3.7,
    ]
    assert set(measured["training_steps"]) == {1000}
    assert measured.loc["eps_simple", "training_seeds"] == "0 1"
    assert "reference" in set(frame["source"])
    assert "published" not in set(frame["source"])
    assert "CIFAR-10" not in page
    assert "| **6.0" in page.replace("| **6.04", "| **6.0")
    assert "eps_learned: diverged" in page


def test_published_systems_are_quoted_where_they_are_asked_for():
    frame, page = build(
        made_up_study.STUDY.replace(MODELS, "  models: {published: true, models: [eps_simple]}\n")
    )
    assert frame["source"].value_counts()["published"] == 16
    assert list(frame[frame["source"] == "measured"]["row"]) == ["eps_simple"]
    assert "Published: the paper's numbers" in page
    # The only row of its kind is not the best of any.
    [line] = [line for line in page.splitlines() if line.startswith("| eps_simple")]
    assert "**" not in line


def test_without_a_judge_the_bound_is_shown_alone():
    text = made_up_study.STUDY.split("artefacts:")[0].replace(
        "{kind: classifier, dataset: tiny}", "{kind: none}"
    )
    frame, page = build(text)
    assert "FID" not in frame
    assert frame["NLL_test"].notna().sum() == 5
    [heading] = [line for line in page.splitlines() if line.startswith("| Model")]
    assert [word.strip() for word in heading.strip("|").split("|")] == [
        "Model",
        "NLL test (train)",
        "Steps",
        "Seeds",
    ]
    assert "Samples are not judged" in page
