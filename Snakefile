# Rebuilds the tables and figures of Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel 2020).
#
#   snakemake                                    the demo study (config/demo.yaml), complete
#   snakemake results/demo/table2.csv            one table
#   snakemake results/demo/figures/figure5.png   one figure
#   snakemake all                                the paper's study (config/paper.yaml), complete
#   snakemake results/table1.csv                 one table of it
#   snakemake <study>                            a study of your own, config/<study>.yaml, complete
#
# Paths: results/<study>/..., see src/ddpm/graph/layout.py. A rule's `params` hold a fingerprint of exactly
# the settings that its result depends on: changing one model's setting reruns that model alone.
import os
import shlex
import sys
from pathlib import Path

import snakemake
from packaging.version import Version
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.27")
if Version(snakemake.__version__) >= Version("10"):
    raise WorkflowError(
        f"Snakemake {snakemake.__version__} is installed, and this workflow is tested with 9.27 and later "
        "versions of 9: pip install -r envs/requirements.txt"
    )

# The `ddpm` command of the environment that runs Snakemake, also where that is not activated. Snakemake fills in the
# prefix as it does a command, so a brace of the folder's name stands twice.
COMMANDS = shlex.quote(os.path.dirname(sys.executable)).replace("{", "{{").replace("}", "}}")
shell.prefix(f"export PATH={COMMANDS}:$PATH; ")


wildcard_constraints:
    home=r"results(/[A-Za-z0-9][A-Za-z0-9_-]*)?",
    dataset=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    model=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    seed=r"\d+",
    sampling=r"\d+",
    shard=r"\d+",
    split="train|test",
    step=r"\d+",
    schedule=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    steps=r"\d+",
    variance="fixed_large|fixed_small",
    table=r"table\d+|text_numbers|comparison|models|fewer_steps|compression",
    figure=r"figure\d+|training_curves|checkpoints|progressive_coding",


include: "workflow/rules/studies.smk"
include: "workflow/rules/guard.smk"
include: "workflow/rules/one_workflow.smk"


onstart:
    if workflow.is_main_process:
        require_feasible()
        require_alone()
        require_no_earlier_jobs()
        if workflow.local_exec:
            tell_plan()


onsuccess:
    if workflow.is_main_process:
        end_alone()


onerror:
    if workflow.is_main_process:
        end_alone()


rule demo:
    default_target: True
    input:
        lambda _: targets("results/demo"),


rule all:
    input:
        lambda _: targets("results"),


include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compression.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/stages.smk"


# A study of one's own by its name. Its report alone would not do as a target: a table that is deleted beside it is
# not made again for it. One that is named as a rule has to do with that target.
for name in studies_of_ones_own():
    if is_rule(name):
        continue

    rule:
        name:
            name
        input:
            lambda _, home=layout.home(name): targets(home),
        localrule: True


localrules:
    demo,
    all,
    fetch,
    data,
    choose,
    pretrained,
    table,
    figure,
    report,
