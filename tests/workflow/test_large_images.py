"""The 256x256 part of config/paper.yaml in miniature: official formats, figures, Table 3, what is missing."""

import copy
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from inception_weights import write_random_weights
from large_images import DAMAGED, scenes, smooth, write_faces, write_lsun
from PIL import Image
from studies import ROOT, snakemake

SIZE = 64
NETWORK = {"channels": 8, "groups": 4, "residual_blocks": 1, "attention_resolutions": [16]}
TRAINING = {"steps": 2, "batch_size": 4, "gradient_accumulation": 2, "warmup_steps": 1, "log_every": 1}
MODELS = {"celebahq": 8, "church": 100, "bedroom": 100, "bedroom_large": 100, "cat": 100}
FIGURES = [f"figure{number}" for number in (1, 2, 3, 4, 7, 8, 9, 11, 12, 16, 17, 18, 19)]
OF_CIFAR10 = (
    *("table1", "table2", "table4", "text_numbers", "fewer_steps", "compression", "progressive_coding"),
    *("figure5", "figure6", "figure10", "figure13", "figure14", "figure15", "training_curves", "checkpoints"),
)
# One of the categories from a .npz of others' samples, the faces in another form: each way leads to the end.
LOCAL = {
    "datasets": {
        "celebahq": {"path": "faces.tar", "images": 12, "image_size": SIZE},
        **{
            name: {"archive": f"lsun/{name}", "image_size": SIZE, "reference_images": 9}
            for name in ("church", "bedroom", "cat")
        },
    },
    "defaults": {
        "network": NETWORK,
        "diffusion": {"timesteps": 4, "beta_start": 0.01, "beta_end": 0.6},
    },
    "models": {
        name: {
            "training": TRAINING,
            "network": {"channels": 8},
            "sampling": {"images": images, "batch_size": 50, "batches_per_shard": 2},
        }
        for name, images in (MODELS | {"celebahq": 100}).items()
    },
    "sampling": {"images": 100, "progressive_columns": 2},
    "quality": {"batch_size": 50, "kid_subsets": 2, "kid_subset_size": 4},
    "artefacts": {
        **dict.fromkeys(OF_CIFAR10),
        # Each number costs an Inception network's time.
        "table3": {"Bedroom": None, "Cat": None},
        "figure1": {"model": "church", "rows": 3, "columns": 2},
        "figure2": {"t": 2},
        "figure7": {"t": [4, 3, 2, 1, 0]},
        "figure8": {"steps": [2]},
        "figure9": {"steps": [4, 2, 0]},
        "figure12": {"crop": [16, 16, 32]},
    },
}


def write_folder(folder: Path) -> None:
    """The paper's study with a local layer, Inception's weights, and all data sets."""
    (folder / "config").mkdir()
    for name in ("paper.yaml", "cifar10.yaml", "published.csv"):
        shutil.copy(ROOT / "config" / name, folder / "config" / name)
    local = copy.deepcopy(LOCAL)
    features = {"kind": "inception", "weights": "inception.pth", "official": False}
    local["quality"]["features"] = features
    (folder / "config/paper.local.yaml").write_text(yaml.safe_dump(local))
    write_random_weights(folder / "inception.pth")
    values = scenes(12, ((90, 70), (64, 64), (70, 100)))
    for number, name in enumerate(("church", "bedroom", "cat")):
        write_lsun(folder / "lsun" / name, [*values[number:], DAMAGED])
    write_faces(folder, [smooth(n, 4 * SIZE, 4 * SIZE) for n in range(12)], "tar")


@pytest.fixture(scope="module", params=[pytest.param("miniature", marks=pytest.mark.slow)])
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write_folder(folder)
    snakemake(folder, "all", "--cores", "2")
    return folder


def test_every_figure_is_there(built):
    for figure in FIGURES:
        with Image.open(built / "results/figures" / f"{figure}.png") as image:
            assert min(image.size) > 100
    page = (built / "results/report.html").read_text()
    assert "Not built yet" not in page


def test_table_3_has_its_numbers(built):
    table = pd.read_csv(built / "results/table3.csv")
    measured = table[table["source"] == "measured"].set_index("row")
    assert float(measured.loc["L_simple", "Church_FID"]) > 0
    assert float(measured.loc["L_simple_large", "Bedroom_FID"]) > 0
    assert float(measured.loc["L_simple", "Church_FID_n"]) == 100
    compared = pd.read_csv(built / "results/comparison.csv")
    assert set(compared["item"]) == {"table3"}
    assert len(compared) == 2


def test_the_reference_is_the_first_records(built):
    text = (built / "results/tables/table3.md").read_text()
    assert "FID against 9 train images" in text
    manifest = json.loads((built / "results/data/church/manifest.json").read_text())
    assert manifest["counts"] == {"train": 12, "test": 0}
    assert manifest["arrays"]["train_images"]["damaged"]["records"] == 1


@pytest.mark.slow
def test_faces_of_all_forms_come_through_the_workflow(tmp_path):
    forms = {"folder": "folder/data256x256", "tar": "tar/faces.tar", "parquet": "parquet"}
    for form in forms:
        write_faces(tmp_path / form, [smooth(n, SIZE, SIZE) for n in range(4)], form)
    study = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    study["datasets"] |= {
        form: {"source": "celebahq", "path": path, "images": 4, "image_size": SIZE}
        for form, path in forms.items()
    }
    (tmp_path / "config").mkdir()
    (tmp_path / "config/forms.yaml").write_text(yaml.safe_dump(study))
    manifests = [f"results/forms/data/{form}/manifest.json" for form in forms]
    snakemake(tmp_path, *manifests, "--cores", "2")
    hashes = {json.loads((tmp_path / manifest).read_text())["data_hash"] for manifest in manifests}
    assert len(hashes) == 1


def test_without_a_data_set_the_rest_is_built(built, tmp_path):
    """What is missing is told before anything is made; --keep-going builds the rest; the page says why."""
    shutil.copytree(built / "config", tmp_path / "config")
    (tmp_path / "lsun").mkdir()
    for name in ("inception.pth", "faces.tar", "lsun/bedroom", "lsun/cat"):
        (tmp_path / name).symlink_to(built / name)
    told = snakemake(tmp_path, "all", "--cores", "1", status=1)
    assert (
        "figure1, figure3, figure16: config/paper.yaml: datasets.church.archive: lsun/church: no such file"
        in told
    )
    assert not (tmp_path / "results").exists()
    shutil.copytree(
        built / "results",
        tmp_path / "results",
        ignore=shutil.ignore_patterns("church", "figure1.*", "figure3*", "figure16*"),
    )
    snakemake(tmp_path, "all", "--cores", "2", "--keep-going")
    page = (tmp_path / "results/report.html").read_text()
    # Figure 1's grid is of the same model here.
    assert page.count("Not built yet") == 3
    assert "datasets.church.archive: lsun/church: no such file" in page
