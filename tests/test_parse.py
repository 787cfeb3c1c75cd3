"""Text to syntax tree: precedence, layout, limits, and hostile input."""

import contextlib
import random
import subprocess
import sys
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
    postorder,
)
from gru_sym.cells.naming import FUNCTIONS
from gru_sym.cells.parse import MAX_NESTING, MAX_OPERATORS, parse
from gru_sym.errors import CellSyntaxError, GruSymError, LimitError, Place, TextError

a, b, c = Name("a"), Name("b"), Name("c")
GRU = """\
# Gated recurrent unit (Chung et al. 2014, arXiv:1412.3555), reset before the product.
z       = sigmoid(W_z @ x + U_z @ h + b_z)
r       = sigmoid(W_r @ x + U_r @ h + b_r)
h_tilde = tanh(W_h @ x + U_h @ (r * h) + b_h)
h_next  = (1 - z) * h + z * h_tilde
"""


def tree(text: str) -> Node:
    (definition,) = parse(f"y = {text}", derivation=True).definitions
    return definition.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b - c", Binary("-", Binary("+", a, b), c)),
        ("a - (b - c)", Binary("-", a, Binary("-", b, c))),
        ("a + b * c", Binary("+", a, Binary("*", b, c))),
        ("a @ b * c", Binary("*", Binary("@", a, b), c)),
        ("a @ b @ c", Binary("@", Binary("@", a, b), c)),
        ("a / b / c", Binary("/", Binary("/", a, b), c)),
        ("a**b**c", Binary("**", a, Binary("**", b, c))),
        ("-a**b", Neg(Binary("**", a, b))),
        ("(-a)**b", Binary("**", Neg(a), b)),
        ("a**-b", Binary("**", a, Neg(b))),
        ("-a * b", Binary("*", Neg(a), b)),
        ("-(a * b)", Neg(Binary("*", a, b))),
        ("a * -b", Binary("*", a, Neg(b))),
        ("a - -b", Binary("-", a, Neg(b))),
        ("--a", Neg(Neg(a))),
        ("a.T @ b", Binary("@", Transpose(a), b)),
        ("-a.T", Neg(Transpose(a))),
        ("(a + b).T", Transpose(Binary("+", a, b))),
        ("a.T.T", Transpose(Transpose(a))),
        ("[a, b + c]", Concat((a, Binary("+", b, c)))),
        ("a @ [b, c]", Binary("@", a, Concat((b, c)))),
        ("[a, b].T", Transpose(Concat((a, b)))),
        ("tanh(a)**2", Binary("**", Call("tanh", (a,)), Number(Fraction(2)))),
        ("outer(a, b)", Call("outer", (a, b))),
        ("a[:H]", Slice(a, None, ("H",))),
        ("a[H:]", Slice(a, ("H",), None)),
        ("a[H:H+I]", Slice(a, ("H",), ("H", "I"))),
        ("(a + b)[H:H + I].T", Transpose(Slice(Binary("+", a, b), ("H",), ("H", "I")))),
        ("(((a)))", a),
        ("( a\n + b # why\n\n * c )", Binary("+", a, Binary("*", b, c))),
        ("[a,\n\tb]", Concat((a, b))),
    ],
)
def test_precedence(text: str, expected: Node) -> None:
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)),
        ("007", Fraction(7)),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("1e-3", Fraction(1, 1000)),
        ("1.5E+2", Fraction(150)),
        ("1e300", Fraction(10**300)),
        ("1e-300", Fraction(1, 10**300)),
        ("0e999999999999", Fraction(0)),
        ("0.000e-999999999999", Fraction(0)),
    ],
)
def test_numbers_are_exact(text: str, value: Fraction) -> None:
    assert tree(text) == Number(value)


def test_a_number_ends_before_a_transpose() -> None:
    assert tree("2.T") == Transpose(Number(Fraction(2)))


def test_places() -> None:
    document = parse("\n  z = a + tanh(b)\nh_next = -W.T @ z")
    z, h = document.definitions
    assert (z.place, h.place) == (Place(2, 3), Place(3, 1))
    assert [n.place.column for n in postorder(z.value)] == [7, 16, 11, 9]
    assert [n.place.column for n in postorder(h.value)] == [11, 12, 10, 17, 15]


@pytest.mark.parametrize(
    "text",
    [
        GRU.replace("\n", "\r\n"),
        GRU.replace("\n", "\r"),
        "\ufeff" + GRU,
        GRU.encode(),
        b"\xef\xbb\xbf" + GRU.encode(),
        GRU.replace(" ", "\t"),
        GRU.rstrip("\n"),
        GRU.replace("\n", "\n\n\n"),
        GRU.replace("\n", "  # remark\n"),
    ],
)
def test_layout_does_not_matter(text: str | bytes) -> None:
    assert parse(text).definitions == parse(GRU).definitions


# name: (text, class, line, column, words of the message, words of the mend)
BAD: dict[str, tuple[str | bytes, type[TextError], int | None, int | None, str, str]] = {
    "empty": ("", CellSyntaxError, 1, 1, "no equations", "`name = expression`"),
    "blank": (" \n\n\t\n", CellSyntaxError, 1, 1, "no equations", "at least one"),
    "comments": ("# title\n# cite: x\n", CellSyntaxError, 1, 1, "no equations", "at least one"),
    "NUL": ("z = a\nr = b\0", CellSyntaxError, 2, 6, "a NUL byte", "delete"),
    "NUL in a comment": ("# \0\nz = x", CellSyntaxError, 1, 3, "a NUL byte", "delete"),
    "escape": ("z = \x1b[31m", CellSyntaxError, 1, 5, "U+001B", "delete"),
    "form feed": ("z = x\x0c", CellSyntaxError, 1, 6, "U+000C", "delete"),
    "line separator": ("# a\u2028\nz = x", CellSyntaxError, 1, 4, "U+2028", "delete"),
    "surrogate": ("z = \ud800", CellSyntaxError, 1, 5, "U+D800", "delete"),
    "latin-1": ("# Józef\nz = x".encode("latin-1"), CellSyntaxError, 1, 4, "0xf3", "UTF-8"),
    "UTF-16": ("z = x".encode("utf-16"), CellSyntaxError, 1, 1, "is not UTF-8", "UTF-8"),
    "bad byte": (b"z = x\nr = \xff", CellSyntaxError, 2, 5, "0xff", "UTF-8"),
    "a megabyte of (": ("(" * 10**6, LimitError, None, None, "longer than 100,000", "split"),
    "a megabyte after =": (
        "z = " + "(" * 10**6,
        LimitError,
        None,
        None,
        "longer than 100,000",
        "split",
    ),
    "a megabyte in bytes": (b"(" * 10**6, LimitError, None, None, "longer than 100,000", "split"),
    "many (": ("z = " + "(" * 90_000, LimitError, 1, 69, "deeper than 64", "a name"),
    "many [": ("z = " + "[" * 90_000, LimitError, 1, 69, "deeper than 64", "a name"),
    "many calls": ("z = " + "tanh(" * 10_000, LimitError, 1, 329, "deeper than 64", "a name"),
    "many )": ("z = x" + ")" * 90_000, CellSyntaxError, 1, 6, "closes nothing", "delete"),
    "long sum": ("z = x" + "+x" * 40_000, LimitError, 1, 406, "200 operators", "names"),
    "long sum in lines": (
        "z = (x" + "\n+x" * 9_000 + ")",
        LimitError,
        202,
        1,
        "200 operators",
        "names",
    ),
    "many -": ("z = " + "-" * 90_000 + "x", LimitError, 1, 205, "200 operators", "names"),
    "many .T": ("z = x" + ".T" * 40_000, LimitError, 1, 406, "200 operators", "names"),
    "power tower": ("z = 9" + "**9" * 30_000, LimitError, 1, 606, "200 operators", "names"),
    "many lines": (
        "\n".join(f"z{i} = x" for i in range(1001)),
        LimitError,
        1001,
        7,
        "1,000 definitions",
        "split",
    ),
    "long name": (f"z = {'a' * 65}", LimitError, 1, 5, "65 characters", "shorter"),
    "very long name": (f"z = {'a' * 90_000}", LimitError, 1, 5, "90000 characters", "shorter"),
    "long number": (f"z = {'1' * 61}", LimitError, 1, 5, "61 characters", "1e-30"),
    "very long number": (f"z = {'1' * 90_000}", LimitError, 1, 5, "90000 characters", "param"),
    "large number": ("z = 1e301", LimitError, 1, 5, "out of range", "scale"),
    "huge number": ("z = 1e999999999999999", LimitError, 1, 5, "out of range", "scale"),
    "small number": ("z = 0.1e-300", LimitError, 1, 5, "out of range", "scale"),
}


@pytest.mark.parametrize(("text", "error", "line", "column", "says", "mend"), BAD.values(), ids=BAD)
def test_refuses(
    text: str | bytes,
    error: type[TextError],
    line: int | None,
    column: int | None,
    says: str,
    mend: str,
) -> None:
    start = time.process_time()
    with pytest.raises(error) as caught:
        parse(text)
    assert time.process_time() - start < 1
    assert type(caught.value) is error
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in caught.value.message
    assert mend in caught.value.mend
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "value",
    [
        "x" + "+x" * MAX_OPERATORS,
        "-" * MAX_OPERATORS + "x",
        "2" + "**2" * MAX_OPERATORS,
        "x" + ".T" * MAX_OPERATORS,
        "W" + "@W" * (MAX_OPERATORS - 1) + "@x",
        "(" * MAX_NESTING + "x" + ")" * MAX_NESTING,
        "tanh(" * MAX_NESTING + "x" + ")" * MAX_NESTING,
    ],
)
def test_the_limits_themselves_are_reached(value: str) -> None:
    (definition,) = parse(f"y = {value}").definitions
    assert sum(1 for _ in postorder(definition.value)) >= 1


@pytest.mark.parametrize(
    "text",
    [
        f"# t\n# cite:{' ' * 90_000}x\nz = x",
        f"# t\n#{' ' * 90_000}x\nz = x",
        f"# t\n# {'a' * 90_000}: x\nz = x",
        f"# inputs: {', '.join(f'x{i}' for i in range(12_000))}\nz = x",
        f"# roles: {', '.join(f'x{i} = a' for i in range(8_000))}\nz = x",
        f"# output: x\nz = [y, {', '.join(f'x{i}' for i in range(12_000))}]",
        f"z = {'x ' * 40_000}",
        f"z = [x{', x' * 30_000}]",
        "\n" * 99_000 + "z = x",
        "#\n" * 49_000 + "z = x",
    ],
    ids=range(10),
)
def test_no_large_text_takes_quadratic_time(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(GruSymError):
        parse(text)
    assert time.process_time() - start < 5


ALPHABET = [
    *("x", "W_z", "h", "H", "I", "T", "tanh", "outer", "lambda", "_a", "z_bar", "2", "0.5", "1e-3"),
    *("+", "-", "*", "/", "**", "@", ".T", "(", ")", "[", "]", ",", ":", "=", "\n", " ", "\t"),
    *("#", "# inputs: ", "# output: ", "# roles: ", "^", ".", "'", "é", "\0", "\r\n", "1e9999"),
    *("z = ", "\nr = ", "h_next = ", "__import__('os')", "sum(", "{", "\\", "\ufeff", "\u2028"),
]


def only_our_errors(text: str | bytes) -> None:
    for derivation in (False, True):
        caught = None
        try:
            parse(text, derivation=derivation)
        except GruSymError as error:
            caught = error
        # Printable, whatever was in the text; and a mend is always there.
        assert caught is None or (str(caught).encode() and caught.mend)


@given(st.lists(st.sampled_from(ALPHABET), max_size=40).map("".join))
def test_random_tokens_give_only_our_errors(text: str) -> None:
    only_our_errors(text)
    only_our_errors(f"z = {text}")


@given(st.binary(max_size=200))
def test_random_bytes_give_only_our_errors(text: bytes) -> None:
    only_our_errors(text)
    only_our_errors(b"z = " + text)


@given(st.text(max_size=60))
def test_random_text_gives_only_our_errors(text: str) -> None:
    only_our_errors(text)
    only_our_errors(f"z = x + {text}")


def test_a_damaged_cell_gives_only_our_errors() -> None:
    rng = random.Random(1)
    for _ in range(300):
        start = rng.randrange(len(GRU))
        stop = min(len(GRU), start + rng.randrange(8))
        only_our_errors(GRU[:start] + rng.choice(["", *ALPHABET]) + GRU[stop:])


def test_every_function_parses() -> None:
    for name, arity in FUNCTIONS.items():
        assert tree(f"{name}({', '.join('ab'[:arity])})") == Call(name, (a, b)[:arity])


def test_the_parser_does_without_sympy() -> None:
    # An empty package stands in for `gru_sym.cells`, whose other modules may import what they like.
    code = (
        "import sys, types, gru_sym; "
        "package = sys.modules['gru_sym.cells'] = types.ModuleType('gru_sym.cells'); "
        "package.__path__ = [f'{gru_sym.__path__[0]}/cells']; "
        "import gru_sym.cells.parse, gru_sym.cells.show; "
        "sys.exit('sympy' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
