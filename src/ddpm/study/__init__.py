"""What a study is: its settings, their fingerprints, and where its results lie. Needs no torch."""

from ddpm.study.loading import load_study
from ddpm.study.models import ModelSettings
from ddpm.study.settings import Study

__all__ = ["ModelSettings", "Study", "load_study"]
