"""join: products that share an operand become one product, of matrices one above the other.

- products with the same vector: ``U_z @ h`` and ``U_r @ h`` are parts of ``U @ h``;
- sums of products, as backprop has them: ``U_z.T @ a_z_bar + U_r.T @ a_r_bar`` is ``U.T @ d``,
  where d is the vector ``[a_z_bar, a_r_bar]``;
- sums over time: ``outer(a_z_bar, x)`` and ``outer(a_r_bar, x)`` are rows of ``outer(d, x)``.

Unlike ``stack``, it leaves what is elementwise alone. A vector that several sums share stands in
one stack for all of them, in an order that makes those of one sum neighbours, where that can be.
"""

from collections.abc import Iterable, Sequence

import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Slice, SumT, Transpose
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import closed, hint, in_order, joined, names_of, offsets, rebuilt

__all__ = ["join", "neighbours"]


def join(scan: Scan) -> Scan:
    """Join the products of a scan that share an operand; ``fuse`` comes before."""
    return _Joiner(scan).done()


class _Joiner:
    """Rewrites the parts of one scan, as lists of lines."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._names = names_of(scan)
        self._before, self._step, self._after = map(list, (scan.before, scan.step, scan.after))
        self._rows: dict[Expr, Var] = {}
        self._slices: dict[tuple[Var, ...], Var] = {}
        self._later = {d.var for part in (scan.step, scan.after) for d in part}

    def done(self) -> Scan:
        """The scan, joined."""
        for lines in (self._before, self._step, self._after):
            self._same_vector(lines)
        for order in self._orders():
            self._stack(order)
        parts = (self._before, self._step, self._after)
        return rebuilt(self._scan, *(in_order(lines) for lines in parts))

    def _var(self, members: Sequence[Expr], shape: tuple[tuple[str, ...], ...]) -> Var:
        names = [hint(m) for m in members]
        return Var(self._names.fresh(joined(names) if all(names) else "joined"), shape)

    def _rows_of(self, matrices: Sequence[Expr]) -> Var:
        """A variable for matrices one above the other."""
        node = Rows(*matrices, Dims(tuple(shape_of(m)[0] for m in matrices)))
        if node not in self._rows:
            self._rows[node] = self._var(matrices, node.shape)
            self._before.append(Definition(self._rows[node], node))
        return self._rows[node]

    def _ahead(self, matrix: Expr) -> bool:
        """Whether a matrix is there before the loop, where those of a stack are put together."""
        return isinstance(matrix, Var) and matrix not in self._later

    # -- one vector ----------------------------------------------------------------------------

    def _same_vector(self, lines: list[Definition]) -> None:
        found: dict[Expr, dict[Expr, None]] = {}
        for d in lines:
            for node in sorted(d.expr.atoms(MatVec), key=str):
                if self._ahead(node.args[0]) and self._scan.sequences & variables_of(node):
                    found.setdefault(node.args[1], {})[node] = None
        for vector, products in found.items():
            if len(products) == 1:
                continue
            value = MatVec(self._rows_of([p.args[0] for p in products]), vector)
            whole = Var(self._names.fresh(hint(value) or "product"), value.shape)
            named = {d.expr: d.var for d in lines if d.expr in products}
            blocks = [Definition(whole, value)]
            for product, (start, stop) in zip(products, offsets(products), strict=True):
                if product not in named:
                    name = self._names.fresh(hint(product) or "product")
                    named[product] = Var(name, product.shape)
                block = Slice(whole, Dims(whole.shape), start, stop)
                blocks.append(Definition(named[product], block))
            rest = [d for d in lines if named.get(d.expr) != d.var]  # all but the parts
            lines[:] = [*(Definition(d.var, d.expr.xreplace(named)) for d in rest), *blocks]

    # -- several vectors -----------------------------------------------------------------------

    def _orders(self) -> list[list[Var]]:
        """Which vectors stand in one stack, in which order."""
        sums = [s for d in (*self._step, *self._after) if len(s := self._sum(d.expr)) > 1]
        sums += [s for s in self._outers().values() if len(s) > 1]
        groups: list[list[Var]] = []
        for s in sums:
            touched = [g for g in groups if set(g) & s.keys()]
            groups = [g for g in groups if g not in touched]
            groups.append(list(dict.fromkeys(v for g in (*touched, s) for v in g)))
        step = closed(in_order(self._step), ())
        orders = []
        for group in groups:
            # No vector may be computed from the product of a stack that it stands in.
            inside = [d.var for d in step if len(self._sum(d.expr).keys() & set(group)) > 1]
            after = step.depending_on(inside)
            free = {v for v in group if v not in after}
            # As the cell has them: backprop goes through its definitions in reverse.
            members = [[d.var for d in step if d.var in s.keys() & free] for s in sums]
            orders.append(neighbours(m[::-1] for m in members))
        return [order for order in orders if len(order) > 1]

    def _can_stand(self, vector: Expr) -> bool:
        """Whether a vector is computed in the step, row by row, so that it has no place yet."""
        carried = {v for pair in self._scan.carry for v in pair}
        own = {d.var: d.expr for d in self._step}
        free = vector in own and vector not in carried and len(vector.shape) == 1
        return free and not own[vector].atoms(MatVec, Slice, Concat)

    def _sum(self, expr: Expr) -> dict[Var, Expr]:
        """Vector → its product, of the products with a transposed matrix that are added."""
        return {
            term.args[1]: term
            for term in sp.Add.make_args(expr)
            if isinstance(term, MatVec)
            and isinstance(term.args[0], Transpose)
            and self._ahead(term.args[0].args[0])
            and self._can_stand(term.args[1])
        }

    def _outers(self) -> dict[Expr, dict[Var, Definition]]:
        """Right operand → left operand → the sum over time of their outer product."""
        found: dict[Expr, dict[Var, Definition]] = {}
        for d in self._after:
            match d.expr:
                case SumT(args=(Outer(args=(left, right, _)),)) if self._can_stand(left):
                    found.setdefault(right, {})[left] = d
        return found

    def _stack(self, order: list[Var]) -> None:
        outers = self._outers()
        self._run(order, order)  # the first to have its name
        for lines in (self._step, self._after):
            for k, d in enumerate(lines):
                terms = self._sum(d.expr)
                expr = d.expr
                for run in _runs(order, terms):
                    matrix = self._rows_of([terms[v].args[0].args[0] for v in run])
                    expr -= sp.Add(*(terms[v] for v in run))
                    expr += MatVec(Transpose(matrix), self._run(order, run))
                lines[k] = Definition(d.var, expr)
        for right, sums in outers.items():
            for run in _runs(order, sums):
                left, width = self._run(order, run), sums[run[0]].var.shape[1]
                shape = (left.shape[0], width)
                whole = self._var([sums[v].var for v in run], shape)
                self._after.append(Definition(whole, SumT(Outer(left, right, shape))))
                for v, (start, stop) in zip(run, offsets(run), strict=True):
                    block = RowSlice(whole, Dims(shape), sp.Integer(start), sp.Integer(stop))
                    self._after[self._after.index(sums[v])] = Definition(sums[v].var, block)

    def _run(self, order: list[Var], run: Sequence[Var]) -> Var:
        """A variable for neighbours in a stack."""
        key = tuple(run)
        if key not in self._slices:
            shape = (tuple(n for v in run for n in v.shape[0]),)
            self._slices[key] = Var(self._names.fresh("deltas"), shape)
            value = Concat(*run, Dims(tuple(v.shape[0] for v in run)))
            if len(run) < len(order):
                whole = self._run(order, order)
                first = offsets(order)[order.index(run[0])][0]
                stop = first + len(self._slices[key].shape[0])
                value = Slice(whole, Dims(whole.shape), first, stop)
            self._step.append(Definition(self._slices[key], value))
        return self._slices[key]


def neighbours(sums: Iterable[Sequence[Var]]) -> list[Var]:
    """The vectors in an order in which those of one sum are neighbours, as far as that goes."""
    waiting = sorted((s for s in sums if len(s) > 1), key=len, reverse=True)
    order: list[Var] = []
    for k, members in enumerate(waiting):
        inside = [v for v in order if v in members]
        new = [v for v in members if v not in order]
        new.sort(key=lambda v: [v in other for other in waiting[k + 1 :]])
        if inside and set(order[: len(inside)]) == set(inside):
            order = new[::-1] + order
        else:
            order += new
    return order


def _runs(order: list[Var], members: Iterable[Var]) -> list[list[Var]]:
    """The members in groups of neighbours, those of several."""
    wanted = set(members)
    runs: list[list[Var]] = [[]]
    for v in order:
        if v in wanted:
            runs[-1].append(v)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]
