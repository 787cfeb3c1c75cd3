"""Figures, drawn from results alone; they need matplotlib, the extra ``plot``.

Each function takes results and an optional ``ax``, and returns the axes it has drawn into.
"""

from gru_sym.errors import MissingLibraryError

try:
    import matplotlib as matplotlib
except ImportError as error:
    raise MissingLibraryError(
        "figures need matplotlib, which is not installed", mend="pip install 'gru_sym[plot]'"
    ) from error

from gru_sym.plots.bars import shapley_bars
from gru_sym.plots.curves import lag_curves
from gru_sym.plots.figures import flow_figure, lyapunov_figure
from gru_sym.plots.legends import one_legend
from gru_sym.plots.maps import parameter_map, path_orders
from gru_sym.plots.phase import phase_diagram
from gru_sym.plots.saving import outlined, save
from gru_sym.plots.spectra import lyapunov_spectrum, spectrum
from gru_sym.plots.stacks import learning_shares, parameter_shares, path_shares
from gru_sym.plots.style import Look, figure, series_looks
from gru_sym.plots.times import forgetting_times
from gru_sym.plots.training import training

__all__ = [
    "Look",
    "figure",
    "flow_figure",
    "forgetting_times",
    "lag_curves",
    "learning_shares",
    "lyapunov_figure",
    "lyapunov_spectrum",
    "one_legend",
    "outlined",
    "parameter_map",
    "parameter_shares",
    "path_orders",
    "path_shares",
    "phase_diagram",
    "save",
    "series_looks",
    "shapley_bars",
    "spectrum",
    "training",
]
