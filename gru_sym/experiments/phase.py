"""phase: the largest Lyapunov exponent over gain and gate bias, beside mean-field theory."""

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.experiments.findings import Findings, listed, stacked
from gru_sym.plots import figure, phase_diagram
from gru_sym.plots.style import Figure
from gru_sym.sweep import Results

__all__ = ["crossing", "drawn"]


def drawn(results: Results) -> Findings:
    """For each cell two maps: λ₁ with its own zero, and χ with that of theory.

    Args:
        results: of a study with ``lyapunov``, ``spread`` and ``theory``.
    """
    gains, biases = listed(results, "gain"), listed(results, "bias")
    figures: dict[str, Figure] = {}
    rows: list[tuple[str | float | None, ...]] = []
    sentences = []
    for name in listed(results, "cell"):
        first, chi, rate = (
            _grid(results, quantity, str(name), gains, biases)
            for quantity in ("exponents", "chi", "rate_theory")
        )
        panel = figure(columns=2, across=2, height=2.7)
        phase_diagram(
            gains, biases, first, contour=rate, ax=panel.axes[0],
            labels=("gain", "bias that keeps", "largest exponent\n(nats per step)"),
        )  # fmt: skip
        phase_diagram(
            gains, biases, chi, critical=1.0, contour=np.exp(2 * rate), ax=panel.axes[1],
            limit=2.0, labels=("gain", "bias that keeps", "χ = ‖J‖² / N"),
        )  # fmt: skip
        figures[str(name)] = panel
        for j, bias in enumerate(biases):
            measured, theory = (crossing(gains, grid[j]) for grid in (first, rate))
            spread = crossing(gains, np.log(chi[j]))
            rows.append((name, bias, measured, spread, theory))
        both = [(r[2], r[4]) for r in rows if r[0] == name and r[2] and r[4]]
        error = np.log(chi) - 2 * rate
        close = float(np.median(np.abs(error[np.isfinite(error)])))
        sentences.append(
            f"{name}: log χ measured with weights that stay differs from theory, whose weights are "
            f"drawn anew, by {close:.2f} (median over the map)."
        )
        if both:
            ratio = float(np.median([float(a) / float(b) for a, b in both]))
            sentences.append(
                f"{name}: chaos begins at {ratio:.2f} times the gain at which theory has χ = 1 "
                f"(median of {len(both)} biases)."
            )
    columns = ("cell", "bias", "gain where λ₁ = 0", "gain where χ = 1", "gain by theory")
    return Findings(figures, columns, tuple(rows), tuple(sentences))


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
