"""Syntax tree to text, and back to the same tree."""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.show import show, show_definition
from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Definition,
    Document,
    Header,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
    postorder,
)
from gru_sym.cells.parse import MAX_EXPONENT, MAX_NUMBER, MAX_OPERATORS, parse
from gru_sym.cells.show import show_document
from gru_sym.errors import CellSyntaxError

NAMES = st.sampled_from(["a", "b", "h_tilde", "W_z", "x", "z_bar", "h1"])


def literal_numbers() -> st.SearchStrategy[Number]:
    """Every number that a literal can write, the awkward ones too."""
    digits = st.text("0123456789", min_size=1, max_size=MAX_NUMBER - 6)
    exponents = st.integers(-MAX_EXPONENT, MAX_EXPONENT)

    def number(text: str, point: int, exponent: int) -> Fraction:
        point = min(point, len(text))
        return Fraction(int(text), 10 ** (len(text) - point)) * Fraction(10) ** exponent

    def in_range(value: Fraction) -> bool:
        low = Fraction(1, 10**MAX_EXPONENT)
        return value == 0 or low <= value < 10 ** (MAX_EXPONENT + 1)

    simple = st.sampled_from(["0", "1", "2", "0.5", "1e-3", "0.1", "1e5", "12345678901234567890"])
    awkward = st.builds(number, digits, st.integers(0, MAX_NUMBER), exponents).filter(in_range)
    return st.one_of(simple.map(Fraction), awkward).map(Number)


BOUNDS = st.lists(st.sampled_from(["H", "I", "D"]), min_size=1, max_size=3).map(tuple)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees one level above the given ones."""
    return st.one_of(
        st.builds(Neg, inner),
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "**", "@"]), inner, inner),
        st.builds(Transpose, inner),
        st.builds(lambda f, arg: Call(f, (arg,)), st.sampled_from(["tanh", "sum"]), inner),
        st.builds(lambda u, v: Call("outer", (u, v)), inner, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: Concat(tuple(items))),
        st.builds(Slice, inner, BOUNDS, BOUNDS),
        st.builds(lambda arg, stop: Slice(arg, None, stop), inner, BOUNDS),
        st.builds(lambda arg, start: Slice(arg, start, None), inner, BOUNDS),
    )


TREES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(st.builds(Name, NAMES), literal_numbers()), larger, max_leaves=25
)


def read(text: str) -> Node:
    (definition,) = parse(f"y = {text}", derivation=True).definitions
    return definition.value


@given(TREES)
def test_round_trip(tree: Node) -> None:
    assert read(show(tree)) == tree


@given(TREES)
def test_no_bracket_is_superfluous(tree: Node) -> None:
    text = show(tree)
    stack: list[int] = []
    for i, char in enumerate(text):
        if char == "(":
            stack.append(i)
        elif char == ")":
            start = stack.pop()
            called = start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_")
            if not called:
                without = f"{text[:start]} {text[start + 1 : i]} {text[i + 1 :]}"
                with contextlib.suppress(CellSyntaxError):
                    assert read(without) != tree, text


@given(literal_numbers())
def test_numbers_survive(number: Number) -> None:
    assert len(show(number)) <= MAX_NUMBER
    assert read(show(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "(1 - z) * h + z * h_tilde",
        "W_h @ x + U_h @ (r * h) + b_h",
        "1 - tanh(a_h_tilde)**2",
        "-(a * b)",
        "-a * b",
        "-a**2",
        "(-a)**2",
        "a**-b",
        "(a**b)**c",
        "a**b**c",
        "a - (b - c)",
        "a / (b * c)",
        "a @ (b @ c)",
        "U.T @ (z_bar * r)",
        "(W @ x).T",
        "[h, x + y]",
        "v[:H] + v[H:H+I]",
        "outer(a_z_bar, x)",
        "0.5 * x",
        "1e-30 * x",
        "1000000",
    ],
)
def test_minimal_text_comes_back_as_it_was(text: str) -> None:
    assert show(read(text)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(1, 1000), "0.001"),
        (Fraction(10**100), "1e100"),
        (Fraction(15, 10**31), "15e-31"),
        (Fraction(-2), "-2"),
        (Fraction(1, 3), "1 / 3"),
        (Fraction(-1, 3), "-1 / 3"),
    ],
)
def test_numbers(value: Fraction, text: str) -> None:
    assert show(Number(value)) == text


def test_numbers_without_a_literal_keep_their_brackets() -> None:
    x = Name("x")
    assert show(Binary("*", x, Number(Fraction(1, 3)))) == "x * (1 / 3)"
    assert show(Binary("**", Number(Fraction(-2)), x)) == "(-2)**x"
    assert show(Binary("**", x, Number(Fraction(-1, 3)))) == "x**(-1 / 3)"
    assert show(Neg(Number(Fraction(-2)))) == "--2"


@pytest.mark.parametrize(
    "text",
    [
        "x" + " + x" * MAX_OPERATORS,
        "-" * MAX_OPERATORS + "x",
        "2" + "**2" * MAX_OPERATORS,
        "x" + ".T" * MAX_OPERATORS,
    ],
)
def test_a_chain_needs_no_recursion(text: str) -> None:
    tree = read(text)
    assert show(tree) == text
    assert sum(1 for _ in postorder(tree)) > MAX_OPERATORS


def test_definitions_are_aligned() -> None:
    document = parse("z=sigmoid(x)\nh_next=(z)*h")
    assert show_document(document) == "z      = sigmoid(x)\nh_next = z * h\n"
    assert show_definition(document.definitions[0]) == "z = sigmoid(x)"


GRU = """\
# Gated recurrent unit (Chung et al. 2014, arXiv:1412.3555), reset before the product.
# cite: Chung et al. (2014)
# convention: update gate
# roles: z = update, h_tilde = candidate
# inputs: x(I)
# params: W_z, zeta(), g_z(H), W_h(H, I)
# states: h
# outputs: h, z
# output: h
z       = sigmoid(W_z @ x + zeta * g_z)
h_tilde = tanh(W_h @ x)
h_next  = (1 - z) * h + z * h_tilde
"""


def test_a_document_comes_back_as_it_was() -> None:
    assert show_document(parse(GRU)) == GRU


WORDS = st.text("abc:# T,=é", max_size=12).map(str.strip)
HEADERS = st.builds(
    Header,
    title=st.one_of(WORDS, st.sampled_from(["cite: x", "input: x", "LSTM: long", "# x", "x"])),
    cite=WORDS,
    convention=WORDS,
    roles=st.sampled_from([(), (("a", "update gate"),)]),
    inputs=st.sampled_from([None, (), ("x",), ("x", "h1")]),
    params=st.sampled_from([None, (), ("W_z",), ("W_z", "s")]),
    states=st.sampled_from([None, ("b",)]),
    outputs=st.sampled_from([(), ("a",), ("a", "b")]),
    output=st.sampled_from(["", "b"]),
)


@given(HEADERS, st.lists(TREES, min_size=1, max_size=4), st.booleans())
def test_documents_round_trip(header: Header, trees: list[Node], shaped: bool) -> None:
    names = [n for key in ("inputs", "params", "states") for n in getattr(header, key) or ()]
    shapes = {"x": ("I",), "W_z": ("H", "I"), "s": ()}
    given_shapes = tuple((n, shapes[n]) for n in names if n in shapes and shaped)
    header = Header(
        **{k: getattr(header, k) for k in header.__slots__ if k not in {"shapes", "places"}},
        shapes=given_shapes,
    )
    document = Document(tuple(Definition(f"y{i}", t) for i, t in enumerate(trees)), header)
    assert parse(show_document(document), derivation=True) == document
