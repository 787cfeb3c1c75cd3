"""Names as LaTeX symbols."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.symbols import COTANGENTS, Naming, Symbol, at, escape_text, look, spelled

PLAIN = [
    ("z", "z"),
    ("h_tilde", r"\tilde{h}"),
    ("f_hat", r"\hat{f}"),
    ("zeta", r"\zeta"),
    ("mu_z", r"\mu_{z}"),
    ("W_z", "W_{z}"),
    ("W_h_tilde", r"W_{\tilde{h}}"),
    ("a_h_tilde", r"a_{\tilde{h}}"),
    ("a_z_bar", r"\bar{a}_{z}"),
    ("h_tilde_bar", r"\bar{\tilde{h}}"),
    ("z_bar_dot", r"\dot{\bar{z}}"),
    ("W_z_dot", r"\dot{W}_{z}"),
    ("h_next", "h'"),
    ("h_1_next", "h'_{1}"),
    ("h_next_bar", r"\bar{h}'"),
    ("a_h_next", "a_{h'}"),
    ("c_next_bar_total", r"\bar{c}^{\prime\,\mathrm{total}}"),
    ("h_bar_up", r"\bar{h}^{\mathrm{loss}}"),
    ("h_bar_later", r"\bar{h}^{\mathrm{later}}"),
    ("var_z_bar", r"\overline{\mathrm{var}}_{z}"),
    ("b_hn", r"b_{\mathrm{hn}}"),
    ("W_z_2", "W_{z,2}"),
    ("h1", "h_{1}"),
    ("logits", r"\mathrm{logits}"),
]
TIMED = [
    ("h", "h_{t-1}"),
    ("h_next", "h_{t}"),
    ("h_bar", r"\bar{h}_{t-1}"),
    ("h_next_bar", r"\bar{h}_{t}"),
    ("h_bar_up", r"\bar{h}_{t}^{\mathrm{loss}}"),
    ("h_bar_later", r"\bar{h}_{t}^{\mathrm{later}}"),
    ("h_next_bar_total_dot", r"\dot{\bar{h}}_{t}^{\mathrm{total}}"),
    ("a_z", "a_{z,t}"),
    ("a_z_bar", r"\bar{a}_{z,t}"),
    ("a_h_next", "a_{h,t}"),
    ("W_z_bar", r"\bar{W}_{z}"),
]


TIMED_NAMING = Naming(frozenset({"h", "h_next", "a_z", "a_h_next", "z"}), frozenset({"h"}))


@pytest.mark.parametrize(("name", "symbol"), PLAIN)
def test_plain(name: str, symbol: str) -> None:
    assert Naming()(name) == symbol


@pytest.mark.parametrize(("name", "symbol"), TIMED)
def test_timed(name: str, symbol: str) -> None:
    assert TIMED_NAMING(name) == symbol


def test_indexed() -> None:
    assert Naming().indexed("h_2", "0") == "h_{2,0}"


OTHERS = [
    ("delta", "z_bar", r"\delta_{z,t}"),
    ("delta", "a_z_bar", r"\delta_{a_{z},t}"),
    ("delta", "W_z_bar_dot", r"\dot{\delta}_{W_{z}}"),
    ("delta", "h_bar", r"\delta_{h,t-1}"),
    ("delta", "h_bar_up", r"\delta_{h,t}^{\mathrm{loss}}"),
    ("partial", "z_bar", r"\frac{\partial L}{\partial z_{t}}"),
    ("partial", "h_bar_later", r"\frac{\partial L^{\mathrm{later}}}{\partial h_{t}}"),
    ("partial", "z_bar_dot", r"\Bigl(\frac{\partial L}{\partial z_{t}}\Bigr)^{\!\cdot}"),
    ("partial", "z_dot", r"\dot{z}_{t}"),
]


@pytest.mark.parametrize(("cotangent", "name", "symbol"), OTHERS)
def test_cotangents(cotangent: str, name: str, symbol: str) -> None:
    assert replace(TIMED_NAMING, cotangent=cotangent)(name) == symbol


OWN = {"h": r"\mathbf{s}", "z": "u^{(1)}", "W_z": "W_{xz}"}
RENAMED = [
    ("h", r"\mathbf{s}_{t-1}"),
    ("h_next", r"\mathbf{s}_{t}"),
    ("z", "u_{t}^{(1)}"),
    ("a_z", "a_{u^{(1)},t}"),
    ("a_z_bar", r"\bar{a}_{u^{(1)},t}"),
    ("a_h_next", r"a_{\mathbf{s},t}"),
    ("W_z_bar", r"\bar{W}_{xz}"),
    ("U_z", "U_{z}"),
]


@pytest.mark.parametrize(("name", "symbol"), RENAMED)
def test_symbols_of_its_own(name: str, symbol: str) -> None:
    assert replace(TIMED_NAMING, symbols=OWN)(name) == symbol


def test_symbols_without_time() -> None:
    assert Naming(symbols=OWN)("h_next") == r"\mathbf{s}'"


def test_the_argument_in_a_next_states_line_is_no_next_value() -> None:
    naming = replace(TIMED_NAMING, symbols={"a_h": spelled("a_h")})
    assert naming("a_h_next") == "a_{h,t}"


NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(NAME, NAME)
def test_two_names_are_never_spelled_alike(one: str, other: str) -> None:
    assert (look(spelled(one)) == look(spelled(other))) == (one == other)
    assert look(spelled(one)) != look(Naming()(other))


def test_a_long_word_has_a_long_bar() -> None:
    naming = Naming(symbols={"x_t": spelled("x_t")})
    assert naming("x_t_bar") == r"\overline{\mathtt{x\_t}}"
    assert str(at(Symbol.read(spelled("x_t")), "t")) == r"\mathtt{x\_t}_{t}"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("W_{xz}", r"W_{\mathrm{xz}}", True),
        (r"\bar{a}_{z}", r"\bar{a_{z}}", True),
        (r"\overline{ab}", r"\bar{\mathrm{ab}}", True),
        ("f'", r"f^{\prime}", True),
        ("W_{xz}", "W_{x,z}", False),
        (r"\mathbf{W}", "W", False),
        (r"\mathtt{x\_t}", r"\mathtt{x}_{t}", False),
        ("L", r"\mathtt{L}", False),
    ],
)
def test_look(one: str, other: str, alike: bool) -> None:
    assert (look(one) == look(other)) is alike


@pytest.mark.parametrize("latex", [r"\tilde{c}_{x,z}^{k}", r"\mathbf{W}", r"\hat{f}_{1}", "h'"])
def test_read(latex: str) -> None:
    assert str(Symbol.read(latex)) == latex


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True))
def test_every_name_is_a_symbol(check_latex: Callable[[str], None], name: str) -> None:
    timed = Naming(frozenset({name}), frozenset({name}))
    for cotangent in COTANGENTS:
        for naming in (Naming(), timed, replace(timed, symbols={name: r"\tilde{c}_{q}^{k}"})):
            check_latex(replace(naming, cotangent=cotangent)(name))


@given(st.text())
def test_text_is_harmless(text: str) -> None:
    escaped = escape_text(text)
    assert escaped.isascii()
    bare = re.sub(r"\\text(backslash|asciitilde|asciicircum)\{\}|\\[_&%$#{}]", "", escaped)
    assert not set(bare) & set("\\_&%$#{}~^")


@pytest.mark.parametrize(
    "wrong",
    ["h_{t}_{1}", "h'^{2}", "{h", "h}", r"\input{f}", r"\left(h", "z & r", "σ", r"x_{a_{b}_{c}}"],
)
def test_wrong_latex_is_seen(check_latex: Callable[[str], None], wrong: str) -> None:
    """The rules themselves, fed with what TeX, KaTeX or MathJax would refuse."""
    with pytest.raises(AssertionError):
        check_latex(wrong)
