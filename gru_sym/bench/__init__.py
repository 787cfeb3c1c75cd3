"""Is it fast for my cell, here? The code generated for a cell, timed beside its peers.

``bench`` measures one cell; ``measure`` times any calls side by side, under one number of threads.
"""

from gru_sym.bench.measure import Measurement, Times, Timing, measure
from gru_sym.bench.problem import Size
from gru_sym.bench.run import Benchmark, Opponent, bench

__all__ = ["Benchmark", "Measurement", "Opponent", "Size", "Times", "Timing", "bench", "measure"]
