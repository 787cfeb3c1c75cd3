"""verify: generated gradients against everything that shares nothing with them."""

from collections.abc import Callable, Iterable, Mapping

from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.verification.judge import evidence, judged
from gru_sym.verification.oracles import ORACLES, oracles_of
from gru_sym.verification.point import point_of
from gru_sym.verification.regimes import REGIMES, Regime, regime_of
from gru_sym.verification.report import TOLERANCE, Report

__all__ = ["GIVEN", "verify"]

GIVEN = "given"
"""The regime of arrays that are not drawn."""


def verify(
    cell: Cell | Compiled,
    params: Mapping[str, ArrayLike] | None = None,
    xs: Named = None,
    h0: Named = None,
    hs_bar: Named = None,
    *,
    oracles: Iterable[str] | None = None,
    regimes: Iterable[str] | None = None,
    backend: str = "numpy",
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Hold the gradients of a cell's generated code against independent ones.

    Errors are relative, per tensor: ‖gradient − reference‖ / ‖reference‖. With arrays, gradients
    are compared at these; without, at random arrays in several regimes.

    Source: for the complex step, Squire & Trapp 1998, SIAM Review 40(1).

    Args:
        cell: any cell; or one that is compiled, to verify this very code.
        params: the array of each parameter, float64 or what becomes it.
        xs: the input (T, B, I) or (T, I); by name for several; the number of steps for none.
        h0: the initial states (B, H), by name for several. What is absent is drawn at random: at
            0 a wrong path through the state may be invisible.
        hs_bar: the cotangent of the output at each step, or by name of states and further
            outputs. What is absent is drawn at random.
        oracles: names of :data:`~gru_sym.verification.oracles.ORACLES`, each of which has to run;
            None for all that can.
        regimes: names of :data:`~gru_sym.verification.regimes.REGIMES`; None for all. They need no
            arrays.
        backend: of the code.
        seed: of the random numbers.
        tell: called with what is being done.

    Returns:
        A report; ``report.ok`` says whether each gradient was judged and none is off by 1e-10 or
        more.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, or not finite.
        UnsupportedError: there is no such oracle, regime or backend; or this is no cell.
        MissingLibraryError: the backend's library is not installed.

    >>> from gru_sym import cells
    >>> report = verify(cells.gru, regimes=["usual"], oracles=["complex_step", "mpmath"])
    >>> report.ok, report.errors["mpmath"]["U_h_bar"] < 1e-14
    (True, True)
    """
    rows = oracles_of([oracles] if isinstance(oracles, str) else oracles)
    names = [regimes] if isinstance(regimes, str) else regimes
    if names is not None:
        names = list(dict.fromkeys(names))
    if names == [] or not rows:
        raise DataError(
            "there is nothing to compare with", mend="name one, or leave them all to us"
        )
    if seed < 0:
        raise DataError(f"the seed {seed} is negative", mend="give 0 or more")
    run = cell if isinstance(cell, Compiled) else _compiled(cell, backend)
    if params is None:
        if xs is not None or h0 is not None or hs_bar is not None:
            raise DataError(
                "there are arrays, but no parameters", mend="give params, too, or no arrays at all"
            )
        kinds = list(REGIMES.values()) if names is None else [regime_of(name) for name in names]
    else:
        if names is not None:
            raise DataError(
                "a regime draws arrays of its own, and arrays are given",
                mend="give arrays or regimes",
            )
        point = point_of(run.cell, params, xs, h0, hs_bar, seed=seed)
        kinds = [Regime(GIVEN, "the arrays given", lambda _cell, _seed: point, drawn=False)]
    found = evidence(run.cell, rows, kinds, seed, tell)
    bars = [f"{v.name}_bar" for v in (*run.cell.params, *run.cell.inputs, *run.cell.states)]
    return Report(
        run.cell.name,
        run.backend,
        tuple(bars),
        tuple(row.name for row in rows),
        {row.name: row.tolerance or TOLERANCE for row in rows},
        oracles is not None,
        tuple(judged(run, each, ORACLES) for each in found),
        dependent=frozenset(row.name for row in rows if not row.independent),
        at="" if params is None else GIVEN,
    )


def _compiled(cell: Cell, backend: str) -> Compiled:
    if not isinstance(cell, Cell):
        raise UnsupportedError(
            f"{getattr(cell, 'name', cell)!r} is no single cell",
            mend="verify the cell of each layer; a network runs them one after the other",
        )
    return compile(cell, backend)
