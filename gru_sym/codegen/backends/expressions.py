"""Expressions on whole arrays in the words of a library: nothing is written in place.

Outside of the loop a variable that varies is (T, B, n), a scalar that varies (T, B, 1); within it
they are (B, n) and (B, 1). Parameters, and what is made from them alone, keep their own shapes.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dim, Expr, Node, Shape, Size, Var, nodes_of, shape_of, variables_of
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    SumT,
    Total,
    Transpose,
)
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.algebra.show import show
from gru_sym.codegen.backends.layout import WIDTH
from gru_sym.codegen.backends.naming import Namer, cut_text, dim_text
from gru_sym.codegen.backends.statements import PARTS, assigned, has_operator, listed
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import is_varying
from gru_sym.codegen.schedule import ROWS, sum_inside
from gru_sym.codegen.text import constants, decimal, number_text, python
from gru_sym.errors import UnsupportedError

__all__ = ["Expressions", "Library"]


@dataclass(frozen=True)
class Library:
    """The words of a library.

    Attributes:
        name: its module: ``torch``, ``jnp``.
        functions: function of the language → what is called.
        axis: the name of the argument that says what is summed over.
        keep: the name of the argument that keeps that axis.
        concatenate: what is called.
        softmax: what is called.
        logsumexp: what is called.
        summed: (u, v) → the sum of ``outer(u, v)`` over all steps and sequences, its names texts.
        filled: (shape, number, an array of the type that is wanted) → the text of an array.
        parted: (array, dimensions of the parts, dimension → its size, axis) → the text of a tuple
            of parts; the axis is empty for the first.
    """

    name: str
    functions: Mapping[str, str]
    axis: str
    keep: str
    concatenate: str
    softmax: str
    logsumexp: str
    summed: Callable[[str, str], tree.Node]
    filled: Callable[[str, str, str], str]
    parted: Callable[[str, Sequence[Dim], Callable[[Dim], str], str], str]

    def joined(self, items: Iterable[str], axis: str = "") -> str:
        """The arrays joined along an axis, the first where none is named."""
        last = f", {self.axis}={axis}" if axis else ""
        return f"{self.concatenate}(({', '.join(items)}){last})"

    def broadcast(self, text: str, shape: str) -> str:
        """The array in a larger shape."""
        return f"{self.name}.broadcast_to({text}, {shape})"


class Expressions:
    """Writes definitions, either of whole sequences or of one step.

    Args:
        library: the words.
        presenter: knows the order in which a reader meets the variables.
        namer: the identifiers of sizes.
        name: variable → its text.
        varying: the variables that have a value for each step and sequence.
        lead: the axes in front of those: ``("T", "B")`` or ``("B",)``.
        like: the text of an array of the type that all have.
        depth: how deep the lines will stand.
    """

    def __init__(
        self,
        library: Library,
        presenter: Presenter,
        namer: Namer,
        name: Callable[[Var], str],
        varying: frozenset[Var],
        lead: tuple[str, ...],
        like: str,
        depth: int,
    ) -> None:
        self._library = library
        self._presenter = presenter
        self._namer = namer
        self._name = name
        self._varying = varying
        self._lead = lead
        self._like = like
        self._depth = depth
        self._sums: dict[Var, str] = {}
        self.sizes: dict[str, None] = {}  # the dimensions whose sizes are mentioned

    # -- lines ---------------------------------------------------------------------------------

    def lines(self, definitions: Iterable[Definition]) -> list[str]:
        """The lines of all definitions; the parts of one array are unpacked in one line."""
        waiting = list(definitions)
        groups = {d.var: group for group in _parts(waiting) for d in group}
        found: list[str] = []
        for d in waiting:
            group = groups.get(d.var, [d])
            if len(group) == 1:
                found += self._definition(d)
            elif group[0] is d:
                found += self._unpacked(group)
        return found

    def _definition(self, d: Definition) -> list[str]:
        """``name = expression``, an array of the full shape of the variable."""
        expr, varies = sum_inside(d.expr, self._varying), d.var in self._varying
        if varies and len(d.var.shape) > 1:
            raise UnsupportedError(
                f"{d.name}: a matrix that varies over time", mend="multiply the vectors instead"
            )
        name = self._name(d.var)
        text = self.full(expr, d.var.shape, varies=varies, shown=d.tree)
        if len(name) + len(text) + 3 + 4 * self._depth <= WIDTH:
            return [f"{name} = {text}"]
        # Sums of entries get names, where the line is too long.
        sums = sorted({n for n in expr.atoms(Total) if n != expr and self.moves(n)}, key=str)
        found: list[str] = []
        for node in sums:
            part = Var(f"{d.name} sum {len(self._sums)}", ())
            self._sums[part] = self._namer.fresh(f"{name.removesuffix('_t')}_sum")
            self._varying |= {part}
            found += assigned(self._sums[part], self.text(node), self._depth)
            expr = expr.xreplace({node: part})
        text = self.full(expr, d.var.shape, varies=varies)
        return [*found, *assigned(name, text, self._depth)]

    def _unpacked(self, group: list[Definition]) -> list[str]:
        """``z, r = z_r.chunk(2, dim=-1)``; a part that nobody needs is ``_``."""
        first = group[0].expr
        rows = isinstance(first, RowSlice)
        dim = first.whole[0 if rows else -1]
        cuts = sorted((*d.expr.bounds, self._name(d.var)) for d in group)
        parts: list[tuple[str, Dim]] = []
        at = 0
        for start, stop, name in (*cuts, (len(dim), len(dim), "")):
            parts += [("_", dim[at:start])] if at < start else []
            parts += [(name, dim[start:stop])] if start < stop else []
            at = stop
        names, blocks = [name for name, _ in parts], [block for _, block in parts]
        whole, axis = self._atom(first.args[0]), "" if rows else "-1"
        parted = self._library.parted(whole, blocks, self.size, axis)
        if len(parted) + 4 + 4 * self._depth <= WIDTH:
            return listed("", names, f" = {parted}", self._depth)
        lines = assigned(PARTS[0], parted, self._depth)
        return [*lines, *listed("", names, f" = {PARTS[0]}", self._depth)]

    # -- expressions ---------------------------------------------------------------------------

    def full(self, expr: Expr, shape: Shape, *, varies: bool, shown: Any = None) -> str:
        """The expression as an array of this shape, with the axes in front where it varies.

        Args:
            expr: any expression.
            shape: its shape, or a larger one.
            varies: whether it is to have a value for each step.
            shown: how a person wrote it, if one did.
        """
        if not variables_of(expr) and not expr.atoms(Size, Node):
            return self._library.filled(self.shape(shape, varies=varies), decimal(expr), self._like)
        lacks = (varies and not self.moves(expr)) or (bool(shape) and not shape_of(expr))
        text = self.text(expr, shown)
        return self._library.broadcast(text, self.shape(shape, varies=varies)) if lacks else text

    def shape(self, shape: Shape, *, varies: bool) -> str:
        """The shape of an array as a tuple."""
        sizes = [self.size(dim) for dim in shape]
        if varies:
            sizes = [*self._lead, *(sizes or ["1"])]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def size(self, dim: Dim) -> str:
        """The size of a dimension."""
        self.sizes |= dict.fromkeys(dim)
        return dim_text(dim, self._namer)

    def moves(self, expr: Expr) -> bool:
        """Whether a value differs from step to step."""
        return is_varying(expr, self._varying)

    def text(self, expr: Expr, shown: Any = None) -> str:
        """The expression as it comes, or as a person wrote it."""
        if isinstance(expr, Node) and not isinstance(expr, MatVec | Total):
            return show(self._node(expr))
        written = _Written(self._atom_text)
        plain = self._opened(expr, written)
        for atom in plain.atoms(Var, Size):
            written.meet(atom, moves=self.moves(atom))
        found = shown.value if written.knows(shown) else self._presenter.expression(plain)
        made = tree.transform(found, written.change(self._library))
        return python(made)

    def _atom(self, expr: Expr) -> str:
        text = self.text(expr)
        return text if text.isidentifier() else f"({text})"

    def _atom_text(self, atom: Var | Size) -> str:
        if isinstance(atom, Var):
            return self._sums.get(atom) or self._name(atom)
        if atom.name == ROWS:
            return "(T * B)"
        return self.size((str(atom.name),))

    def _opened(self, expr: Expr, written: "_Written") -> Expr:
        """Variables instead of constants, and of all nodes but products and sums of entries."""
        changes: dict[Expr, Expr] = {}
        for number in constants(expr):
            changes[number] = written.stand_in(decimal(number), (), moves=False)
        for node in nodes_of(expr):
            match node:
                case MatVec(args=(matrix, vector)):
                    turned = isinstance(matrix, Transpose)
                    held = self._operand(matrix.args[0] if turned else matrix, written)
                    right = self._operand(vector, written, shape_of(matrix)[1:])
                    changes[node] = MatVec(Transpose(held) if turned else held, right)
                case Total():
                    changes[node] = Total(self._opened(node.args[0], written), node.args[1])
                case _:
                    made = self._node(node)
                    changes[node] = written.stand_in(made, node.shape, moves=self.moves(node))
        return expr.xreplace(changes)

    def _operand(self, expr: Expr, written: "_Written", shape: Shape = ()) -> Expr:
        """An operand of a product: what is no variable stands in brackets."""
        if isinstance(expr, Var) and (expr.shape or not shape):
            return expr
        moves = self.moves(expr)
        text = self.full(expr, shape, varies=moves) if shape else self.text(expr)
        bare = text.isidentifier() or not has_operator(text)
        return written.stand_in(text if bare else f"({text})", shape or shape_of(expr), moves=moves)

    def _node(self, node: Node) -> tree.Node:
        """The tree of a node, whose names are texts."""
        if isinstance(node, SumT) and isinstance(node.args[0], Outer):
            left, right, shape = node.args[0].args
            if self.moves(left) and self.moves(right):
                sides = (self.full(e, (d,), varies=True) for e, d in _sides(node.args[0]))
                return self._library.summed(*sides)
            left, right = (SumT(e) if self.moves(e) else e for e in (left, right))
            return self._node(Outer(left, right, shape))
        return tree.Name(self._node_text(node))

    def _node_text(self, node: Node) -> str:
        library = self._library
        match node:
            case Transpose():
                return f"{self._atom(node.args[0])}.T"
            case SumT(args=(Total(args=(inner, _)),)):
                return f"{self._atom(inner)}.sum()"
            case SumT():
                text = self.full(node.args[0], node.shape, varies=True)
                text = text if text.isidentifier() else f"({text})"
                return f"{text}.sum({f'{library.axis}=(0, 1)' if node.shape else ''})"
            case Outer():
                sides = (self.full(e, (d,), varies=False) for e, d in _sides(node))
                return f"{library.name}.outer({', '.join(sides)})"
            case Concat():
                lead, varies = node.shape[:-1], self.moves(node)
                items = (
                    self.full(item, (*lead, dim), varies=varies)
                    for item, dim in zip(node.operands, node.blocks, strict=True)
                )
                return library.joined(items, "-1")
            case Rows():
                return library.joined(self.text(m) for m in node.operands)
            case RowSlice():
                cut = cut_text(node.whole[0], *node.bounds, self.size)
                return f"{self._atom(node.args[0])}[{cut}]"
            case Slice():
                cut = cut_text(node.whole[-1], *node.bounds, self.size)
                return f"{self._atom(node.args[0])}[..., {cut}]"
            case Softmax() | LogSumExp():
                moves = self.moves(node)
                call = library.softmax if isinstance(node, Softmax) else library.logsumexp
                shape = node.shape if isinstance(node, Softmax) else node.summed
                keep = f", {library.keep}=True" if moves and not node.shape else ""
                inner = self.full(node.args[0], shape, varies=moves)
                return f"{call}({inner}, {library.axis}=-1{keep})"
        raise AssertionError(f"no way to write {type(node).__name__}")


class _Written:
    """What the names of a syntax tree stand for while an expression is written.

    Args:
        text: the text of a variable or of a size; asked for in the order of the expression.
    """

    def __init__(self, text: Callable[[Var | Size], str]) -> None:
        self._text = text
        self._trees: dict[str, tree.Node] = {}
        self._atoms: dict[str, Var | Size] = {}
        self._moving: set[str] = set()

    def meet(self, atom: Var | Size, *, moves: bool) -> None:
        """A variable or a size of the expression."""
        self._atoms[str(atom.name)] = atom
        self._moving |= {str(atom.name)} if moves else set()

    def stand_in(self, value: str | tree.Node, shape: Shape, *, moves: bool) -> Var:
        """A variable that is written as this text or tree."""
        var = Var(f"part {len(self._trees)}", shape)
        self._trees[str(var.name)] = tree.Name(value) if isinstance(value, str) else value
        self.meet(var, moves=moves)
        return var

    def knows(self, shown: Any) -> bool:
        """Whether what a person wrote is made of these names and of elementwise operations."""
        return isinstance(shown, tree.Definition) and all(
            node.name in self._atoms
            if isinstance(node, tree.Name)
            else isinstance(node, tree.Number | tree.Neg | tree.Binary)
            for node in tree.postorder(shown.value)
        )

    def change(self, library: Library) -> Callable[[tree.Node, tree.Node], tree.Node]:
        """From the language of cells to the library's."""

        def changed(old: tree.Node, new: tree.Node) -> tree.Node:
            match old, new:
                case tree.Name(name=name), _:
                    if name in self._trees:
                        return self._trees[name]
                    return tree.Name(self._text(self._atoms[name]))
                case tree.Number(value=value), _ if (text := number_text(value)) is not None:
                    return tree.Name(text)
                case tree.Call(func="sum" | "mean" as func, args=(inner,)), tree.Call(args=(arg,)):
                    kept = f"{library.axis}=-1, {library.keep}=True" if self._moves(inner) else ""
                    text = show(arg)
                    text = f"({text})" if has_operator(text) else text
                    return tree.Name(f"{text}.{func}({kept})")
                case _, tree.Call(func=func):
                    return tree.Call(library.functions[func], new.args)
                case tree.Binary(op="@"), tree.Binary(left=matrix, right=vector):
                    if not self._moves(old.right):
                        return new
                    if isinstance(matrix, tree.Transpose):
                        return tree.Binary("@", vector, matrix.arg)
                    return tree.Binary("@", vector, tree.Transpose(matrix))
                case _, tree.Binary(op="*" | "/", left=tree.Binary(op="@")):
                    return tree.Binary(new.op, tree.Name(f"({show(new.left)})"), new.right)
            return new

        return changed

    def _moves(self, node: tree.Node) -> bool:
        names = (n.name for n in tree.postorder(node) if isinstance(n, tree.Name))
        return not self._moving.isdisjoint(names)


def _sides(outer: Node) -> Iterator[tuple[Expr, Dim]]:
    """The two vectors of an outer product, with their dimensions."""
    return zip(outer.args[:2], outer.shape, strict=True)


def _parts(definitions: Sequence[Definition]) -> Iterator[list[Definition]]:
    """Parts of one array, where there are several that do not overlap."""
    found: dict[tuple[type, Expr], list[Definition]] = {}
    for d in definitions:
        if isinstance(d.expr, Slice | RowSlice) and isinstance(d.expr.args[0], Var):
            found.setdefault((type(d.expr), d.expr.args[0]), []).append(d)
    for group in found.values():
        bounds = sorted(d.expr.bounds for d in group)
        if all(a[1] <= b[0] for a, b in itertools.pairwise(bounds)):
            yield group
