"""A study over cells, sizes and initialisations: run in parallel, kept in one file, read back.

:class:`Study` is the design, :func:`sweep` runs what is missing of it, :class:`Results` reads it.
"""

from gru_sym.sweep.design import Study
from gru_sym.sweep.measurements import MEASUREMENTS
from gru_sym.sweep.results import Results
from gru_sym.sweep.run import Summary, sweep

__all__ = ["MEASUREMENTS", "Results", "Study", "Summary", "sweep"]
