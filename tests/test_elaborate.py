"""From a text to a cell's parts; and the collection of bad texts, each refused with its mend."""

import time

import pytest

from gru_sym.cells.elaborate import elaborate
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.errors import GruSymError, TextError

HOSTILE = {
    "a call of import": "h_next = __import__('os').system('touch /tmp/pwned')",
    "an attribute": "h_next = h.__class__",
    "eval": "h_next = eval(h)",
    "lambda": "h_next = (lambda: h)()",
    "a comprehension": "h_next = [x for x in h]",
    "a megabyte of parentheses": "h_next = " + "(" * 1_000_000,
    "many parentheses": "h_next = " + "(" * 40_000 + "h" + ")" * 40_000,
    "65 parentheses": "h_next = " + "(" * 65 + "h" + ")" * 65,
    "a NUL byte": "h_next = h\0",
    "not UTF-8": b"h_next = h + \xff",
    "an empty text": "",
    "blank lines": "\n\n  \n",
    "only comments": "# a cell\n",
    "a list that doubles": "\n".join(
        ["v0 = [h, h]", *(f"v{k} = [v{k - 1}, v{k - 1}]" for k in range(1, 40)), "h_next = W @ v39"]
    ),
    "sizes that double": "\n".join(
        [*(f"v{k} = y{k} + [y{k + 1}, y{k + 1}]" for k in range(40)), "h_next = W @ y0 + h"]
    ),
    "a thousand definitions": "\n".join(f"v{k} = h" for k in range(2_000)) + "\nh_next = h",
    "a tower of powers": "h_next = h" + " ** 9" * 150,
    "a tower of numbers": "h_next = h * 9 ** 9 ** 9 ** 9",
    "powers of powers": "h_next = " + "(" * 20 + "2 * h" + ")**64" * 20,
    "a huge exponent": "h_next = h ** 1000000000",
    "a huge number": "h_next = h * 1e999999999",
    "a fine exponent": "h_next = h ** 0.123456789",
    "many huge factors": "h_next = h" + " * 1e300" * 50,
    "a long chain": "h_next = h" + " + h" * 300,
    "a long name": f"h_next = {'h' * 70}",
}
WRONG = {
    "undefined, by its ending": "h_next = h * z_dot",
    "assigned twice": "z = x\nz = h\nh_next = z * h",
    "used before it is defined": "h_next = z * h\nz = sigmoid(x)",
    "a cycle": "z = r * x\nr = z * h\nh_next = r",
    "itself": "z = z + x\nh_next = z * h",
    "a shape clash": "h_next = tanh(W @ x + U @ h) + U @ x\nc_next = W @ [h, x]",
    "an unknown function": "h_next = tanhh(h)",
    "too many arguments": "h_next = tanh(h, x)",
    "no argument": "h_next = tanh()",
    "no next state": "z = sigmoid(W @ x)",
    "a state of no name": "_next = h",
    "a state that is assigned": "h = x\nh_next = h",
    "Python's words": "lambda = x\nh_next = lambda * h",
    "LaTeX's words": "h_next = par * h",
    "a function's name": "tanh = x\nh_next = h",
    "a dimension's name": "h_next = H * h",
    "the name of a cotangent": "h_next = z_bar * h",
    "a matrix chain": "h_next = W @ W @ x",
    "a state as a matrix": "h_next = h @ x",
    "a matrix of states": "h_next = (h * W) @ h",
    "a matrix that depends on the state": "h_next = (sum(h) * U) @ h",
    "a matrix that depends on an input": "A = sum(x) * U\nh_next = A @ h",
    "a matrix from a vector's outer product": "h_next = outer(h, x) @ x",
    "a matrix as a state": "h_next = U + 0 * U.T",
    "a constant matrix": "h_next = tanh((0 * U + 1) @ h)",
    "a constant matrix, transposed": "h_next = tanh((0 * U + 1).T @ h)",
    "a constant matrix in a list": "h_next = tanh([0 * U + 1, W] @ [h, x])",
    "a power of a vector": "h_next = x ** h",
    "a power that is a parameter": "# params: p()\nh_next = h ** p",
    "1 / 0": "h_next = h * (1 / 0)",
    "x / (h - h)": "h_next = x / (h - h) + h",
    "0 ** -1": "h_next = h * 0 ** (-1)",
    "sqrt(-1)": "h_next = h * sqrt(-1)",
    "a cube root of -8": "h_next = h * (-8) ** (1 / 3)",
    "a vector transposed": "h_next = h.T * x",
    "transposed the wrong way": "h_next = tanh(W.T @ x + W @ h) + W @ [h, x]",
    "matrix and vector joined": "h_next = [U, h] @ [h, x]",
    "sizes that clash in a list": "h_next = tanh(U @ [h, x] + U @ h)",
    "a list of one": "h_next = [h]",
    "a state that grows": "h_next = [h, h]",
    "another state's size": "h_next = U @ h\nc_next = [h, c]",
    "softmax of a scalar": "h_next = h * softmax(sum(h))",
    "sum of a scalar": "h_next = h * sum(2)",
    "a slice": "h_next = [h, x][:H]",
    "@ of a scalar": "h_next = U @ sum(h) + h",
    "@ of numbers": "h_next = 2 @ h",
    "vector + matrix": "h_next = h + U * (U @ h)",
    "an input that is never used": "# inputs: x, u\nh_next = W @ x + h",
    "a parameter that is never used": "# params: p\nh_next = W @ x + h",
    "a state without an equation": "# states: h, c\nh_next = W @ x + h",
    "a scalar state": "# states: h()\nh_next = h + x",
    "a scalar input": "# inputs: x()\nh_next = h * x",
    "a matrix as an input": "# inputs: W\nh_next = W @ h",
    "an input among the outputs": "# outputs: x\nh_next = h + x",
    "an unknown output": "# outputs: q\nh_next = h + x",
    "an output state that is none": "# output: z\nz = x\nh_next = h + z",
    "H, and another H": "# params: g(H)\nc_next = c + g\nh_next = W @ [h, c] + [h, c]",
    "no right side": "h_next =",
    "no left side": "= h",
    "no equation": "h_next",
    "two equal signs": "h_next == h",
    "an open parenthesis": "h_next = tanh(h",
    "a closed parenthesis": "h_next = tanh h)",
    "a string": "h_next = 'h'",
    "^": "h_next = h ^ 2",
    "//": "h_next = h // 2",
    "juxtaposition": "h_next = 2 h",
    "an index": "h_next = h[0]",
    "an argument of two activations": "z_1 = tanh(h + x)\nz = tanh(x + 1) + tanh(h + 1)\n"
    "h_next = z * z_1",
}
LINELESS = {"a megabyte of parentheses", "a thousand definitions"}


@pytest.mark.parametrize("text", (HOSTILE | WRONG).values(), ids=(HOSTILE | WRONG).keys())
def test_refused(text: str | bytes) -> None:
    start = time.process_time()
    with pytest.raises(GruSymError) as caught:
        Cell.parse(text)
    assert time.process_time() - start < 1
    error = caught.value
    assert isinstance(error, TextError)
    assert error.message
    assert error.mend
    shown = str(error)
    assert len(shown) < 2_000
    if error.place is not None:
        assert shown.startswith(f"line {error.line}, column {error.column}: ")
        assert error.source.strip() == "" or "^" in shown
    else:
        assert len(text) > 10_000  # too long to point at one place


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("h_next = x ** h", 1, 12),
        ("z = x\nh_next = h / (z - z)", 2, 12),
        ("h_next = h\nc_next = [h, c]", 2, 1),
        ("h_next = W @ W @ x", 1, 12),
        ("h_next = h +\tU + U @ h", 1, 12),
        ("h_next = h @ x", 1, 12),
        ("# params: p\nh_next = W @ x + h", 1, 11),
    ],
)
def test_where(text: str, line: int, column: int) -> None:
    with pytest.raises(TextError) as caught:
        Cell.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def kinds(text: str) -> tuple[str, str, str]:
    parts = elaborate(parse(text))
    return tuple(
        " ".join(str(v.name) for v in group) for group in (parts.states, parts.inputs, parts.params)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h_next = tanh(W @ x + U @ h + b)", ("h", "x", "W U b")),
        ("h_next = x", ("h", "x", "")),
        ("h_next = h * x + beta", ("h", "x", "beta")),
        ("# inputs: b\nh_next = h * b", ("h", "b", "")),
        ("# params: g\nh_next = h * g + x", ("h", "x", "g")),
        ("c_next = c + x\nh_next = h * c_next", ("h c", "x", "")),
        ("# output: c\nc_next = c + x\nh_next = h * c_next", ("c h", "x", "")),
        ("s_next = s + W.T @ x", ("s", "x", "W")),
        ("A = 2 * W\nh_next = A @ x", ("h", "x", "W")),
        ("h_next = (W + U.T) @ x", ("h", "x", "W U")),
        ("h_next = [V, W] @ [h, x]", ("h", "x", "V W")),
        ("h_next = (x * h + y) * h", ("h", "x y", "")),
    ],
)
def test_kinds(text: str, expected: tuple[str, str, str]) -> None:
    assert kinds(text) == expected


def test_outputs() -> None:
    parts = elaborate(parse("# outputs: e, z\nz = x * h\nh_next = z\ne = sum(z)"))
    assert [v.name for v in parts.extra] == ["e", "z"]
    assert [v.name for v in parts.program.outputs] == ["h_next", "e", "z"]
    assert parts.output.name == "h_next"


def test_a_thousand_lines() -> None:
    """The limits leave room for what is long and simple."""
    lines = [f"v{k} = tanh(y{k} + y{k + 1})" for k in range(900)]
    start = time.process_time()
    cell = Cell.parse("\n".join([*lines, "h_next = v7 * h"]))
    assert len(cell.program.definitions) == 1_801
    assert {v.shape for v in cell.program.variables} == {(("H",),)}
    assert time.process_time() - start < 5
