"""Small faults over the packages of the project, each with the tests that stand near it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault: `text` of `file` (under src/ddpm), found exactly once there, becomes `planted`.

    `tests` are pytest's arguments: the nearest test files.
    """

    file: str
    text: str
    planted: str
    tests: tuple[str, ...]


_PROCESS = ("tests/diffusion/test_process.py",)
_SAMPLER = ("tests/diffusion/test_sampler.py",)
_BOUND = ("tests/diffusion/test_bound.py",)
_SCHEDULE = ("tests/diffusion/test_schedule.py",)
_TRAINING = ("tests/training/test_training.py",)
_RESUME = ("tests/training/test_resume.py",)
_GRADIENT = ("tests/training/test_gradient.py",)
_SAMPLING = ("tests/sampling/test_shards.py", "tests/sampling/test_chains.py")
_TERMS = ("tests/evaluation/test_bound_terms.py",)
_VERBS = ("tests/evaluation/test_verbs.py",)
_STORE = ("tests/data/test_store.py", "tests/data/test_scaling.py")
_FILES = ("tests/test_files.py", "tests/test_temporary_files.py")
_RANDOM = ("tests/test_random_numbers.py",)
_NETWORK = ("tests/network/test_layers.py", "tests/network/test_weights.py")
_STUDY = ("tests/study/test_fingerprint.py",)
_TABLES = ("tests/artefacts/test_verdicts.py", "tests/artefacts/test_tables.py")
_QUALITY = ("tests/evaluation/test_quality.py",)
_PLAN = ("tests/plan/test_network_cost.py",)

FAULTS = (
    Fault(
        "diffusion/process.py",
        "beta * previous.sqrt() / (1 - alpha_bar)",
        "beta * alpha_bar.sqrt() / (1 - alpha_bar)",
        _PROCESS,
    ),
    Fault(
        "diffusion/process.py", "(1 - previous) * (1 - beta).sqrt()", "(1 - previous) * (1 - beta)", _PROCESS
    ),
    Fault(
        "diffusion/process.py",
        "at((1 / self.alpha_bar - 1).sqrt()",
        "at((1 / self.alpha_bar).sqrt()",
        _PROCESS,
    ),
    Fault(
        "diffusion/process.py",
        "at((1 - self.alpha_bar).sqrt(), index, x_0) * noise",
        "at(1 - self.alpha_bar, index, x_0) * noise",
        _PROCESS,
    ),
    Fault(
        "diffusion/sampler.py", "torch.exp(0.5 * step.log_variance)", "torch.exp(step.log_variance)", _SAMPLER
    ),
    Fault("diffusion/sampler.py", "reversed(range(t))", "reversed(range(t - 1))", _SAMPLER),
    Fault("diffusion/sampler.py", "    if index == 0:\n", "    if index < 0:\n", _SAMPLER),
    Fault(
        "diffusion/bound.py",
        "lower = standard_normal_cdf((centred - 1.0 / 255.0)",
        "lower = standard_normal_cdf((centred - 2.0 / 255.0)",
        _BOUND,
    ),
    Fault(
        "diffusion/bound.py",
        "at(torch.log(1.0 - process.alpha_bar)",
        "at(torch.log(process.alpha_bar)",
        _BOUND,
    ),
    Fault(
        "diffusion/bound.py",
        "-1.0 + log_variance2 - log_variance1",
        "-1.0 + log_variance1 - log_variance2",
        _BOUND,
    ),
    Fault(
        "diffusion/schedule.py",
        "np.linspace(timesteps, 1, timesteps",
        "np.linspace(timesteps + 1, 2, timesteps",
        _SCHEDULE,
    ),
    Fault(
        "diffusion/schedule.py",
        "np.linspace(start, end, rising",
        "np.linspace(start, 0.9 * end, rising",
        _SCHEDULE,
    ),
    Fault(
        "training/ema.py", "average.lerp_(weights, 1.0 - decay)", "average.lerp_(weights, decay)", _TRAINING
    ),
    Fault("training/ema.py", "(1 + update) / (10 + update)", "(1 + update) / (9 + update)", _TRAINING),
    Fault(
        "training/optimiser.py",
        "peak * update / warmup_steps",
        "peak * (update + 1) / warmup_steps",
        _TRAINING,
    ),
    Fault(
        "training/loop.py",
        "update_ema(self.average, self.parameters.vector, decay)",
        "update_ema(self.average, self.parameters.vector, self.settings.ema_decay)",
        _TRAINING,
    ),
    Fault(
        "training/flat_parameters.py",
        "gradient.mul_(largest / norm.clamp(min=largest))",
        "gradient.mul_(1.0)",
        _TRAINING,
    ),
    Fault(
        "training/batches.py",
        "integers(self.seed, Stream.TIMESTEP, places",
        "integers(self.seed, Stream.FLIP, places",
        _TRAINING,
    ),
    Fault(
        "training/batches.py",
        "permutation(self.seed, Stream.BATCH_ORDER, number",
        "permutation(self.seed, Stream.BATCH_ORDER, 0",
        _TRAINING,
    ),
    Fault("training/curve.py", "loss / count, norm / count", "loss, norm / count", _TRAINING),
    Fault(
        "training/loop.py",
        "self.adam.load_state(first, second, saved.updates)",
        "self.adam.load_state(first, second, 0)",
        _RESUME,
    ),
    Fault(
        "training/state.py",
        "            os.replace(self.latest, self.previous)\n",
        "            pass\n",
        _RESUME,
    ),
    Fault(
        "training/loop.py",
        "                    self.save(states)\n                    self.processes.wait_for_all()",
        "                    self.processes.wait_for_all()",
        _RESUME,
    ),
    Fault(
        "training/gradient.py",
        "parameters.set_gradient(total / own_shards)",
        "parameters.set_gradient(total)",
        _GRADIENT,
    ),
    Fault(
        "sampling/shards.py",
        "return normal(seed, Stream.SAMPLING, index, timesteps, shape)",
        "return normal(seed, Stream.SAMPLING, index % 20, timesteps, shape)",
        _SAMPLING,
    ),
    Fault(
        "sampling/shards.py",
        "return normal(seed, Stream.SAMPLING, index, step, shape)",
        "return normal(seed, Stream.SAMPLING, index, 0, shape)",
        _SAMPLING,
    ),
    Fault("sampling/chains.py", "torch.full((2,), count - 1", "torch.full((2,), count - 2", _SAMPLING),
    Fault("sampling/chains.py", "_pixels(chain[t - 1])", "_pixels(chain[t - 2])", _SAMPLING),
    Fault(
        "sampling/chains.py",
        "normal(seed, Stream.CONTINUATION, index",
        "normal(seed, Stream.SAMPLING, index",
        _SAMPLING,
    ),
    Fault("evaluation/rate_distortion.py", "terms[:, 1:].sum(axis=1)", "terms[:, :-1].sum(axis=1)", _TERMS),
    Fault("evaluation/rate_distortion.py", "timesteps - t + 1", "timesteps - t", _TERMS),
    Fault("evaluation/bound_terms.py", "index, clip=True)", "index, clip=False)", _TERMS),
    Fault(
        "evaluation/bound_terms.py",
        "normal(seed, Stream.BOUND, image, index",
        "normal(seed, Stream.BOUND, image, 0",
        _TERMS,
    ),
    Fault("commands/bound.py", "dataset, arguments.split)", 'dataset, "train")', _VERBS),
    Fault("commands/likelihood.py", '["counts"][arguments.split]', '["counts"]["train"]', _VERBS),
    Fault(
        "data/store.py",
        'if verify and sha256(path) != expected["sha256"]',
        'if False and sha256(path) != expected["sha256"]',
        _STORE,
    ),
    Fault("data/scaling.py", ".round().to(torch.uint8)", ".to(torch.uint8)", _STORE),
    Fault(
        "files.py",
        "            os.replace(temporary, path)\n",
        "            shutil.copyfile(temporary, path)\n",
        _FILES,
    ),
    Fault("locking.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB", _FILES),
    Fault(
        "random_numbers.py",
        "(seed & _MASK, seed >> 32))\n\n\ndef normal",
        "(seed & _MASK, 0))\n\n\ndef normal",
        _RANDOM,
    ),
    Fault("random_numbers.py", "w0.float() * 2.0**-32 + 2.0**-33", "w0.float() * 2.0**-32", _RANDOM),
    Fault("network/layers.py", "(0, 1, 0, 1)", "(1, 0, 1, 0)", _NETWORK),
    Fault("network/layers.py", "(-math.log(10000) / (half - 1))", "(-math.log(10000) / half)", _NETWORK),
    Fault("network/layers.py", "1.0 / math.sqrt(q.shape[2])", "1.0 / q.shape[2]", _NETWORK),
    Fault("network/weights.py", "weights_hash(tensors)) != digest", "weights_hash(tensors)) == 0", _NETWORK),
    Fault(
        "study/fingerprint.py",
        "settings.network, settings.diffusion, settings.training\n",
        "settings.network, settings.training\n",
        _STUDY,
    ),
    Fault(
        "study/fingerprint.py",
        'return fingerprint("likelihood", weights_fingerprint(study, model), study.likelihood)',
        'return fingerprint("likelihood", weights_fingerprint(study, model))',
        _STUDY,
    ),
    Fault("artefacts/tables/verdicts.py", "SPREADS = 2.0", "SPREADS = 1.0", _TABLES),
    Fault("artefacts/tables/rendering/numbers.py", "Decimal((0, (5,)", "Decimal((0, (1,)", _TABLES),
    Fault("artefacts/tables/table2.py", "for row in _ROWS],", "for row in reversed(_ROWS)],", _TABLES),
    Fault(
        "artefacts/tables/measures.py",
        'FID = Measure("FID", "FID", ("train", None)',
        'FID = Measure("FID", "FID", ("test", None)',
        _TABLES,
    ),
    Fault("evaluation/protocol.py", "min(self.judge.settings.inception_splits, max(1, most))", "1", _QUALITY),
    Fault("plan/network_cost.py", "2 * (2 * size * size * channels)", "2 * size * size * channels", _PLAN),
)
