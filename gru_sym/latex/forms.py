"""Other forms of the same cell, found from its structure: what a notation may ask for.

``keep`` turns a gate around, so that it multiplies the old state: σ(−a) = 1 − σ(a). ``concat``
joins the matrix on the state and the matrix on the input into one, on [h, x]. Each gives a cell,
and the mapping under which it is the first: :func:`~gru_sym.prove.equivalent.prove_equivalent`
proves it. A gate or a sum that has no such form stays as it is.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var, variables_of
from gru_sym.cells.elaborate import NEXT
from gru_sym.cells.equations import Cell
from gru_sym.cells.rename import made
from gru_sym.derive.differential import tangent

__all__ = ["Form", "in_form"]


@dataclass(frozen=True)
class Form:
    """A cell in another form.

    Attributes:
        cell: the cell as it is then written.
        mapping: its parameters in those of the first cell, as lines ``W_z = -W_z``; empty where
            nothing was to be changed.
        changed: the definitions that are written in another way.
    """

    cell: Cell
    mapping: str = ""
    changed: tuple[str, ...] = ()


def in_form(cell: Cell, form: str) -> Form:
    """The cell in another form, where it has one.

    Args:
        cell: the cell.
        form: one of :data:`~gru_sym.latex.notation.FORMS`.
    """
    match form:
        case "keep":
            return _keeping(cell)
        case "concat":
            return _joined(cell)
        case _:
            return Form(cell)


# -- a gate that keeps ----------------------------------------------------------------------------


def _keeping(cell: Cell) -> Form:
    values = {d.name: d.value for d in cell.document.definitions}
    mapping, changed = [], []
    for after in cell.nexts:
        name = str(after.name)
        state = name.removesuffix(NEXT)
        swapped = _swapped(values[name], state)
        if swapped is None:
            continue
        gate, value = swapped
        params = _turnable(cell, gate, values)
        if params:
            values[name] = value
            mapping += [f"{p} = -{p}" for p in params]
            changed += [gate, name]
    return _form(cell, values, mapping, changed)


def _swapped(value: tree.Node, state: str) -> tuple[str, tree.Node] | None:
    """``(1 - z) * h + z * c`` as (z, ``z * h + (1 - z) * c``), in any order of the factors."""
    if not (isinstance(value, tree.Binary) and value.op == "+"):
        return None
    for old, new in ((value.left, value.right), (value.right, value.left)):
        for other, kept in _factored(old):
            for gate, taken in _factored(new):
                if (
                    isinstance(gate, tree.Name)
                    and other == _rest(gate)
                    and kept == tree.Name(state)
                ):
                    keep = tree.Binary("*", gate, kept)
                    return gate.name, tree.Binary("+", keep, tree.Binary("*", _rest(gate), taken))
    return None


def _factored(node: tree.Node) -> Iterator[tuple[tree.Node, tree.Node]]:
    if isinstance(node, tree.Binary) and node.op == "*":
        yield node.left, node.right
        yield node.right, node.left


def _rest(gate: tree.Node) -> tree.Node:
    """What a gate leaves: ``1 - z``."""
    return tree.Binary("-", tree.Number(Fraction(1)), gate)


def _turnable(cell: Cell, gate: str, values: dict[str, tree.Node]) -> list[str]:
    """The parameters whose signs turn the gate's argument; none where that cannot be."""
    uses = Counter(n for v in values.values() for n in _names(v))
    match values.get(gate):
        case tree.Call(func="sigmoid") if uses[gate] == 2:  # only where it is swapped
            pass
        case _:
            return []
    argument = cell.program[gate].expr.args[0]
    params = {v for v in cell.params if uses[str(v.name)] == 1}
    if isinstance(argument, Var):
        if argument in params:
            return [str(argument.name)]
        argument = cell.program[str(argument.name)].expr
    found = []
    for term in argument.as_ordered_terms():
        turning = [v for v in params if v in variables_of(term) and _is_linear(term, v)]
        if len(turning) != 1:
            return []
        found.append(str(turning[0].name))
    return [str(v.name) for v in cell.params if v.name in found]


def _is_linear(term: sp.Expr, var: Var) -> bool:
    """Whether a term is its own derivative along a variable: the sign of one is the other's."""
    return bool(tangent(term, lambda v: v if v == var else sp.S.Zero, {}) == term)


# -- one matrix on [h, x] -------------------------------------------------------------------------


def _joined(cell: Cell) -> Form:
    uses = Counter(n for d in cell.document.definitions for n in _names(d.value))
    free = {str(v.name) for v in cell.params if uses[str(v.name)] == 1 and len(v.shape) == 2}
    moving = {str(v.name) for v in cell.program.depending_on(cell.states)}
    values, mapping, changed = {}, [], []
    for d in cell.document.definitions:
        pairs: list[tuple[str, str]] = []

        def change(_: tree.Node, new: tree.Node, pairs: list[tuple[str, str]] = pairs) -> tree.Node:
            return _join(new, free, moving, pairs)

        values[d.name] = tree.transform(d.value, change)
        mapping += [f"{kept} = [{gone}, {kept}]" for gone, kept in pairs]
        changed += [d.name] if pairs else []
    return _form(cell, values, mapping, changed)


def _join(
    node: tree.Node, free: set[str], moving: set[str], pairs: list[tuple[str, str]]
) -> tree.Node:
    """A sum whose first product on the state and first on the input are one."""
    if not isinstance(node, tree.Binary) or node.op != "+":
        return node
    terms = list(_terms(node))
    products = [
        (k, t.left.name, t.right)
        for k, t in enumerate(terms)
        if isinstance(t, tree.Binary)
        and t.op == "@"
        and isinstance(t.left, tree.Name)
        and t.left.name in free
    ]
    on_state = [p for p in products if not moving.isdisjoint(_names(p[2]))]
    on_input = [p for p in products if moving.isdisjoint(_names(p[2]))]
    if len(on_state) != 1 or len(on_input) != 1:
        return node
    (i, gone, state), (j, kept, given) = on_state[0], on_input[0]
    pairs.append((gone, kept))
    terms[min(i, j)] = tree.Binary("@", tree.Name(kept), tree.Concat((state, given)))
    del terms[max(i, j)]
    result = terms[0]
    for term in terms[1:]:
        result = tree.Binary("+", result, term)
    return result


def _terms(node: tree.Node) -> Iterator[tree.Node]:
    found = []
    while isinstance(node, tree.Binary) and node.op == "+":
        found.append(node.right)
        node = node.left
    return iter((node, *reversed(found)))


# -- both -----------------------------------------------------------------------------------------


def _names(node: tree.Node) -> list[str]:
    return [n.name for n in tree.postorder(node) if isinstance(n, tree.Name)]


def _form(cell: Cell, values: dict[str, tree.Node], mapping: list[str], changed: list[str]) -> Form:
    if not mapping:
        return Form(cell)
    header = cell.document.header
    left = {n for v in values.values() for n in _names(v)}
    document = tree.Document(
        tuple(tree.Definition(name, value) for name, value in values.items()),
        replace(
            header,
            convention="",  # it speaks of the form that was
            params=header.params and tuple(n for n in header.params if n in left),
            shapes=tuple((n, shape) for n, shape in header.shapes if n in left),
        ),
    )
    return Form(made(document, cell.name), "\n".join(mapping), tuple(dict.fromkeys(changed)))
