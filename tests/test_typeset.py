"""Syntax trees as LaTeX."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.lines import Row, aligned
from gru_sym.algebra.symbols import COTANGENTS, Naming
from gru_sym.algebra.tree import Binary, Call, Concat, Name, Neg, Node, Number, Slice, Transpose
from gru_sym.algebra.typeset import Style, typeset
from gru_sym.cells.parse import parse

EXPRESSIONS = [
    ("(1 - z) * h + z * h_tilde", r"(1 - z) \odot h + z \odot \tilde{h}"),
    ("sigmoid(W_z @ x + b_z)", r"\sigma(W_{z}\,x + b_{z})"),
    ("U_h @ (r * h)", r"U_{h}\,(r \odot h)"),
    ("r * (U_h @ h + b)", r"r \odot (U_{h}\,h + b)"),
    ("h * (U_h.T @ a_bar)", r"h \odot (U_{h}^{\top}\,\bar{a})"),
    ("(a * W) @ v", r"(a \odot W)\,v"),
    ("outer(a_bar * r, h)", r"(\bar{a} \odot r)\,h^{\top}"),
    ("outer(a_bar, r * h)", r"\bar{a}\,(r \odot h)^{\top}"),
    ("outer(u, h_next)", r"u\,(h')^{\top}"),
    ("W @ [r * h, x]", r"W\,[r \odot h,\, x]"),
    ("(W_z.T @ a)[:H]", r"(W_{z}^{\top}\,a)_{[{:}H]}"),
    ("W_z[H:H+I] @ x", r"(W_{z})_{[H{:}H+I]}\,x"),
    ("v[H_1:]", r"v_{[H_{1}{:}]}"),
    ("h_tilde**2", r"\tilde{h}^{2}"),
    ("(a * b)**2", r"(a \odot b)^{2}"),
    ("(a**2)**3", r"(a^{2})^{3}"),
    ("h_next**2", r"(h')^{2}"),
    ("(-a)**2", r"(-a)^{2}"),
    ("v**1.5", r"v^{3/2}"),
    ("a - (b - c)", "a - (b - c)"),
    ("a * (-b)", r"a \odot (-b)"),
    ("-(a + b)", "-(a + b)"),
    ("-a * b", r"-a \odot b"),
    ("a - (-b) * c", r"a - (-b \odot c)"),
    ("2 * z", r"2\,z"),
    ("z * 2", r"z \cdot 2"),
    ("2 * 3 * z", r"2 \cdot 3\,z"),
    ("W @ (2 * v)", r"W\,(2\,v)"),
    ("s * v * w", r"s\,v \odot w"),
    ("-sum(a * b) / (2 * v)", r"-\frac{\operatorname{sum}(a \odot b)}{2\,v}"),
    ("mean(a) * v", r"\operatorname{mean}(a)\,v"),
    ("relu(a / b)", r"\operatorname{relu}\Bigl(\frac{a}{b}\Bigr)"),
    ("sqrt(v + 0.00001)", r"\sqrt{v + 10^{-5}}"),
    ("2.5e-9 + 1e300", r"2.5 \cdot 10^{-9} + 10^{300}"),
    ("0.25 * abs(x)", r"0.25\,\left|x\right|"),
    ("logsumexp(v) - hard_sigmoid(v)", None),
    ("tanh(c_next)**2", r"\tanh(c')^{2}"),
]


def value(text: str) -> Node:
    return parse(f"v_bar = {text}", derivation=True).definitions[0].value


@pytest.mark.parametrize(("text", "latex"), EXPRESSIONS)
def test_expression(check_latex: Callable[[str], None], text: str, latex: str | None) -> None:
    shown = typeset(value(text), Style(scalars=frozenset({"s"})))
    check_latex(shown)
    if latex is None:
        latex = r"\operatorname{logsumexp}(v) - \operatorname{hard\_sigmoid}(v)"
    assert shown == latex


def test_sum_over_time() -> None:
    tree = Call("sum_t", (Binary("+", Name("a"), Name("b")),))
    assert typeset(tree, Style()) == r"\sum_{t=1}^{T} (a + b)"
    assert typeset(Binary("*", tree, Name("c")), Style()).startswith(r"(\sum")


def trees() -> st.SearchStrategy[Node]:
    leaves = st.sampled_from(
        ["a", "b_z", "h_next", "W_h_tilde", "mu_z_bar_dot", "c_next_bar_total"]
    )
    numbers = st.fractions(-1000, 1000, max_denominator=1000)

    def grow(node: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.one_of(
            st.builds(Neg, node),
            st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "**", "@"]), node, node),
            st.builds(
                lambda f, n: Call(f, (n,)),
                st.sampled_from(["sigmoid", "sqrt", "abs", "sum", "relu", "sum_t"]),
                node,
            ),
            st.builds(lambda a, b: Call("outer", (a, b)), node, node),
            st.builds(Transpose, node),
            st.builds(lambda a, b: Concat((a, b)), node, node),
            st.builds(lambda a: Slice(a, ("H",), None), node),
        )

    return st.recursive(st.one_of(leaves.map(Name), numbers.map(Number)), grow, max_leaves=8)


@given(trees())
def test_every_tree_is_well_formed(check_latex: Callable[[str], None], node: Node) -> None:
    for cotangent in COTANGENTS:
        style = Style(Naming(cotangent=cotangent), frozenset({"a"}))
        shown = typeset(node, style)
        check_latex(shown)
        check_latex(aligned([Row("x", shown)], wide=30))


def test_depth_meets_no_limit() -> None:
    node: Node = Name("a")
    for _ in range(5000):
        node = Binary("+", node, Name("b"))
    lines = aligned([Row("x", typeset(node, Style()))]).splitlines()
    assert 200 < len(lines) < 600


def test_products_are_as_the_style_has_them() -> None:
    node = value("a * (b @ c) * W_z_bar")
    style = Style(Naming(cotangent="partial"), product=r"\circ")
    assert typeset(node, style) == r"a \circ (b\,c) \circ \frac{\partial L}{\partial W_{z}}"
    transposed = typeset(value("outer(z_bar, x_bar)"), style)
    assert transposed.endswith(r"\Bigl(\frac{\partial L}{\partial x}\Bigr)^{\top}")
