"""Matrices one above the other, and their parts: nodes that stacked code needs and cells do not."""

from gru_sym.algebra.expr import Dims, Expr, Node, Shape, shape_of

__all__ = ["RowSlice", "Rows"]


class Rows(Node):
    """Matrices one above the other: ``Rows(A, B, …, Dims(row dimensions))``."""

    __slots__ = ()

    @property
    def blocks(self) -> Shape:
        """The row dimension of each matrix."""
        dims: Dims = self.args[-1]
        return dims.shape

    @property
    def shape(self) -> Shape:
        rows = tuple(name for dim in self.blocks for name in dim)
        return (rows, shape_of(self.args[0])[1])


class RowSlice(Node):
    """Some blocks of rows of a matrix: ``RowSlice(A, Dims(shape of A), start, stop)``."""

    __slots__ = ()

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
        return (self.whole[0][start:stop], self.whole[1])
