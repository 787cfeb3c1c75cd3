"""The syntax tree: walks that need no recursion, and places that do not count."""

from fractions import Fraction

import pytest

from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
    children,
    postorder,
    transform,
)
from gru_sym.errors import Place

a, b, two = Name("a"), Name("b"), Number(Fraction(2))
SAMPLES = [
    a,
    two,
    Neg(a),
    Binary("+", a, b),
    Call("outer", (a, b)),
    Transpose(a),
    Concat((a, b, two)),
    Slice(a, ("H",), None),
]


@pytest.mark.parametrize("node", SAMPLES)
def test_contract_of_every_node(node: Node) -> None:
    assert [*postorder(node)] == [*children(node), node]
    assert transform(node, lambda _, new: new) == node
    assert hash(node) == hash(transform(node, lambda _, new: new))

    def renamed(_: Node, new: Node) -> Node:
        return Name("q") if new == a else new

    changed = transform(node, renamed)
    names = [n.name for n in postorder(changed) if isinstance(n, Name)]
    assert "a" not in names
    assert type(changed) is type(node)


def test_a_place_is_not_part_of_equality() -> None:
    assert Name("a", Place(3, 4)) == a
    assert Binary("+", a, b, Place(1, 2)) == Binary("+", a, b)
    assert Binary("+", a, b) != Binary("-", a, b)


def test_change_sees_the_old_node_and_its_place() -> None:
    node = Neg(Name("a", Place(1, 2)), Place(1, 1))
    seen: list[Place] = []

    def change(old: Node, new: Node) -> Node:
        seen.append(old.place)
        return new

    assert transform(node, change).place == Place(1, 1)
    assert seen == [Place(1, 2), Place(1, 1)]


def test_a_chain_of_any_length() -> None:
    node: Node = a
    for _ in range(20_000):
        node = Binary("+", Neg(node), b)
    assert sum(isinstance(n, Binary) for n in postorder(node)) == 20_000
    swapped = transform(node, lambda old, new: b if isinstance(old, Name) else new)
    assert next(postorder(swapped)) == b
