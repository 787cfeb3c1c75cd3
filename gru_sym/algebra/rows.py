r"""Expressions whose vectors are rows: W x is x W, where each matrix is its own transpose.

A vector stays what it is; whatever is a matrix turns into its transpose, so that the gradient
\delta x^{\top} of a matrix is x^{\top} \delta.
"""

from dataclasses import replace

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
)

__all__ = ["in_rows", "transposed"]


def in_rows(node: Node, *, matrix: bool = False) -> Node:
    """An expression of columns as one of rows; ``matrix`` where its value is a matrix."""
    # For each node what it is as a vector, and as a matrix: only one of the two is asked for.
    made: dict[int, tuple[Node, Node]] = {}
    for old in postorder(node):
        parts = [made[id(child)] for child in children(old)]
        made[id(old)] = _turned(old, parts)
    return made[id(node)][matrix]


def _turned(node: Node, parts: list[tuple[Node, Node]]) -> tuple[Node, Node]:
    match node:
        case Name() | Number():
            return node, node
        case Neg():
            return Neg(parts[0][0]), Neg(parts[0][1])
        case Transpose():
            return Transpose(parts[0][0]), transposed(parts[0][1])
        case Binary(op="@"):
            left, right = parts
            return Binary("@", right[0], left[1]), Binary("@", right[1], left[1])
        case Binary(op=op):
            left, right = parts
            return Binary(op, left[0], right[0]), Binary(op, left[1], right[1])
        case Call(func="outer"):
            left, right = parts
            outer = Binary("@", Transpose(right[0]), left[0])
            return outer, outer
        case Call(func=func):
            return Call(func, tuple(p[0] for p in parts)), Call(func, tuple(p[1] for p in parts))
        case Concat():
            stacked = Call("stacked", tuple(p[1] for p in parts))
            return Concat(tuple(p[0] for p in parts)), stacked
        case Slice(columns=columns):
            return replace(node, arg=parts[0][0]), replace(
                node, arg=parts[0][1], columns=not columns
            )
        case _:
            raise AssertionError(f"no way to turn {type(node).__name__}")


def transposed(node: Node) -> Node:
    """The transpose of a matrix, without two signs on one another."""
    return node.arg if isinstance(node, Transpose) else Transpose(node)
