"""What the comment lines above the first equation declare."""

import pytest

from gru_sym.cells.header import directive_of
from gru_sym.cells.parse import parse
from gru_sym.errors import CellSyntaxError, NamingError, Place, TextError

GRU = """\
# Gated recurrent unit (Chung et al. 2014, arXiv:1412.3555), reset before the product.
# CITE: Chung et al. (2014)

#   convention: z is the update gate: z = 1 takes the candidate
# roles: z = update, r = reset gate
# A remark: people read it.
# inputs: x(I)
# params: W_z, zeta(), g_z(H), W_r(H, I)
# states: h
# outputs: h, z
# output: h
z = sigmoid(W_z @ x + zeta * g_z)  # inputs: y
r = sigmoid(W_r @ x)
h_next = (1 - z) * h + z * r
"""


def test_reads_every_directive() -> None:
    header = parse(GRU).header
    assert header.title.startswith("Gated recurrent unit (Chung")
    assert header.cite == "Chung et al. (2014)"
    assert header.convention == "z is the update gate: z = 1 takes the candidate"
    assert header.roles == (("z", "update"), ("r", "reset gate"))
    assert header.inputs == ("x",)
    assert header.params == ("W_z", "zeta", "g_z", "W_r")
    assert header.states == ("h",)
    assert header.outputs == ("h", "z")
    assert header.output == "h"
    assert dict(header.shapes) == {"x": ("I",), "zeta": (), "g_z": ("H",), "W_r": ("H", "I")}
    assert dict(header.places)["g_z"] == Place(8, 24)


def test_absent_and_empty_lists_differ() -> None:
    assert parse("z = x").header.params is None
    assert parse("# params:\nz = x").header.params == ()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Elman\n# other\nz = x", "Elman"),
        ("\n\n#\n## Elman \nz = x", "Elman"),
        ("# cite: a\n# Elman\nz = x", ""),
        ("# cite: a\n# title: Elman\nz = x", "Elman"),
        ("# LSTM: with peepholes\nz = x", "LSTM: with peepholes"),
        ("# Input: nothing\nz = x", "Input: nothing"),
        ("z = x\n# Elman", ""),
    ],
)
def test_title(text: str, title: str) -> None:
    assert parse(text).header.title == title


# name: (text, class, line, column, words of the message, words of the mend)
BAD = {
    "input": ("# t\n# input: x\nz = x", CellSyntaxError, 2, 3, "no key `input`", "`inputs`?"),
    "input first": ("# input: x\nz = x", CellSyntaxError, 1, 3, "no key `input`", "`inputs`?"),
    "parameters": ("# t\n# parameters: x\nz = x", CellSyntaxError, 2, 3, "no key", "`params`?"),
    "twice": ("# inputs: x\n# inputs: y\nz = x", CellSyntaxError, 2, 3, "on line 1", "join"),
    "no comma": ("# inputs: x y\nz = x", CellSyntaxError, 1, 11, "`x y`", "x, v(H)"),
    "empty item": ("# inputs: x,,y\nz = x", CellSyntaxError, 1, 13, "an item", "x, v(H)"),
    "open shape": ("# inputs: x(H\nz = x", CellSyntaxError, 1, 11, "`x(H`", "x, v(H)"),
    "three sizes": ("# inputs: x(H, I, B)\nz = x", CellSyntaxError, 1, 11, "shape", "`x(H, I)`"),
    "number as size": ("# inputs: x(3)\nz = x", CellSyntaxError, 1, 11, "shape", "`x(H)`"),
    "two outputs": ("# output: z, x\nz = x", CellSyntaxError, 1, 3, "one name, 2", "outputs"),
    "no output": ("# output:\nz = x", CellSyntaxError, 1, 3, "none is given", "output: h"),
    "shape of output": ("# output: z(H)\nz = x", CellSyntaxError, 1, 11, "a name", "output: h"),
    "role": ("# roles: z is update\nz = x", CellSyntaxError, 1, 10, "`z = update`", "roles: z"),
    "same name": ("# inputs: x, x\nz = x", NamingError, 1, 14, "declared twice", "once"),
    "two lists": ("# inputs: x\n# params: x\nz = x", NamingError, 2, 11, "twice", "once"),
    "reserved": ("# inputs: lambda\nz = x", NamingError, 1, 11, "Python", "lambda_1"),
    "cotangent": ("# inputs: x_bar\nz = x", NamingError, 1, 11, "cotangent", "x_mean"),
    "assigned": ("# inputs: z\nz = x", NamingError, 1, 11, "assigned on line 2", "`inputs`"),
    "unknown output": ("# output: zz\nz = x", NamingError, 1, 11, "no equation", "`z`?"),
    "unknown role": ("# roles: r = reset\nz = x", NamingError, 1, 10, "no equation", "header"),
    "size as variable": ("# params: W(D)\nz = W @ D", NamingError, 2, 9, "a dimension", "D_1"),
    "too low": ("z = x\n # output: z", CellSyntaxError, 2, 2, "below the first", "above"),
}


@pytest.mark.parametrize(("text", "error", "line", "column", "says", "mend"), BAD.values(), ids=BAD)
def test_refuses(
    text: str, error: type[TextError], line: int, column: int, says: str, mend: str
) -> None:
    with pytest.raises(error) as caught:
        parse(text)
    assert type(caught.value) is error
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in caught.value.message
    assert mend in caught.value.mend


def test_a_derivation_may_have_remarks_between_its_lines() -> None:
    parse("z_bar = x\n# output: what follows is for the output gate\nr_bar = x", derivation=True)


def test_directive_of() -> None:
    assert directive_of("  ## Inputs : x") == "inputs"
    assert directive_of("# note: x") == ""
    assert directive_of("inputs: x") == ""
