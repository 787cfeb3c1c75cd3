"""What all figures have in common."""

import subprocess
import sys
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from gru_sym import cells
from gru_sym.derive.families import families
from gru_sym.errors import DataError
from gru_sym.plots import figure, lag_curves
from gru_sym.plots.style import Look, context, drawing, family_looks, plain_log, series_looks
from tests.test_plots_figures import GRU, PEEPHOLE, flow_of


def lightness(colour: str) -> float:
    """L* of CIELAB over 100: how light the colour is in grey."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return (116 * y ** (1 / 3) - 16) / 100 if y > 0.008856 else 9.033 * y


def alike_as_areas(a: Look, b: Look) -> bool:
    return a.hatch == b.hatch and abs(lightness(a.colour) - lightness(b.colour)) < 0.12


def alike_as_lines(a: Look, b: Look) -> bool:
    """Dashes tell them apart, or how light they are, and on lines with markers these do."""
    light = abs(lightness(a.colour) - lightness(b.colour)) < 0.12
    return light and a.dashes == b.dashes and a.marker == b.marker


@pytest.mark.parametrize("name", cells.names())
def test_families_are_told_apart_in_grey(name: str) -> None:
    looks = family_looks([family.name for family in families(getattr(cells, name))])
    for a, b in combinations(looks.values(), 2):
        assert not alike_as_areas(a, b)
        assert a.colour != b.colour or a.hatch != b.hatch


def test_wrong_looks_are_seen() -> None:
    """The measures themselves: blue and vermillion are one in grey; orange and sky blue, too."""
    blue, vermillion = Look("#0072B2", "-", "o"), Look("#D55E00", "-", "o")
    assert alike_as_areas(blue, vermillion)
    assert alike_as_lines(blue, vermillion)
    assert alike_as_areas(Look("#E69F00", "-", "o"), Look("#56B4E9", "-", "o"))
    assert lightness("white") == pytest.approx(1)
    assert lightness("black") == 0


def test_families_look_the_same_in_every_figure() -> None:
    one, other = family_looks(["skip", "update", "own"]), family_looks(["update", "a", "skip"])
    assert one["skip"] == other["skip"]
    assert one["update"] == other["update"]
    assert one["own"] == other["a"]
    assert len(set(family_looks([str(k) for k in range(11)]).values())) == 11
    assert set(family_looks([str(k) for k in range(14)])) == {str(k) for k in range(14)}


def test_series_are_told_apart_in_grey() -> None:
    for a, b in combinations(series_looks(8), 2):
        assert not alike_as_lines(a, b)
        assert a.marker != b.marker
    assert series_looks(9)[8] == series_looks(9)[0]
    assert series_looks(1)[0].colour == "#000000"


def test_figures_have_the_width_of_columns() -> None:
    assert figure().get_figwidth() == 3.4
    wide = figure(columns=2, rows=2, across=3, height=4)
    assert tuple(wide.get_size_inches()) == (7.0, 4.0)
    assert len(wide.axes) == 6
    assert figure(rows=3).get_figheight() > 3 * 1.8
    for wrong in ({"columns": 3}, {"rows": 0}, {"across": 0}):
        with pytest.raises(DataError):
            figure(**wrong)


def test_what_a_user_has_set_stays() -> None:
    with matplotlib.rc_context({"font.size": 13.0, "lines.linewidth": 7.0, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        ax = lag_curves(flow_of(GRU).curve)
        assert dict(matplotlib.rcParams) == before
    assert ax.xaxis.label.get_fontsize() == 8
    assert ax.lines[0].get_linewidth() == 1.2


def test_text_has_the_size_of_the_axes_given() -> None:
    with matplotlib.rc_context({"font.size": 20.0}):
        ax = Figure().subplots()
    lag_curves({"a": flow_of(GRU).curve}, ax=ax)
    assert ax.yaxis.label.get_fontsize() == 20
    assert ax.get_legend().get_texts()[0].get_fontsize() == 17.5
    with drawing(None) as own:
        assert own.get_figure().get_figwidth() == 3.4


def test_ticks_are_legible_outside_of_our_style() -> None:
    ax = lag_curves(flow_of(PEEPHOLE).curve)
    ax.get_figure().canvas.draw()
    assert {tick.get_fontsize() for tick in ax.get_xticklabels()} == {7.0}


@pytest.mark.parametrize(
    ("limits", "shown"),
    [((1.5, 40), ["2", "5", "10", "20"]), ((0.03, 0.09), ["0.03", "0.04", "0.05", "0.07"])],
    ids=["decades", "a short axis"],
)
def test_numbers_on_short_logarithmic_axes(limits: tuple, shown: list[str]) -> None:
    (ax,) = figure().axes
    plain_log(ax.yaxis)  # which does nothing to a linear axis
    ax.set(yscale="log", ylim=limits)
    plain_log(ax.yaxis)
    ax.get_figure().canvas.draw()
    within = [t for t in ax.get_yticklabels() if limits[0] <= t.get_position()[1] <= limits[1]]
    assert [t.get_text() for t in within] == shown
    assert not any(t.get_text() for t in ax.get_yticklabels(minor=True))


def test_context_is_ours() -> None:
    with context():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert matplotlib.rcParams["font.size"] == 8


def test_without_matplotlib() -> None:
    script = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from gru_sym.errors import MissingLibraryError\n"
        "try:\n"
        "    import gru_sym.plots.curves\n"
        "except MissingLibraryError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert run.stdout.splitlines() == [
        "figures need matplotlib, which is not installed",
        "  mend: pip install 'gru_sym[plot]'",
    ], run.stderr
