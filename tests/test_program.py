"""Program: what it refuses, and its passes."""

import pytest

from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import apply

H, N = ("H",), ("I",)
x, h, W = Var("x", (N,)), Var("h", (H,)), Var("W", (H, N))
a, z, y = (Var(name, (H,)) for name in "azy")
A = Definition(a, MatVec(W, x))
Z = Definition(z, apply("sigmoid", a))
Y = Definition(y, z * h)
PROGRAM = Program((W, x, h), (A, Z, Y), (y,))


@pytest.mark.parametrize(
    ("inputs", "definitions", "outputs", "complaint"),
    [
        ((W, x, x), (A,), (a,), "input twice"),
        ((W, x, Var("x", (H,))), (A,), (a,), "input twice"),
        ((W, x), (A, A), (a,), "defined twice"),
        ((W, x, a), (A,), (a,), "defined twice"),
        ((W,), (A,), (a,), "not known"),
        ((W, x), (Z, A), (z,), "not known"),
        ((Var("a", (N,)),), (Z,), (z,), "not known"),
        ((a,), (Definition(z, z + 1),), (z,), "not known"),
        ((W, x), (Definition(Var("a", (N,)), MatVec(W, x)),), (), "shape"),
        ((W, x), (Definition(Var("a"), MatVec(W, x)),), (), "shape"),
        ((W, x), (A,), (z,), "output z"),
        ((W, x), (A,), (Var("a", (N,)),), "output a"),
    ],
)
def test_refused(inputs: object, definitions: object, outputs: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Program(inputs, definitions, outputs)


def test_a_scalar_broadcasts() -> None:
    assert Program((), (Definition(a, Var("s") * 0 + 2),), (a,))[a.name].expr == 2


def test_access() -> None:
    assert [d.name for d in PROGRAM] == ["a", "z", "y"]
    assert PROGRAM["z"] is Z
    assert PROGRAM.variables == (W, x, h, a, z, y)
    assert PROGRAM.variable("W") == W
    assert PROGRAM.as_mapping == {a: A.expr, z: Z.expr, y: Y.expr}
    for ask in (PROGRAM.__getitem__, PROGRAM.variable):
        with pytest.raises(KeyError, match="q"):
            ask("q")


def test_passes() -> None:
    more = Definition(Var("q", (H,)), y * Var("k"))
    longer = PROGRAM.extend((Var("k"),), (more,))
    assert longer.definitions[-1] == more
    assert longer.computing([z]).definitions == (A, Z)
    assert longer.computing([h]).definitions == ()
    assert longer.computing([more.var]).definitions == (A, Z, Y, more)
    assert PROGRAM.depending_on([h]) == {h, y}
    assert PROGRAM.depending_on([W]) == {W, a, z, y}


def test_rename() -> None:
    renamed = PROGRAM.rename({"z": "gate", "x": "u", "absent": "w"})
    assert [v.name for v in renamed.variables] == ["W", "u", "h", "a", "gate", "y"]
    assert renamed["y"].expr == Var("gate", (H,)) * h
    assert PROGRAM.rename({"a": "z", "z": "a"})["a"].expr == apply("sigmoid", z)  # a swap
    with pytest.raises(ValueError, match="twice"):
        PROGRAM.rename({"a": "z"})


def test_prints_as_its_equations() -> None:
    assert str(PROGRAM) == "a = W @ x\nz = sigmoid(a)\ny = z * h"
    assert PROGRAM._repr_latex_().startswith("$$")
    assert str(Program((), (), ())) == ""
