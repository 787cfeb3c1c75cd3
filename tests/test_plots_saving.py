"""Figures as files."""

from pathlib import Path

import pytest
from matplotlib import image

from gru_sym.errors import DataError
from gru_sym.flow import orders
from gru_sym.plots import flow_figure, lag_curves, outlined, path_orders, save
from tests.test_plots_figures import GRU, LSTM, flow_of, steps_of


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    one = save(flow_figure(flow_of(LSTM)), tmp_path / f"one{suffix}")
    two = save(flow_figure(flow_of(LSTM)), str(tmp_path / f"two{suffix}"))
    again = save(path_orders(orders(steps_of(GRU))), tmp_path / f"map{suffix}").read_bytes()
    assert one.read_bytes() == two.read_bytes()
    starts = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG"}
    assert one.read_bytes().startswith(starts[suffix])
    assert again == save(path_orders(orders(steps_of(GRU))), one).read_bytes()


def test_capital_letters(tmp_path: Path) -> None:
    path = save(lag_curves(flow_of(GRU).curve), tmp_path / "A.SVG")
    assert path.read_bytes().startswith(b"<?xml")


def test_text_stays_text(tmp_path: Path) -> None:
    svg = save(lag_curves(flow_of(GRU).curve), tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ">lag (steps)</text>" in svg
    assert "<dc:date>" not in svg


def test_text_as_outlines() -> None:
    found = outlined(flow_figure(flow_of(GRU)))
    assert found.startswith(b"<?xml")
    assert b"<text" not in found
    assert found == outlined(flow_figure(flow_of(GRU)))


def test_printed_size(tmp_path: Path) -> None:
    found = image.imread(save(lag_curves(flow_of(GRU).curve), tmp_path / "a.png"))
    assert found.shape[1] == 3.4 * 300


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.svg.gz"])
def test_another_suffix(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a[\w.]*: its name") as caught:
        save(lag_curves(flow_of(GRU).curve), tmp_path / name)
    assert caught.value.mend == "end it in .svg, .pdf or .png"


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        save(lag_curves(flow_of(GRU).curve), tmp_path / "absent" / "a.svg")
    assert list(tmp_path.iterdir()) == []
