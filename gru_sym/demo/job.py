"""The steps of the demonstration, one after the other.

The network is a GRU that PyTorch trained to predict next year's sunspot number from this year's;
the file and the series ship with the package. Another is trained here. Nothing needs PyTorch.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import gru_sym
from gru_sym import weights
from gru_sym.cells.builtin import cell as builtin
from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.demo.files import (
    FILES,
    TITLES,
    claim_directory,
    derivation_latex,
    derivation_text,
    write_files,
)
from gru_sym.demo.page import Page
from gru_sym.demo.result import WINDOW, Check, DemoResult
from gru_sym.derive import describe
from gru_sym.hand import gru_reset_after as hand
from gru_sym.prove.vjp import prove_vjp
from gru_sym.training import Result, read_series, train
from gru_sym.verification.floats import complex_step
from gru_sym.verification.point import point_of
from gru_sym.verification.relative import compare

__all__ = ["run"]

START = 0.1
"""Every entry of the initial state: at 0 a slip in a path through the state could stay hidden."""

# Chosen on the first two thirds of the series alone: the least mean squared error, as the mean over
# three seeds, on their last third. Compared were H = 8, 16, 32; learning rates 0.003, 0.01, 0.03;
# the whole series, or mini-batches of 4 windows of 32 steps, or of 1 of 64; 50, 100, 200 and, for
# the whole series, 400 epochs.
SETTINGS: Mapping[str, Any] = {"hidden": 32, "learning_rate": 0.03, "epochs": 50, "seed": 0}
"""How the GRU is trained."""

_DATA = Path(gru_sym.__file__).parent / "data"


def run(directory: Path, console: Console) -> DemoResult:
    """Parse the GRU, show its derivation, prove it, generate code, run, verify, write the files.

    Args:
        directory: where :data:`~gru_sym.demo.FILES` go; made if need be.
        console: where each step is told.

    Raises:
        DataError: the directory holds other files, or cannot be written.
    """
    claim_directory(directory)
    page = Page(console)
    start = time.perf_counter()

    checkpoint, plain, cell = page.step("Parse the GRU of a trained network", _parse)
    page.paragraphs(str(checkpoint))
    page.equations("The cell:", str(plain).splitlines())
    page.equations("With a readout, and the squared error:", _further(cell, plain))

    shown = page.step("Derive its gradients", lambda: _derive(cell))
    heading = f"{TITLES['vjp']} (v_bar: cotangent of v; a_z: argument in z):"
    page.equations(heading, describe.lines(shown["vjp"]))
    page.equations(f"{TITLES['jacobian']}:", _paths(shown["jacobian"]))

    proof = page.step("Prove them, for all sizes and any T", lambda: prove_vjp(cell))
    page.proof(proof)

    compiled = page.step("Generate NumPy", lambda: compile(cell))
    lines = len(compiled.source.splitlines())
    page.paragraphs(f"{lines} lines of Python: forward, and backward through time.")

    params = checkpoint.params(cell)
    years, xs, ys = _sunspots()
    h0 = np.full((1, checkpoint.hidden_size), START)
    trajectory, grads = page.step(
        "Run it on the sunspot series", lambda: _gradients(compiled, params, xs, ys, h0)
    )
    steps, loss = len(xs), float(trajectory["loss"].mean())
    page.paragraphs(
        f"The years {years[0]} to {years[1]}, standardised: {steps} steps, "
        f"H = {checkpoint.hidden_size}; the initial state is {START} throughout.\n"
        f"Mean squared error of the prediction for next year: {loss:.6f}"
    )

    outputs, checks = page.step(
        "Verify the gradients", lambda: _verify(compiled, params, xs, ys, h0, trajectory, grads)
    )
    page.table(checks, steps)
    page.paragraphs(
        "The forward pass, against the one written by hand: "
        + ", ".join(f"{name} {error:.1e}" for name, error in outputs)
    )

    trained = None
    if checks and all(check.ok for check in checks):  # nothing is built on what is wrong
        trained = page.step("Train a GRU from scratch", _train)
        page.forecasts(trained, years)

    contents: dict[str, str | bytes] = {
        "derivation.txt": derivation_text(cell, shown),
        "derivation.tex": derivation_latex(cell, shown),
        "proof.json": json.dumps(proof.to_json(), indent=2) + "\n",
        "gru_reset_after_numpy.py": compiled.source,
    }
    if trained is not None:
        contents["trained_gru.safetensors"] = trained.run.to_bytes()
    page.step("Write the files", lambda: write_files(directory, contents, trajectory | grads))
    page.files(directory, [name for name in FILES if name in {*contents, "gradients.npz"}])

    claims = tuple((heading, len(answers)) for heading, answers in proof.parts)
    seconds = time.perf_counter() - start
    result = DemoResult(
        cell.name,
        proof.verdict,
        claims,
        steps,
        loss,
        outputs,
        checks,
        trained.held_out if trained is not None else None,
        directory,
        seconds,
    )
    page.verdict(result)
    return result


# -- the steps -------------------------------------------------------------------------------------


def _parse() -> tuple[weights.Checkpoint | weights.TrainingRun, Cell, Cell]:
    checkpoint = weights.load(_DATA / "sunspots_gru.safetensors")
    return checkpoint, checkpoint.cell(), checkpoint.cell(loss="mse")


def _further(cell: Cell, plain: Cell) -> list[str]:
    """The equations that a readout adds."""
    return str(cell).splitlines()[len(str(plain).splitlines()) :]


def _derive(cell: Cell) -> dict[str, describe.Derivation]:
    return {of: describe.select(cell, of) for of in TITLES}


def _paths(derivation: describe.Derivation) -> list[str]:
    """The Jacobian with the name of each path before it."""
    found = []
    for block in describe.to_json(derivation)["blocks"]:
        width = max(len(path["name"]) for path in block["paths"])
        found.append(f"d{block['next']}/d{block['state']} =")
        found += [f"  {path['name']:<{width}} : {path['expr']}" for path in block["paths"]]
    return found


def _sunspots() -> tuple[tuple[int, int], Array, Array]:
    """First and last year; this year's and next year's sunspot number, standardised, (T, 1, 1)."""
    years, numbers = np.loadtxt(_DATA / "sunspots.csv", delimiter=",", skiprows=1).T
    series = ((numbers - numbers.mean()) / numbers.std())[:, None, None]
    return (int(years[0]), int(years[-1])), series[:-1], series[1:]


def _gradients(
    compiled: Compiled, params: Mapping[str, Array], xs: Array, ys: Array, h0: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """States and losses, and the gradients of the loss, which is the mean over the steps."""
    trajectory, grads = compiled.gradients(
        params, {"x": xs, "y": ys}, h0, {"loss": np.full(xs.shape[:2], 1 / len(xs))}
    )
    return {"hs": trajectory.hs, "loss": trajectory.extra["loss"]}, grads


def _train() -> Result:
    """The built-in GRU, from random numbers, on the first two thirds of the series."""
    return train(builtin("gru"), read_series(_DATA / "sunspots.csv", "sunspots"), **SETTINGS)


def _verify(
    compiled: Compiled,
    params: Mapping[str, Array],
    xs: Array,
    ys: Array,
    h0: Array,
    trajectory: Mapping[str, Array],
    grads: Mapping[str, Array],
) -> tuple[tuple[tuple[str, float], ...], tuple[Check, ...]]:
    """The outputs against those by hand, and the gradients against both references."""
    by_hand, by_hand_bars = _by_hand(params, xs, ys, h0)
    outputs = tuple((row.name, row.error) for row in compare(trajectory, by_hand))
    x, y = xs[:WINDOW], ys[:WINDOW]
    _, first = _gradients(compiled, params, x, y, h0)
    alone = dict.fromkeys((str(v.name) for v in compiled.cell.states), 0.0)  # the loss reads y_hat
    upstream = alone | {"loss": np.full(x.shape[:2], 1 / len(x))}
    stepped = complex_step(point_of(compiled.cell, params, {"x": x, "y": y}, h0, upstream))
    errors = {row.name: row.error for row in compare(first, stepped.gradients)}
    return outputs, tuple(
        Check(row.name, row.shape, row.norm, row.error, errors[row.name])
        for row in compare(grads, by_hand_bars)
    )


def _by_hand(
    params: Mapping[str, Array], xs: Array, ys: Array, h0: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """States, losses and gradients: the readout and its backprop are written by hand here."""
    W_y, b_y = params["W_y"], params["b_y"]
    own = {name: value for name, value in params.items() if name not in ("W_y", "b_y")}
    trajectory = hand.forward(own, xs, h0)
    hs = trajectory["hs"]
    difference = hs @ W_y.T + b_y - ys  # ŷ - y, for ŷ = W_y h + b_y
    y_hat_bar = 2 * difference / difference.size  # L is the mean of (ŷ - y)²
    grads = hand.backward(own, xs, h0, trajectory, y_hat_bar @ W_y)  # ∂h = W_yᵀ ∂ŷ
    return {"hs": hs, "loss": (difference**2).mean(axis=-1)}, grads | {
        "W_y_bar": np.tensordot(y_hat_bar, hs, ((0, 1), (0, 1))),  # ∂W_y = Σ ∂ŷ hᵀ
        "b_y_bar": y_hat_bar.sum(axis=(0, 1)),  # ∂b_y = Σ ∂ŷ
        "y_bar": -y_hat_bar,
    }
