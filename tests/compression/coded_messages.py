"""Random symbols for coders."""

import numpy as np
from constriction import stream as coding


def random_messages(seed: int, count: int):
    """Messages of (symbols, model, parameters), under models of all kinds, the improbable among them."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        size, kind = int(random.integers(0, 12)), int(random.integers(3))
        if kind == 0:
            shares = random.dirichlet(np.full(int(random.integers(2, 30)), 0.2)) + 1e-9
            model, parameters = coding.model.Categorical(shares, perfect=False), ()
            symbols = random.integers(0, len(shares), size)
        elif kind == 1:
            means, deviations = random.uniform(-20, 275, size), random.uniform(0.01, 40, size)
            model, parameters = coding.model.QuantizedGaussian(0, 255), (means, deviations)
            likely = np.clip(np.rint(random.normal(means, deviations)), 0, 255)
            symbols = np.where(random.random(size) < 0.8, likely, random.integers(0, 256, size))
        else:
            sizes = (2 ** random.integers(1, 20, size)).astype(np.int32)
            model, parameters = coding.model.Uniform(), (sizes,)
            symbols = random.integers(0, sizes) if size else np.zeros(0)
        found.append((symbols.astype(np.int32), model, *parameters))
    return found
