"""initialisation: lag curves of untrained cells, and by which paths their gradients go."""

import numpy as np

from gru_sym.experiments.findings import (
    Findings,
    Row,
    Shares,
    cell_of,
    curve,
    divided,
    listed,
    reason,
    relative,
    shares_figure,
    stacked,
    titled,
)
from gru_sym.plots import figure, lag_curves, one_legend
from gru_sym.plots.style import Figure, series_looks
from gru_sym.sweep import Results
from gru_sym.sweep.flows import share_names

__all__ = ["drawn"]


def drawn(results: Results) -> Findings:
    """A row of panels with the curves of all cells, one for each initialisation; shares below.

    Args:
        results: of a study with ``lag_curve`` and ``departures``.
    """
    cells, schemes = listed(results, "cell"), listed(results, "initialisation")
    (T,) = listed(results, "T")
    looks = dict(zip(cells, series_looks(len(cells)), strict=True))
    figures = {"curves": figure(columns=2, across=len(schemes), height=2.7)}
    rows: list[Row] = []
    sentences = []
    for scheme, ax in zip(schemes, figures["curves"].axes, strict=True):
        curves = {}
        for name in cells:
            point = {"cell": name, "initialisation": scheme}
            whole, skip, length = (
                stacked(results, quantity, **point)
                for quantity in ("log_norm", "skip_log_norm", "path_length")
            )
            if whole is None or skip is None or length is None:
                rows.append((name, scheme, None, None, None, None))
                sentences.append(f"{name}, {scheme}: {reason(results, **point)}.")
                continue
            curves[name] = [curve(a, b) for a, b in zip(whole, skip, strict=True)]
            left = float(np.median(relative(whole)[:, -1]))
            alone = float(np.median(relative(skip)[:, -1]))
            known = bool(np.isfinite(alone))
            rows.append(
                (name, scheme, left, alone if known else None, left - alone if known else None,
                 float(np.median(length[:, -1])))
            )  # fmt: skip
            more = f", and e^{left - alone:z.1f} times what the skip alone carries" if known else ""
            sentences.append(
                f"{name}, {scheme}: at lag {T} the gradient is e^{left:z.1f} times what it is at "
                f"lag 0{more}."
            )
        if curves:
            lag_curves(curves, ax=ax, powers=False, relative=True, looks=looks)
        titled(ax, scheme)
        if ax is not figures["curves"].axes[0]:
            ax.set_ylabel("")
    one_legend(figures["curves"])
    for name in cells:
        if not divided(results, name):
            sentences.append(f"{name}: one family of paths has all of the gradient, and no figure.")
        elif (panel := _shares(results, name, schemes)) is not None:
            figures[f"paths-{name}"] = panel
    columns = (
        "cell",
        "initialisation",
        f"log-norm at lag {T}, relative to lag 0 (nats)",
        "skip alone (nats)",
        "the rest adds (nats)",
        "steps not the skip",
    )
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def _shares(results: Results, name: str, schemes: list[str]) -> Figure | None:
    """The shares of the families of a cell, a panel for each initialisation."""
    names = share_names(cell_of(results, name))
    found = {
        scheme: stacked(results, "shares", cell=name, initialisation=scheme) for scheme in schemes
    }
    return shares_figure(
        [
            Shares(f"{name}, {scheme}", names, values)
            for scheme, values in found.items()
            if values is not None
        ]
    )
