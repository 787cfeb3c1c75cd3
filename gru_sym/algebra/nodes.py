"""The nodes: the maps that are not elementwise, each with its shape and its two derivatives."""

from collections.abc import Callable, Iterator

import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Node, Shape, shape_of, size_of

__all__ = [
    "Concat",
    "LogSumExp",
    "MatVec",
    "Outer",
    "Slice",
    "Softmax",
    "SumT",
    "Total",
    "Transpose",
]


def _split(expr: Expr) -> tuple[Expr, Expr]:
    """A rational coefficient and the rest."""
    content, rest = expr.primitive()
    return content, rest


class Transpose(Node):
    """``A.T``."""

    __slots__ = ()

    def __new__(cls, matrix: Expr) -> Expr:
        """Transpose, moved inwards over sums, numbers and outer products."""
        if not shape_of(matrix):  # a broadcast scalar, 0 among them
            return matrix
        if isinstance(matrix, Transpose):
            return matrix.args[0]
        if isinstance(matrix, Outer):
            return Outer(matrix.args[1], matrix.args[0], matrix.shape[::-1])
        coefficient, rest = _split(matrix)
        if coefficient != 1:
            return coefficient * Transpose(rest)
        if isinstance(matrix, sp.Add):
            return sp.Add(*(Transpose(term) for term in matrix.args))
        return sp.Expr.__new__(cls, matrix)

    @property
    def shape(self) -> Shape:
        return shape_of(self.args[0])[::-1]

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        return Transpose(tangent(self.args[0]))

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        yield self.args[0], Transpose(cotangent)


class MatVec(Node):
    """``A @ v``: a matrix times a vector."""

    __slots__ = ()

    def __new__(cls, matrix: Expr, vector: Expr) -> Expr:
        """The product, with numbers pulled out in front."""
        if matrix.is_zero or vector.is_zero:
            return sp.S.Zero
        if not shape_of(matrix):  # a broadcast scalar: all entries are equal
            return matrix * Total(vector, shape_of(vector))
        (m, matrix), (v, vector) = _split(matrix), _split(vector)
        return m * v * sp.Expr.__new__(cls, matrix, vector)

    @property
    def shape(self) -> Shape:
        return (shape_of(self.args[0])[0],)

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        matrix, vector = self.args
        return MatVec(tangent(matrix), vector) + MatVec(matrix, tangent(vector))

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        matrix, vector = self.args
        yield matrix, Outer(cotangent, vector, shape_of(matrix))
        yield vector, MatVec(Transpose(matrix), cotangent)


class Outer(Node):
    """``outer(u, v)``: the matrix u vᵀ. Its shape is kept, for u or v may be a broadcast scalar."""

    __slots__ = ()

    def __new__(cls, left: Expr, right: Expr, shape: Shape | Dims) -> Expr:
        """The outer product, with numbers pulled out in front."""
        if left.is_zero or right.is_zero:
            return sp.S.Zero
        dims = shape if isinstance(shape, Dims) else Dims(shape)
        (m, left), (v, right) = _split(left), _split(right)
        return m * v * sp.Expr.__new__(cls, left, right, dims)

    @property
    def shape(self) -> Shape:
        dims: Dims = self.args[2]
        return dims.shape

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        left, right, dims = self.args
        return Outer(tangent(left), right, dims) + Outer(left, tangent(right), dims)

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        left, right, _ = self.args
        yield left, MatVec(cotangent, right)
        yield right, MatVec(Transpose(cotangent), left)


class Total(Node):
    """``sum(e)``: the sum of all entries; its adjoint is broadcasting."""

    __slots__ = ()

    def __new__(cls, expr: Expr, shape: Shape | Dims) -> Expr:
        """The sum over ``shape``, with numbers and scalars pulled out in front."""
        dims = shape if isinstance(shape, Dims) else Dims(shape)
        if not shape_of(expr):
            return expr * size_of(dims.shape)
        outside: list[Expr] = []
        inside: list[Expr] = []
        for factor in sp.Mul.make_args(expr):
            content, rest = _split(factor)
            outside.append(content)
            (inside if shape_of(rest) else outside).append(rest)
        return sp.Mul(*outside) * sp.Expr.__new__(cls, sp.Mul(*inside), dims)

    @property
    def summed(self) -> Shape:
        """The shape that is summed over."""
        dims: Dims = self.args[1]
        return dims.shape

    @property
    def shape(self) -> Shape:
        return ()

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        return Total(tangent(self.args[0]), self.args[1])

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        yield self.args[0], cotangent


class Concat(Node):
    """``[u, v]``: vectors one above the other; matrices side by side."""

    __slots__ = ()

    def __new__(cls, *args: Expr | Dims) -> Expr:
        """``Concat(item, …, Dims(blocks))``: one dimension for each item, along the last axis."""
        *items, blocks = args
        if all(item.is_zero for item in items):
            return sp.S.Zero
        return sp.Expr.__new__(cls, *items, blocks)

    @property
    def blocks(self) -> Shape:
        """The last dimension of each item."""
        dims: Dims = self.args[-1]
        return dims.shape

    @property
    def shape(self) -> Shape:
        joined = tuple(name for dim in self.blocks for name in dim)
        rows = next((shape_of(i)[0] for i in self.operands if len(shape_of(i)) == 2), None)
        return (joined,) if rows is None else (rows, joined)

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        return Concat(*(tangent(item) for item in self.operands), self.args[-1])

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        start = 0
        for item, dim in zip(self.operands, self.blocks, strict=True):
            yield item, Slice(cotangent, Dims(self.shape), start, start + len(dim))
            start += len(dim)


class Slice(Node):
    """Some blocks of a vector (or of a matrix's columns): ``v[:H]`` of a vector of size H + I."""

    __slots__ = ()

    def __new__(cls, expr: Expr, whole: Dims, start: int, stop: int) -> Expr:
        """Blocks ``start`` to ``stop`` of ``expr``, whose shape is ``whole``."""
        start, stop = int(start), int(stop)
        if expr.is_zero or (start, stop) == (0, len(whole.shape[-1])):
            return expr
        coefficient, rest = _split(expr)
        if not shape_of(rest):
            return expr
        if isinstance(rest, Concat):
            at = 0
            for item, dim in zip(rest.operands, rest.blocks, strict=True):
                if (at, at + len(dim)) == (start, stop):
                    return coefficient * item
                at += len(dim)
        node = sp.Expr.__new__(cls, rest, whole, sp.Integer(start), sp.Integer(stop))
        return coefficient * node

    @property
    def operands(self) -> tuple[Expr, ...]:
        return (self.args[0],)

    @property
    def bounds(self) -> tuple[int, int]:
        """First block and the block after the last."""
        return int(self.args[2]), int(self.args[3])

    @property
    def whole(self) -> Shape:
        """The shape that is sliced."""
        dims: Dims = self.args[1]
        return dims.shape

    @property
    def shape(self) -> Shape:
        start, stop = self.bounds
        return (*self.whole[:-1], self.whole[-1][start:stop])

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        return Slice(tangent(self.args[0]), *self.args[1:])

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        last, (start, stop) = self.whole[-1], self.bounds
        cuts = [(last[:start], sp.S.Zero), (self.shape[-1], cotangent), (last[stop:], sp.S.Zero)]
        kept = [(dim, item) for dim, item in cuts if dim]
        yield (
            self.args[0],
            Concat(*(item for _, item in kept), Dims(tuple(dim for dim, _ in kept))),
        )


class Softmax(Node):
    """``softmax(v)``: exp(v) / sum(exp(v))."""

    __slots__ = ()

    def __new__(cls, vector: Expr, shape: Shape | Dims) -> Expr:
        """The softmax of a vector of this shape."""
        dims = shape if isinstance(shape, Dims) else Dims(shape)
        return sp.Expr.__new__(cls, vector, dims)

    @property
    def shape(self) -> Shape:
        dims: Dims = self.args[1]
        return dims.shape

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        vector, dims = self.args
        dot = tangent(vector)
        return self * (dot - Total(self * dot, dims)) if dot != 0 else dot

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        yield self.args[0], self * (cotangent - Total(cotangent * self, self.args[1]))


class LogSumExp(Node):
    """``logsumexp(v)``: log(sum(exp(v)))."""

    __slots__ = ()

    def __new__(cls, vector: Expr, shape: Shape | Dims) -> Expr:
        """The logarithm of the sum of exponentials of a vector of this shape."""
        dims = shape if isinstance(shape, Dims) else Dims(shape)
        return sp.Expr.__new__(cls, vector, dims)

    @property
    def summed(self) -> Shape:
        """The shape that is summed over."""
        dims: Dims = self.args[1]
        return dims.shape

    @property
    def shape(self) -> Shape:
        return ()

    def jvp(self, tangent: Callable[[Expr], Expr]) -> Expr:
        vector, dims = self.args
        return Total(Softmax(vector, dims) * tangent(vector), dims)

    def vjp(self, cotangent: Expr) -> Iterator[tuple[Expr, Expr]]:
        vector, dims = self.args
        yield vector, cotangent * Softmax(vector, dims)


class SumT(Node):
    """The sum over all time steps (and over the batch) of a quantity that varies with them."""

    __slots__ = ()

    def __new__(cls, expr: Expr) -> Expr:
        """The sum, with numbers pulled out in front."""
        coefficient, rest = _split(expr)
        return coefficient * sp.Expr.__new__(cls, rest) if rest != 0 else sp.S.Zero

    @property
    def shape(self) -> Shape:
        return shape_of(self.args[0])
