"""Where the gradient goes: lag curves, path decompositions, spectra and Lyapunov exponents."""

from gru_sym.flow.certified import Ball, CertifiedCurve, certified_curve
from gru_sym.flow.lags import Adjoint, LagCurve, MatrixNorms, adjoint, lag_curve, matrix_norms
from gru_sym.flow.linearised import Linearised, along, linearised
from gru_sym.flow.lyapunov import Lyapunov, lyapunov
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
    "Adjoint",
    "Ball",
    "CertifiedCurve",
    "Departures",
    "GradientFlow",
    "LagCurve",
    "Linearised",
    "Lyapunov",
    "MatrixNorms",
    "Orders",
    "ParameterFlow",
    "ParameterShares",
    "PathLength",
    "Shapley",
    "SingularValues",
    "StepShares",
    "Telescoping",
    "TimeScales",
    "adjoint",
    "along",
    "certified_curve",
    "departures",
    "eigenvalues",
    "gates_of",
    "gradient_flow",
    "lag_curve",
    "linearised",
    "lyapunov",
    "matrix_norms",
    "orders",
    "parameter_flow",
    "parameters_by_family",
    "parameters_by_order",
    "path_length",
    "shapley",
    "singular_values",
    "step_shares",
    "telescoping",
    "time_scales",
]
