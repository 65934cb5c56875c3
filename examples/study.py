"""Looks at a study: its parts, a table, its figures and its numbers. Needs `make demo`.

python examples/study.py
"""

import ddpm

study = ddpm.open_study("config/demo.yaml")
print(study, study.models, study.tables, study.figures, sep="\n")

table = study.table("table4")  # a pandas frame
print(table[["t", "published_rate", "measured_rate", "measured_RMSE"]])
print(study.figure("training_curves"))  # where the PNG lies; the PDF lies beside it

rows = study.measurements()  # every number, with its protocol, seeds, hashes and hardware
print(rows[rows["metric"] == "NLL"].groupby(["model", "split"])["value"].mean())

settings = study.settings.model("epsilon_L_simple")
print(settings.training.steps, settings.diffusion.timesteps)
