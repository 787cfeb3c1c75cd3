"""Arrays from files to the verifier: what `gru-sym verify` reads."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gru_sym.cells.equations import Cell
from gru_sym.errors import DataError
from gru_sym.npy import read
from gru_sym.verification.report import Report
from gru_sym.verification.verify import verify

__all__ = ["verify_files"]


def verify_files(
    cell: Cell,
    params_path: str | Path | None = None,
    inputs_path: str | Path | None = None,
    state_path: str | Path | None = None,
    cotangent_path: str | Path | None = None,
    *,
    oracles: Iterable[str] | None = None,
    regimes: Iterable[str] | None = None,
    backend: str = "numpy",
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Verify a cell's gradients, at the arrays in files or at random ones.

    Args:
        cell: the cell.
        params_path: ``.npz`` with each parameter under its name; None for random arrays.
        inputs_path: ``.npy`` with the input (T, I) or (T, B, I), or ``.npz`` with each input by
            name; for a cell without inputs the number of steps.
        state_path: ``.npz`` with the initial states by name, or ``.npy`` for a cell with one.
        cotangent_path: ``.npy`` with the cotangent of the output at every step; or ``.npz``, by
            name.
        oracles: see :func:`~gru_sym.verification.verify.verify`, as for all that follows.
        regimes: likewise.
        backend: likewise.
        seed: likewise.
        tell: likewise.

    Raises:
        DataError: a file cannot be read, arrays are given in part, or an array is not right.
    """
    paths = {"--state": state_path, "--cotangent": cotangent_path}
    if params_path is None or inputs_path is None:
        given = {"--params": params_path, "--inputs": inputs_path, **paths}
        named = [name for name, path in given.items() if path is not None]
        if named:
            raise DataError(
                f"there is {', '.join(named)}, but not both of --params and --inputs",
                mend="give both, or no file at all: then arrays are drawn at random",
            )
        return verify(cell, oracles=oracles, regimes=regimes, backend=backend, seed=seed, tell=tell)
    params = read(params_path, "parameters")
    if not isinstance(params, Mapping):
        names = ", ".join(str(p.name) for p in cell.params)
        raise DataError(
            f"{params_path} holds one array, not parameters by name",
            mend=f"write them with np.savez: {names}",
        )
    return verify(
        cell,
        params,
        read(inputs_path, "inputs"),
        _optional(state_path, "initial states"),
        _optional(cotangent_path, "cotangent"),
        oracles=oracles,
        regimes=regimes,
        backend=backend,
        seed=seed,
        tell=tell,
    )


def _optional(path: str | Path | None, what: str) -> Any:
    return None if path is None else read(path, what)
