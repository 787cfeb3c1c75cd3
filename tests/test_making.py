"""Documents: their parts, and the verdict that they bear."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module

import pytest

from gru_sym import cells, readout, stack
from gru_sym.cells import Cell
from gru_sym.documents import document, making
from gru_sym.errors import DataError
from gru_sym.latex.blocks import Document, Formula, Items, Listing, Paragraph, Ref, Status
from gru_sym.latex.forms import Form, in_form
from gru_sym.latex.html import plain
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.pdf import compile_pdf, overfull
from gru_sym.latex.tex import tex_of
from gru_sym.prove.equal import prove_equal
from gru_sym.prove.result import Proof, Proved, Refuted, Unproved
from tests.latex_tools import formulas_of, katex_errors, section_of, tex

TITLES = {
    "vjp": [
        "The chain rule, backwards through one step",
        "The δ-form",
        "The gradients of the parameters",
    ],
    "jvp": ["Tangents: the Jacobian-vector product"],
    "jacobian": ["The Jacobian, by path", "The product of Jacobians, and what bounds it"],
    "bptt": ["Backpropagation through time, for any T"],
    "hvp": ["Second order: a Hessian times a vector"],
}
FIRST = ["The cell", "Symbols and sizes", "Local derivatives"]
LAST = ["To make it again"]


def titles(document: Document) -> list[str]:
    return [section.title for section in document.sections]


def status(document: Document) -> str:
    (found,) = (block for block in document.opening if isinstance(block, Status))
    return plain(found.spans)


def opening(document: Document) -> str:
    return " ".join(plain(b.spans) for b in document.opening if isinstance(b, Paragraph))


def closing(document: Document) -> tuple[str, str]:
    about, listing = document.sections[-1].blocks
    assert isinstance(about, Paragraph)
    assert isinstance(listing, Listing)
    return plain(about.spans), listing.text


@pytest.mark.parametrize("of", TITLES)
def test_parts(of: str) -> None:
    vjp = TITLES["vjp"] if of in {"bptt", "hvp"} else []
    assert titles(document(cells.gru, of)) == [*FIRST, *vjp, *TITLES[of], *LAST]


def test_all_is_all_but_directions() -> None:
    every = titles(document(cells.gru))
    jacobian, product = TITLES["jacobian"]
    assert every == [*FIRST, *TITLES["vjp"], jacobian, *TITLES["bptt"], product, *LAST]


def test_what_there_is_not() -> None:
    with pytest.raises(DataError, match="no derivative `gradient`"):
        document(cells.rnn, "gradient")
    with pytest.raises(DataError, match="steps cannot be `long`"):
        document(cells.rnn, steps="long")
    with pytest.raises(DataError, match="no notation `chong`"):
        document(cells.rnn, notation="chong")


def test_full_has_the_whys() -> None:
    brief, full = document(cells.gru), document(cells.gru, steps="full")
    assert titles(brief) == titles(full)
    assert [f for f in formulas_of(brief) if "tag" in f] == [
        f for f in formulas_of(full) if "tag" in f
    ]
    whys = [
        plain(item)
        for section in full.sections
        for block in section.blocks
        if isinstance(block, Items)
        for item in block.items
    ]
    assert sum("Why a transpose" in why for why in whys) == 6  # one for each matrix
    assert sum("diag" in why for why in whys) >= 4
    assert not any("Why" in str(section) for section in brief.sections)


# -- what is proved ------------------------------------------------------------------------------

OWN = "h_next = tanh(W @ x + U @ (h * h) + b)"


def forget() -> None:
    making._gradients_proof.cache_clear()
    making._paths_proof.cache_clear()


@pytest.fixture
def fresh() -> Iterator[None]:
    """No proof of an earlier test is remembered, nor a faked one later."""
    forget()
    yield
    forget()


def faked(answer: object) -> Callable[..., Proof]:
    return lambda *_: Proof("a claim", (("steps:", (answer,)),))  # type: ignore[arg-type]


PROVED = Proved("right", (), ("roots are taken of positive numbers.",))
UNPROVED = Unproved("right", "it grew too large")


@pytest.fixture
def refuted() -> Refuted:
    answer = prove_equal("a * b", "a + b")
    assert isinstance(answer, Refuted)
    return answer


def test_a_proved_document_says_what_is_assumed() -> None:
    made = document(cells.gru)
    assert made.verdict == "proved"
    assert "right for all sizes and every sequence length" in status(made)
    assert "paths of the Jacobian add up" in status(made)
    assert "Assumed: all arrays are real" in status(made)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("function", ["prove_vjp", "prove_paths"])
def test_what_is_not_proved_is_not_called_so(
    monkeypatch: pytest.MonkeyPatch, refuted: Refuted, function: str
) -> None:
    cell = Cell.parse(OWN)
    for answer, word in ((UNPROVED, "could not be proved"), (refuted, "It is false")):
        forget()
        monkeypatch.setattr(making, function, faked(answer))
        made = document(cell)
        assert made.verdict == answer.verdict
        assert word in status(made)


def test_the_tangents_have_a_verdict_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert document(cells.rnn, "jvp").verdict == document(cells.rnn, "hvp").verdict == "proved"
    monkeypatch.setattr(making, "prove_tangents", faked(UNPROVED))
    for of in ("jvp", "hvp"):
        made = document(cells.rnn, of)
        assert made.verdict == "unproved"
        assert "do not take it for granted" in status(made)


@pytest.mark.usefixtures("fresh")
def test_the_worst_verdict_counts(monkeypatch: pytest.MonkeyPatch, refuted: Refuted) -> None:
    monkeypatch.setattr(making, "prove_vjp", faked(UNPROVED))
    monkeypatch.setattr(making, "prove_paths", faked(refuted))
    made = document(Cell.parse(OWN))
    assert made.verdict == "refuted"
    assert "Whether the gradients are right" in status(made)
    assert "It is false that the paths" in status(made)


def test_a_wrong_form_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that is another cell: the document has the cell that was given, and says so."""

    def wrong(cell: Cell, form: str) -> Form:
        text = str(in_form(cell, form).cell).replace("(1 - z) * h_tilde", "(1 - z) * -h_tilde")
        return Form(Cell.parse(text), in_form(cell, form).mapping, ("z",))

    right = document(cells.gru, "vjp", "pytorch")
    assert "It is proved, for all sizes, to be the cell that was given" in opening(right)
    assert r"z_{t} \odot h_{t-1} + (1 - z_{t}) \odot n_{t}" in "\n".join(formulas_of(right))
    monkeypatch.setattr(making, "in_form", wrong)
    made = document(cells.gru, "vjp", "pytorch")
    assert "could not be proved, so the cell is as it was given" in opening(made)
    shown = "\n".join(formulas_of(made))
    assert r"(1 - z_{t}) \odot h_{t-1} + z_{t} \odot n_{t}" in shown
    assert "-n_{t}" not in shown
    assert made.verdict == "proved"  # of the cell that it shows


# -- where it is from ----------------------------------------------------------------------------


def test_it_can_be_made_again() -> None:
    about, text = closing(document(cells.gru, "jacobian", "lecture", "full"))
    command = "gru-sym latex gru --of jacobian --notation lecture --steps full"
    assert command in about
    assert text == cells.gru.document.source.strip()
    own = Notation("mine", cotangent="delta")
    about, text = closing(document(Cell.parse(OWN, name="my cell; rm"), notation=own))
    assert "gru-sym latex cell.cell --notation mine.toml" in about
    assert text == OWN


def test_a_notation_and_what_was_changed_of_it() -> None:
    changed = replace(NOTATIONS["cho"], vectors="row", product="circ")
    about, _ = closing(document(cells.rnn, "vjp", changed))
    assert "--notation cho --product circ --vectors row" in about


def test_a_cell_in_another_form_is_listed_in_that_form() -> None:
    made = document(cells.gru, "vjp", "pytorch")
    (shown,) = (block for block in made.opening if isinstance(block, Formula))
    assert shown.latex.splitlines()[1:-1] == [
        r"W_{iz} &= -W_{z}^{\mathrm{given}} \\",
        r"W_{hz} &= -U_{z}^{\mathrm{given}} \\",
        r"b_{iz} &= -b_{z}^{\mathrm{given}}",
    ]
    rows = Notation("r", form="concat", vectors="row")
    (shown,) = (b for b in document(cells.gru, "vjp", rows).opening if isinstance(b, Formula))
    assert r"W_{z} &= [U_{z}^{\mathrm{given}};\, W_{z}^{\mathrm{given}}]" in shown.latex


# -- all kinds of cells --------------------------------------------------------------------------

ODD = {
    "three states": (
        "z = sigmoid(W @ x + U @ h + V @ c)\nh_next = z * h + (1 - z) * tanh(c)\n"
        "c_next = c * s + h\ns_next = mean(z * c)"
    ),
    "a number as state": "# shapes: n()\nh_next = tanh(W @ x + U @ h) * n\nn_next = 2 * n",
    "no parameters": "h_next = tanh(h + x)",
    "no inputs": "h_next = tanh(U @ h)",
    "nothing but itself": "h_next = h",
    "no path": "h_next = tanh(W @ x)",
    "relu": "h_next = relu(W @ x + U @ h)",
    "softmax": "p = softmax(W @ x + U @ h)\nh_next = p * h",
    "log": "h_next = log(1 + exp(W @ x + U @ h)) + log(h * h + 1)",
    "root": "h_next = sqrt(1 + h * h) / (2 + x * x)",
    "zero": "z = sigmoid(0 * h)\nh_next = z * (W @ x)",
    "attention": "# inputs: x(I), m_1(H), m_2(H)\nq = W_q @ x + U_q @ h\ne_1 = sum(q * m_1)\n"
    "e_2 = sum(q * m_2)\nalpha = sigmoid(e_1 - e_2)\nc = alpha * m_1 + (1 - alpha) * m_2\n"
    "z = sigmoid(W_z @ x + U_z @ h + C_z @ c + b_z)\n"
    "h_tilde = tanh(W_h @ x + U_h @ h + C_h @ c + b_h)\nh_next = (1 - z) * h + z * h_tilde",
    "a mean of what has none": "q = W @ x + U @ h\nn = q - mean(q)\ne = mean(n)\n"
    "h_next = tanh(n) * e",
    "a sum of equal numbers": "d = h - mean(h)\nm = 1 + sum(d)\nh_next = tanh(W @ x + U @ h) * m",
    "a norm beside a skip": "# params: p(H)\nq = W @ x + U @ h\n"
    "n = q / sqrt(1 + sum(q**2)) + p * q\nh_next = tanh(n + p*h)",
    "a bare number": "h_next = 0.5",
    "long names": "update_gate = sigmoid(W_update_gate @ x + U_update_gate @ h)\n"
    "h_next = update_gate * h + (1 - update_gate) * tanh(x)",
}


@pytest.mark.slow
def test_every_kind_of_cell_renders() -> None:
    documents = [document(Cell.parse(text), steps="full") for text in ODD.values()]
    formulas = dict.fromkeys(formula for made in documents for formula in formulas_of(made))
    assert katex_errors(list(formulas)) == []
    tex()
    for made in documents:
        assert not overfull(compile_pdf(tex_of(made)).log, 10)


def test_no_skip_path_is_claimed_absent_that_is_in_a_norm() -> None:
    made = document(Cell.parse(ODD["a norm beside a skip"]), "jacobian")
    said = " ".join(section_of(made, "The product of Jacobians")[1])
    assert "there is no skip path" not in said
    assert "What the skip path alone carries from unit i of h_{0} to unit i of h_{T}" in said


@pytest.mark.parametrize("what", ODD)
def test_every_kind_of_cell(check_latex: Callable[[str], None], what: str) -> None:
    cell = Cell.parse(ODD[what])
    for of in ("all", "jvp", "hvp"):
        made = document(cell, of, steps="full")
        assert made.verdict == "proved"
        for formula in formulas_of(made):
            check_latex(formula.partition(r" \tag{")[0])


def test_what_needs_a_kink_to_be_avoided_is_assumed() -> None:
    assert "no argument of relu is 0" in status(document(Cell.parse(ODD["relu"])))


def test_a_stack_and_a_loss(check_latex: Callable[[str], None]) -> None:
    made = document(readout(stack(cells.rnn, cells.gru), loss="mse"), steps="full")
    assert made.verdict == "proved"
    for formula in formulas_of(made):
        check_latex(formula.partition(r" \tag{")[0])
    assert r"\mathbf{s}_{t}" in "\n".join(formulas_of(made))


def test_too_many_paths_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("gru_sym.derive.jacobian"), "MAX_PATHS", 3)
    making._told.cache_clear()
    made = document(cells.gru)
    making._told.cache_clear()
    assert "more paths than can be written one by one" in str(made.sections)
    assert "paths" not in status(made)
    assert TITLES["jacobian"][1] not in titles(made)
    assert made.verdict == "proved"


def test_numbers_are_cited_where_they_are() -> None:
    made = document(cells.gru)
    formulas = [
        b
        for s in made.sections
        for b in s.blocks
        if isinstance(b, Formula) and b.number is not None
    ]
    bptt = next(f for f in formulas if r"\sum_{t=1}^{T}" in f.latex)
    step = next(f for f in formulas if f.reason and "one step" in plain(f.reason))
    assert bptt.number > step.number  # type: ignore[operator]
    cited = {s.number for f in formulas for s in f.reason if isinstance(s, Ref)}
    assert cited <= {f.number for f in formulas}
