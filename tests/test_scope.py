"""What the names in a hand derivation stand for."""

import pytest

from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.parse import parse
from gru_sym.errors import GruSymError, NamingError, StructureError
from gru_sym.prove.scope import Scope, Written, circular


def read(c: Cell, text: str) -> list[Written]:
    document = parse(text, derivation=True)
    scope = Scope(c, document.source)
    return [scope.read(definition) for definition in document.definitions]


def one(c: Cell, text: str) -> Written:
    (written,) = read(c, text)
    return written


def test_kinds_of_lines() -> None:
    gru = cell("gru")
    text = "z_bar = h_next_bar * d\nd_2 = z\nz = sigmoid(a_z)\na_z = W_z @ x"
    text = "d = h_tilde - h\n" + text
    assert [w.kind for w in read(gru, text)] == [
        "abbreviation",
        "cotangent",
        "abbreviation",
        "restated",
        "restated",
    ]


def test_target_is_what_is_derived() -> None:
    written = one(cell("gru"), "W_z_bar = 0")
    assert written.target is not None
    assert str(written.target.var) == "W_z_bar"
    assert written.var == written.target.var
    assert (written.expr, written.misfit) == (0, "")
    assert one(cell("gru"), "d = z").target is None


@pytest.mark.parametrize("name", names())
def test_every_cotangent_is_known(name: str) -> None:
    c = cell(name)
    scope = Scope(c, "")
    assert set(scope.wanted()) <= {str(v.name) for v in scope.lines}
    assert set(scope.wanted()) == {f"{v.name}_bar" for v in (*c.params, *c.inputs, *c.states)}


def test_argument_that_has_a_name_of_its_own_is_an_alias() -> None:
    """In ``h_next = o * tanh(c_next)`` the argument of the activation is called a_h_next too."""
    lstm = cell("lstm")
    written = one(lstm, "d = h_next_bar * o * (1 - tanh(a_h_next)**2)")
    assert Var("a_h_next", (("H",),)) in written.uses
    assert one(lstm, "a_h_next = c_next").kind == "restated"
    assert one(cell("gru3"), "a_z = b_z").kind == "restated"


def test_meaning_of_a_cotangent_changes_with_its_own_line() -> None:
    lstm = cell("lstm")
    given, whole = (Var(n, (("H",),)) for n in ("c_next_bar", "c_next_bar_total"))
    before, total, after = read(lstm, "d = c_next_bar\nc_next_bar = d + h\ne = c_next_bar")
    assert (before.uses, after.uses) == ({given}, {whole})
    assert total.var == whole
    assert one(lstm, "c_next_bar = c_next_bar + h").uses == {given, Var("h", (("H",),))}


def test_misfit_is_kept_for_the_report() -> None:
    written = one(cell("gru"), "W_z_bar = outer(x, a_z_bar)")
    assert written.expr is None
    assert written.uses == set()
    assert "transposed" in written.misfit


@pytest.mark.parametrize(
    ("text", "error", "words", "mend"),
    [
        ("d = zz", NamingError, "`zz` is not known here", "did you mean `z`?"),
        ("q_bar = z", NamingError, "has no variable `q`", "the cell's variables are"),
        ("z_dot = z", NamingError, "no tangents", ""),
        ("d = z_dot", NamingError, "no tangents", ""),
        ("x = h", StructureError, "`x` is given and not derived", "another name"),
        ("d = e\ne = z", NamingError, "`e` is not known", ""),
    ],
)
def test_names_that_stand_for_nothing(
    text: str, error: type[GruSymError], words: str, mend: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        read(cell("gru"), text)
    assert mend in caught.value.mend


def test_circles() -> None:
    gru = cell("gru")

    def found(text: str) -> dict[str, tuple[str, ...]]:
        return {str(v.name): through for v, through in circular(read(gru, text)).items()}

    assert found("z_bar = z_bar") == {"z_bar": ()}
    assert found("d = z_bar\ne = 2 * d\nz_bar = e / 2") == {"z_bar": ("e", "d")}
    assert found("z_bar = a_z_bar / z\na_z_bar = z_bar * z\nW_z_bar = outer(a_z_bar, x)") == {
        "z_bar": ("a_z_bar",)
    }
    assert found("z_bar = z_bar\nr_bar = r_bar + z_bar") == {"z_bar": (), "r_bar": ()}
    assert found("a_z_bar = z_bar * z\nz_bar = h_next_bar * h") == {}
    assert found("z_bar = h_next_bar + z_bar - z_bar") == {}
    assert found("h_next_bar = h_next_bar") == {}
    lstm = "c_next_bar = c_next_bar + h_next_bar * o"
    assert circular(read(cell("lstm"), lstm)) == {}
