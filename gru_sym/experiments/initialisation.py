"""initialisation: lag curves of untrained cells, and by which paths their gradients go."""

import numpy as np

from gru_sym.experiments.findings import (
    Findings,
    below,
    cell_of,
    curve,
    listed,
    stacked,
    titled,
)
from gru_sym.flow.paths import Departures
from gru_sym.plots import figure, lag_curves, path_shares
from gru_sym.plots.style import Figure
from gru_sym.sweep import Results
from gru_sym.sweep.flows import share_names

__all__ = ["drawn"]


def drawn(results: Results) -> Findings:
    """A row of panels with the curves of all cells, one for each initialisation; shares below.

    Args:
        results: of a study with ``lag_curve`` and ``departures``.
    """
    cells, schemes = listed(results, "cell"), listed(results, "initialisation")
    figures = {"curves": figure(columns=2, across=len(schemes), height=2.6)}
    rows: list[tuple[str | float | None, ...]] = []
    sentences = []
    for scheme, ax in zip(schemes, figures["curves"].axes, strict=True):
        curves = {}
        for name in cells:
            whole = stacked(results, "log_norm", cell=name, initialisation=scheme)
            skip = stacked(results, "skip_log_norm", cell=name, initialisation=scheme)
            if whole is None or skip is None:
                rows.append((name, scheme, None, None, None, None))
                continue
            curves[name] = [curve(a, b) for a, b in zip(whole, skip, strict=True)]
            left, alone = np.median(whole[:, -1]), np.median(skip[:, -1])
            length = stacked(results, "path_length", cell=name, initialisation=scheme)
            steps = None if length is None else float(np.median(length[:, -1]))
            more = float(left - alone) if np.isfinite(alone) else None
            rows.append(
                (name, scheme, float(left), float(alone) if more is not None else None, more, steps)
            )
        lag_curves(curves, ax=ax, powers=False)
        titled(ax, scheme)
    for name in cells:
        panel = _shares(results, name, schemes)
        if panel is not None:
            figures[f"paths-{name}"] = panel
    T = max(listed(results, "T"))
    for name, scheme, left, _, kept, _ in rows:
        if left is None:
            sentences.append(f"{name} has no gate of a skip that {scheme} could set.")
        elif kept is not None:
            sentences.append(
                f"{name}, {scheme}: at lag {T} the gradient is e^{left:.1f}, "
                f"e^{kept:.1f} times what the skip alone carries."
            )
    return Findings(
        figures,
        (
            "cell",
            "initialisation",
            f"log-norm at lag {T} (nats)",
            "skip alone (nats)",
            "the rest adds (nats)",
            "steps not the skip",
        ),
        tuple(rows),
        tuple(sentences),
    )


def _shares(results: Results, name: str, schemes: list[str]) -> Figure | None:
    """The shares of the families of a cell, a panel for each initialisation."""
    names = share_names(cell_of(results, name))
    found = {
        scheme: stacked(results, "shares", cell=name, initialisation=scheme) for scheme in schemes
    }
    found = {scheme: values for scheme, values in found.items() if values is not None}
    if not found or len(names) < 2:
        return None
    panel = figure(columns=2, across=len(found), height=2.5)
    for (scheme, values), ax in zip(found.items(), panel.axes, strict=True):
        assert values is not None
        path_shares(Departures(names, np.moveaxis(values, 0, -1)), ax=ax)
        below(ax, f"{name}, {scheme}")
    return panel
