"""The main job on real input: from a trained network's file to proven and verified gradients."""

from gru_sym.demo.files import DEFAULT_DIRECTORY, FILES
from gru_sym.demo.job import run
from gru_sym.demo.result import TOLERANCE, Check, DemoResult

__all__ = ["DEFAULT_DIRECTORY", "FILES", "TOLERANCE", "Check", "DemoResult", "run"]
