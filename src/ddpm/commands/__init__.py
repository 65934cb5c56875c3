"""The verbs of the `ddpm` command, one module each: read files, call the numerics, write files.

A new module here is a new verb. It has a docstring, whose first line is its help, `add_arguments(parser)` and
`run(study, arguments)`. `COMPUTES = True` gives it --device and --threads; with `NEEDS_STUDY = False` it
takes no study file and is called as `run(arguments)`. It imports torch, and what imports torch, in its
functions, so that `ddpm --help` is quick. `GROUP`, one of GROUPS, is where `ddpm --help` lists it, and
`EXAMPLES` are whole commands for its own help.
Where its files lie follows from the study alone (`ddpm.graph.layout`).
"""

# Modules that are no verbs.
SHARED = frozenset({"arguments"})

# The headings of `ddpm --help`, in the order of the work; a verb without one stands under "other".
GROUPS = ("the study", "data", "train", "sample", "evaluate", "compress", "tables and figures")
