"""products: vectors through the paths of one step, with what paths share computed once.

A path is a product of factors. Rows go through it from the left, factor by factor, and paths that
begin alike share what they have in common; tangents go from the right, through the transposes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gru_sym.algebra.expr import Expr, Var
from gru_sym.codegen.factors import Factors
from gru_sym.codegen.functions import Array
from gru_sym.derive.paths import Factor, Path, shapes_between

__all__ = ["Product", "Products", "products"]

_TRANSPOSED = {"column": "row", "row": "column", "embed": "restrict", "restrict": "embed"}


@dataclass(frozen=True, eq=False)
class _Op:
    """One factor, applied to a value that is known: value[at] becomes value[to]."""

    kind: str
    at: int
    to: int
    array: Any = None
    varies: bool = False
    cut: slice | None = None
    width: int = 0
    more: tuple[int, ...] = ()

    def __call__(self, values: list[Any], t: int) -> None:
        v = values[self.at]
        array = self.array[t] if self.varies else self.array
        match self.kind:
            case "diag":
                found = v * array
            case "matrix":
                found = (v.reshape(-1, v.shape[-1]) @ array).reshape(*v.shape[:-1], -1)
            case "contract":
                found = (v * array).sum(axis=-1, keepdims=True)
            case "expand":
                found = np.broadcast_to(v * array, (*v.shape[:-1], self.width))
            case "cut":
                found = v[..., self.cut]
            case "fill":
                found = np.zeros((*v.shape[:-1], self.width))
                found[..., self.cut] = v
            case _:  # the sum of the ways through a bundle
                found = v
                for k in self.more:
                    found = found + values[k]
        values[self.to] = found


@dataclass(frozen=True, eq=False)
class _Leaf:
    """A path that has come to its end: value[at] belongs to a family and a block."""

    at: int
    family: int
    block: slice


@dataclass(frozen=True, eq=False)
class Product:
    """Vectors through one step, from one side.

    Attributes:
        families: how many families there are.
    """

    families: int
    _starts: tuple[slice, ...]
    _ops: tuple[_Op, ...]
    _leaves: tuple[_Leaf, ...]
    _size: int

    def by_family(self, t: int, rows: Array) -> Array:
        """(R, B, S) → (F, R, B, S), a part for each family."""
        found = np.zeros((self.families, *rows.shape))
        values = self._values(t, rows)
        for leaf in self._leaves:
            found[leaf.family][..., leaf.block] += values[leaf.at]
        return found

    def total(self, t: int, rows: Array) -> Array:
        """(R, B, S) → (R, B, S), all families together."""
        found = np.zeros(rows.shape)
        values = self._values(t, rows)
        for leaf in self._leaves:
            found[..., leaf.block] += values[leaf.at]
        return found

    def _values(self, t: int, rows: Array) -> list[Any]:
        values: list[Any] = [rows[..., block] for block in self._starts]
        values += [None] * (self._size - len(values))
        for op in self._ops:
            op(values, t)
        return values

    def only(self, families: Collection[int]) -> "Product":
        """The same for some families alone: nothing else is computed."""
        leaves = tuple(leaf for leaf in self._leaves if leaf.family in families)
        wanted = {leaf.at for leaf in leaves}
        ops: list[_Op] = []
        for op in reversed(self._ops):
            if op.to in wanted:
                ops.append(op)
                wanted |= {op.at, *op.more}
        return replace(self, _ops=tuple(reversed(ops)), _leaves=leaves)


@dataclass(frozen=True, eq=False)
class Products:
    """One step from both sides: rows times the Jacobian, and the Jacobian times tangents."""

    left: Product
    right: Product


def products(
    factors: Factors,
    values: Mapping[Expr, Array],
    sizes: Mapping[str, int],
    before: Mapping[Var, slice],
    after: Mapping[Var, slice],
) -> Products:
    """The products of a cell's steps with vectors.

    Args:
        factors: the cell's families and factors.
        values: the value of each factor along a trajectory.
        sizes: dimension → its size.
        before: state → its entries in the vector of all states.
        after: next state → its entries.
    """
    return Products(
        _Builder(factors, values, sizes, turned=False).product(after, before),
        _Builder(factors, values, sizes, turned=True).product(before, after),
    )


class _Builder:
    def __init__(
        self,
        factors: Factors,
        values: Mapping[Expr, Array],
        sizes: Mapping[str, int],
        *,
        turned: bool,
    ) -> None:
        self._factors, self._values, self._sizes = factors, values, sizes
        self._turned = turned
        self._ops: list[_Op] = []
        self._known: dict[tuple[int, Factor, int], int] = {}
        self._count = 0

    def product(self, starts: Mapping[Var, slice], ends: Mapping[Var, slice]) -> Product:
        found = self._factors.families
        roots = {var: k for k, var in enumerate(starts)}
        self._count = len(roots)
        leaves = []
        for k, family in enumerate(found):
            for after, state, path in family.members:
                start, end = (state, after) if self._turned else (after, state)
                at = self._grown(roots[start], path, after, state)
                leaves.append(_Leaf(at, k, ends[end]))
        return Product(
            len(found), tuple(starts.values()), tuple(self._ops), tuple(leaves), self._count
        )

    def _grown(self, at: int, path: Path, of: Var, by: Var) -> int:
        """The value at the end of a path that begins with value ``at``."""
        shapes = shapes_between(path.factors, of.shape, by.shape)
        sides = list(zip(path.factors, shapes[:-1], shapes[1:], strict=True))
        for factor, above, below in reversed(sides) if self._turned else sides:
            out = above if self._turned else below
            width = self._width(out[0]) if out else 1
            key = (at, factor, width)
            if key not in self._known:
                self._known[key] = self._made(at, factor, width)
            at = self._known[key]
        return at

    def _made(self, at: int, factor: Factor, width: int) -> int:
        if factor.kind == "bundle":
            of, by = (part for part in factor.parts if isinstance(part, Var))
            inner = self._factors.jacobian.bundles[of, by]
            ends = [self._grown(at, path, of, by) for path in inner]
            return self._op("sum", ends[0], more=tuple(ends[1:]))
        kind = _TRANSPOSED.get(factor.kind, factor.kind) if self._turned else factor.kind
        if kind in {"embed", "restrict"}:
            start, stop = (self._width(factor.whole[:k]) for k in factor.bounds)
            call = "cut" if kind == "embed" else "fill"
            return self._op(call, at, cut=slice(start, stop), width=width)
        array, varies = self._values[factor.expr], self._factors.varies(factor.expr)
        array = np.asarray(array, np.float64)
        if kind == "matrix":
            return self._op("matrix", at, array=np.ascontiguousarray(self._matrix(array)))
        call = {"column": "contract", "row": "expand"}.get(kind, kind)
        return self._op(call, at, array=array, varies=varies, width=width)

    def _matrix(self, array: Array) -> Array:
        return array.T if self._turned else array

    def _op(self, kind: str, at: int, **rest: Any) -> int:
        to, self._count = self._count, self._count + 1
        self._ops.append(_Op(kind, at, to, **rest))
        return to

    def _width(self, dim: Sequence[str]) -> int:
        return sum(self._sizes[name] for name in dim)
