"""From a cell and a series to a trained network: generated gradients, Adam, checkpoints.

:func:`train` fits a cell with a linear readout to forecast the next value of a series. A run is the
same numbers each time, and also when it was killed and resumed.
"""

from gru_sym.training.loop import train
from gru_sym.training.result import Result, Score
from gru_sym.training.series import Series, read_series
from gru_sym.training.settings import Settings

__all__ = ["Result", "Score", "Series", "Settings", "read_series", "train"]
