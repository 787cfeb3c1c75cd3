"""The contract of every built-in cell; a new one is one file and needs no test."""

from collections.abc import Callable

import pytest

import gru_sym
from gru_sym import cells
from gru_sym.algebra import tree
from gru_sym.cells.builtin import builtin_text, cell, names
from gru_sym.cells.equations import Cell
from gru_sym.errors import DataError

DESIGN = """
    rnn rnn_relu lstm lstm_peephole lstm_coupled gru gru_concat gru_nobias gru_keep
    gru_reset_after gru1 gru2 gru3 mgu mut1 mut2 mut3 ligru ugrnn janet mingru minlstm
    fastgrnn gru_layernorm
"""
each = pytest.mark.parametrize("name", names())

H, N = ("H",), ("I",)
SHAPES = {
    "gru": {"W_z": (H, N), "U_z": (H, H), "b_z": (H,), "x": (N,), "h": (H,), "a_z": (H,)},
    "gru_concat": {"W_z": (H, ("H", "I"))},
    "gru_reset_after": {"W_h": (H, N), "U_h": (H, H)},
    "lstm": {"W_f": (H, N), "U_f": (H, H), "c": (H,), "c_next": (H,), "a_o": (H,)},
    "lstm_peephole": {"c": (H,)},
    "fastgrnn": {"zeta": (), "nu": (), "s": (H,), "W": (H, N), "U": (H, H)},
    "gru_layernorm": {"mu_z": (), "var_z": (), "g_z": (H,), "q_z": (H,)},
    "mingru": {"W_z": (H, N)},
}


def test_all_of_the_design_are_there() -> None:
    assert set(DESIGN.split()) <= set(names())
    assert names() == tuple(sorted(names()))


@each
def test_is_its_text(name: str) -> None:
    built = cell(name)
    assert built == Cell.parse(builtin_text(name))
    assert Cell.parse(built.text) == built
    written = [line for line in builtin_text(name).splitlines() if not line.startswith("#")]
    assert str(built).replace(" ", "") == "\n".join(written).replace(" ", "")
    assert built.name == name
    assert cell(name) is built


@each
def test_header(name: str) -> None:
    header = cell(name).document.header
    assert header.title
    assert header.cite
    assert header.convention
    defined = {d.name for d in cell(name).program}
    assert {gate for gate, _ in header.roles} <= defined


@each
def test_latex(name: str, check_latex: Callable[[str], None]) -> None:
    latex = cell(name)._repr_latex_()
    assert latex[:2] == latex[-2:] == "$$"
    check_latex(latex[2:-2])
    assert latex.count("&=") >= len(cell(name).document.definitions)


@each
def test_shapes(name: str) -> None:
    built = cell(name)
    assert built.output.shape == (H,)
    assert all(v.shape == (("H",),) for v in built.states)
    (x,) = built.inputs
    assert x.shape in {(N,), (H,)}  # of size H where it meets the state elementwise
    for variable, shape in SHAPES.get(name, {}).items():
        assert built.program.variable(variable).shape == shape
    for d in built.program:
        assert len(d.var.shape) < 2


@each
def test_parameters_are_named_as_the_field_does(name: str) -> None:
    for param in cell(name).params:
        rank = len(param.shape)
        if rank == 2:
            assert param.name[0] in "WU"
            on_state = param.name.startswith("U")
            assert param.shape[1] == (H if on_state else param.shape[1])
        if param.name.startswith("b"):
            assert rank == 1


@each
def test_every_activation_s_argument_has_a_name(name: str) -> None:
    for d in cell(name).program:
        for node in tree.postorder(d.tree.value):
            if isinstance(node, tree.Call) and node.func in {"sigmoid", "tanh", "relu"}:
                assert isinstance(node.args[0], tree.Name)


@each
def test_is_an_attribute(name: str) -> None:
    assert getattr(cells, name) is gru_sym.cell(name)


@pytest.mark.parametrize(
    ("name", "meant"), [("gruu", "gru"), ("lsmt", "lstm"), ("gru-keep", "gru_keep"), ("GRU", "")]
)
def test_unknown(name: str, meant: str) -> None:
    with pytest.raises(DataError, match=f"`{name}`") as caught:
        gru_sym.cell(name)
    assert "janet" in caught.value.mend
    if meant:
        assert f"did you mean `{meant}`?" in caught.value.mend


@pytest.mark.parametrize("name", ["", "../gru", "/etc/passwd", "gru.cell", "\0"])
def test_a_name_is_not_a_path(name: str) -> None:
    with pytest.raises(DataError):
        cell(name)


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="its cells are"):
        cells.gruu  # noqa: B018
