"""Definitions as Python that computes number by number, with lists for vectors.

``z = [sigmoid(a) for a in a_z]``, ``h_next = [z[i] * h[i] for i in range(H)]``, and calls of
helpers for what is not elementwise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dim, Expr, Node, Shape, Var, nodes_of, shape_of, variables_of
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
from gru_sym.codegen.backends.naming import Namer, dim_text
from gru_sym.codegen.backends.scalars_exact import Exact
from gru_sym.codegen.backends.scalars_operands import part_name

__all__ = ["Entries", "Words", "bracketed"]

_WIDTHS = (WIDTH, 100)
"""A list is broken as formatters for lines of either length would break it, where that can be."""
_ADDING = {1: "add(", 2: "add_matrices("}


@dataclass(frozen=True)
class Words:
    """How a library of numbers says things.

    Attributes:
        number: what makes an exact number of an integer.
        total: what sums numbers.
        dot: what sums the products of two vectors.
        power: what raises to a positive integer; empty: the operator does.
        entry: an entry of a matrix, from the matrix and two indices.
        matrix: a matrix from rows.
        rows: rows from a matrix.
    """

    number: str
    total: str
    dot: str
    power: str
    entry: str
    matrix: str
    rows: str


class Entries:
    """Writes definitions as statements.

    Args:
        words: of the library.
        namer: the identifiers.
        fresh: gives a variable a name that none has, from the name that is wanted.
        presenter: the order of a reader.
        use: called with each size that is mentioned.
    """

    def __init__(
        self,
        words: Words,
        namer: Namer,
        fresh: Callable[[str], str],
        presenter: Presenter,
        use: Callable[[str], object],
    ) -> None:
        self.words = words
        self.exact = Exact(words.number, words.power, namer, presenter, use)
        self._namer = namer
        self._fresh = fresh
        self._presenter = presenter
        self._use = use
        self._a = namer.fresh("a")
        self._indices = _free(namer, "i", "j", "k", "m", "n"), _free(namer, "j", "k", "m", "n", "p")

    def name(self, var: Var) -> str:
        """The identifier of a variable."""
        return self._namer.plain(str(var.name))

    def collected(self, var: Var) -> str:
        """The identifier of the values of a variable at all steps."""
        return self._namer.role(str(var.name), "{}s")

    def size(self, dim: Dim) -> str:
        """The size of a dimension."""
        for name in dim:
            self._use(name)
        return dim_text(dim, self._namer)

    def zeros(self, shape: Shape) -> str:
        """A vector of zeros."""
        return self._filled(f"{self.words.number}(0)", shape)

    def lines(self, d: Definition, depth: int) -> list[str]:
        """The statements of a definition, ``depth`` columns from the margin of the file."""
        head = f"{self.name(d.var)} = "
        expr, shape = d.expr, d.var.shape
        if isinstance(expr, Total):
            return self._long_total(d, expr, depth)
        if isinstance(expr, Node) and expr.shape == shape:
            return bracketed(head, *self._call(expr), depth)
        if isinstance(expr, Var) and expr.shape == shape:
            return [f"{head}{self.name(expr)}"]
        terms = sp.Add.make_args(expr)
        if shape and any(isinstance(term, Node) and term.shape == shape for term in terms):
            return self._sum(d, self._addends(terms), depth)
        return self._entries(d, depth)

    # -- what is not elementwise ---------------------------------------------------------------

    def _addends(self, terms: Iterable[Expr]) -> list[Expr]:
        """The nodes and variables of a sum; first the rest of it, which is elementwise."""
        whole = [t for t in terms if isinstance(t, Node | Var) and shape_of(t)]
        rest = sp.Add(*(t for t in terms if t not in whole))
        if rest == 0:
            return whole
        if not shape_of(rest):  # a number for all entries needs a vector
            rest += whole.pop(next(k for k, t in enumerate(whole) if isinstance(t, Var)))
        return [rest, *whole]

    def _sum(self, d: Definition, addends: list[Expr], depth: int) -> list[str]:
        """``add(matvec(W, x), …, b)``."""
        shape = d.var.shape
        before: list[str] = []
        items: list[str] = []
        for term in sorted(addends, key=self._place(d.expr)):
            whole = isinstance(term, Node | Var)
            item = self._inside(term) if whole else self._list(term, shape)
            if depth + 4 + len(item) + 1 > WIDTH:
                part = Definition(Var(self._fresh(part_name(d.name)), shape), term)
                before += self.lines(part, depth) if whole else self._entries(part, depth)
                item = self.name(part.var)
            items.append(item)
        call = bracketed(f"{self.name(d.var)} = ", _ADDING[len(shape)], items, ")", depth)
        return [*before, *call]

    def _place(self, expr: Expr) -> Callable[[Expr], int]:
        """Where a reader meets each term of a sum; what is several terms comes first."""
        shown: list[str] = []
        node = self._presenter.expression(expr)
        while isinstance(node, tree.Binary) and node.op in {"+", "-"}:
            shown.insert(0, show(node.right))
            node = node.left
        shown.insert(0, show(node))

        def place(term: Expr) -> int:
            text = show(self._presenter.expression(term))
            return shown.index(text) if text in shown else -1

        return place

    def _inside(self, expr: Expr) -> str:
        """A variable, or a node as a call."""
        if isinstance(expr, Var):
            return self.name(expr)
        opening, items, closing = self._call(expr)
        return f"{opening}{', '.join(items)}{closing}"

    def _call(self, node: Node) -> tuple[str, list[str], str]:
        """A node of variables: what opens the brackets, what is in them, what closes them."""
        names = [self.name(v) for v in node.operands if isinstance(v, Var)]
        match node:
            case MatVec():
                return "matvec(", names, ")"
            case Outer():
                return "outer(", names, ")"
            case Transpose():
                return "transposed(", names, ")"
            case Softmax():
                return "softmax(", names, ")"
            case LogSumExp():
                return "logsumexp(", names, ")"
            case SumT(args=(Outer() as outer,)):
                return "outers(", [self.collected(v) for v in outer.operands], ")"
            case SumT(args=(Var() as v,)):
                if not v.shape:
                    return f"{self.words.total}(", [self.collected(v)], ")"
                return _ADDING[len(v.shape)], [f"*{self.collected(v)}"], ")"
            case Concat():
                if len(node.shape) == 2:
                    return "beside(", names, ")"
                return "[", [f"*{name}" for name in names], "]"
            case Slice():
                return self._slice(node, names[0])
            case Total():
                return "", [self._total(node)], ""
        raise AssertionError(f"no way to write {type(node).__name__}")

    def _slice(self, node: Slice, name: str) -> tuple[str, list[str], str]:
        dim = node.whole[-1]
        start, stop = node.bounds
        below, above = (self.size(dim[:bound]) if bound else "0" for bound in (start, stop))
        if len(node.shape) == 2:
            return "columns(", [name, below, above], ")"
        below, above = "" if not start else below, "" if stop == len(dim) else above
        simple = all(text.isidentifier() for text in (below, above) if text)
        if simple:
            return "", [f"{name}[{below}:{above}]"], ""
        return "", [f"{name}[{below} : {above}]".replace("[ ", "[").replace(" ]", "]")], ""

    def _total(self, node: Total) -> str:
        """The sum of all entries of what is elementwise."""
        summed, shape = node.args[0], node.summed
        words = self.words
        if isinstance(summed, Var) and len(shape) == 1:
            return f"{words.total}({self.name(summed)})"
        pair = _two_vectors(summed)
        if pair and len(shape) == 1:
            return f"{words.dot}({self.name(pair[0])}, {self.name(pair[1])})"
        text, loops = self._loops(summed, shape)
        return f"{words.total}({text} {' '.join(loops)})"

    def _long_total(self, d: Definition, node: Total, depth: int) -> list[str]:
        """A sum; of a long product, a product of two vectors."""
        line = f"{self.name(d.var)} = {self._total(node)}"
        halves = _halved(node.args[0])
        if depth + len(line) <= WIDTH or halves is None or len(node.summed) > 1:
            return [line]
        part = Var(self._fresh(part_name(d.name)), shape_of(halves[0]))
        first = self._entries(Definition(part, halves[0]), depth)
        rest = Total(halves[1].xreplace({_PART: part}), node.summed)
        return [*first, *self.lines(Definition(d.var, rest), depth)]

    # -- entry by entry ------------------------------------------------------------------------

    def _entries(self, d: Definition, depth: int) -> list[str]:
        """What is elementwise, in as many statements as its length asks for."""
        head = f"{self.name(d.var)} = "
        expr, shape = d.expr, d.var.shape
        if not shape:
            line = f"{head}{self._scalar(expr)}"
            return [line] if depth + len(line) <= WIDTH else self._in_parts(d, depth) or [line]
        if not shape_of(expr):
            return [f"{head}{self._filled(self._scalar(expr), shape)}"]
        narrow, wide = (self._laid(head, expr, shape, width - depth) for width in _WIDTHS)
        if narrow == wide and all(depth + len(line) <= WIDTH for line in narrow):
            return narrow
        arrays = [term for term in sp.Add.make_args(expr) if shape_of(term)]
        if len(arrays) > 1:
            arrays[0] += expr - sp.Add(*arrays)
            return self._sum(d, arrays, depth)
        return self._in_parts(d, depth) or narrow

    def _laid(self, head: str, expr: Expr, shape: Shape, width: int) -> list[str]:
        """A list in as few lines as their width allows."""
        whole = f"{head}{self._list(expr, shape)}"
        if len(whole) <= width:
            return [whole]
        text, loops = self._loops(expr, shape)
        if len(shape) == 2:
            text = f"[{text} {loops[1]}]"
        inside = [f"    {text} {loops[0]}"]
        opening, closing = "[", "]"
        if len(shape) == 2 and self.words.matrix != "{}":
            opening, closing = self.words.matrix.split("{}")
            inside = [f"    [{text} {loops[0]}]"]
        elif len(inside[0]) > width:
            inside = [f"    {text}", f"    {loops[0]}"]
        return [f"{head}{opening}", *inside, closing]

    def _in_parts(self, d: Definition, depth: int) -> list[str]:
        """A definition as two; nothing where it cannot be halved."""
        halves = _halved(d.expr)
        if halves is None:
            return []
        part, rest = halves
        var = Var(self._fresh(part_name(d.name)), shape_of(part))
        first = self.lines(Definition(var, part), depth)
        return [*first, *self.lines(Definition(d.var, rest.xreplace({_PART: var})), depth)]

    def _scalar(self, expr: Expr) -> str:
        """A number, with sums where it holds them."""
        sums = {node: Var(f"part {k}") for k, node in enumerate(nodes_of(expr))}
        texts = {str(v.name): self._inside(node) for node, v in sums.items()}
        plain = expr.xreplace(sums)
        return self.exact.text(plain, lambda v: texts.get(str(v.name)) or self.name(v))

    def _filled(self, text: str, shape: Shape) -> str:
        """The same number in all entries."""
        row = f"[{text}] * {_factor(self.size(shape[-1]))}"
        if len(shape) == 1:
            return row
        return self.words.matrix.replace("{}", f"[{row} for _ in range({self.size(shape[0])})]")

    def _list(self, expr: Expr, shape: Shape) -> str:
        """A vector or a matrix, entry by entry."""
        if isinstance(expr, Var):
            return self.name(expr)
        text, loops = self._loops(expr, shape)
        if len(shape) == 1:
            return f"[{text} {loops[0]}]"
        return self.words.matrix.replace("{}", f"[[{text} {loops[1]}] {loops[0]}]")

    def _loops(self, expr: Expr, shape: Shape) -> tuple[str, list[str]]:
        """The text of an entry, and the loops around it."""
        arrays = [v for v in variables_of(expr) if v.shape]
        if len(shape) == 1 and len(arrays) == 1:
            (v,) = arrays
            text = self.exact.text(expr, lambda u: self._a if u == v else self.name(u))
            return text, [f"for {self._a} in {self.name(v)}"]
        i, j = self._indices
        if len(shape) == 1:
            text = self.exact.text(
                expr, lambda u: f"{self.name(u)}[{i}]" if u.shape else self.name(u)
            )
            return text, [f"for {i} in range({self.size(shape[0])})"]
        turned = {n: f"part {k}" for k, n in enumerate(nodes_of(expr))}
        plain = expr.xreplace({n: Var(name, shape) for n, name in turned.items()})
        texts = {
            name: self.words.entry.format(self.name(n.args[0]), j, i) for n, name in turned.items()
        }

        def entry(u: Var) -> str:
            if str(u.name) in texts:
                return texts[str(u.name)]
            return self.words.entry.format(self.name(u), i, j) if u.shape else self.name(u)

        loops = [
            f"for {k} in range({self.size(dim)})" for k, dim in zip((i, j), shape, strict=True)
        ]
        return self.exact.text(plain, entry), loops


def bracketed(head: str, opening: str, items: Iterable[str], closing: str, depth: int) -> list[str]:
    """A statement that ends with brackets: on one line, or with each item on its own."""
    items = list(items)
    line = f"{head}{opening}{', '.join(items)}{closing}"
    if depth + len(line) <= WIDTH or not opening:
        return [line]
    return [f"{head}{opening}", *(f"    {item}," for item in items), closing]


def _free(namer: Namer, *letters: str) -> str:
    """The first letter that no variable is called."""
    for letter in letters:
        if (found := namer.fresh(letter)) == letter:
            return found
    return namer.fresh(letters[0])


def _factor(size: str) -> str:
    return size if size.isidentifier() else f"({size})"


def _two_vectors(expr: Expr) -> tuple[Var, Var] | None:
    """The factors of a product of two vectors."""
    if isinstance(expr, sp.Pow) and expr.exp == 2 and isinstance(expr.base, Var):
        return expr.base, expr.base
    if isinstance(expr, sp.Mul) and len(expr.args) == 2:
        left, right = expr.args
        if isinstance(left, Var) and isinstance(right, Var) and left.shape and right.shape:
            return tuple(sorted((left, right), key=str))  # type: ignore[return-value]
    return None


_PART = Var("part of it")


def _halved(expr: Expr) -> tuple[Expr, Expr] | None:
    """A part of a long expression, and the expression with :data:`_PART` in its place."""
    if not expr.args or isinstance(expr, Node) or not variables_of(expr):
        return None
    if isinstance(expr, sp.Add | sp.Mul):
        args = sorted(expr.args, key=lambda arg: (-len(str(arg)), str(arg)))
        half = [arg for arg in args if variables_of(arg)][::2]
        if len(half) > 1 or (half and len(half[0].args) > 1 and len(expr.args) > 1):
            rest = (arg for arg in args if arg not in half)
            return expr.func(*half), expr.func(*rest, _PART)
    for arg in expr.args:
        inner = _halved(arg)
        if inner is not None:
            others = (inner[1] if other == arg else other for other in expr.args)
            return inner[0], expr.func(*others)
    operand = expr.args[0]
    if isinstance(expr, sp.Add | sp.Mul) or not operand.args:
        return None
    return operand, expr.func(_PART, *expr.args[1:])
