"""The normal form: expressions as polynomials in array entries, equal for all sizes when equal.

Linear maps are written out as sums over indices of symbolic range, ``(U v)_i = Σ_j U_ij v_j``, so
that products distribute, sums exchange and a transpose is a swap of indices. Two expressions with
one normal form are equal for every size.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import sympy as sp

from gru_sym.algebra.expr import Shape, Size, Var, shape_of
from gru_sym.algebra.functions import ONE, Functions
from gru_sym.algebra.monomials import Factor, Poly, accumulate
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    Total,
    Transpose,
)
from gru_sym.algebra.poly import Base, Ring, TooLargeError
from gru_sym.algebra.rules import Elementwise

__all__ = ["At", "NormalForm", "positions"]

At = tuple[tuple[int, int], ...]
"""Where an array is read: for each axis an index and the block of the dimension that it is in."""


def positions(shape: Shape) -> list[At]:
    """The free positions of an array: one for each combination of blocks, indices −1, −2."""
    ats: list[At] = [()]
    for axis, dim in enumerate(shape):
        ats = [(*at, (-1 - axis, block)) for at in ats for block in range(len(dim))]
    return ats


class NormalForm:
    """Computes normal forms over one set of definitions.

    Args:
        definitions: variable → expression, for the variables that :meth:`unfold` can unfold.
    """

    def __init__(self, definitions: Mapping[Var, sp.Expr] | None = None) -> None:
        self.ring = Ring()
        self.functions = Functions(self.ring)
        self.definitions = dict(definitions or {})
        self._by_name = {str(v.name): v for v in self.definitions}
        self._vars: dict[str, Var] = {}
        self._memo: dict[tuple[sp.Expr, At], Poly] = {}

    # -- from expressions ----------------------------------------------------------------------

    def of(self, expr: sp.Expr, at: At = ()) -> Poly:
        """The entry of an expression at a position, as a polynomial."""
        if not isinstance(expr, Var) and not shape_of(expr):
            at = ()
        key = (expr, at)
        if key not in self._memo:
            self._memo[key] = self._of(expr, at)
        return self._memo[key]

    def _of(self, expr: sp.Expr, at: At) -> Poly:
        ring = self.ring
        if isinstance(expr, sp.Rational):
            return ring.constant(Fraction(int(expr.p), int(expr.q)))
        if isinstance(expr, Var):
            return self._entry(expr, at)
        if isinstance(expr, Size):
            return ring.factor(Base("size", str(expr.name)))
        if isinstance(expr, sp.Add):
            return ring.add(*(self.of(term, at) for term in expr.args))
        if isinstance(expr, sp.Mul):
            result = ONE
            for factor in expr.args:
                result = ring.multiply(result, self.of(factor, at))
            return result
        if isinstance(expr, sp.Pow):
            exponent = Fraction(int(expr.exp.p), int(expr.exp.q))
            return self.functions.power(self.of(expr.base, at), exponent)
        if isinstance(expr, Elementwise):
            return self.functions.named[expr.func.__name__](self.of(expr.args[0], at))
        return self._node(expr, at)

    def _entry(self, var: Var, at: At) -> Poly:
        self._vars[str(var.name)] = var
        at = at if var.shape else ()
        dims = tuple(dim[block] for dim, (_, block) in zip(var.shape, at, strict=True))
        blocks = tuple(block for _, block in at)
        base = Base("var", str(var.name), dims, blocks)
        return self.ring.factor(base, tuple(index for index, _ in at))

    def _node(self, expr: sp.Expr, at: At) -> Poly:
        ring = self.ring
        match expr:
            case Transpose():
                return self.of(expr.args[0], at[::-1])
            case MatVec():
                matrix, vector = expr.args
                return self._sum(
                    (shape_of(matrix)[1],),
                    lambda j: ring.multiply(self.of(matrix, at + j), self.of(vector, j)),
                )
            case Outer():
                left, right, _ = expr.args
                return ring.multiply(self.of(left, at[:1]), self.of(right, at[1:]))
            case Total():
                return self._sum(expr.summed, lambda j: self.of(expr.args[0], j))
            case Concat():
                return self._block(expr, at)
            case Slice():
                *rows, (index, block) = at
                return self.of(expr.args[0], (*rows, (index, block + expr.bounds[0])))
            case Softmax():
                total = self._exp_sum(expr.args[0], expr.shape)
                top = self.functions.exp(self.of(expr.args[0], at))
                return ring.multiply(top, self.functions.power(total, Fraction(-1)))
            case LogSumExp():
                return self.functions.log(self._exp_sum(expr.args[0], expr.summed))
        raise AssertionError(f"no normal form for {type(expr).__name__}")

    def _exp_sum(self, vector: sp.Expr, shape: Shape) -> Poly:
        return self._sum(shape, lambda j: self.functions.exp(self.of(vector, j)))

    def _block(self, expr: Concat, at: At) -> Poly:
        *rows, (index, block) = at
        for item, dim in zip(expr.operands, expr.blocks, strict=True):
            if block < len(dim):
                return self.of(item, (*rows, (index, block)))
            block -= len(dim)
        raise AssertionError("a block beyond the end")

    def _sum(self, shape: Shape, term: Callable[[At], Poly]) -> Poly:
        """Σ over all entries of an array of this shape."""
        total: Poly = {}
        for place in positions(shape):
            temps = [(self.ring.temporary(), block) for _, block in place]
            poly = term(tuple(temps))
            for (index, block), dim in zip(temps, shape, strict=True):
                poly = self.ring.bind(poly, index, dim[block])
            accumulate(total, poly)
        return total

    # -- zero, and unfolding definitions -------------------------------------------------------

    def is_zero(self, poly: Poly) -> bool:
        """Whether the polynomial is zero, denominators cleared where that is needed to see it.

        Under a sum they are cleared term by term: Σ_j (p_j + q_j) is zero if each p_j + q_j is.
        """
        if not poly or not self.functions.together(poly)[0]:
            return True
        groups: dict[tuple[str, ...], Poly] = {}
        names: dict[int, int] = {}
        for m, c in poly.items():
            dims: dict[int, str] = {}
            for b, i, _ in m:
                dims |= {k: d for k, d in zip(i, self.ring.bases[b].dims, strict=True) if k >= 0}
            for k in dims:
                names.setdefault(k, self.ring.temporary())
            opened = self.ring.rename({m: c}, names)
            key = tuple(dims[k] for k in sorted(dims))
            accumulate(groups.setdefault(key, {}), opened)
        return bool(names) and not any(self.functions.together(g)[0] for g in groups.values())

    def names(self, poly: Poly) -> set[str]:
        """The variables that occur, also inside of functions."""
        bases = (self.ring.bases[b] for b in self._bases(poly))
        return {base.name for base in bases if base.kind == "var"}

    def variables(self, poly: Poly) -> set[Var]:
        """The same as variables."""
        return {self._vars[name] for name in self.names(poly) if name in self._vars}

    def _bases(self, poly: Poly) -> set[int]:
        found: set[int] = set()
        pending = [b for m in poly for b, _, _ in m]
        while pending:
            b = pending.pop()
            if b not in found:
                found.add(b)
                if self.ring.bases[b].kind not in {"var", "size"}:
                    pending += [c for m, _ in self.ring.bases[b].content for c, _, _ in m]
        return found

    def unfold(self, poly: Poly, name: str) -> Poly:
        """Replace a variable by its definition, wherever it occurs."""
        var = self._by_name[name]
        hit = {b for b in self._bases(poly) if name in self.names({((b, (), 1),): 1})}
        expr = self.definitions[var]
        return self._mapped(poly, hit, expr)

    def _mapped(self, poly: Poly, hit: set[int], expr: sp.Expr) -> Poly:
        ring = self.ring
        total: Poly = {}
        for m, c in poly.items():
            if not any(b in hit for b, _, _ in m):
                accumulate(total, {m: c})
                continue
            factors, bound = ring.opened(m)
            kept = [f for f in factors if f[0] not in hit]
            value = ring.normal(kept, c)
            for factor in factors:
                if factor[0] in hit:
                    value = ring.multiply(value, self._replaced(factor, hit, expr))
            accumulate(total, ring.close(value, bound))
        return total

    def _replaced(self, factor: Factor, hit: set[int], expr: sp.Expr) -> Poly:
        number, indices, exponent = factor
        base = self.ring.bases[number]
        if base.kind == "var":
            value = self.of(expr, tuple(zip(indices, base.content, strict=True)))
        else:
            inner = self._mapped(self.ring.instantiate(base, indices), hit, expr)
            value = inner if base.kind == "sum" else self.functions.named[base.kind](inner)
        return self.functions.power(value, Fraction(exponent))

    # -- the derivative, by the product rule on entries ----------------------------------------

    def derivative(self, poly: Poly, var: Var, at: At) -> Poly:
        """The derivative of a scalar polynomial with respect to one entry of a variable.

        It knows products, sums, powers, exp, log, sin and cos: none of the rules of
        :mod:`~gru_sym.algebra.rules`.
        """
        ((target, indices, _),) = next(iter(self._entry(var, at)))[:1]
        total: Poly = {}
        for value, equal in self._slopes(poly, target, indices):
            accumulate(total, self.ring.rename(value, equal))
        return total

    def _slopes(
        self, poly: Poly, target: int, at: tuple[int, ...]
    ) -> Iterator[tuple[Poly, dict[int, int]]]:
        """Pairs (term of the derivative, indices that it sets equal to those of the entry)."""
        ring = self.ring
        for m, c in poly.items():
            factors, bound = ring.opened(m)
            own = {index for index, _ in bound}
            for k, (b, i, e) in enumerate(factors):
                rest = [*factors[:k], *factors[k + 1 :], (b, i, e - 1)]
                for slope, equal in self._slopes_of_base(b, i, target, at):
                    value = ring.multiply(ring.normal(rest, c * e), slope)
                    value = ring.rename(value, {t: v for t, v in equal.items() if t in own})
                    open_ = [(t, dim) for t, dim in bound if t not in equal]
                    outward = {t: v for t, v in equal.items() if t not in own}
                    yield ring.close(value, open_), outward

    def _slopes_of_base(
        self, number: int, indices: tuple[int, ...], target: int, at: tuple[int, ...]
    ) -> Iterator[tuple[Poly, dict[int, int]]]:
        base = self.ring.bases[number]
        if base.kind == "var":
            if number == target:
                equal = dict(zip(indices, at, strict=True))
                if len(equal) < len(set(at)):
                    raise TooLargeError  # a diagonal entry: outside of what the language can say
                yield ONE, equal
            return
        if base.kind in {"size", "step"}:
            return
        inner = self.ring.instantiate(base, indices)
        outer = self._outer_slope(base, inner)
        for slope, equal in self._slopes(inner, target, at):
            yield self.ring.multiply(outer, slope), equal

    def _outer_slope(self, base: Base, inner: Poly) -> Poly:
        functions = self.functions
        match base.kind:
            case "sum":
                return ONE
            case "exp":
                return functions.exp(inner)
            case "log":
                return functions.power(inner, Fraction(-1))
            case "sin":
                return functions.named["cos"](inner)
            case _:
                return self.ring.scale(functions.named["sin"](inner), -1)
