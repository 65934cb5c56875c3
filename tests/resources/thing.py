"""The file that the tests fetch."""

import numpy as np

CONTENT = np.random.default_rng(0).bytes(1_500_000)
