"""Shaped symbols and the base of the nodes; everything elementwise is plain commutative SymPy.

``*`` of two vectors is the elementwise product. A shape is a tuple of dimensions, a dimension is a
tuple of names that add up: a vector of size H has shape ``(("H",),)``, the vector ``[h, x]`` has
``(("H", "I"),)``, a scalar has ``()``. A scalar stands where a vector is asked for (broadcasting).

Each node (a map that is not elementwise, see :mod:`~gru_sym.algebra.nodes`) brings its shape, its
linearisation (:meth:`Node.jvp`) and the adjoint of that linearisation (:meth:`Node.vjp`).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeAlias

import sympy as sp

__all__ = [
    "Dim",
    "Dims",
    "Expr",
    "Node",
    "Shape",
    "Size",
    "Var",
    "nodes_of",
    "shape_of",
    "size_of",
    "variables_of",
]

Dim = tuple[str, ...]
Shape = tuple[Dim, ...]
Expr: TypeAlias = sp.Expr


class Var(sp.Symbol):
    """A named variable with a shape. The same name with another shape is another variable."""

    __slots__ = ("shape",)
    shape: Shape

    def __new__(cls, name: str, shape: Shape = ()) -> "Var":
        """Make the variable ``name``; ``shape`` is a tuple of dimensions."""
        var: Var = sp.Symbol.__xnew__(cls, name)
        var.shape = shape
        return var

    def __getnewargs_ex__(self) -> tuple[tuple[str, Shape], dict[str, Any]]:
        return (self.name, self.shape), {}

    def __getstate__(self) -> None:
        return None

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.shape)

    @property
    def assumptions0(self) -> dict[str, bool]:
        """No assumption but commutativity: a variable stands for any array."""
        return {"commutative": True}


class Size(sp.Symbol):
    """The number of entries along a dimension, as it stands in a mean: ``sum(v) / H``."""

    __slots__ = ()

    def __new__(cls, name: str) -> "Size":
        """Make the size called ``name``."""
        size: Size = sp.Symbol.__xnew__(cls, name)
        return size


class Dims(sp.Atom):
    """A shape among the arguments of a node."""

    __slots__ = ("shape",)
    shape: Shape

    def __new__(cls, shape: Shape) -> "Dims":
        """Wrap ``shape``."""
        dims: Dims = super().__new__(cls)
        dims.shape = shape
        return dims

    def __getnewargs__(self) -> tuple[Shape]:
        return (self.shape,)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.shape,)

    def _sympystr(self, _printer: object) -> str:
        return "×".join("+".join(dim) for dim in self.shape) or "1"


def size_of(shape: Shape) -> Expr:
    """The number of entries of an array of this shape, as an expression in sizes."""
    return sp.Mul(*(sp.Add(*(Size(name) for name in dim)) for dim in shape))


class Node(sp.Expr):
    """A map that is not elementwise. ``operands`` are the arguments it is a function of."""

    __slots__ = ()
    is_commutative = True

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The arguments that are expressions (not shapes or bounds)."""
        return tuple(a for a in self.args if not isinstance(a, Dims))

    @property
    def shape(self) -> Shape:
        """The shape of the result."""
        raise AssertionError(type(self).__name__)

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        """The tangent of the result; ``tangent`` gives that of an operand."""
        raise AssertionError(type(self).__name__)

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        """Pairs (operand, its cotangent) for a cotangent of the result."""
        raise AssertionError(type(self).__name__)

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({', '.join(printer.doprint(a) for a in self.args)})"

    def _eval_derivative(self, _symbol: object) -> Expr:
        # SymPy must never differentiate through a node: derive replaces nodes by dummies first.
        raise AssertionError("a node is differentiated by its own rule")


@cache
def shape_of(expr: Expr) -> Shape:
    """The shape of an expression; a scalar broadcasts against anything.

    Raises:
        ValueError: two parts have shapes that do not broadcast.
    """
    if isinstance(expr, Var | Node):
        return expr.shape
    shape: Shape = ()
    for arg in expr.args:
        other = shape_of(arg)
        if shape and other and shape != other:
            raise ValueError(f"{expr}: shapes {shape} and {other} do not agree")
        shape = shape or other
    return shape


def _walk(expr: Expr) -> Iterator[Expr]:
    stack = [expr]
    seen = set()
    while stack:
        item = stack.pop()
        if item not in seen:
            seen.add(item)
            yield item
            stack.extend(item.args)


def variables_of(exprs: Expr | Iterable[Expr]) -> set[Var]:
    """The variables that occur in an expression, or in several."""
    items = [exprs] if isinstance(exprs, sp.Basic) else exprs
    return {item for expr in items for item in _walk(expr) if isinstance(item, Var)}


def nodes_of(expr: Expr) -> list[Node]:
    """The outermost nodes of an expression: where its elementwise part ends."""
    if isinstance(expr, Node):
        return [expr]
    found: dict[Node, None] = {}
    stack = list(expr.args)[::-1]
    while stack:
        item = stack.pop()
        if isinstance(item, Node):
            found[item] = None
        else:
            stack.extend(item.args[::-1])
    return list(found)
