"""Identifiers of generated code, and where it reads sizes from."""

import builtins
import keyword

import numpy as np
import pytest

from gru_sym.algebra.expr import Shape, Var
from gru_sym.codegen.backends.naming import Namer, cut_text, dim_text, quotable, size_lines
from gru_sym.errors import UnsupportedError

H, N = ("H",), ("I",)


def namer_of(*names: str, reserved: tuple[str, ...] = ("np",)) -> Namer:
    return Namer([Var(name) for name in names], reserved)


def test_a_name_is_kept_where_that_can_be() -> None:
    namer = namer_of("z", "h_tilde", "np", "len", "T", "params", "l")
    assert [namer.plain(name) for name in ("z", "h_tilde")] == ["z", "h_tilde"]
    changed = ("np", "len", "T", "params", "l")
    assert [namer.plain(name) for name in changed] == [f"{name}_" for name in changed]


def test_no_identifier_means_two_things() -> None:
    names = ["h", "h_t", "h_all", "x", "xs", "tmp", "np", "I", "h0", "out", "sum"]
    namer = namer_of(*names, reserved=("np", "rows"))
    given = [namer.plain(name) for name in names]
    given += [namer.size(size) for size in ("H", "O", "rows")]
    given += [namer.role("h", form) for form in ("{}_t", "{}_all", "{}0")]
    given += [namer.role("x", "{}s"), namer.fresh("tmp"), namer.fresh("tmp"), namer.fresh("rows")]
    assert len(set(given)) == len(given)
    taken = {*dir(builtins), *keyword.kwlist, "np", "rows"}
    assert all(name.isidentifier() and name not in taken for name in given)


def test_a_size_and_what_we_derive_may_have_one_name() -> None:
    namer = Namer([Var("x", (("z_bar",),)), Var("z_bar", (H,))], ())
    assert (namer.size("z_bar"), namer.plain("z_bar")) == ("z_bar", "z_bar_")


def test_asked_again_it_says_the_same() -> None:
    namer = namer_of("h", "h_t")
    assert namer.size("H") == namer.size("H") == "H"
    assert namer.role("h", "{}_t") == namer.role("h", "{}_t") == "h_t_2"


def test_a_branch_knows_what_was_and_goes_its_own_way() -> None:
    namer = namer_of("h")
    first, second = namer.branch(), namer.branch()
    assert first.fresh("tmp") == second.fresh("tmp") == namer.fresh("tmp") == "tmp"
    assert first.plain("h") == second.plain("h") == "h"


@pytest.mark.parametrize(
    ("dim", "text"),
    [(("H",), "H"), (("H", "I"), "H + I_"), (("H", "H", "I"), "2 * H + I_"), ((), "")],
)
def test_the_size_of_a_dimension(dim: tuple[str, ...], text: str) -> None:
    assert dim_text(dim, namer_of()) == text


@pytest.mark.parametrize(
    "text", ['a "quote"', '"""', "back\\slash", "bell\a and\ttab", "line\nline", "trailing\\"]
)
def test_any_text_may_stand_in_a_docstring(text: str) -> None:
    namespace: dict[str, object] = {}
    source = f'def f():\n    """{quotable(text)}."""\n'
    exec(source, namespace)
    doc = namespace["f"].__doc__
    assert doc == f"{quotable(text)}."
    assert doc.isprintable() or "\n" in doc


# -- sizes -------------------------------------------------------------------------------------

SIZES = {"H": 3, "I": 5, "C": 4, "K": 7}
KNOWN: dict[str, tuple[str, Shape, int]] = {
    "h": ("h", (H,), 1),
    "x": ("x", (N,), 2),
    "W": ("W", (("C",), ("H", "I")), 0),
    "v": ("v", (("H", "K"),), 2),
    "u": ("u", (("K", "K", "H"),), 0),
    "s": ("s", (), 2),
}


def arrays() -> dict[str, np.ndarray]:
    def shape(var: Shape, lead: int) -> tuple[int, ...]:
        return (*(2,) * lead, *(sum(SIZES[n] for n in dim) for dim in var))

    return {name: np.zeros(shape(dims, lead)) for name, (_, dims, lead) in KNOWN.items()}


@pytest.mark.parametrize(
    ("known", "needed"),
    [
        ("h x", "H I"),
        ("h x", "H H I"),
        ("h W", "I"),  # the columns of W, less H
        ("x W", "H C"),
        ("h v", "K"),
        ("W h v", "I K C"),
        ("W x v", "K"),  # two subtractions
        ("s h", "H"),
        ("u h v", "K H"),  # u has K twice: v tells it
        ("h", ""),
    ],
)
def test_sizes_are_read_from_arrays(known: str, needed: str) -> None:
    namer = namer_of("h", "x")
    lines = size_lines(needed.split(), [KNOWN[name] for name in known.split()], namer)
    found = arrays()
    exec("\n".join(lines), found)
    for name in needed.split():
        assert found[namer.size(name)] == SIZES[name]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize(("known", "needed"), [("h x", "C"), ("W", "I"), ("u", "K"), ("v u", "H")])
def test_a_size_that_no_array_tells(known: str, needed: str) -> None:
    with pytest.raises(UnsupportedError, match=f"tells the size {needed}"):
        size_lines([needed], [KNOWN[name] for name in known.split()], namer_of())


@pytest.mark.parametrize(
    ("start", "stop", "text"),
    [(0, 3, ":"), (0, 1, ":H"), (1, 3, "H:"), (0, 2, ": 2 * H"), (1, 2, "H : 2 * H")],
)
def test_a_cut(start: int, stop: int, text: str) -> None:
    namer = namer_of()
    assert cut_text(("H", "H", "I"), start, stop, lambda dim: dim_text(dim, namer)) == text
