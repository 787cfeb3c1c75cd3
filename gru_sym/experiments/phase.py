"""phase: the largest Lyapunov exponent over gain and gate bias, beside mean-field theory."""

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.experiments.findings import Findings, Row, cell_of, listed, reason, stacked
from gru_sym.plots import figure, phase_diagram
from gru_sym.plots.style import Figure
from gru_sym.sweep import Results

__all__ = ["crossing", "drawn"]


def drawn(results: Results) -> Findings:
    """For each cell a map of λ₁ with its own zero and that of theory; of one state χ, too.

    Of several states theory's χ is the growth of all mean squares together, and what is measured
    of a step, ‖J‖² / N, is not: only λ₁, which is a growth, too, is laid beside it.

    Args:
        results: of a study with ``lyapunov``, ``spread`` and ``theory``.
    """
    gains, biases = listed(results, "gain"), listed(results, "bias")
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    sentences = []
    for name in map(str, listed(results, "cell")):
        first, chi, rate = (
            _grid(results, quantity, name, gains, biases)
            for quantity in ("exponents", "chi", "rate_theory")
        )
        if not np.isfinite(first).any():
            sentences.append(f"{name}: {reason(results, cell=name)}.")
            continue
        states = [str(state.name) for state in cell_of(results, name).states]
        comparable = len(states) == 1 and bool(np.isfinite(chi).any())
        panel = figure(columns=1 + comparable, across=1 + comparable, height=2.7)
        phase_diagram(
            gains, biases, first, contour=rate, ax=panel.axes[0],
            labels=("gain", "bias that keeps", "largest exponent\n(nats per step)"),
        )  # fmt: skip
        if comparable:
            phase_diagram(
                gains, biases, chi, critical=1.0, contour=np.exp(2 * rate), ax=panel.axes[1],
                limit=2.0, least=0.0, labels=("gain", "bias that keeps", "χ = ‖J‖² / N"),
            )  # fmt: skip
        else:
            chi = np.full_like(chi, np.nan)
        figures[name] = panel
        with np.errstate(divide="ignore"):
            grids = (first, np.log(chi), rate)
        found = [[crossing(gains, grid[j]) for grid in grids] for j in range(len(biases))]
        rows += [(name, bias, *each) for bias, each in zip(biases, found, strict=True)]
        sentences += [f"{name}: {said}." for said in _said(gains, biases, grids, found)]
        if len(states) > 1:
            sentences.append(
                f"{name}: χ is not compared. Theory's is the growth of the mean squares of "
                f"{' and '.join(states)} together; ‖J‖² / N of one step, which is measured, is not."
            )
    columns = ("cell", "bias", "gain where λ₁ = 0", "gain where χ = 1", "gain by theory")
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def _said(
    gains: list[float],
    biases: list[float],
    grids: tuple[Array, Array, Array],
    found: list[list[float | None]],
) -> list[str]:
    """How far measurement and theory are apart: in the middle, at most, and where they cross."""
    first, log_chi, rate = grids
    said = []
    for what, error in (("λ₁", first - rate), ("log χ", log_chi - 2 * rate)):
        known = np.where(np.isfinite(error), np.abs(error), -1.0)
        if known.max() >= 0:
            j, i = np.unravel_index(known.argmax(), known.shape)
            said.append(
                f"{what}, measured with weights that stay, differs from theory, whose weights are "
                f"drawn anew, by {np.median(known[known >= 0]):.2f} (median over the map), and by "
                f"{known.max():.2f} at most, at gain {gains[i]:g} and bias {biases[j]:g}"
            )
    for k, what in ((0, "chaos begins"), (1, "χ is 1")):
        pairs = [(each[k], each[2]) for each in found]
        both = [
            (measured / theory, bias)
            for (measured, theory), bias in zip(pairs, biases, strict=True)
            if measured and theory
        ]
        if both:
            ratios = [ratio for ratio, _ in both]
            worst, bias = max(both, key=lambda each: abs(np.log(each[0])))
            said.append(
                f"{what} at {np.median(ratios):.2f} times the gain at which theory has χ = 1 "
                f"(median over the biases); it is furthest off, {worst:.2f} times, at bias {bias:g}"
            )
        alone = [
            f"{bias:g}"
            for (measured, theory), bias in zip(pairs, biases, strict=True)
            if measured is not None and theory is None
        ]
        if alone:
            said.append(
                f"{what} within the map at bias {', '.join(alone)}, where theory has no such gain "
                "in it"
            )
    return said


def _grid(
    results: Results, quantity: str, name: str, gains: list[float], biases: list[float]
) -> Array:
    """The quantity over (bias, gain), the mean over seeds; NaN where nothing was found."""
    grid = np.full((len(biases), len(gains)), np.nan)
    for j, bias in enumerate(biases):
        for i, gain in enumerate(gains):
            found = stacked(results, quantity, cell=name, gain=gain, bias=bias)
            if found is not None:
                values = found[:, 0] if found.ndim > 1 else found
                grid[j, i] = values.mean()
    return grid


def crossing(gains: list[float], values: Array) -> float | None:
    """The first gain at which a quantity rises through 0, between those of the study; or None.

    Args:
        gains: the gains, ascending.
        values: the quantity at each.
    """
    for k in range(1, len(gains)):
        low, high = values[k - 1], values[k]
        if np.isfinite(low) and low < 0 <= high:
            return float(gains[k - 1] + (gains[k] - gains[k - 1]) * -low / (high - low))
    return None
