"""Cells that are one under a mapping, and maps that are not it."""

import json
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.errors import NamingError, ShapeError, StructureError, TextError
from gru_sym.prove.equivalent import prove_equivalent
from gru_sym.prove.result import Proof, Refuted

TURNED = "W_z = -W_z\nU_z = -U_z\nb_z = -b_z"
TIED = "\n".join(f"{kind}_{gate} = {kind}_f" for gate in "zr" for kind in "WUb")

TRUE = [
    ("gru_keep", "gru", TURNED),
    ("gru", "gru_keep", TURNED),
    ("gru_concat", "gru", "W_z = [U_z, W_z]\nW_r = [U_r, W_r]\nW_h = [U_h, W_h]"),
    ("gru", "gru_concat", "W_z = [U_z, W_z]\nW_r = [U_r, W_r]\nW_h = [U_h, W_h]"),
    ("gru", "gru_nobias", "b_z = 0\nb_r = 0\nb_h = 0"),
    ("gru_nobias", "gru", "b_z = 0\nb_r = 0\nb_h = 0"),
    ("gru", "mgu", TIED),
    ("mgu", "gru", TIED),
    ("lstm", "lstm_coupled", "W_i = -W_f\nU_i = -U_f\nb_i = -b_f"),
    ("gru1", "gru2", "b_z = 0 * b_h\nb_r = 0 * b_h"),
    ("mut3", "mut3", "b_z = 2 * b_z / 2"),
    ("gru_reset_after", "gru_reset_after", ""),
]
FALSE = [
    ("gru_keep", "gru", ""),
    ("gru_keep", "gru", "W_z = -W_z\nU_z = -U_z"),
    ("gru_keep", "gru", "W_z = -W_z\nU_z = -U_z\nb_z = b_z + 0"),
    ("gru_keep", "gru", TURNED + "\nW_r = -W_r"),
    ("gru_concat", "gru", "W_z = [U_z, W_z]\nW_r = [U_z, W_r]\nW_h = [U_h, W_h]"),
    ("gru", "gru_nobias", "b_z = 0\nb_r = 1\nb_h = 0"),
    ("gru", "mgu", TIED.replace("W_r = W_f", "W_r = W_h")),
    ("lstm", "lstm_coupled", "W_i = W_f\nU_i = U_f\nb_i = b_f"),
    ("gru_reset_after", "gru", TURNED + "\nb_hn = 0 * b_h"),
    ("gru_reset_after", "gru_keep", "b_hn = 0 * b_h"),
    ("rnn", "rnn_relu", ""),
    ("ugrnn", "ugrnn", "U_g = U_g.T"),
    ("mut2", "mut3", ""),
]


@pytest.mark.parametrize(("a", "b", "mapping"), TRUE)
def test_true(a: str, b: str, mapping: str) -> None:
    prove_equivalent(cell(a), cell(b), mapping).require()


@pytest.mark.parametrize(("a", "b", "mapping"), FALSE)
def test_false(a: str, b: str, mapping: str) -> None:
    proof = prove_equivalent(cell(a), cell(b), mapping)
    assert proof.verdict == "refuted", str(proof)
    assert any(isinstance(answer, Refuted) for answer in proof)


@pytest.mark.parametrize("name", names())
def test_every_cell_is_itself(name: str) -> None:
    prove_equivalent(cell(name), cell(name)).require()


def refutation(proof: Proof) -> Refuted:
    return next(answer for answer in proof if isinstance(answer, Refuted))


def test_counterexample_of_reset_after_holds_in_plain_numpy() -> None:
    mapping = TURNED + "\nb_hn = 0 * b_h"
    found = refutation(prove_equivalent(cell("gru_reset_after"), cell("gru"), mapping))
    example = found.counterexample

    def array(name: str) -> np.ndarray:
        values = np.array(example.values[name], dtype=object)
        return np.vectorize(lambda v: float(Fraction(v)), otypes=[float])(values)

    v = {name: array(name) for name in example.values}
    x, h = v["x"], v["h"]

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    r = sigmoid(v["W_r"] @ x + v["U_r"] @ h + v["b_r"])
    keep = sigmoid(-(v["W_z"] @ x + v["U_z"] @ h + v["b_z"]))
    after = np.tanh(v["W_h"] @ x + v["b_h"] + r * (v["U_h"] @ h))
    before = np.tanh(v["W_h"] @ x + v["b_h"] + v["U_h"] @ (r * h))
    for candidate, shown in ((after, example.left), (before, example.right)):
        value = ((1 - keep) * candidate + keep * h)[example.entry]
        assert abs(value - float(shown.rstrip("…"))) < 1e-12 * abs(value)


def test_states_may_be_mapped() -> None:
    one = Cell.parse("h_next = tanh(U @ h)", name="one")
    other = Cell.parse("s_next = tanh(U @ s)", name="other")
    odd = Cell.parse("h_next = tanh(U @ h + b)", name="odd")
    prove_equivalent(one, other, "h = s").require()
    prove_equivalent(one, one, "h = -h").require()  # tanh is odd
    assert prove_equivalent(odd, odd, "h = -h").verdict == "refuted"
    prove_equivalent(odd, odd, "h = -h\nb = -b").require()
    assert prove_equivalent(one, other, "h = 2 * s").verdict == "refuted"


def test_several_states_each_make_a_claim() -> None:
    lstm = cell("lstm")
    proof = prove_equivalent(lstm, lstm)
    assert len(proof.parts[-1][1]) == 2
    turned = prove_equivalent(lstm, lstm, "h = -h\nc = -c")
    assert turned.verdict == "refuted"
    swapped = Cell.parse("h_next = tanh(U @ c)\nc_next = sigmoid(U @ h)", name="swapped")
    with pytest.raises(StructureError, match="the output `h`"):
        prove_equivalent(swapped, swapped, "h = c\nc = h")


def test_outputs_beside_the_states_are_compared() -> None:
    mse, entropy = readout(cell("rnn"), "mse"), readout(cell("rnn"), "cross_entropy")
    prove_equivalent(mse, mse).require()
    proof = prove_equivalent(mse, entropy)
    assert proof.verdict == "refuted"
    assert refutation(proof).claim.startswith("loss of")
    double = Cell.parse("# outputs: q\nh_next = tanh(h)\nq = 2 * sum(h_next)", name="double")
    single = Cell.parse("# outputs: q\nh_next = tanh(h)\nq = sum(h_next)", name="single")
    bare = Cell.parse("h_next = tanh(h)", name="bare")
    assert prove_equivalent(single, double).verdict == "refuted"
    for one, other in ((bare, double), (double, bare)):
        with pytest.raises(StructureError, match="the output `q` of double has no counterpart"):
            prove_equivalent(one, other)


FIXED = """
# params: z(H)
r = sigmoid(W_r @ x + U_r @ h + b_r)
h_tilde = tanh(W_h @ x + U_h @ (r * h) + b_h)
h_next = (1 - z) * h + z * h_tilde
"""


def test_a_parameter_is_not_a_definition_of_the_same_name() -> None:
    fixed = Cell.parse(FIXED, name="fixed")
    assert prove_equivalent(fixed, cell("gru")).verdict == "refuted"
    assert prove_equivalent(cell("gru"), fixed).verdict == "refuted"
    given = Cell.parse("# params: s(H)\nh_next = tanh(s)", name="given")
    made = Cell.parse("s = W @ x + U @ h\nh_next = tanh(s)", name="made")
    assert prove_equivalent(given, made).verdict == "refuted"


@pytest.mark.parametrize(
    ("first", "second", "mapping", "word"),
    [
        # what stands for a parameter must not know the state or the input
        ("h_next = tanh(W @ x + b)", "h_next = tanh(W @ x + U @ h + b)", "b = b + U @ h", "`h`"),
        ("h_next = tanh(W @ x)", "h_next = tanh(W @ x + U @ h)", "W = outer(b, x)", "`b`|`x`"),
        # every state of both has a counterpart
        ("h_next = tanh(W @ x + h)", "h_next = tanh(W @ x + h)\nc_next = c + x", "", "`c`"),
        (
            "h_next = tanh(h)\nc_next = c + h",
            "# output: c\nh_next = tanh(h)\nc_next = c + h",
            "",
            "output",
        ),
        ("h_next = tanh(u + h)", "# params: u(H)\nh_next = tanh(u + h)", "", "input `u`"),
        ("h_next = tanh(h)", "h_next = tanh(h)", "h = 0 * h", "state `h`"),
        ("h_next = h\nc_next = c", "h_next = h\nc_next = c", "c = h", "`c`"),
    ],
)
def test_what_is_no_comparison_at_all(first: str, second: str, mapping: str, word: str) -> None:
    a, b = Cell.parse(first, name="first"), Cell.parse(second, name="second")
    with pytest.raises(TextError, match=word):
        prove_equivalent(a, b, mapping)


def test_stacks() -> None:
    deep = stack(cell("gru_keep"), cell("gru_keep"))
    other = stack(cell("gru"), cell("gru"))
    lines = [line.replace("_z", f"_z_{k}") for k in (1, 2) for line in TURNED.splitlines()]
    prove_equivalent(deep, other, "\n".join(lines)).require()
    assert prove_equivalent(deep, other, "\n".join(lines[:3])).verdict == "refuted"


@pytest.mark.parametrize(
    ("a", "b", "mapping", "error", "words"),
    [
        ("gru", "gru_keep", "W_q = W_z", NamingError, "`W_q` is no parameter of gru"),
        ("gru", "gru_keep", "W_z = W_q", NamingError, "`W_q` is no parameter of gru_keep"),
        ("gru", "gru_keep", "W_z = U_z", ShapeError, "`W_z` of gru is"),
        ("gru", "gru_keep", "b_z = W_z @ b_z", ShapeError, "`@` between"),
        ("gru", "gru_keep", "b_z = U_z @ h", NamingError, "`h` is no parameter of gru_keep"),
        ("lstm", "gru", "h = h\nx = x + c", NamingError, "`c` is no input of gru"),
        ("gru", "gru_keep", "b_z = b_z\nb_z = b_r", NamingError, "assigned twice"),
        ("gru", "gru_keep", "z = b_z", NamingError, "`z` is no parameter"),
    ],
)
def test_maps_that_make_no_sense(
    a: str, b: str, mapping: str, error: type[TextError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        prove_equivalent(cell(a), cell(b), mapping)
    assert caught.value.mend


def test_state_or_input_or_output_without_counterpart() -> None:
    c = Cell.parse("c_next = tanh(U @ c)", name="of_c")
    d = Cell.parse("d_next = tanh(U @ d)", name="of_d")
    with pytest.raises(StructureError, match="the state `c` of of_c has no counterpart"):
        prove_equivalent(c, d)
    fed = Cell.parse("d_next = tanh(U @ d + u)", name="fed")
    other = Cell.parse("d_next = tanh(U @ d + x)", name="other")
    with pytest.raises(StructureError, match="the input `u` of fed"):
        prove_equivalent(fed, other)
    one = Cell.parse("# outputs: p\nh_next = tanh(h)\np = sum(h)", name="one")
    two = Cell.parse("# outputs: q\nh_next = tanh(h)\nq = sum(h)", name="two")
    with pytest.raises(StructureError, match="the output `p` of one"):
        prove_equivalent(one, two)


def test_proof_says_what_is_shared_and_serialises() -> None:
    proof = prove_equivalent(cell("gru_keep"), cell("gru"), TURNED)
    shown = str(proof)
    assert "gru_keep is gru under W_z = -W_z; U_z = -U_z; b_z = -b_z" in shown
    assert "the same in both: U_h, U_r, W_h, W_r, b_h, b_r" in shown
    assert "gru_keep.z = 1 - z" in shown
    data = json.loads(json.dumps(proof.to_json()))
    assert data["verdict"] == "proved"
    only = prove_equivalent(cell("gru_reset_after"), cell("gru_keep"))
    assert any("arbitrary, being in gru_reset_after alone: b_hn" in line for line in only.assumed)


def test_bytes_and_empty_maps() -> None:
    assert prove_equivalent(cell("gru_keep"), cell("gru"), TURNED.encode()).verdict == "proved"
    assert prove_equivalent(cell("gru"), cell("gru"), "\n \n").verdict == "proved"
