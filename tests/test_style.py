"""The style of a cell in a notation: which symbol each name has."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from gru_sym import cells, stack
from gru_sym.algebra.symbols import COTANGENTS, look
from gru_sym.cells import Cell
from gru_sym.derive.describe import select
from gru_sym.errors import DataError
from gru_sym.latex.forms import in_form
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.printer import latex_derivation
from gru_sym.latex.style import note_of_unused, style_of, symbols_of, unused_symbols
from tests.latex_tools import katex_errors

OWN = Notation("own", input_matrix="A_{<gate>}", state_matrix="B_{<gate>}", bias="c_{<gate>}")


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", cells.names())
def test_two_names_never_have_one_symbol(name: str, notation: str) -> None:
    cell = in_form(cells.cell(name), NOTATIONS[notation].form).cell
    name_of = style_of(cell, NOTATIONS[notation]).name_of
    symbols = [name_of(str(v.name)) for v in cell.program.variables]
    assert len(set(symbols)) == len(symbols)


def test_matrices_are_told_apart_by_what_they_act_on() -> None:
    cell = Cell.parse("n = tanh(A_n @ x + B_n @ (h * h) + b_n)\nh_next = n + W @ x + U @ h")
    assert symbols_of(cell, OWN) == {
        "A_n": "A_{n}",
        "B_n": "B_{n}",
        "b_n": "c_{n}",
        "W": "A_{}",
        "U": "B_{}",
    }


def test_a_matrix_on_both_keeps_its_symbol() -> None:
    cell = Cell.parse("z = sigmoid(V_z @ x + V_z @ h)\nh_next = z * (U_z @ h)")
    assert symbols_of(cell, OWN) == {"U_z": "B_{z}"}


def test_a_subscript_that_is_no_gate_is_left() -> None:
    cell = Cell.parse("h_next = tanh(W_q @ x + U_q @ h + b_q)")
    assert symbols_of(cell, OWN) == {}


def test_one_symbol_for_two_goes_to_the_first() -> None:
    cell = Cell.parse("z = sigmoid(W_z @ x + V_z @ x)\nh_next = z * h")
    assert symbols_of(cell, OWN) == {"W_z": "A_{z}"}
    name_of = style_of(cell, OWN).name_of
    assert name_of("W_z") != name_of("V_z")


def test_symbols_of_ones_own_go_before_templates() -> None:
    own = replace(OWN, symbols=(("W_z", "Q"), ("z", r"\zeta"), ("no_such", "N")))
    found = symbols_of(cells.gru, own)
    assert found["W_z"] == "Q"
    assert found["U_z"] == r"B_{\zeta}"
    assert "no_such" not in found


def test_a_stack_has_its_layers_in_its_symbols() -> None:
    cell = stack(cells.gru, cells.gru)
    for notation in NOTATIONS.values():
        name_of = style_of(cell, notation).name_of
        symbols = [name_of(str(v.name)) for v in cell.params]
        assert len(set(symbols)) == len(symbols)


def test_in_a_loop_a_states_cotangent_is_what_later_steps_give() -> None:
    derivation = select(cells.rnn, "bptt")
    style = style_of(cells.rnn, NOTATIONS["chung"], derivation.result)
    assert style.name_of("h_bar") == r"\bar{h}_{t-1}^{\mathrm{later}}"
    assert style_of(cells.rnn, NOTATIONS["chung"]).name_of("h_bar") == r"\bar{h}_{t-1}"


def test_scalars_and_the_sign_of_the_product() -> None:
    style = style_of(cells.fastgrnn, NOTATIONS["lecture"])
    assert style.product == r"\circ"
    assert "zeta" in style.scalars
    assert "z" not in style.scalars


def test_any_safe_symbol_gives_formulas_that_katex_renders(
    check_latex: Callable[[str], None],
) -> None:
    """Symbols with subscripts, superscripts and accents, in every place that a symbol has."""
    draw = random.Random(0)
    choices = ("q", r"\zeta", "W_{xz}", "Q^{(1)}", r"\tilde{c}_{a}^{b}", "f'", r"\mathbf{W}'_{1}")
    formulas = []
    for cotangent in ("bar", "delta", "partial"):
        for vectors in ("column", "row"):
            for of in ("vjp", "jvp", "jacobian", "bptt", "hvp"):
                names = ("h", "x", "z", "h_tilde", "W_z", "U_h")
                symbols = tuple(zip(names, draw.sample(choices, len(names)), strict=True))
                own = Notation("own", cotangent=cotangent, vectors=vectors, symbols=symbols)
                formulas.append(latex_derivation(cells.gru, of, (), own))
    for formula in formulas:
        check_latex(formula)
    assert katex_errors(formulas) == []


# -- no two things of a document share a symbol ---------------------------------------------------

NASTY = {
    "x at step t": "# params: x_t(H), h_t(H), x_1(H), h_0(H)\n"
    "h_next = tanh(W @ x + x_t + x_1 + h_t * h + h_0)",
    "the index": "t = sigmoid(W_t @ x + U_t @ h)\nh_next = t * h",
    "the loss": "L_next = tanh(W @ x + U @ L + b)",
    "the Jacobian": "J = sigmoid(L @ x + U @ h)\nh_next = J * h",
    "an argument": "a_h = sigmoid(W_a @ x + U_a @ h)\nh_next = a_h * tanh(W @ x + U @ h)",
    "a given argument": "# params: a_h(H)\nz = relu(x)\nh_next = tanh(a_h + z * h)",
    "numbers": "# params: sigma(), c(), i(H), j(H), a(H), g(H)\n"
    "h_next = sigma * tanh(W @ x) + c * h + i * (j * h) + a * g",
    "gates like numbers": "i = sigmoid(W_i @ x)\nsigma = tanh(U @ h)\nc_next = i * c\n"
    "h_next = c_next * sigma * h",
    "cotangents": "# params: delta(H), delta_W(H), delta_h(H)\n"
    "h_next = tanh(delta_x @ x + U @ h + delta) * delta_W + delta_h",
    "templates": "# params: W_xz(H), W_iz(H), W_hz(H), b_iz(H)\n"
    "z = sigmoid(W_z @ x + U_z @ h + b_z + W_xz + W_hz)\nh_next = z * h + W_iz + b_iz",
    "next in a name": "# params: W_next_z(H), b(H)\n"
    "z = sigmoid(W_z @ x + U_z @ h)\nh_next = z * h + W_next_z * b",
    "sizes": "# params: H1(H), V(H, H_1)\n# inputs: u(H_1)\nh_next = tanh(V @ u + H1 * h)",
    "words": "# params: identity_x(H, H)\nh_next = tanh(identity_x @ h + W @ x)",
    "several states": "s_next = tanh(W @ x + U @ s)\nh_next = s_next * h",
    "a used output": "# outputs: y\n# params: y_t(H)\ny = tanh(U @ h + x)\nh_next = y * h + y_t",
    "letters": "# params: alpha_1(H), ab_tilde(H), d(H)\n"
    "ab = tanh(U @ h)\nh_next = ab * x + alpha_1 * ab_tilde + d",
}
ADDED = ("", "_bar", "_dot", "_bar_dot", "_bar_up", "_bar_later", "_bar_total", "_bar_total_dot")
ALWAYS: tuple[str, ...] = (
    "L",
    "J",
    "t",
    "L_{t}",
    "J_{t}",
    "J_{1}",
    r"\mathbf{s}_{t}",
    "T",
    "i",
    "j",
    "c",
    r"\sigma",
)
ALWAYS += (r"\mathbf{1}", r"\mathbf{I}", "a", "H", "I")


def printed(cell: Cell, notation: Notation) -> dict[str, set[str]]:
    """Each look that a document of a cell may have, and whose it is."""
    name_of = style_of(cell, notation).name_of
    nexts = {str(v.name): str(s.name) for v, s in zip(cell.nexts, cell.states, strict=True)}
    owners: dict[str, set[str]] = {}
    for var in cell.program.variables:
        name = str(var.name)
        of = nexts.get(name, name)
        shown = [name_of.indexed(name + added, "t" if name in nexts else "") for added in ADDED]
        if var in cell.varying and name not in nexts:
            times = ("0", "t-1", "t", "T")
            shown = [name_of.indexed(name + added, time) for added in ADDED for time in times]
        shown += [name_of(name)]
        for latex in shown:
            owners.setdefault(look(latex), set()).add(of)
    for latex in ALWAYS:
        owners.setdefault(look(latex), set()).add("the document")
    return owners


@pytest.mark.parametrize("cotangent", COTANGENTS)
@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("nasty", NASTY)
def test_no_two_things_share_a_symbol(nasty: str, notation: str, cotangent: str) -> None:
    chosen = replace(NOTATIONS[notation], cotangent=cotangent)
    cell = in_form(Cell.parse(NASTY[nasty]), chosen.form).cell
    owners = printed(cell, chosen)
    assert {seen: who for seen, who in owners.items() if len(who) > 1} == {}
    if cotangent == "delta":
        name_of = style_of(cell, chosen).name_of
        assert not any(name_of(str(v.name)).startswith(r"\delta") for v in cell.program.variables)


WORDS: tuple[str, ...] = (
    "h_t",
    "x_t",
    "t",
    "L",
    "J",
    "a_h",
    "sigma",
    "c",
    "i",
    "delta",
    "delta_z",
    "W_hz",
    "z_t",
)
WORDS += ("z", "x_0", "W_next_z", "b_z_1", "mu_t", "a", "L_t", "J_1", "a_t", "W_z", "x_tilde")


@pytest.mark.parametrize("seed", range(24))
def test_no_two_names_of_a_drawn_cell_share_a_symbol(seed: int) -> None:
    """Names that mean something to the printer, wherever a name can stand."""
    draw = random.Random(seed)
    state, *words = draw.sample(WORDS, 9)
    fixed, moving = words[:4], [w for w in words[4:] if f"a_{w}" not in (state, *words)]
    lines = [f"{name} = {draw.choice(('tanh', 'relu'))}(U @ {state} + x)" for name in moving]
    used = " + ".join((*fixed, *moving))
    header = f"# params: {', '.join(f'{name}(H)' for name in fixed)}"
    cell = Cell.parse("\n".join((header, *lines, f"{state}_next = tanh({used} + V @ {state})")))
    for notation in NOTATIONS.values():
        owners = printed(cell, replace(notation, cotangent=draw.choice(COTANGENTS)))
        assert {seen: who for seen, who in owners.items() if len(who) > 1} == {}


def test_what_is_taken_is_spelled() -> None:
    cell = Cell.parse(NASTY["x at step t"])
    name_of = style_of(cell, NOTATIONS["chung"]).name_of
    assert name_of("x") == "x_{t}"
    assert name_of("h_next") == "h_{t}"
    assert name_of("x_t") == r"\mathtt{x\_t}"
    assert name_of("x_t_bar") == r"\overline{\mathtt{x\_t}}"
    cell = Cell.parse(NASTY["an argument"])
    name_of = style_of(cell, NOTATIONS["chung"]).name_of
    assert name_of("a_h_next") == "a_{h,t}"
    assert name_of("a_h") == r"\mathtt{a\_h}_{t}"


def test_a_gate_like_an_index_is_left() -> None:
    name_of = style_of(Cell.parse(NASTY["gates like numbers"]), NOTATIONS["chung"]).name_of
    assert [name_of(n) for n in ("i", "c", "sigma")] == ["i_{t}", "c_{t-1}", r"\sigma_{t}"]


def test_spelled_names_render() -> None:
    formulas = [
        latex_derivation(Cell.parse(text), of, (), replace(NOTATIONS["chung"], cotangent=cotangent))
        for text in NASTY.values()
        for of, cotangent in (("vjp", "delta"), ("bptt", "bar"), ("jvp", "partial"))
    ]
    assert katex_errors(formulas) == []


REFUSED = {
    (("z", "r"),): r"gives `r` and `z` one symbol, r_\{t\}",
    (("z", "q"), ("r", "q")): r"gives `z` and `r` one symbol, q_\{t\}",
    (("W_z", "W_{r}"),): r"gives `W_r` and `W_z` one symbol, W_\{r\}",
    (("W_z", r"W_{\mathrm{r}}"),): "gives `W_r` and `W_z` one symbol",
    (("z", "J"),): r"writes `z` as J, and documents write J_\{t\} for the Jacobian",
    (("W_z", "c"),): "writes `W_z` as c, and documents write c for a bound",
    (("W_z", "H"),): "writes `W_z` as H, and documents write H for a size",
    (("z", r"\bar{r}"),): "gives `r` and `z` one symbol",
    (("W_z", "W_{r}^{2}"), ("z", r"\mathbf{s}")): "for all states together",
}


@pytest.mark.parametrize("symbols", REFUSED)
def test_a_chosen_symbol_that_is_taken(symbols: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(DataError, match=REFUSED[symbols]) as caught:
        symbols_of(cells.gru, Notation("own", symbols=symbols))
    assert "under [symbols]" in caught.value.mend


def test_two_symbols_may_change_places() -> None:
    found = symbols_of(cells.gru, Notation("own", symbols=(("z", "r"), ("r", "z"))))
    assert found == {"z": "r", "r": "z"}


def test_a_profiles_symbol_gives_way() -> None:
    cell = Cell.parse("h_next = tanh(W_h @ x + U_h @ h + W @ x)")
    assert symbols_of(cell, NOTATIONS["cho"]) == {"U_h": "U"}
    own = replace(NOTATIONS["cho"], inherited=frozenset())
    with pytest.raises(DataError, match="`W_h`"):
        symbols_of(cell, own)


def test_names_that_a_cell_does_not_have() -> None:
    symbols = (("h_tidle", "q"), ("z", "u"), ("no", "n"), ("product", "circ"))
    own = Notation("mine", symbols=symbols)
    assert unused_symbols(cells.gru, own) == ("h_tidle", "no", "product")
    assert note_of_unused(cells.gru, own) == (
        "mine.toml has symbols for `h_tidle` (did you mean `h_tilde`?), `no`, `product` (if it is "
        "meant for all of the notation, it stands above [symbols]), which gru does not have"
    )
    assert note_of_unused(cells.rnn, NOTATIONS["pytorch"]) == ""
