"""From definitions to what a compiled loop does: lines of row functions, products, copies.

A row is one sequence at one step. Elementwise lines that no product stands between are gathered
into one block, which becomes one function: what it computes on the way needs no array.
"""

from collections.abc import Iterable, Iterator

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Shape, Var, nodes_of, shape_of, variables_of
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
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.backends.numba_order import late, lines_first
from gru_sym.codegen.backends.numba_statements import (
    Block,
    Copy,
    Line,
    OuterSum,
    Product,
    Statement,
    View,
)
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import hint, is_varying, names_of, present
from gru_sym.codegen.schedule import sum_inside
from gru_sym.errors import UnsupportedError

__all__ = ["Lines"]


class Lines:
    """What the three parts of a scan do.

    Attributes:
        parts: ``before``, ``step``, ``after`` → statements.
        varying: the variables that have a value for each row.
        made: variable → where it is computed: ``once``, for ``all`` rows, or in the ``step``.
        views: variable → the part of another's array that it is.
        sums: the variables that are added to, and zero at first.
    """

    def __init__(self, scan: Scan) -> None:
        self.parts: dict[str, list[Statement]] = {"before": [], "step": [], "after": []}
        self.varying = {v for v in present(scan) if v in scan.sequences}
        self.varying |= {enters for enters, _ in scan.carry}
        self.made: dict[Var, str] = {}
        self.views: dict[Var, View] = {}
        self.sums: dict[Var, None] = {}
        self._scan = scan
        self._names = names_of(scan)
        self._part = "before"
        self._read_in_step = variables_of(d.expr for d in scan.step)
        self._for = ""  # the definition that is computed
        self._made_in: dict[Var, str] = {}
        self._items: dict[Var, list[Var]] = {}
        self._stacks: dict[Var, Node] = {}
        self._values: dict[tuple[Expr, Shape, bool], Var] = {}
        self._turned: dict[Var, Var] = {}
        self._pending: dict[str, list[Line]] = {"once": [], "all": [], "step": []}
        self._lower()

    def _lower(self) -> None:
        after = list(self._normal(self._scan.after))
        early = self._early(after)
        added = tuple(early)
        self._define_all("before", self._scan.before)
        self._part = "step"
        waiting = {d.var for d in self._scan.step}
        for d in lines_first(self._scan.step.definitions):
            self._release(early, waiting)
            self._define(d)
            waiting.remove(d.var)
        self._release(early, waiting)
        self._flush_all()
        self.parts["step"] = late(self.parts["step"], self.producers)
        self._define_all("after", [d for d in after if d not in added])

    def _define_all(self, part: str, lines: Iterable[Definition]) -> None:
        self._part = part
        for d in lines:
            self._define(d)
        self._flush_all()

    def _define(self, d: Definition) -> None:
        self._for = d.name
        self._into(d.var, sum_inside(d.expr, self.varying))

    # -- sums over time ------------------------------------------------------------------------

    def _normal(self, lines: Iterable[Definition]) -> Iterator[Definition]:
        """The lines, where each sum over time is a line of its own."""
        for d in lines:
            expr = sum_inside(d.expr, self.varying)
            if not isinstance(expr, SumT):
                for node in sorted(expr.atoms(SumT), key=str):
                    var = Var(self._names.fresh(hint(node.args[0]) or "total"), node.shape)
                    yield Definition(var, node)
                    expr = expr.xreplace({node: var})
            yield Definition(d.var, expr)

    def _early(self, lines: Iterable[Definition]) -> list[Definition]:
        """The sums over time of what a step knows: they are added up in the loop."""
        later = {d.var for d in lines}
        return [
            d
            for d in lines
            if isinstance(d.expr, SumT)
            and not d.expr.atoms(Outer, MatVec)
            and not variables_of(d.expr) & later
        ]

    def _release(self, early: list[Definition], waiting: set[Var]) -> None:
        """Add up what is known by now."""
        for d in [d for d in early if not variables_of(d.expr) & waiting]:
            early.remove(d)
            self._define(d)

    # -- definitions ---------------------------------------------------------------------------

    def _into(self, var: Var, expr: Expr) -> None:
        varies = var in self.varying
        if isinstance(expr, SumT):
            self._sum_over_time(var, expr.args[0])
        elif isinstance(expr, Node) and (expr.shape, self._moves(expr)) == (var.shape, varies):
            self._node(var, expr)
        elif isinstance(expr, sp.Add) and expr.has(MatVec) and var.shape:
            self._add_products(var, expr)
        else:
            self._line(Line(var, self._lift(expr)))

    def _sum_over_time(self, var: Var, expr: Expr) -> None:
        if isinstance(expr, Outer):
            left, right, _ = expr.args
            n, m = expr.shape
            vectors = (
                self._operand(left, (n,), varies=True),
                self._operand(right, (m,), varies=True),
            )
            self._emit(OuterSum(var, *vectors, "all"), vectors)
        else:
            self.sums[var] = None
            self._line(Line(var, self._lift(expr), "add"))

    def _node(self, var: Var, node: Node) -> None:
        match node:
            case MatVec():
                self._add_products(var, node)
            case Total():
                self._line(Line(var, self._operand(node.args[0], node.summed), "total"))
            case LogSumExp():
                self._line(Line(var, self._operand(node.args[0], node.summed), "logsumexp"))
            case Softmax():
                self._line(Line(var, self._operand(node.args[0], node.shape), "softmax"))
            case Slice():
                whole = self._operand(node.args[0], node.whole)
                if len(node.shape) == 1:
                    self.views[var] = View(whole, *node.bounds)
                else:
                    self._copy(var, self._view(whole, node.shape, *node.bounds))
            case RowSlice():
                self.views[var] = View(self._operand(node.args[0], node.whole), *node.bounds, 0)
            case Concat():
                self._join(var, node)
            case Rows():
                self._stacks[var] = node
            case Transpose():
                self._copy(var, self._operand(node.args[0], node.shape[::-1]), turned=True)
            case Outer():
                left, right, _ = node.args
                pair = self._operand(left, node.shape[:1]), self._operand(right, node.shape[1:])
                self._emit(OuterSum(var, *pair, "once"), pair)
            case _:
                raise AssertionError(f"no way to compute {type(node).__name__}")

    def _add_products(self, var: Var, expr: Expr) -> None:
        """A sum of products and a rest: the rest is put in place, products are added to it."""
        varies = var in self.varying
        products: list[Expr] = []
        rest: list[Expr] = []
        for term in sp.Add.make_args(expr):
            own = isinstance(term, MatVec) and self._moves(term.args[1]) == varies
            (products if own else rest).append(term)
        if products and rest and self._part == "step" and var in self._read_in_step:
            # The rest is added where the value is read, by the same function.
            expr = sp.Add(*products)
            wanted = hint(expr) or f"{var.name}_products"
            total = self._new(wanted, var.shape, varies=varies)
            self._add_products(total, expr)
            self._line(Line(var, self._lift(sp.Add(total, *rest))))
            return
        operands = []
        for node in products:
            matrix, vector = node.args
            if self._moves(matrix):
                raise UnsupportedError(f"{node}: a matrix that varies over time")
            rows, columns = shape_of(matrix)
            if isinstance(matrix, Transpose):
                held = self._operand(matrix.args[0], (columns, rows))
            else:
                held = self._transposed(self._operand(matrix, (rows, columns), stacked=True))
            operands.append((self._operand(vector, (columns,)), held))
        if rest or not products:
            self._line(Line(var, self._lift(sp.Add(*rest))))
        adds = bool(rest)
        for vector, matrix in operands:
            self._emit(Product(var, vector, matrix, self._rows(var), adds), (vector, matrix, var))
            adds = True

    def _join(self, var: Var, node: Node) -> None:
        """``[u, v]``: what was computed just now is computed in place, the rest is copied."""
        self.made[var], self._items[var] = self._rows(var), []
        at = 0
        for item, dim in zip(node.operands, node.blocks, strict=True):
            start, at = at, at + len(dim)
            if len(node.shape) == 2:
                shape = (node.shape[0], dim)
                self._copy(self._view(var, shape, start, at), self._operand(item, shape))
            elif self._can_stand(item, var, dim):
                self.views[item] = View(var, start, at)
                self._items[var].append(item)
            else:
                part = self._view(var, (dim,), start, at)
                self._items[var].append(part)
                self._line(Line(part, self._lift(item)))

    def _can_stand(self, item: Expr, whole: Var, dim: tuple[str, ...]) -> bool:
        carried = {v for pair in self._scan.carry for v in pair}
        if item not in self.made or item in self.views or item in carried or item in self._items:
            return False
        here = self._made_in[item] == self._part and self.made[item] == self.made[whole]
        return here and item.shape == (dim,) and self.made[item] != "once"

    # -- values --------------------------------------------------------------------------------

    def _lift(self, expr: Expr) -> Expr:
        """The expression with each node replaced by a variable that holds its value."""
        for v in sorted(variables_of(expr) & self._stacks.keys(), key=str):
            self._materialise(v)
        return expr.xreplace({node: self._value(node) for node in nodes_of(expr)})

    def _value(self, node: Node) -> Var:
        key = (node, node.shape, self._moves(node))
        if key not in self._values:
            wanted = hint(node) or f"{self._for}_part"
            self._values[key] = self._new(wanted, node.shape, varies=key[2])
            self._into(self._values[key], node)
        return self._values[key]

    def _operand(
        self, expr: Expr, shape: Shape, *, varies: bool | None = None, stacked: bool = False
    ) -> Var:
        """A variable that holds the expression as an array of this shape."""
        varies = self._moves(expr) if varies is None else varies
        if isinstance(expr, Var) and expr.shape == shape and (expr in self.varying) == varies:
            if not stacked:
                self._materialise(expr)
            return expr
        if isinstance(expr, Node) and expr.shape == shape and self._moves(expr) == varies:
            return self._value(expr)
        key = (expr, shape, varies)
        if key not in self._values:
            wanted = hint(expr) or f"{self._for}_terms"
            self._values[key] = self._new(wanted, shape, varies=varies)
            self._line(Line(self._values[key], self._lift(expr)))
        return self._values[key]

    def _new(self, wanted: str, shape: Shape, *, varies: bool) -> Var:
        var = Var(self._names.fresh(wanted), shape)
        if varies:
            self.varying.add(var)
        return var

    def _view(self, whole: Var, shape: Shape, start: int, stop: int, axis: int = -1) -> Var:
        """A new name for a part of an array."""
        var = self._new(f"{whole.name}_part", shape, varies=whole in self.varying)
        self.views[var] = View(whole, start, stop, axis)
        return var

    def _moves(self, expr: Expr) -> bool:
        """Whether an expression has a value for each row."""
        return is_varying(expr, self.varying)

    # -- matrices ------------------------------------------------------------------------------

    def _transposed(self, matrix: Var) -> Var:
        """A variable for the transpose; of matrices one above the other, it is made at once."""
        if matrix not in self._turned:
            n, m = matrix.shape
            turned = self._new(f"{matrix.name}_T", (m, n), varies=False)
            self._turned[matrix] = turned
            for part, item in self._blocks(matrix, turned, axis=-1):
                self._copy(part, item, turned=True)
        return self._turned[matrix]

    def _materialise(self, var: Var) -> None:
        """Matrices one above the other are copied there when they are first asked for."""
        if var in self._stacks and var not in self.made:
            self.made[var] = "once"
            for part, item in list(self._blocks(var, var, axis=0)):
                self._copy(part, item)

    def _blocks(self, matrix: Var, whole: Var, axis: int) -> Iterator[tuple[Var, Var]]:
        """(part of ``whole``, matrix that is copied there) for each block of rows of a matrix."""
        if matrix not in self._stacks:
            yield whole, matrix
            return
        node, at = self._stacks[matrix], 0
        for item, dim in zip(node.operands, node.blocks, strict=True):
            start, at = at, at + len(dim)
            held = self._operand(item, (dim, node.shape[1]))
            shape = held.shape if axis == 0 else held.shape[::-1]
            yield self._view(whole, shape, start, at, axis), held

    def _copy(self, target: Var, source: Var, *, turned: bool = False) -> None:
        self._emit(Copy(target, source, turned), (source,))

    # -- statements ----------------------------------------------------------------------------

    def _rows(self, var: Var) -> str:
        if var not in self.varying:
            return "once"
        return "step" if self._part == "step" else "all"

    def producers(self, var: Var) -> set[Var]:
        """The variables whose lines write what is read under this name."""
        if var in self._items:
            return set().union(*map(self.producers, self._items[var]))
        if var in self.views and var not in self._made_in:
            return self.producers(self.views[var].whole)
        return {var}

    def _line(self, line: Line) -> None:
        fixed = line.kind != "add" and line.target not in self.varying
        rows = "once" if fixed else "step" if self._part == "step" else "all"
        read = set().union(*map(self.producers, variables_of(line.expr)), {line.target})
        for other in self._pending:
            if other != rows:
                self._flush(other, read)
        self._make(line.target, "once" if line.kind == "add" else rows)
        self._pending[rows].append(line)

    def _emit(self, statement: Product | OuterSum | Copy, read: Iterable[Var]) -> None:
        read = set().union(*map(self.producers, read))
        for rows in self._pending:
            self._flush(rows, read)
        where = statement.rows if isinstance(statement, Product) else "once"
        self._make(statement.target, where)
        self._place(statement, once=where == "once")

    def _place(self, statement: Statement, *, once: bool) -> None:
        """Add a statement; what is computed once, for the loop, is computed before it."""
        self.parts["before" if once and self._part == "step" else self._part].append(statement)

    def _make(self, var: Var, where: str) -> None:
        self.made[var] = where
        self._made_in[var] = self._part

    def _flush(self, rows: str, read: set[Var]) -> None:
        """Close a block that computes something of what is read."""
        if read & {line.target for line in self._pending[rows]}:
            self._place(Block(tuple(self._pending[rows]), rows), once=rows == "once")
            self._pending[rows] = []

    def _flush_all(self) -> None:
        for rows, lines in self._pending.items():
            self._flush(rows, {line.target for line in lines})
