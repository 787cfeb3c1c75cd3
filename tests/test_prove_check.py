"""Hand derivations judged line by line; that mutants are caught is in test_mutants.py."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.derive.describe import select, text
from gru_sym.errors import CellSyntaxError, NamingError, ShapeError, StructureError
from gru_sym.prove.check import check
from gru_sym.prove.result import ProofError

GRU = """\
h_tilde_bar = h_next_bar * z
a_h_tilde_bar = h_tilde_bar * (1 - h_tilde**2)
r_bar = (U_h.T @ a_h_tilde_bar) * h
a_r_bar = r_bar * r * (1 - r)
z_bar = h_next_bar * (h_tilde - h)
a_z_bar = z_bar * z * (1 - z)
"""
RIGHT = {
    "a square of a tangent": "a_h_tilde_bar = h_tilde_bar * (1 - tanh(a_h_tilde)**2)",
    "both signs of a": "a_z_bar = z_bar * sigmoid(a_z) * sigmoid(-a_z)",
    "exp": "a_z_bar = z_bar * exp(-a_z) / (1 + exp(-a_z))**2",
    "exp, the other way": "a_z_bar = z_bar / (2 + exp(a_z) + exp(-a_z))",
    "hyperbolic": "a_h_tilde_bar = 4 * h_tilde_bar / (exp(a_h_tilde) + exp(-a_h_tilde))**2",
    "all inlined": "a_z_bar = (h_tilde - h) * (z - z**2) * h_next_bar",
    "by the next state": "z_bar = h_next_bar * (h_next - h) / z",
    "the other candidate": "a_h_tilde_bar = h_next_bar * z * (1 - h_tilde) * (1 + h_tilde)",
    "tanh by sigmoid": "a_h_tilde_bar = h_next_bar * z * (1 - (2 * sigmoid(2 * a_h_tilde) - 1)**2)",
    "one matrix for two": "U_h_bar = outer(a_h_tilde_bar * 1, h * r)",
    "a transposed outer": "W_z_bar = outer(x, a_z_bar).T",
    "a cotangent that is another": "W_z_bar = outer(b_z_bar, x)",
    "gathered": "x_bar = (W_r.T @ a_r_bar + W_z.T @ a_z_bar) + W_h.T @ (2 * a_h_tilde_bar) / 2",
}  # fmt: skip


def verdicts(c: Cell, derivation: str) -> list[str]:
    return [line.verdict for line in check(c, derivation).lines]


@pytest.mark.parametrize("name", names())
def test_what_is_derived_is_right(name: str) -> None:
    report = check(cell(name), text(select(cell(name)))).require()
    assert report.verdict == "right"
    assert report.missing == ()


def test_composed_cells_are_checked_too() -> None:
    for c in (stack(cell("mgu"), cell("lstm")), readout(cell("rnn"), "cross_entropy")):
        assert check(c, text(select(c))).verdict == "right"


@pytest.mark.parametrize("line", RIGHT.values(), ids=RIGHT)
def test_other_forms_are_right(line: str) -> None:
    assert verdicts(cell("gru"), line) == ["right"]


def test_any_order_of_lines() -> None:
    lines = text(select(cell("gru"))).splitlines()
    for order in (lines[::-1], lines[1::2] + lines[::2]):
        assert check(cell("gru"), "\n".join(order)).verdict == "right"


def test_forward_lines_may_be_restated() -> None:
    gru = cell("gru")
    assert verdicts(gru, "z = 1 / (1 + exp(-a_z))\nh_next = h + z * (h_tilde - h)") == ["right"] * 2
    assert verdicts(gru, "z = sigmoid(-a_z)\nr = sigmoid(a_r)") == ["wrong", "right"]
    assert check(gru, text(select(gru)) + "\n" + gru.equations).verdict == "right"


def test_one_slip_does_not_condemn_the_rest() -> None:
    slip = GRU.replace("z_bar = h_next_bar * (h_tilde - h)", "z_bar = h_next_bar * (h - h_tilde)")
    report = check(cell("gru"), slip)
    assert [x.verdict for x in report.lines] == ["right"] * 4 + ["wrong", "right"]
    assert report.verdict == "wrong"
    (wrong,) = (x for x in report.lines if x.verdict == "wrong")
    assert (wrong.line, wrong.name) == (5, "z_bar")
    assert wrong.expected == "h_next_bar * (h_tilde - h)"
    assert wrong.why == "the sign of `h_next_bar * (h - h_tilde)` is wrong"


def test_counterexample_holds_in_plain_numpy() -> None:
    report = check(cell("gru"), "a_z_bar = h_next_bar * (h_tilde - h) * z * (1 + z)")
    found = report.lines[0].counterexample
    assert found is not None

    def array(name: str) -> np.ndarray:
        values = np.array(found.values[name], dtype=object)
        return np.vectorize(lambda v: float(Fraction(v)), otypes=[float])(values)

    v = {name: array(name) for name in found.values}

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    z = sigmoid(v["W_z"] @ v["x"] + v["U_z"] @ v["h"] + v["b_z"])
    r = sigmoid(v["W_r"] @ v["x"] + v["U_r"] @ v["h"] + v["b_r"])
    h_tilde = np.tanh(v["W_h"] @ v["x"] + v["U_h"] @ (r * v["h"]) + v["b_h"])
    z_bar = v["h_next_bar"] * (h_tilde - v["h"])
    for shown, value in ((found.left, z_bar * z * (1 + z)), (found.right, z_bar * z * (1 - z))):
        assert math.isclose(float(shown.rstrip("…")), value[found.entry], rel_tol=1e-12)


def test_abbreviations_are_judged_through_the_lines_that_use_them() -> None:
    right = "slope = z * (1 - z)\nd = slope * h_next_bar\na_z_bar = d * (h_tilde - h)"
    report = check(cell("gru"), right)
    assert [x.verdict for x in report.lines] == ["abbreviation", "abbreviation", "right"]
    assert report.lines[0].expected == ""
    report = check(cell("gru"), right.replace("1 - z)", "1 + z)"))
    assert [x.verdict for x in report.lines] == ["abbreviation", "abbreviation", "wrong"]
    assert check(cell("gru"), "d = h * 2").verdict == "incomplete"


def test_incomplete_names_what_is_missing() -> None:
    report = check(
        cell("rnn"), "a_h_next_bar = h_next_bar * (1 - h_next**2)\nb_h_bar = a_h_next_bar"
    )
    assert report.verdict == "incomplete"
    assert report.missing == ("W_h_bar", "U_h_bar", "x_bar", "h_bar")
    assert "missing: W_h_bar, U_h_bar, x_bar, h_bar" in str(report)
    with pytest.raises(ProofError, match="incomplete"):
        report.require()
    wrong = check(cell("rnn"), "b_h_bar = h_next_bar")
    assert wrong.verdict == "wrong"  # it is incomplete as well; wrong goes first


@pytest.mark.parametrize(
    ("derivation", "wrong"),
    [
        ("z_bar = z_bar", {"z_bar": "`z_bar` is defined by itself"}),
        ("d = z_bar\nz_bar = d", {"z_bar": "`z_bar` is defined by itself, through `d`"}),
        (
            "z_bar = a_z_bar / (z * (1 - z))\na_z_bar = z_bar * z * (1 - z)",
            {"z_bar": "`z_bar` is defined by itself, through `a_z_bar`"},
        ),
        ("z = z", {"z": "`z` is defined by itself"}),
        ("a_z_bar = z_bar * z * (1 - z)\nz_bar = h_next_bar * (h_tilde - h)", {}),
        ("h_next_bar = h_next_bar", {}),
    ],
)
def test_a_line_that_rests_on_itself_says_nothing(derivation: str, wrong: dict[str, str]) -> None:
    lines = check(cell("gru"), derivation).lines
    assert {x.name: x.why for x in lines if x.verdict == "wrong"} == wrong
    assert {x.verdict for x in lines if x.name not in wrong} <= {"right", "abbreviation"}


def test_all_of_the_cotangent_of_an_output_used_inside() -> None:
    lstm = cell("lstm")
    whole = "c_next_bar + h_next_bar * o * (1 - tanh(c_next)**2)"
    for name in ("c_next_bar", "c_next_bar_total"):
        assert verdicts(lstm, f"{name} = {whole}\nf_bar = {name} * c") == ["right", "right"]
    assert verdicts(lstm, "f_bar = c_next_bar * c") == ["wrong"]  # what is given alone
    assert verdicts(lstm, f"f_bar = ({whole}) * c") == ["right"]
    assert verdicts(lstm, f"d = c_next_bar\nc_next_bar = {whole}\nf_bar = d * c") == [
        "abbreviation",
        "right",
        "wrong",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("W_z_bar = outer(x, a_z_bar)", "it is transposed"),
        ("x_bar = W_h @ a_h_tilde_bar", "`@` between"),
        ("z_bar = W_z_bar", "z_bar is a vector"),
        ("b_z_bar = x * 2", "what is written is"),
    ],
)
def test_shapes_that_do_not_fit_are_wrong(line: str, why: str) -> None:
    (report,) = check(cell("gru"), line).lines
    assert report.verdict == "wrong"
    assert why in report.why
    assert report.counterexample is None
    assert report.expected


@pytest.mark.parametrize(
    ("derivation", "error", "words"),
    [
        ("q_bar = z_bar", NamingError, "the cell has no variable `q`"),
        ("z_bar = h_next_bar * zz", NamingError, "`zz` is not known here"),
        ("z_dot = z_bar", NamingError, "cotangents, no tangents"),
        ("d = e\ne = z", NamingError, "`e` is not known"),
        ("d = W_z @ h_next_bar", ShapeError, "`@` between"),
        ("W_z = 2 * W_z", StructureError, "given and not derived"),
        ("z_bar = h\nz_bar = x", NamingError, "assigned twice"),
        ("z_bar = __import__('os')", CellSyntaxError, "."),
        ("", CellSyntaxError, "."),
        ("z_bar =", CellSyntaxError, "."),
    ],
)
def test_bad_input_is_an_error_of_ours(derivation: str, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        check(cell("gru"), derivation)


def test_json_is_the_contract() -> None:
    derivation = "slope = z * (1 - z)\n\nz_bar = h_next_bar * (h - h_tilde)\nb_z_bar = a_z_bar"
    data = check(cell("gru"), derivation).to_json()
    assert data == json.loads(json.dumps(data))
    assert data["verdict"] == "wrong"
    keys = {"line", "name", "verdict", "expected", "why"}
    assert [set(line) - {"counterexample"} for line in data["lines"]] == [keys] * 3
    assert [line["line"] for line in data["lines"]] == [1, 3, 4]
    assert ["counterexample" in line for line in data["lines"]] == [False, True, False]
    assert set(data) - {"missing", "taken"} == {"lines", "verdict"}


def test_text_of_a_report() -> None:
    shown = str(check(cell("gru"), "z_bar = h_next_bar * (h - h_tilde)\nb_z_bar = a_z_bar"))
    for words in (
        "1 ✗ z_bar: wrong",
        "expected: z_bar = h_next_bar * (h_tilde - h)",
        "2 ✓ b_z_bar: right",
        "counterexamples at H = 2",
        "verdict: wrong",
    ):
        assert words in shown  # fmt: skip


def test_header_comments_and_bytes_are_read() -> None:
    derivation = b"# my derivation\n\nz_bar = h_next_bar * (h_tilde - h)  # from h_next\n"
    (line,) = check(cell("gru"), derivation).lines
    assert (line.line, line.verdict) == (3, "right")
