"""summary: where the gradient of a sequence goes, in one result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.program import presenter_for
from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.derive.families import Family
from gru_sym.derive.paths import terms_of
from gru_sym.derive.products import block_head, product
from gru_sym.errors import UnsupportedError
from gru_sym.flow.certified import CertifiedCurve, certified_curve
from gru_sym.flow.lags import Lag, LagCurve, adjoint, lag_curve
from gru_sym.flow.linearised import Linearised, linearised
from gru_sym.flow.paths import Departures, PathLength, departures, path_length
from gru_sym.flow.scaled import plain
from gru_sym.flow.shapley import Shapley, shapley
from gru_sym.flow.timescales import TimeScales, time_scales
from gru_sym.notebook import ShownAsText

__all__ = ["GradientFlow", "family_formulas", "gradient_flow"]


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow(ShownAsText):
    """Where the gradient of a loss at the last step goes; made by :func:`gradient_flow`.

    Attributes:
        cell: the cell's name.
        T: the number of steps.
        B: the number of sequences; None without a batch.
        sizes: dimension → size.
        families: family → its part of the Jacobian of a step, in LaTeX.
        curve: the lag curve.
        length: the effective path length and its spread.
        departures: the gradient at each lag by the family by which it leaves the skip.
        shapley: what each family is worth to the log-norm; None where there are too many families.
        times: the forgetting times of the units.
        certified: enclosures of the lag curve; None where they were not asked for.
    """

    cell: str
    T: int
    B: int | None
    sizes: Mapping[str, int]
    families: Mapping[str, str]
    curve: LagCurve
    length: PathLength
    departures: Departures
    shapley: Shapley | None
    times: TimeScales
    certified: CertifiedCurve | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """In plain types; a number that is not finite is None. Index k of a list is lag k."""
        curve, values = self.curve, self.shapley
        document: dict[str, Any] = {
            "cell": self.cell,
            "T": self.T,
            "B": self.B,
            "sizes": dict(self.sizes),
            "lag": curve.lag.tolist(),
            "log_norm": plain(curve.log_norm),
            "log_norm_by_state": {name: plain(a) for name, a in curve.by_state.items()},
            "skip_log_norm": plain(curve.skip_log_norm),
            "path_length": {"mean": plain(self.length.mean), "std": plain(self.length.std)},
            "departures": {
                name: plain(self.departures.shares[:, k])
                for k, name in enumerate(self.departures.families)
            },
            "shapley": None
            if values is None
            else {n: plain(values.values[-1, k]) for k, n in enumerate(values.families)},
            "families": dict(self.families),
            "forgetting_time": {name: plain(a) for name, a in self.times.forgetting.items()},
            "float64_zero_lag": _lags(curve.float64_zero_lag),
            "float64_floor_lag": _lags(curve.float64_floor_lag),
            "float32_zero_lag": _lags(curve.float32_zero_lag),
            "float32_floor_lag": _lags(curve.float32_floor_lag),
        }
        if self.certified is not None:
            found = self.certified
            document["enclosure"] = [_enclosure(ball) for ball in found.balls]
            document["certified"] = {
                "digits": found.digits,
                "bits": found.bits,
                "reached": found.reached,
                "reason": found.reason,
            }
        return document

    def __str__(self) -> str:
        """In one sentence."""
        batch = "" if self.B is None else f", {self.B} sequences"
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        ways = ", ".join(self.families)
        return f"gradient flow of {self.cell}: {self.T} steps{batch}, {sizes}; families {ways}"


def gradient_flow(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    xs: Named = None,
    h0: Named = None,
    cotangent: Named | ArrayLike = None,
    *,
    certify: int | None = None,
) -> GradientFlow:
    """Run a cell, and tell where the gradient of a loss at the last step goes: O(T·2^F·H²).

    Args:
        cell: any cell.
        params: the array of each parameter.
        xs: the input (T, I) or (T, B, I); several by name; the number of steps without inputs.
        h0: the initial state (H,) or (B, H); several by name; None for zeros.
        cotangent: that of the state after the last step: of the output state (H,) or (B, H), of
            all states together, or by name. None: ones on the output state.
        certify: how many significant digits of the norm are to be proved; None: nothing is.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, or not finite.
        UnsupportedError: the cell has too many paths.
        MissingLibraryError: ``certify`` is asked for, and python-flint is not installed.

    >>> import numpy as np
    >>> from gru_sym import cells
    >>> params = {"W_z": np.zeros((2, 1)), "b_z": np.zeros(2)}
    >>> params |= {"W_h": np.ones((2, 1)), "b_h": np.zeros(2)}
    >>> gradient_flow(cells.mingru, params, np.ones((3, 1))).curve.log_norm.round(4)
    array([ 0.3466, -0.3466, -1.0397, -1.7329])
    """
    return along_steps(linearised(cell, params, xs, h0), cotangent, certify=certify)


def along_steps(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, certify: int | None = None
) -> GradientFlow:
    """The same for steps that are linearised already.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step.
        certify: how many significant digits of the norm are to be proved.
    """
    back = adjoint(steps, cotangent)
    try:
        worth = shapley(steps, cotangent)
    except UnsupportedError:  # too many families
        worth = None
    return GradientFlow(
        cell=steps.cell.name,
        T=steps.T,
        B=steps.B if steps.trajectory.batched else None,
        sizes=dict(steps.trajectory.sizes),
        families=family_formulas(steps.cell, steps.families),
        curve=lag_curve(steps, cotangent, back=back),
        length=path_length(steps, cotangent),
        departures=departures(steps, cotangent),
        shapley=worth,
        times=time_scales(steps),
        certified=None if certify is None else certified_curve(steps, cotangent, digits=certify),
    )


def family_formulas(cell: Cell, families: tuple[Family, ...]) -> dict[str, str]:
    r"""Family → its part of the Jacobian of step t, in LaTeX.

    Where there are several states each part is named, ``\frac{\partial c_t}{\partial h_{t-1}}``.

    Args:
        cell: any cell.
        families: its families.
    """
    printer = Printer(presenter_for(cell.program), cell.style)
    found = {}
    for family in families:
        blocks: dict[tuple[Var, Var], str] = {}
        for after, state, path in family.members:
            for term in terms_of([path], printer.presenter):
                before = blocks.get((after, state), "")
                sign = ("-" if term.negative else "+") if before else "-" * term.negative
                space = " " if before else ""
                text = product(term, printer, is_array=bool(state.shape))
                blocks[after, state] = f"{before}{space}{sign}{space}{text}"
        several = len(cell.states) > 1
        found[family.name] = ",\\quad ".join(
            f"{block_head(key, printer)}\\colon {text}" if several else text
            for key, text in blocks.items()
        )
    return found


def _lags(lag: Lag) -> Any:
    return list(lag) if isinstance(lag, tuple) else lag


def _enclosure(ball: Any) -> Any:
    if ball is None:
        return None
    if isinstance(ball, tuple):
        return [_enclosure(each) for each in ball]
    return {"mid": ball.mid, "rad": ball.rad}
