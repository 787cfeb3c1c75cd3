"""Experiments on gradient flow, each a study and a function that draws and tells what it found."""

from gru_sym.experiments.run import Outcome, experiment
from gru_sym.experiments.table import EXPERIMENTS, Experiment

__all__ = ["EXPERIMENTS", "Experiment", "Outcome", "experiment"]
