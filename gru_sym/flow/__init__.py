"""Where the gradient goes: lag curves, paths, spectra, and what theory says of them."""

from gru_sym.flow.certified import Ball, CertifiedCurve, certified_curve
from gru_sym.flow.initial.draw import SCHEMES, draw
from gru_sym.flow.initial.gates import SkipGate, skip_gates
from gru_sym.flow.initial.memory import chrono_memory, uniform_memory
from gru_sym.flow.lags import Adjoint, LagCurve, MatrixNorms, adjoint, lag_curve, matrix_norms
from gru_sym.flow.linearised import Linearised, along, linearised
from gru_sym.flow.lyapunov import Lyapunov, lyapunov
from gru_sym.flow.meanfield.critical import critical_gain
from gru_sym.flow.meanfield.edge import critical_gain_at_zero, spectral_radius_at_zero
from gru_sym.flow.meanfield.theory import MeanField, SkipRate, mean_field, skip_rate
from gru_sym.flow.parameter_flow import (
    ParameterFlow,
    ParameterShares,
    gates_of,
    parameter_flow,
    parameters_by_family,
    parameters_by_order,
)
from gru_sym.flow.paths import (
    Departures,
    Orders,
    PathLength,
    StepShares,
    Telescoping,
    departures,
    orders,
    path_length,
    step_shares,
    telescoping,
)
from gru_sym.flow.shapley import Shapley, shapley
from gru_sym.flow.spectra import SingularValues, eigenvalues, singular_values
from gru_sym.flow.summary import GradientFlow, gradient_flow
from gru_sym.flow.timescales import TimeScales, time_scales

__all__ = [
    "SCHEMES",
    "Adjoint",
    "Ball",
    "CertifiedCurve",
    "Departures",
    "GradientFlow",
    "LagCurve",
    "Linearised",
    "Lyapunov",
    "MatrixNorms",
    "MeanField",
    "Orders",
    "ParameterFlow",
    "ParameterShares",
    "PathLength",
    "Shapley",
    "SingularValues",
    "SkipGate",
    "SkipRate",
    "StepShares",
    "Telescoping",
    "TimeScales",
    "adjoint",
    "along",
    "certified_curve",
    "chrono_memory",
    "critical_gain",
    "critical_gain_at_zero",
    "departures",
    "draw",
    "eigenvalues",
    "gates_of",
    "gradient_flow",
    "lag_curve",
    "linearised",
    "lyapunov",
    "matrix_norms",
    "mean_field",
    "orders",
    "parameter_flow",
    "parameters_by_family",
    "parameters_by_order",
    "path_length",
    "shapley",
    "singular_values",
    "skip_gates",
    "skip_rate",
    "spectral_radius_at_zero",
    "step_shares",
    "telescoping",
    "time_scales",
    "uniform_memory",
]
