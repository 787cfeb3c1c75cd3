"""A trained network, examined: its memory, its paths, its gates, and what would help."""

from gru_sym.diagnose.findings import Finding
from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Measured, Remedy
from gru_sym.diagnose.report import Diagnosis, diagnose

__all__ = ["Diagnosis", "Finding", "GateUse", "Measured", "Remedy", "diagnose"]
