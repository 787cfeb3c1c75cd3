"""One matrix of a chunk of steps after another: sums of products, written in place with NumPy.

A sum of matrices whose rows are scaled, ``diag(u) @ U + diag(v) @ V``, is one pass: for each row i
a product of (u_i, v_i) at all steps with the i-th rows of U and V. Where U differs from step to
step, it is one for each row of each step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, TypeVar

import sympy as sp

from gru_sym.algebra.expr import Dim, shape_of
from gru_sym.algebra.nodes import Slice
from gru_sym.codegen.backends.naming import Namer, cut_text
from gru_sym.codegen.jacobian_chains import Chain
from gru_sym.codegen.jacobian_elimination import Matrix
from gru_sym.codegen.jacobian_values import Value, Values
from gru_sym.derive.paths import Factor

__all__ = ["Buffer", "MatrixLines"]

Ends: TypeAlias = tuple[Dim, Dim]
"""The dimensions of a matrix."""

Way: TypeAlias = Callable[[Ends, str], Iterator[str]]
"""Writes a matrix with these ends to an array."""

_ONE = Factor("diag", (sp.S.One,))

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Buffer:
    """An array that all chunks use.

    Attributes:
        ends: n and m, where it is (steps, n, m).
        beside: matrices that lie in it row by row, below what a chunk writes: then it is
            (steps, n, 1 + their number, m).
    """

    ends: Ends
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Product:
    """``diag @ matrix @ diag @ matrix @ diag``: one matrix or two, diagonals where there are any.

    Attributes:
        matrices: the factors of each; neighbours made of parameters are one.
        diagonals: what stands before, between and after them.
    """

    matrices: tuple[tuple[Factor, ...], ...]
    diagonals: tuple[Factor | None, ...]

    @property
    def is_scaled_rows(self) -> bool:
        """Whether it is one matrix of parameters, with nothing but a diagonal before it."""
        kinds = [factors[0].kind for factors in self.matrices]
        return kinds == ["matrix"] and self.diagonals[1] is None


def _product(chain: Chain) -> _Product:
    matrices: list[tuple[Factor, ...]] = []
    diagonals: list[Factor | None] = [None]
    for factor in chain:
        beside = bool(matrices) and diagonals[-1] is None
        if factor.kind == "diag":
            diagonals[-1] = factor
        elif beside and factor.kind == matrices[-1][0].kind == "matrix":
            matrices[-1] = (*matrices[-1], factor)
        else:
            matrices.append((factor,))
            diagonals.append(None)
    return _Product(tuple(matrices), tuple(diagonals))


class MatrixLines:
    """Prints matrices.

    Args:
        values: knows vectors and parameters.
        namer: makes names.
    """

    def __init__(self, values: Values, namer: Namer) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.sums_rows = False  # whether there is such a pass over all rows
        self._values, self._namer = values, namer
        self._work: dict[tuple[str, Dim, Dim], str] = {}

    def of(self, matrix: Matrix) -> list[str]:
        """The lines that write a matrix to the array of its name; the first says what it is."""
        name = str(matrix.var.name)
        lines = list(self._lines(matrix, name))
        return [f"# {name} = {' + '.join(map(self._shown, matrix.terms)) or '0'}", *lines]

    def _lines(self, matrix: Matrix, name: str) -> Iterator[str]:
        n, m = matrix.var.shape
        parts: dict[Factor | None, list[Chain]] = {None: []}  # by their place in a longer vector
        for term in matrix.terms:
            embed = term[0] if term and term[0].kind == "embed" else None
            parts.setdefault(embed, []).append(term[1:] if embed else term)
        whole = any(factor.kind != "diag" for term in parts[None] for factor in term)
        if not whole:
            yield f"{name}[...] = 0"
        for embed, terms in parts.items():
            if embed is None:
                yield from self._sum(terms, name, (n, m), fresh=whole)
            else:
                ends = (embed.whole[slice(*embed.bounds)], m)
                rows = cut_text(embed.whole, *embed.bounds, self._values.size)
                yield from self._sum(terms, f"{name}[:, {rows}]", ends, fresh=False)

    def _sum(
        self, terms: Sequence[Chain], target: str, ends: Ends, *, fresh: bool
    ) -> Iterator[str]:
        """Add terms to an array, products of two matrices first; the first is written if fresh."""
        outer = [t for t in terms if any(factor.kind == "column" for factor in t)]
        diagonal = [t for t in terms if all(factor.kind == "diag" for factor in t)]
        products = [_product(t) for t in terms if t not in outer and t not in diagonal]
        scaled = [p for p in products if p.is_scaled_rows]
        plain = [t for t in outer if len(t) == 2]
        twice = [p for p in products if len(p.matrices) > 1]
        together: list[Way] = []
        if scaled and twice and twice[0].diagonals[-1] is None:
            together = [partial(self._twice_and_rows, twice.pop(0), scaled)]
            scaled, products = [], [p for p in products if p not in scaled]
        ways: list[Way] = [
            *together,
            *(partial(self._twice, p) for p in twice),
            *(partial(self._once, p) for p in products if len(p.matrices) == 1 and p not in scaled),
            *_joined(scaled, self._once, self._scaled_rows),
            *_joined(plain, self._outer, self._outer_sum),
            *(partial(self._outer, t) for t in outer if t not in plain),
        ]
        for way in ways:
            out = target if fresh else self._buffer("term", *ends)
            yield from way(ends, out)
            if not fresh:
                yield _in_place("+", "add", target, out)
            fresh = False
        for term in diagonal:
            value = self._value("d", term[0], ends[0]).plain if term else "1"
            yield f'np.einsum("tii->ti", {target})[...] += {value}'

    # -- ways to write a term ------------------------------------------------------------------

    def _twice(self, product: _Product, ends: Ends, out: str) -> Iterator[str]:
        """A product of two matrices."""
        left, right = (self._matrix(factors) for factors in product.matrices)
        first, between, last = product.diagonals
        if between is not None:
            factors = product.matrices[1]
            inner = _dim(factors[0], 0)
            held = self._buffer("operand", inner, _dim(factors[-1], 1))
            yield f"np.multiply({self._on_rows(between, inner)}, {right}, out={held})"
            right = held
        yield f"np.matmul({left}, {right}, out={out})"
        if first is not None:
            yield _in_place("*", "multiply", out, self._on_rows(first, ends[0]))
        if last is not None:
            yield _in_place("*", "multiply", out, self._on_columns(last, ends[1]))

    def _twice_and_rows(
        self, product: _Product, scaled: Sequence[_Product], ends: Ends, out: str
    ) -> Iterator[str]:
        """``diag(u) @ A @ B + diag(v) @ V``: the rows of A @ B and of V lie beside each other."""
        held = self._namer.fresh("both" if len(scaled) == 1 else "terms")
        texts = tuple(self._matrix(p.matrices[0]) for p in scaled)
        self.buffers[held] = Buffer(ends, texts)
        first = product.diagonals[0]
        bare = replace(product, diagonals=(None, *product.diagonals[1:]))
        yield from self._twice(bare, ends, f"{held}[:, :, 0]")
        diagonals = [first, *(p.diagonals[0] for p in scaled)]
        scales = self._stack("scales", "d", [d or _ONE for d in diagonals], ends[0], -1)
        yield f"np.matmul({scales}[part, :, None], {held}, out={out}[:, :, None])"

    def _once(self, product: _Product, ends: Ends, out: str) -> Iterator[str]:
        """A matrix between diagonals."""
        matrix = self._matrix(product.matrices[0])
        first, last = product.diagonals
        if first is not None:
            yield f"np.multiply({self._on_rows(first, ends[0])}, {matrix}, out={out})"
            matrix = out
        if last is not None:
            yield f"np.multiply({matrix}, {self._on_columns(last, ends[1])}, out={out})"
        if first is last is None:
            yield f"{out}[...] = {matrix}"

    def _scaled_rows(self, products: Sequence[_Product], ends: Ends, out: str) -> Iterator[str]:
        """``diag(u) @ U + diag(v) @ V``."""
        self.sums_rows = True
        diagonals = [p.diagonals[0] or _ONE for p in products]
        matrices = [self._matrix(p.matrices[0]) for p in products]
        scales = self._stack("scales", "d", diagonals, ends[0], -1)
        stacked = self._values.stacked("matrices", matrices, 1)
        yield f"np.matmul({scales}[part].swapaxes(0, 1), {stacked}, out={out}.swapaxes(0, 1))"

    def _outer_sum(self, terms: Sequence[Chain], ends: Ends, out: str) -> Iterator[str]:
        """Several columns times rows."""
        columns = self._stack("columns", "column", [t[0] for t in terms], ends[0], -1)
        rows = self._stack("rows", "row", [t[1] for t in terms], ends[1], 1)
        yield f"np.matmul({columns}[part], {rows}[part], out={out})"

    def _outer(self, term: Chain, ends: Ends, out: str) -> Iterator[str]:
        """A column times a row, each multiplied with what stands beside it."""
        at = next(k for k, factor in enumerate(term) if factor.kind == "column")
        before, after = term[:at], term[at + 2 :]
        column = self._value("column", term[at], ends[0], varies=True).on_rows
        row = self._value("row", term[at + 1], ends[1], varies=True).on_columns
        for factor in reversed(before):
            if factor.kind == "diag":
                column = f"({self._on_rows(factor, ends[0])} * {column})"
            else:
                column = f"({self._matrix([factor])} @ {column})"
        for factor in after:
            if factor.kind == "diag":
                row = f"({row} * {self._on_columns(factor, ends[1])})"
            else:
                row = f"({row} @ {self._matrix([factor])})"
        yield f"np.multiply({column}, {row}, out={out})"

    # -- texts ---------------------------------------------------------------------------------

    def _value(self, kind: str, factor: Factor, dim: Dim, *, varies: bool | None = None) -> Value:
        """A diagonal as it comes; a column or a row with all its entries."""
        expr = factor.expr
        shape = shape_of(expr)
        if kind != "d":
            shape = shape or ((factor.whole or dim),)
        return self._values.vector(kind, expr, shape, varies=varies)

    def _on_rows(self, factor: Factor, dim: Dim) -> str:
        return self._value("d", factor, dim).on_rows

    def _on_columns(self, factor: Factor, dim: Dim) -> str:
        return self._value("d", factor, dim).on_columns

    def _stack(self, name: str, kind: str, factors: Sequence[Factor], dim: Dim, axis: int) -> str:
        """Vectors of all entries at all steps, side by side."""
        vectors = [self._values.vector(kind, f.expr, (dim,), varies=True) for f in factors]
        return self._values.stacked(name, [v.text for v in vectors], axis)

    def _matrix(self, factors: Sequence[Factor]) -> str:
        """A matrix of a step, or of parameters."""
        if factors[0].kind == "matrix":
            return self._values.matrix([factor.expr for factor in factors])
        expr = factors[0].expr
        if isinstance(expr, Slice):
            columns = cut_text(expr.whole[-1], *expr.bounds, self._values.size)
            return f"{expr.args[0].name}[..., {columns}]"
        return str(expr.name)

    def _buffer(self, use: str, n: Dim, m: Dim) -> str:
        """An array that holds one term, or one operand, until it is used."""
        if (use, n, m) not in self._work:
            self._work[use, n, m] = self._namer.fresh("work")
            self.buffers[self._work[use, n, m]] = Buffer((n, m))
        return self._work[use, n, m]

    def _shown(self, term: Chain) -> str:
        """A term in the language of cells, by the names in the code."""
        texts = []
        for factor in term:
            if factor.kind == "embed":
                cut = cut_text(factor.whole, *factor.bounds, self._values.size)
                texts.append(f"identity[:, {cut}]")
            elif factor.kind in {"matrix", "value"}:
                texts.append(self._matrix([factor]))
            elif factor.kind == "row":
                texts.append(f"row({self._values.known(factor.expr)})")
            else:
                texts.append(f"{factor.kind}({self._values.known(factor.expr)})")
        return " @ ".join(texts) or "identity"


def _joined(
    items: Sequence[_Item],
    one: Callable[[_Item, Ends, str], Iterator[str]],
    several: Callable[[Sequence[_Item], Ends, str], Iterator[str]],
) -> Iterable[Way]:
    """What writes all items: several of them in one pass."""
    if len(items) > 1:
        return [partial(several, items)]
    return [partial(one, item) for item in items]


def _in_place(operator: str, function: str, array: str, value: str) -> str:
    """``array += value``, or the same where the array is a part of one that has a name."""
    if array.isidentifier():
        return f"{array} {operator}= {value}"
    return f"np.{function}({array}, {value}, out={array})"


def _dim(matrix: Factor, axis: int) -> Dim:
    return shape_of(matrix.expr)[axis]
