"""What a cell's parameters do, read off its equations: which matrix recurs, what is added.

A matrix recurs where its product with something can come back to it at a later step. A vector or a
number either is added (a bias), or multiplies what matrices made (a gain, as of a layer norm), or
is a diagonal matrix on a state or an input (a peephole).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Transpose
from gru_sym.cells.equations import Cell
from gru_sym.errors import UnsupportedError

__all__ = ["Columns", "Kind", "Product", "kinds", "matrices", "part_of", "products"]

Kind: TypeAlias = Literal["bias", "gain", "diagonal"]


@dataclass(frozen=True)
class Product:
    """A term of a matrix times a vector: some columns of one parameter, and what they act on.

    Attributes:
        coefficient: what multiplies the matrix: numbers and scalars.
        matrix: the parameter.
        columns: the first of the blocks that its columns (transposed: its rows) consist of, and
            the one after the last.
        transposed: whether it is the transpose that acts.
        vector: what it acts on.
    """

    coefficient: Expr
    matrix: Var
    columns: tuple[int, int]
    transposed: bool
    vector: Expr


@dataclass(frozen=True)
class Columns:
    """Columns of a matrix parameter that act on one thing.

    Attributes:
        bounds: their first block and the block after the last, ``(0, 1)`` of ``("H", "I")``.
        recurrent: whether they act on the past: their product comes back to them later.
    """

    bounds: tuple[int, int]
    recurrent: bool


def products(node: MatVec, lines: Mapping[Var, Expr]) -> Iterator[Product]:
    """The terms of ``A @ v``: of a sum of matrices each, of a joined vector each part.

    Args:
        node: the product.
        lines: the program's definitions.

    Raises:
        UnsupportedError: the matrix is no sum of parameters, such as a product of two entry by
            entry.
    """
    yield from _terms(node.args[0], node.args[1], lines)


def _terms(matrix: Expr, vector: Expr, lines: Mapping[Var, Expr]) -> Iterator[Product]:
    if isinstance(matrix, Var) and matrix in lines:
        yield from _terms(lines[matrix], vector, lines)
    elif isinstance(matrix, sp.Add):
        for term in matrix.args:
            yield from _terms(term, vector, lines)
    elif isinstance(matrix, Concat):
        at = 0
        for item, dim in zip(matrix.operands, matrix.blocks, strict=True):
            yield from _terms(item, part_of(vector, at, at + len(dim), lines), lines)
            at += len(dim)
    else:
        scalars = [a for a in sp.Mul.make_args(matrix) if not shape_of(a)]
        arrays = [a for a in sp.Mul.make_args(matrix) if shape_of(a)]
        transposed = len(arrays) == 1 and isinstance(arrays[0], Transpose)
        bare = arrays[0].args[0] if transposed else arrays[0]
        if len(arrays) == 1 and isinstance(bare, Var) and bare not in lines:
            whole = len(bare.shape[0 if transposed else 1])
            for start, stop in _blocks(vector, whole, lines):
                part = part_of(vector, start, stop, lines)
                yield Product(sp.Mul(*scalars), bare, (start, stop), transposed, part)
        elif len(arrays) == 1 and scalars:
            for term in _terms(arrays[0], vector, lines):
                yield replace(term, coefficient=sp.Mul(*scalars, term.coefficient))
        elif transposed and bare in lines:
            yield from _terms(Transpose(lines[bare]), vector, lines)
        else:
            raise UnsupportedError(
                f"the matrix `{matrix}` is no parameter, and no sum of parameters",
                mend="write the cell with a parameter of its own for each matrix",
            )


def _blocks(vector: Expr, whole: int, lines: Mapping[Var, Expr]) -> Iterator[tuple[int, int]]:
    """Where the parts of a vector begin and end; a vector that nobody joined is one part."""
    yield from pairwise(sorted({0, whole, *_cuts(vector, whole, lines)}))


def _cuts(vector: Expr, whole: int, lines: Mapping[Var, Expr]) -> Iterator[int]:
    if isinstance(vector, Concat):
        at = 0
        for item, dim in zip(vector.operands, vector.blocks, strict=True):
            yield at
            yield from (at + cut for cut in _cuts(item, len(dim), lines))
            at += len(dim)
    elif isinstance(vector, Var) and vector in lines and len(vector.shape[0]) == whole > 1:
        yield from _cuts(lines[vector], whole, lines)
    elif not isinstance(vector, Var | Node) and whole > 1:
        for arg in vector.args:
            yield from _cuts(arg, whole, lines)


def part_of(vector: Expr, start: int, stop: int, lines: Mapping[Var, Expr]) -> Expr:
    """Some blocks of a vector; of what nobody joined, the name stands for its part.

    Args:
        vector: the vector.
        start: the first block.
        stop: the block after the last.
        lines: the program's definitions.
    """
    if not shape_of(vector) or (start, stop) == (0, len(shape_of(vector)[0])):
        return vector
    if isinstance(vector, Concat):
        at = 0
        for item, dim in zip(vector.operands, vector.blocks, strict=True):
            if at <= start and stop <= at + len(dim):
                return part_of(item, start - at, stop - at, lines)
            at += len(dim)
    elif isinstance(vector, Var):
        return part_of(lines[vector], start, stop, lines) if vector in lines else vector
    elif not isinstance(vector, Node):
        return vector.func(*(part_of(arg, start, stop, lines) for arg in vector.args))
    return vector


def matrices(cell: Cell) -> dict[str, tuple[Columns, ...]]:
    """The matrices of a cell by name, with the columns of each that act on one thing.

    In ``W @ [h, x]`` the columns of h are recurrent, those of x are not. What one layer of a stack
    takes from the layer below is not recurrent: it never comes back.

    Args:
        cell: any cell.

    >>> from gru_sym import cells
    >>> matrices(cells.gru_concat)["W_z"]
    (Columns(bounds=(0, 1), recurrent=True), Columns(bounds=(1, 2), recurrent=False))
    """
    lines = cell.program.as_mapping
    later = {v: _reached(cell, v) for v in cell.states}
    sources = {v: cell.program.depending_on([v]) for v in cell.states}
    used: dict[Var, list[tuple[tuple[int, int], bool]]] = {
        v: [((0, len(v.shape[1])), False)] for v in cell.params if len(v.shape) == 2
    }
    for line in cell.program:
        leads_to = _states_of(cell, cell.program.depending_on([line.var]))
        for node in line.expr.atoms(MatVec):
            for matrix, bounds, vector in _acting(node, lines):
                given = variables_of(vector)
                recurs = any(
                    not given.isdisjoint(sources[s]) and any(s in later[t] for t in leads_to)
                    for s in cell.states
                )
                used[matrix].append((bounds, recurs))
    found = {}
    for matrix, uses in used.items():
        cuts = sorted({cut for bounds, _ in uses for cut in bounds})
        found[str(matrix.name)] = tuple(
            Columns((a, b), any(r for (i, j), r in uses if i <= a and b <= j))
            for a, b in pairwise(cuts)
        )
    return found


def _acting(node: MatVec, lines: Mapping[Var, Expr]) -> Iterator[tuple[Var, tuple[int, int], Expr]]:
    """The parameters in a product, their columns, and what these act on."""
    try:
        terms = list(products(node, lines))
    except UnsupportedError:  # parameters multiplied entry by entry act as one
        inside = variables_of(node.args[0])
        while not inside.isdisjoint(lines):
            inside = {u for v in inside for u in (variables_of(lines[v]) if v in lines else {v})}
        for matrix in (v for v in inside if len(v.shape) == 2):
            yield matrix, (0, len(matrix.shape[1])), node.args[1]
        return
    for term in terms:
        whole = (0, len(term.matrix.shape[1]))
        yield term.matrix, whole if term.transposed else term.columns, term.vector


def _states_of(cell: Cell, variables: frozenset[Var]) -> frozenset[Var]:
    """The states whose next values are among these."""
    pairs = zip(cell.states, cell.nexts, strict=True)
    return frozenset(state for state, after in pairs if after in variables)


def _reached(cell: Cell, state: Var) -> frozenset[Var]:
    """The states that depend on this one now or at any later step, itself among them."""
    found = frozenset([state])
    while True:
        more = found | _states_of(cell, cell.program.depending_on(found))
        if more == found:
            return found
        found = more


def kinds(cell: Cell) -> dict[str, Kind]:
    """What each vector and number among the parameters does.

    ``bias``: it is a term of a sum, or alone the argument of a function. ``gain``: it multiplies
    what was made by matrices, such as ``g * (q - mu) / sqrt(var)``. ``diagonal``: it multiplies
    something else, such as a state, old or new (a peephole).

    Args:
        cell: any cell.

    >>> from gru_sym import cells
    >>> kinds(cells.fastgrnn)
    {'b_z': 'bias', 'b_h': 'bias', 'zeta': 'gain', 'nu': 'bias'}
    """
    lines = cell.program.as_mapping
    made = cell.program.depending_on(d.var for d in cell.program if d.expr.has(MatVec))
    ends = {*cell.states, *cell.nexts}
    found: dict[str, Kind] = {}
    for var in cell.params:
        if len(var.shape) < 2:
            beside = [others for line in lines.values() for others in _factors(line, var)]
            found[str(var.name)] = "bias"
            if beside and all(beside):
                others = variables_of(e for each in beside for e in each)
                nodes = any(e.has(MatVec) for each in beside for e in each)
                from_matrices = nodes or not others.isdisjoint(made)
                plain = from_matrices and others.isdisjoint(ends)
                found[str(var.name)] = "gain" if plain else "diagonal"
    return found


def _factors(expr: Expr, var: Var) -> Iterator[tuple[Expr, ...]]:
    """For each place where a variable stands, the factors beside it; none where it is added."""
    if expr == var:
        yield ()
    elif isinstance(expr, sp.Mul):
        others = tuple(a for a in expr.args if not a.is_number)
        for arg in (a for a in expr.args if a.has(var)):
            beside = tuple(a for a in others if a is not arg)
            bare = arg == var or (isinstance(arg, sp.Pow) and arg.base == var)
            if bare and beside:
                yield beside
            else:
                yield from _factors(arg, var)
    else:
        for arg in expr.args:
            yield from _factors(arg, var)
