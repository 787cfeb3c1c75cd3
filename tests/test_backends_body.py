"""Which lines of a Scan stand ahead of the loop, in it and after it."""

from gru_sym import cells
from gru_sym.algebra import tree
from gru_sym.cells import Cell
from gru_sym.codegen.backends.body import Body, Style, Turn
from gru_sym.codegen.backends.expressions import Library
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.stack import stack
from gru_sym.codegen.plan import Pass, plan

LIBRARY = Library(
    name="lib",
    functions={name: name for name in ("sigmoid", "tanh", "tanh_slope")},
    axis="axis",
    keep="keepdims",
    concatenate="cat",
    softmax="softmax",
    logsumexp="logsumexp",
    summed=lambda u, v: tree.Binary("@", tree.Name(f"{u}.T"), tree.Name(v)),
    filled=lambda shape, number, like: f"full({shape}, {number})",
    parted=lambda array, blocks, size, axis: f"parts({array})",
)


def printed(
    cell: Cell, which: str, passes: tuple[Pass, ...] = (compose, defer, hoist, stack)
) -> tuple[list[str], list[Turn], list[str]]:
    """All lines, the loops, and what each state is in the end."""
    made = plan(cell, passes)
    scan = getattr(made, which)
    turns: list[Turn] = []

    def loop(turn: Turn) -> list[str]:
        turns.append(turn)
        return ["LOOP"]

    style = Style(
        LIBRARY, "Array", "dict", lambda whole, _: f"{whole}[t]", loop, lambda step, _: step
    )
    namer = Namer(made.variables, ())
    first = {enter: f"first_{enter.name}" for enter, _ in scan.carry}
    kept = made.kept if which == "forward" else ()
    body = Body(scan, kept, first, style, namer, {}, "like", "earlier step")
    lines = body.lines()
    return lines, turns, [body.last(*pair) for pair in scan.carry]


def test_the_loop_stores_stacks_and_cuts_them_afterwards() -> None:
    lines, (turn,), _ = printed(cells.gru, "forward")
    assert [name for name, _ in turn.stored] == [
        "a_z_r", "z_r", "one_minus_z_r", "h_r", "a_h_tilde", "h_tilde", "h_next"
    ]  # fmt: skip
    assert turn.carry == (("h_t", "h_next_t", "first_h"),)
    assert [whole for whole, _ in turn.read] == ["a_z_r_x", "a_h_tilde_x"]
    after = lines[lines.index("LOOP") :]
    assert "z, r = parts(z_r)" in after
    assert "h = cat((first_h[None], h_next[:-1]))" in after


def test_complements_that_no_step_needs_are_computed_after_the_loop() -> None:
    lines, (turn,), _ = printed(cells.lstm, "forward")
    assert not any("one_minus" in line for line in turn.lines)
    assert "one_minus_i_f_o = sigmoid(-a_i_f_o)" in lines[lines.index("LOOP") :]


def test_backward_leaves_the_gradients_of_the_initial_states() -> None:
    _, (turn,), last = printed(cells.lstm, "backward")
    assert turn.reverse
    assert turn.last == ("h_bar_t", "c_bar_t")
    assert last == ["h_bar_t", "c_bar_t"]


def test_a_state_that_is_known_ahead_is_not_carried() -> None:
    cell = Cell.parse("c_next = b\nh_next = tanh(W @ x + c_next * h + c)")
    lines, (turn,), _ = printed(cell, "forward")
    ahead = lines[: lines.index("LOOP")]
    assert "c = cat((first_c[None], lib.broadcast_to(c_next, (T - 1, *first_c.shape))))" in ahead
    assert [enter for enter, _, _ in turn.carry] == ["h_t"]


def test_a_state_that_no_step_reads_is_not_carried() -> None:
    cell = Cell.parse("h_next = tanh(W @ x + U @ h)\nc_next = h * h")
    lines, (turn,), _ = printed(cell, "forward")
    assert [enter for enter, _, _ in turn.carry] == ["h_t"]
    assert "c = cat((first_c[None], c_next[:-1]))" in lines[lines.index("LOOP") :]


def test_states_that_change_places_are_carried_both() -> None:
    _, (turn,), _ = printed(Cell.parse("h_next = c\nc_next = h"), "forward")
    assert turn.lines == ["h_next_t = c_t", "c_next_t = h_t"]
    assert {enter for enter, _, _ in turn.carry} == {"h_t", "c_t"}


def test_without_a_loop() -> None:
    lines, turns, last = printed(Cell.parse("h_next = tanh(W @ x)"), "backward")
    assert not turns
    assert not any(line.startswith("#") for line in lines)
    assert "h_bar_later = cat((h_bar[1:], lib.zeros_like(h_bar[:1])))" in lines
    assert last == ["h_bar[0]"]
