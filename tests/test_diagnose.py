"""Diagnoses: the term, sign or factor that a typical slip gets wrong is named."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.algebra.rules import apply
from gru_sym.cells import cell
from gru_sym.prove.check import check
from gru_sym.prove.diagnose import Point

H_BAR = "h_next_bar * (1 - z) + r * (U_h.T @ a_h_tilde_bar) + U_r.T @ a_r_bar + U_z.T @ a_z_bar"
SLIPS = [
    ("gru", "z_bar = h_next_bar * (h - h_tilde)", "the sign of `h_next_bar * (h - h_tilde)`"),
    ("gru", "a_z_bar = z_bar * z", "the factor `1 - z` is missing"),
    ("gru", "a_z_bar = z_bar * (1 - z)", "the factor `z` is missing"),
    ("gru", "a_z_bar = z_bar", "the factor `z * (1 - z)` is missing in `z_bar`"),
    ("gru", "a_z_bar = z_bar * z * (1 - z) * z", "the factor `z` in"),
    ("gru", "a_z_bar = 2 * z_bar * z * (1 - z)", "2 times what it should be"),
    ("gru", "a_z_bar = z_bar * z * (1 - z) / 2", "1/2 times what it should be"),
    ("gru", "a_z_bar = -z_bar * z * (1 - z)", "the sign of"),
    ("gru", "a_z_bar = z_bar * z * (1 + z)", "the sign of `z` in `z + 1` is wrong"),
    ("gru", "z_bar = h_next_bar * (h_tilde + h)", "the sign of `h` in `h + h_tilde` is wrong"),
    ("gru", "a_z_bar = z_bar * (1 - z**2)", "`1 - z**2` should be `z * (1 - z)`"),
    ("gru", "a_z_bar = r_bar * z * (1 - z)", "`r_bar` should be `z_bar`"),
    ("gru", "a_r_bar = r_bar * z * (1 - z)", "`z` should be `r`"),
    ("gru", "r_bar = U_h.T @ a_h_tilde_bar", "the factor `h` is missing"),
    ("gru", "r_bar = (U_h @ a_h_tilde_bar) * h", "`U_h` should be transposed"),
    ("gru", "r_bar = (U_r.T @ a_h_tilde_bar) * h", "`U_r` should be `U_h`"),
    ("gru", "a_h_tilde_bar = h_tilde_bar * (1 - h_tilde)",
     "`1 - h_tilde` should be `1 - h_tilde**2`"),
    ("gru", "a_h_tilde_bar = h_tilde_bar", "the factor `1 - h_tilde**2` is missing"),
    ("gru", "U_h_bar = outer(a_h_tilde_bar, h)", "the factor `r` is missing"),
    ("gru", "U_h_bar = outer(h * r, a_h_tilde_bar)", "the outer product is transposed"),
    ("gru", "U_z_bar = outer(z_bar, h)", "`z_bar` should be `a_z_bar`"),
    ("gru", "h_bar = " + H_BAR.replace(" + U_z.T @ a_z_bar", ""),
     "the term `U_z.T @ a_z_bar` is missing"),
    ("gru", "h_bar = " + H_BAR.replace("h_next_bar * (1 - z) + ", ""),
     "the term `h_next_bar * (1 - z)` is missing"),
    ("gru", "h_bar = " + H_BAR.replace("r * (U_h.T @ a_h_tilde_bar)", "U_h.T @ a_h_tilde_bar"),
     "the factor `r` is missing in `U_h.T @ a_h_tilde_bar`"),
    ("gru", "h_bar = " + H_BAR.replace("+ U_r", "- U_r"), "the sign of `-(U_r.T @ a_r_bar)`"),
    ("gru", "h_bar = " + H_BAR.replace("(1 - z)", "z"),
     "`z` should be `1 - z` in `h_next_bar * z`"),
    ("gru", "h_bar = " + H_BAR + " + a_z_bar", "the term `a_z_bar` is extra"),
    ("gru", "h_bar = " + H_BAR + " + U_z.T @ a_z_bar", "2 times what it should be"),
    ("gru", "x_bar = W_h.T @ a_h_tilde_bar + W_r.T @ a_r_bar",
     "the term `W_z.T @ a_z_bar` is missing"),
    ("lstm", "f_bar = c_next_bar * c", "`c_next_bar` should be `c_next_bar_total`"),
    ("lstm", "c_bar = c_next_bar_total * i", "`i` should be `f`"),
    ("rnn_relu", "a_h_next_bar = h_next_bar", "the factor `step(a_h_next)` is missing"),
    ("gru", "b_z_bar = 0", "a_z_bar"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line", "words"), SLIPS, ids=[line for _, line, _ in SLIPS])
def test_slip_is_named(name: str, line: str, words: str) -> None:
    (report,) = check(cell(name), line).lines
    assert report.verdict == "wrong"
    assert words in report.why


def test_two_slips_are_both_named() -> None:
    line = "h_bar = " + H_BAR.replace("+ U_r", "- U_r").replace(" + U_z.T @ a_z_bar", "")
    (report,) = check(cell("gru"), line).lines
    assert "the sign of `-(U_r.T @ a_r_bar)` is wrong" in report.why
    assert "the term `U_z.T @ a_z_bar` is missing" in report.why


def test_value_that_is_undefined_equals_nothing() -> None:
    a = Var("a", (("H",),))
    point = Point([a], [])
    undefined = apply("log", -a)  # the point's entries are positive
    assert not point.same(undefined, undefined, a.shape)
    assert not point.same(apply("exp", 1000 * apply("exp", 9 + a)), a, a.shape)
    assert point.same(a + a, 2 * a, a.shape)
    assert not point.same(a, a * sp.Rational(100001, 100000), a.shape)
