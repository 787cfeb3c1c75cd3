"""Two expressions read from text, for :func:`~gru_sym.prove.equal.prove_equal`."""

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape, Size, Var
from gru_sym.algebra.program import Definition
from gru_sym.cells.build import Builder
from gru_sym.cells.elaborate import matrices_of
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import DIMENSIONS
from gru_sym.cells.parse import parse
from gru_sym.cells.shapes import Inference, dimension_names
from gru_sym.derive.vjp import cotangent_lines, upstream_of
from gru_sym.errors import NamingError, ShapeError

__all__ = ["read_pair"]

_SIDES = ("left", "right")


def read_pair(
    p: str, q: str, cell: Cell | None = None
) -> tuple[sp.Expr, sp.Expr, Shape, tuple[Definition, ...]]:
    """Two expressions in the language of cells, their common shape, and what their names mean.

    Args:
        p: one expression.
        q: another.
        cell: what the names are those of: its variables, and their cotangents. Without a cell a
            name left of ``@`` is a matrix and any other is a vector, of whatever size fits.

    Raises:
        TextError: one of its kinds: an expression cannot be read, or the two do not fit.
    """
    document = parse(f"{_SIDES[0]} = {p}\n{_SIDES[1]} = {q}", derivation=True)
    known: dict[str, Var | Size] = {}
    definitions: tuple[Definition, ...] = ()
    if cell is not None:
        upstream = upstream_of(cell)
        definitions = (*cell.program.definitions, *cotangent_lines(cell.program, upstream))
        variables = (*cell.program.inputs, *upstream.values(), *(d.var for d in definitions))
        known = {str(v.name): v for v in variables}
        dims = {name for v in variables for dim in v.shape for name in dim}
        known |= {name: Size(name) for name in dims if name not in known}
    types = Inference(document.source)
    for name, var in known.items():
        shape = types.known(var.shape) if isinstance(var, Var) else ()
        types.declare(name, shape)
    _declare_rest(document, types, cell)
    left, right = (types.infer(d.value) for d in document.definitions)
    if left and right and not types.same(left, right):
        raise ShapeError(
            f"the left side is {types.words(left)}, the right side {types.words(right)}",
            mend="compare expressions of one shape",
        )
    vectors_first = dict(sorted(types.shapes.items(), key=lambda item: len(item[1])))
    named = dimension_names(vectors_first, (), types.shapes)
    for name, open_shape in types.shapes.items():
        known.setdefault(name, Var(name, types.close(open_shape, named)))
    builder = Builder(known, document.source)
    a, b = (builder.definition(d, ()).expr for d in document.definitions)
    return a, b, types.close(left or right, named), definitions


def _declare_rest(document: tree.Document, types: Inference, cell: Cell | None) -> None:
    matrices = matrices_of(document)
    for d in document.definitions:
        for node in tree.postorder(d.value):
            if not isinstance(node, tree.Name) or node.name in types.shapes:
                continue
            if cell is not None:
                raise NamingError(
                    f"`{node.name}` is no variable of {cell.name}, nor a cotangent",
                    mend=f"the variables are {', '.join(v.name for v in cell.program.variables)}",
                    place=node.place,
                    source=document.source,
                )
            if node.name in DIMENSIONS:
                raise NamingError(
                    f"`{node.name}` is a size, and which is not known here",
                    mend="write `mean(v)` for `sum(v) / H`, or say which cell is meant",
                    place=node.place,
                    source=document.source,
                )
            rank = 2 if node.name in matrices else 1
            types.declare(node.name, types.fresh(rank), node.place)
