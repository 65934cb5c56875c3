"""What a study says reaches a shell as one word, and what it does not have is told in a sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save_file
from studies import ROOT, planned, snakemake

from ddpm.network.unet import UNet

NETWORK = {"channels": 8, "channel_multipliers": [1], "residual_blocks": 1, "attention_resolutions": [8]}
IMPORTED = "results/x/models/m/seed0/imported.safetensors"


def test_every_word_of_a_command_is_quoted():
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        commands = re.findall(r'shell:\n((?: +".*"\n)+)', rules.read_text())
        # Its messages go to its log; the screen is the workflow's.
        assert all(command.endswith('--log {log:q} --quiet"\n') for command in commands), rules.name
        for field in re.findall(r"\{[^}]*\}", "".join(commands)):
            assert field.endswith(":q}"), f"{rules.name}: {field}"


def test_jobs_of_the_login_node_are_not_repeated():
    """A cluster's profile sets `retries` for training; an error of a download or a table would come again."""
    snakefile = (ROOT / "Snakefile").read_text()
    local = set(re.findall(r"^    (\w+),$", snakefile.rpartition("localrules:")[2], re.MULTILINE))
    rules = {}
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        rules |= dict(re.findall(r"^rule (\w+):\n((?:    .*\n|\n(?=    ))+)", file.read_text(), re.MULTILINE))
    local = (local | {"metrics"}) & rules.keys()
    assert {"fetch", "data", "table", "report"} <= local
    assert {name for name in rules if "    retries: 0\n" in rules[name]} == local
    assert not any("conda:" in text for text in rules.values())


@pytest.mark.workflow
def test_without_a_network_a_download_is_told_once(tmp_path):
    (tmp_path / "config").mkdir()
    entry = {
        "about": "a thing",
        "sha256": "0" * 64,
        "bytes": 1,
        "mirrors": ["https://nowhere.invalid/a", "https://none.invalid/b"],
    }
    (tmp_path / "config" / "resources.yaml").write_text(yaml.safe_dump({"thing.gz": entry}))
    output = snakemake(tmp_path, "resources/thing.gz", "--cores", "1", "--retries", "5", status=1)
    assert output.count("No network: none of the servers of resources/thing.gz can be found") == 1
    assert "(nowhere.invalid, none.invalid)" in output
    assert "Error in rule" not in output


def put(folder: Path, seed: int) -> None:
    (folder / "pipe" / "unet").mkdir(parents=True, exist_ok=True)
    network = UNet((1, 8, 8), **NETWORK, groups=4, seed=seed)
    save_file(network.state_dict(), folder / "pipe" / "unet" / "diffusion_pytorch_model.safetensors")


@pytest.mark.slow
@pytest.mark.workflow
def test_a_folder_of_any_name_and_new_weights_in_a_folder(tmp_path):
    """A job really runs in it; touched weights change nothing, other ones are imported, however old."""
    folder = tmp_path / "a b'{x}$(touch pwned)"
    (folder / "config").mkdir(parents=True)
    study = {
        "title": "Published weights",
        "datasets": {"images": {"source": "digits"}},
        "defaults": {"dataset": "images"},
        "models": {"m": {"network": NETWORK | {"groups": 4}, "pretrained": {"file": "pipe"}}},
        "quality": {"features": {"kind": "classifier", "dataset": "images"}},
        "artefacts": {},
    }
    (folder / "config" / "x.yaml").write_text(yaml.safe_dump(study))
    put(folder, 1)
    # The environment lies in the folder too, and is not activated.
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    run = subprocess.run(
        [folder / ".venv/bin/python", "-m", "snakemake", "-s", ROOT / "Snakefile", "--cores", "1", IMPORTED],
        cwd=folder,
        env=os.environ | {"PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert not list(folder.rglob("pwned"))
    weights = folder / "pipe" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.touch()
    assert planned(folder, IMPORTED) == set()
    put(folder, 2)
    os.utime(weights, (1e9, 1e9))
    assert planned(folder, IMPORTED) == {"pretrained m 0"}
    output = snakemake(
        folder, IMPORTED.replace("models/m/", "models/n/"), "results/x/figures/figure5.png", "-n", status=1
    )
    assert "config/x.yaml: no model is named 'n' (known: m)" in output
    assert "Error" not in output.replace("WorkflowError", "")
