"""The order and the signs that a person would write."""

from fractions import Fraction

import pytest
import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Size, Var
from gru_sym.algebra.nodes import SumT
from gru_sym.algebra.present import Presenter, product, reading_order
from gru_sym.algebra.program import Program, Scan
from gru_sym.algebra.rules import apply
from gru_sym.algebra.show import show
from gru_sym.cells import cell, names
from gru_sym.cells.build import Builder
from gru_sym.cells.parse import parse
from gru_sym.derive.describe import KINDS, presenter_of, sections, select

# The language of hand derivations has neither sizes nor sums over t: they stand under other names.
SIZE, SUM_T = "size_", "sin"


def disguised(node: tree.Node) -> tree.Node:
    def change(_old: tree.Node, new: tree.Node) -> tree.Node:
        match new:
            case tree.Name(name="H" | "I" as name):
                return tree.Name(SIZE + name)
            case tree.Call(func="sum_t", args=args):
                return tree.Call(SUM_T, args)
            case _:
                return new

    return tree.transform(node, change)


def read_back(text: str, variables: dict[str, Var]) -> sp.Expr:
    known = variables | {SIZE + name: Var(SIZE + name) for name in "HI"}
    document = parse(f"v_bar = {text}", derivation=True)
    expr = Builder(known, text).expression(document.definitions[0].value)
    expr = expr.replace(lambda e: e.func is apply(SUM_T, Var("a")).func, lambda e: SumT(e.args[0]))
    return expr.xreplace({Var(SIZE + name): Size(name) for name in "HI"})


@pytest.mark.parametrize("of", [kind for kind in KINDS if kind != "jacobian"])
@pytest.mark.parametrize("name", names())
def test_text_means_the_expression(name: str, of: str) -> None:
    """Every line of every derivative, shown and read again, is what was derived."""
    derivation = select(cell(name), of)
    result, presenter = derivation.result, presenter_of(derivation)
    assert isinstance(result, Program | Scan)
    programs = [result] if isinstance(result, Program) else [result.step, result.after]
    variables = {v.name: v for p in (cell(name).program, *programs) for v in p.variables}
    for section in sections(derivation):
        for d in section.definitions:
            shown = show(disguised(presenter.expression(d.expr)))
            again = read_back(shown, variables)
            assert again == d.expr or same(again, d.expr), (d.name, shown)


def same(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions are equal as fractions of polynomials."""
    return bool(left.expand() == right.expand()) or bool(
        sp.numer(sp.together(left - right)).expand() == 0
    )


def test_a_quotient_is_differentiated_as_a_person_would() -> None:
    f, i = (Var(name, (("H",),)) for name in "fi")
    shown = show(Presenter([f, i]).expression(sp.diff(f / (f + i), f)))
    assert shown == "i / (f + i)**2"
    shown = show(Presenter([f, i]).expression(1 / (f + i) - f * i / (f + i) ** 2))
    assert shown == "1 / (f + i) - f * i / (f + i)**2"


LINES = [
    ("gru", "vjp", "z_bar = h_next_bar * (h_tilde - h)"),
    ("gru", "vjp", "a_z_bar = z_bar * z * (1 - z)"),
    ("gru", "vjp", "a_h_tilde_bar = h_tilde_bar * (1 - h_tilde**2)"),
    (
        "gru",
        "vjp",
        "h_bar = h_next_bar * (1 - z) + r * (U_h.T @ a_h_tilde_bar) + U_r.T @ a_r_bar "
        "+ U_z.T @ a_z_bar",
    ),
    ("gru", "vjp", "x_bar = W_h.T @ a_h_tilde_bar + W_r.T @ a_r_bar + W_z.T @ a_z_bar"),
    ("gru", "vjp", "U_h_bar = outer(a_h_tilde_bar, r * h)"),
    ("gru", "vjp", "W_z_bar = outer(a_z_bar, x)"),
    ("gru_keep", "vjp", "z_bar = h_next_bar * (h - h_tilde)"),
    ("gru_reset_after", "vjp", "U_h_bar = outer(a_h_tilde_bar * r, h)"),
    ("gru_reset_after", "vjp", "r_bar = a_h_tilde_bar * (U_h @ h + b_hn)"),
    (
        "lstm",
        "vjp",
        "c_next_bar_total = c_next_bar + h_next_bar * o * (1 - tanh(c_next)**2)",
    ),
    ("lstm_peephole", "vjp", "c_bar = c_next_bar_total * f + a_f_bar * p_f + a_i_bar * p_i"),
    ("fastgrnn", "vjp", "z_bar = h_next_bar * (h - zeta * h_tilde)"),
    ("gru_layernorm", "vjp", "g_z_bar = a_z_bar * (q_z - mu_z) / sqrt(var_z + 0.00001)"),
    (
        "gru_concat",
        "vjp",
        "x_bar = (W_h.T @ a_h_tilde_bar)[H:] + (W_r.T @ a_r_bar)[H:] + (W_z.T @ a_z_bar)[H:]",
    ),
    ("gru", "jvp", "a_r_dot = W_r_dot @ x + W_r @ x_dot + U_r_dot @ h + U_r @ h_dot + b_r_dot"),
    ("gru", "jvp", "h_next_dot = h_dot * (1 - z) + z_dot * (h_tilde - h) + h_tilde_dot * z"),
    ("gru", "hvp", "W_z_bar_dot = outer(a_z_bar_dot, x) + outer(a_z_bar, x_dot)"),
    ("gru", "hvp", "a_z_bar_dot = z_bar_dot * z * (1 - z) + z_bar * z_dot * (1 - 2 * z)"),
    (
        "gru",
        "hvp",
        "z_bar_dot = h_next_bar_dot * (h_tilde - h) + h_next_bar * (h_tilde_dot - h_dot)",
    ),
    ("gru", "bptt", "h_next_bar = h_bar_up + h_bar_later"),
    ("gru", "bptt", "U_h_bar = sum_t(outer(a_h_tilde_bar, r * h))"),
]


@pytest.mark.parametrize(("name", "of", "line"), LINES)
def test_line_reads_as_a_person_writes_it(name: str, of: str, line: str) -> None:
    derivation = select(cell(name), of)
    presenter = presenter_of(derivation)
    (shown,) = (
        f"{d.name} = {show(presenter.definition(d).value)}"
        for section in sections(derivation)
        for d in section.definitions
        if d.name == line.split(" = ")[0]
    )
    assert shown == line


a, b, s = Var("a", (("H",),)), Var("b", (("H",),)), Var("s")
EXPRESSIONS = [
    (sp.Integer(0), "0"),
    (sp.Integer(-2), "-2"),
    (-a, "-a"),
    (a - b, "a - b"),
    (b - a, "b - a"),
    (1 - a, "1 - a"),
    (a + 1, "a + 1"),
    (-a - 1, "-a - 1"),
    (-a * b, "-a * b"),
    (a / b, "a / b"),
    (-a / (2 * b), "-a / (2 * b)"),
    (1 / a, "1 / a"),
    (sp.sqrt(a) / sp.sqrt(b), "sqrt(a) / sqrt(b)"),
    (a * (2 * a - 2 * b), "2 * a * (a - b)"),
    (a * s, "s * a"),
    (sp.Rational(1, 3) * a, "a / 3"),
    (a**2 * b, "a**2 * b"),
]


@pytest.mark.parametrize(("expr", "text"), EXPRESSIONS)
def test_signs_and_numbers(expr: sp.Expr, text: str) -> None:
    assert show(Presenter((a, b, s)).expression(expr)) == text


def test_product_is_flat() -> None:
    one, u, v, w = tree.Number(Fraction(1)), *map(tree.Name, "uvw")
    assert show(product([u, tree.Binary("/", v, w)])) == "u * v / w"
    assert show(product([u, tree.Binary("/", one, w)])) == "u / w"


def test_reading_order_is_that_of_the_text() -> None:
    order = [v.name for v in reading_order(cell("fastgrnn").program)]
    assert order[:7] == ["W", "x", "U", "h", "s", "b_z", "a_z"]


def test_what_a_person_wrote_stays() -> None:
    program = cell("mut1").program
    definition = program["h_next"]
    assert Presenter.of(program).definition(definition) is definition.tree
