"""The paper's study, and the six models that it trains."""

from ddpm.study import load_study

STUDY = load_study("config/cifar10.yaml")
MODELS = [name for name, settings in STUDY.models.items() if settings.pretrained is None]
