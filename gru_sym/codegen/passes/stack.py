"""stack: what has the same form, or the same operand, is computed as one.

- gates: ``z = sigmoid(a_z)`` and ``r = sigmoid(a_r)`` are parts of ``sigmoid([a_z, a_r])``;
- products with the same vector: ``U_z @ h``, ``U_r @ h``, ``U_h @ h`` are parts of ``U @ h``, where
  U holds the three matrices one above the other;
- sums of products, as backprop has them: ``U_z.T @ a_z_bar + U_r.T @ a_r_bar`` is ``U.T @ d``,
  where d is the vector ``[a_z_bar, a_r_bar]``;
- sums over time: ``outer(a_z_bar, h)`` and ``outer(a_r_bar, h)`` are rows of ``outer(d, h)``.

A part of a stack is a :class:`~gru_sym.algebra.nodes.Slice`, which costs nothing: it is a view.
Products of all steps at once are left alone, but for the arguments of stacked gates: they are large
already, and what the loop reads should lie in one piece.
"""

from collections.abc import Iterable, Sequence

import sympy as sp

from gru_sym.algebra.expr import Dim, Dims, Expr, Node, Shape, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Slice, SumT, Transpose
from gru_sym.algebra.program import Definition, Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import (
    Names,
    closed,
    hint,
    in_order,
    joined,
    names_of,
    offsets,
    rebuilt,
)

__all__ = ["stack"]


def stack(scan: Scan) -> Scan:
    """Join what can be computed as one, in each part of a scan."""
    return _Stacker(scan).done()


class _Stacker:
    """Rewrites the parts of one scan, as lists of lines."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._names: Names = names_of(scan)
        self._before, self._step, self._after = map(list, (scan.before, scan.step, scan.after))
        self._part_of: dict[Var, tuple[Var, int, int]] = {}  # vector → (stack, blocks from, to)
        self._rows: dict[Expr, Var] = {}
        self._stacked: dict[tuple[Var, ...], Var] = {}

    def done(self) -> Scan:
        """The scan, stacked."""
        for lines in (self._before, self._step):
            self._gates(lines)
        self._products(self._step)
        for lines in (self._step, self._after):
            self._adjoint_sums(lines)
        self._sums_over_time()
        self._after = [Definition(d.var, _merged(d.expr)) for d in self._after]
        parts = (self._before, self._step, self._after)
        return without_aliases(rebuilt(self._scan, *(in_order(lines) for lines in parts)))

    def _fixed(self, expr: Expr) -> bool:
        """Whether a value is the same at each step, and known ahead of the loop."""
        scan = self._scan
        later = {d.var for part in (scan.step, scan.after) for d in part}
        later |= {v for pair in scan.carry for v in pair} | self._part_of.keys()
        return not variables_of(expr) & (later | scan.sequences)

    def _var(self, members: Sequence[Expr], shape: Shape) -> Var:
        names = [hint(m) for m in members]
        return Var(self._names.fresh(joined(names) if all(names) else "stack"), shape)

    def _slice(self, part: Var, whole: Var, start: int, stop: int) -> Definition:
        self._part_of[part] = whole, start, stop
        return Definition(part, Slice(whole, Dims(whole.shape), start, stop))

    # -- gates ---------------------------------------------------------------------------------

    def _gates(self, lines: list[Definition]) -> None:
        """The same function of independent arguments: one function of the stacked arguments."""
        found: dict[sp.Basic, dict[Var, list[Definition]]] = {}
        for d in lines:
            if isinstance(d.expr, Elementwise) and len(d.var.shape) == 1:
                a = _unsigned(d.expr.args[0])
                if isinstance(a, Var) and a.shape == d.var.shape and not self._fixed(a):
                    found.setdefault(d.expr.func, {}).setdefault(a, []).append(d)
        for func, by_argument in found.items():
            for group in _independent(lines, by_argument):
                self._gate_group(lines, func, {a: by_argument[a] for a in group})

    def _gate_group(
        self, lines: list[Definition], func: sp.Basic, group: dict[Var, list[Definition]]
    ) -> None:
        arguments = tuple(group)
        whole = self._concatenated(lines, arguments)
        if whole is None:
            return
        at = offsets(arguments)
        for sign in (1, -1):
            members = {d.expr.args[0]: d for ds in group.values() for d in ds}
            values = [members[sign * a].var for a in arguments if sign * a in members]
            if not values:
                continue
            var = self._var(values, whole.shape)
            first = min(lines.index(members[sign * a]) for a in arguments if sign * a in members)
            lines.insert(first, Definition(var, func(sign * whole)))
            for a, (start, stop) in zip(arguments, at, strict=True):
                if sign * a in members:
                    d = members[sign * a]
                    lines[lines.index(d)] = self._slice(d.var, var, start, stop)

    def _concatenated(self, lines: list[Definition], vectors: tuple[Var, ...]) -> Var | None:
        """A variable for ``[u, v, …]``, whose parts they become; None where it would be a copy."""
        if vectors in self._stacked:
            return self._stacked[vectors]
        own = {d.var: d for d in lines}
        taken = any(v in self._part_of or v not in own for v in vectors)
        if taken or len(set(vectors)) < len(vectors):
            return None
        first = min(lines.index(own[v]) for v in vectors)
        value = self._aligned([own[v].expr for v in vectors], [v.shape[0] for v in vectors])
        whole = self._var(vectors, _stacked_shape(vectors))
        if value is None:  # the parts are computed one by one, each in its place
            if any(own[v].expr.atoms(Node) for v in vectors):
                return None
            value = Concat(*vectors, Dims(tuple(v.shape[0] for v in vectors)))
            for v, (start, stop) in zip(vectors, offsets(vectors), strict=True):
                self._part_of[v] = whole, start, stop
        else:
            for v, (start, stop) in zip(vectors, offsets(vectors), strict=True):
                lines[lines.index(own[v])] = self._slice(v, whole, start, stop)
        lines.insert(first, Definition(whole, value))
        self._stacked[vectors] = whole
        return whole

    def _aligned(self, exprs: Sequence[Expr], blocks: Sequence[Dim]) -> Expr | None:
        """``[e_1, e_2, …]`` as one sum, where the terms of each e_k correspond."""
        products: list[dict[Expr, Expr]] = []
        rests: list[Expr] = []
        for expr in exprs:
            terms = sp.Add.make_args(expr)
            own = {t.args[1]: t.args[0] for t in terms if isinstance(t, MatVec)}
            if len(own) != sum(isinstance(t, MatVec) for t in terms):
                return None
            products.append(own)
            rests.append(sp.Add(*(t for t in terms if not isinstance(t, MatVec))))
        if any(own.keys() != products[0].keys() for own in products):
            return None
        matrices = [m for own in products for m in own.values()]
        if any(isinstance(m, Transpose) or not self._fixed(m) for m in matrices):
            return None
        rest = self._rest(rests, blocks)
        if rest is None:
            return None
        terms = []
        for vector in products[0]:
            matrix = self._rows_of([own[vector] for own in products])
            terms.append(MatVec(matrix, vector))
        return sp.Add(rest, *terms)

    def _rest(self, rests: Sequence[Expr], blocks: Sequence[Dim]) -> Expr | None:
        """What is added to products, stacked; it must be known ahead of the loop."""
        if not any(rests):
            return sp.S.Zero
        if all(isinstance(r, Var) and r in {d.var for d in self._before} for r in rests):
            return self._concatenated(self._before, tuple(rests))
        if all(self._fixed(r) and (isinstance(r, Var) or r.is_Number) for r in rests):
            items = [
                item for r, dim in zip(rests, blocks, strict=True) for item in self._flat(r, dim)
            ]
            named = [item for item, _ in items if isinstance(item, Var)]
            dims = tuple(dim for _, dim in items)
            var = self._var(named, (tuple(n for dim in dims for n in dim),))
            self._before.append(Definition(var, Concat(*(item for item, _ in items), Dims(dims))))
            return var
        return None

    def _flat(self, vector: Expr, dim: Dim) -> list[tuple[Expr, Dim]]:
        """The items of a stack of biases, with their dimensions."""
        values = {d.var: d.expr for d in self._before}
        value = values.get(vector)
        if isinstance(value, Concat):
            return list(zip(value.operands, value.blocks, strict=True))
        return [(vector, dim)]

    def _rows_of(self, matrices: Sequence[Expr]) -> Var:
        """A variable for matrices one above the other, computed once."""
        flat: list[Expr] = []
        values = {d.var: d.expr for d in self._before}
        for m in matrices:
            value = values.get(m)
            flat += value.operands if isinstance(value, Rows) else [m]
        if len(flat) == 1 and isinstance(flat[0], Var):
            return flat[0]
        node = Rows(*flat, Dims(tuple(shape_of(m)[0] for m in flat)))
        if node not in self._rows:
            self._rows[node] = self._var(flat, node.shape)
            self._before.append(Definition(self._rows[node], node))
        return self._rows[node]

    # -- products ------------------------------------------------------------------------------

    def _products(self, lines: list[Definition]) -> None:
        """Products of fixed matrices with one vector: parts of one product."""
        for vector in dict.fromkeys(node.args[1] for d in lines for node in _products_of(d.expr)):
            found = dict.fromkeys(
                node
                for d in lines
                for node in _products_of(d.expr)
                if node.args[1] == vector
                and isinstance(node.args[0], Var)
                and self._fixed(node.args[0])
            )
            if len(found) > 1:
                self._one_product(lines, list(found))

    def _one_product(self, lines: list[Definition], products: list[MatVec]) -> None:
        matrix = self._rows_of([p.args[0] for p in products])
        value = MatVec(matrix, products[0].args[1])
        whole = Var(self._names.fresh(hint(value) or "product"), value.shape)
        parts: dict[Expr, Expr] = {}
        for product, (start, stop) in zip(products, offsets(products), strict=True):
            part = Var(self._names.fresh(hint(product) or "product"), product.shape)
            lines.append(self._slice(part, whole, start, stop))
            parts[product] = part
        lines[:] = [Definition(d.var, d.expr.xreplace(parts)) for d in lines]
        lines.append(Definition(whole, value))

    # -- backprop ------------------------------------------------------------------------------

    def _adjoint_sums(self, lines: list[Definition]) -> None:
        """``U.T @ u + V.T @ v`` as ``[U; V].T @ [u; v]``, where u and v can be made in place."""
        for d in tuple(lines):
            terms = [
                t
                for t in _terms(d.expr)
                if isinstance(t, MatVec)
                and isinstance(t.args[0], Transpose)
                and isinstance(t.args[1], Var)
                and self._fixed(t.args[0])
            ]
            if len(terms) < 2 or len({t.args[1] for t in terms}) < len(terms):
                continue
            self._make_parts(lines, [t.args[1] for t in terms])
            changed = d.expr
            for run in self._runs([t.args[1] for t in terms]):
                members = {t.args[1]: t for t in terms if t.args[1] in run}
                if len(members) > 1:
                    matrices = [members[v].args[0].args[0] for v in run]
                    product = MatVec(Transpose(self._rows_of(matrices)), self._run(lines, run))
                    old = sp.Add(*members.values())
                    changed = changed - old + product
            lines[lines.index(d)] = Definition(d.var, changed)

    def _make_parts(self, lines: list[Definition], vectors: Sequence[Var]) -> None:
        """A new stack of those vectors that are computed here, elementwise, and in no stack yet."""
        own = {d.var: d for d in lines}
        free = [
            v
            for v in own
            if v in vectors and v not in self._part_of and not own[v].expr.atoms(Node)
        ]
        carried = {v for pair in self._scan.carry for v in pair}
        free = [v for v in free if len(v.shape) == 1 and v not in carried][::-1]
        if len(free) > 1:
            whole = self._var(free, _stacked_shape(free))
            value = Concat(*free, Dims(tuple(v.shape[0] for v in free)))
            lines.append(Definition(whole, value))
            for v, (start, stop) in zip(free, offsets(free), strict=True):
                self._part_of[v] = whole, start, stop

    def _runs(self, vectors: Iterable[Var]) -> list[list[Var]]:
        """The vectors in groups of neighbours in one stack."""
        placed = sorted(
            {v for v in vectors if v in self._part_of},
            key=lambda v: (str(self._part_of[v][0].name), self._part_of[v][1]),
        )
        runs: list[list[Var]] = []
        for v in placed:
            whole, start, _ = self._part_of[v]
            if runs and self._part_of[runs[-1][-1]][::2] == (whole, start):
                runs[-1].append(v)
            else:
                runs.append([v])
        return runs

    def _run(self, lines: list[Definition], run: Sequence[Var]) -> Var:
        """A variable for neighbours in a stack."""
        whole, start, _ = self._part_of[run[0]]
        stop = self._part_of[run[-1]][2]
        if (start, stop) == (0, len(whole.shape[0])):
            return whole
        key = tuple(run)
        if key not in self._stacked:
            self._stacked[key] = self._var(run, _stacked_shape(run))
            lines.append(self._slice(self._stacked[key], whole, start, stop))
        return self._stacked[key]

    def _sums_over_time(self) -> None:
        """Sums over t of neighbours in a stack: parts of one sum."""
        found: dict[Expr, dict[Var, Definition]] = {}
        for d in self._after:
            match d.expr:
                case SumT(args=(Outer(args=(Var() as left, right, _)),)):
                    found.setdefault(right, {})[left] = d
                case SumT(args=(Var() as left,)):
                    found.setdefault(sp.S.One, {})[left] = d
        for right, sums in found.items():
            for run in self._runs(sums):
                if len(run) > 1:
                    self._one_sum(right, [sums[v] for v in run], run)

    def _one_sum(self, right: Expr, sums: list[Definition], run: Sequence[Var]) -> None:
        part = self._run(self._after, run)
        shape = part.shape if right == 1 else (part.shape[0], sums[0].var.shape[1])
        whole = self._var([d.var for d in sums], shape)
        value = SumT(part) if right == 1 else SumT(Outer(part, right, shape))
        self._after.append(Definition(whole, value))
        for d, (start, stop) in zip(sums, offsets(run), strict=True):
            part_of = Slice if right == 1 else RowSlice
            block = part_of(whole, Dims(shape), sp.Integer(start), sp.Integer(stop))
            self._after[self._after.index(d)] = Definition(d.var, block)


def without_aliases(scan: Scan) -> Scan:
    """The scan without lines of ``before`` that only give a second name."""
    alias = {d.var: d.expr for d in scan.before if isinstance(d.expr, Var)}
    kept = {*scan.step.outputs, *scan.after.outputs}
    alias = {v: e for v, e in alias.items() if v not in kept}
    parts = (scan.before, scan.step, scan.after)
    changed = [[Definition(d.var, d.expr.xreplace(alias)) for d in part] for part in parts]
    return rebuilt(scan, *changed)


def _independent(
    lines: Iterable[Definition], arguments: dict[Var, list[Definition]]
) -> list[list[Var]]:
    """The arguments in groups, where none depends on a function of another of its group."""
    program = closed(in_order(lines), ())
    groups: list[tuple[list[Var], set[Var]]] = []
    for a, values in arguments.items():
        reached = set(program.depending_on(d.var for d in values))
        for members, behind in groups:
            if a not in behind and not reached & set(members):
                members.append(a)
                behind |= reached
                break
        else:
            groups.append(([a], reached))
    return [members for members, _ in groups if len(members) > 1]


def _merged(expr: Expr) -> Expr:
    """A sum of concatenations of the same blocks is the concatenation of sums."""
    if not isinstance(expr, sp.Add) or not all(isinstance(t, Concat) for t in expr.args):
        return expr
    first = expr.args[0]
    if any(t.args[-1] != first.args[-1] for t in expr.args):
        return expr
    columns = zip(*(t.operands for t in expr.args), strict=True)
    return Concat(*(sp.Add(*items) for items in columns), first.args[-1])


def _terms(expr: Expr) -> tuple[Expr, ...]:
    return sp.Add.make_args(expr)


def _products_of(expr: Expr) -> list[MatVec]:
    """The products that a sum is made of, whatever number stands before them."""
    return [node for t in _terms(expr) if isinstance(node := t.as_coeff_Mul()[1], MatVec)]


def _unsigned(expr: Expr) -> Expr:
    return -expr if expr.could_extract_minus_sign() else expr


def _stacked_shape(vectors: Iterable[Var]) -> Shape:
    return (tuple(name for v in vectors for name in v.shape[0]),)
