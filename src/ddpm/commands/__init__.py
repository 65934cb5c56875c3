"""The verbs of the `ddpm` command, one module each: read files, call the numerics, write files.

A verb has a one-line docstring (its help), `add_arguments(parser)` and `run(study, arguments)`.
Where its files lie follows from the study alone (`ddpm.study.layout`).
"""
