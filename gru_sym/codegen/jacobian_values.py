"""What a dense Jacobian is multiplied from, for all steps at once: vectors, O(T·H), and parameters.

The rows of all steps and sequences stand below each other, (T·B, n), a number that varies is
(T·B, 1). Slopes and complements of gates are taken from the gates' arguments, so that they are
accurate where a gate saturates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dim, Expr, Shape, Var, variables_of
from gru_sym.algebra.nodes import Transpose
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.cells.equations import Cell
from gru_sym.codegen.backends.expressions import Expressions, Library
from gru_sym.codegen.backends.inplace import CALLS
from gru_sym.codegen.backends.naming import Namer, size_lines
from gru_sym.codegen.backends.statements import listed
from gru_sym.codegen.passes.name import name as named
from gru_sym.codegen.passes.parts import is_varying, needed
from gru_sym.codegen.passes.stabilise import stable_gates, stable_slopes

__all__ = ["COUNT", "GIVEN", "LIBRARY", "OVER", "Value", "Values", "stable"]

COUNT = "count"
"""What the number of rows, T·B, is called."""

GIVEN = "values"
"""What the mapping from names to arrays is called."""


@dataclass(frozen=True)
class Value:
    """A vector, or a number.

    Attributes:
        text: its name in the code.
        shape: its shape at one step.
        varies: whether there is one for each row.
    """

    text: str
    shape: Shape
    varies: bool

    @property
    def on_rows(self) -> str:
        """As the diagonal, or the column, that multiplies the rows of a matrix."""
        if self.varies:
            return f"{self.text}[part, :, None]"
        return f"{self.text}[:, None]" if self.shape else self.text

    @property
    def on_columns(self) -> str:
        """As the diagonal, or the row, that multiplies the columns of a matrix."""
        if self.varies:
            return f"{self.text}[part, None, :]"
        return self.text

    @property
    def plain(self) -> str:
        """As vectors, one below the other."""
        return f"{self.text}[part]" if self.varies else self.text


class Values:
    """Gives the code names for vectors and matrices, and then the lines that compute them.

    Args:
        cell: the cell.
        namer: knows the variables of the cell.
    """

    def __init__(self, cell: Cell, namer: Namer) -> None:
        self._cell, self._namer = cell, namer
        self._lines: dict[tuple[Expr, Shape, bool], Definition] = {}
        self._read: dict[Var, None] = {}
        self._varying = set(cell.varying)
        self._constant: dict[str, str] = {}  # text → the name of an array made ahead
        presenter = Presenter.of(cell.program)
        self._words = Expressions(
            LIBRARY, presenter, namer, self.name, frozenset(self._varying), (COUNT,), "out", 1
        )

    def name(self, var: Var) -> str:
        """The identifier of a variable."""
        return self._namer.plain(str(var.name))

    def size(self, dim: Dim) -> str:
        """The text of the size of a dimension."""
        return self._words.size(dim)

    def vector(self, kind: str, expr: Expr, shape: Shape, *, varies: bool | None = None) -> Value:
        """The name of a vector or a number.

        Args:
            kind: what it is called, with a number: ``d_1``.
            expr: over the variables of the cell.
            shape: the shape that the array is to have.
            varies: whether there is to be one for each row; None: as it comes.
        """
        moves = is_varying(expr, self._varying)
        varies = moves if varies is None else varies
        if isinstance(expr, Var) and expr.shape == shape and moves == varies:
            self._read[expr] = None
            return Value(self.name(expr), shape, varies)
        if (expr, shape, varies) not in self._lines:
            var = Var(self._namer.fresh(f"{kind}_{len(self._lines) + 1}"), shape)
            self._lines[expr, shape, varies] = Definition(var, expr)
        return Value(str(self._lines[expr, shape, varies].name), shape, varies)

    def known(self, expr: Expr) -> str:
        """The name that a vector or a number has got."""
        names = [d.name for (value, _, _), d in self._lines.items() if value == expr]
        return names[0] if names else self.name(expr)

    def matrix(self, exprs: Sequence[Expr]) -> str:
        """The name of a matrix of parameters, or of a product of such matrices."""
        texts = [self._matrix_text(expr) for expr in exprs]
        if len(texts) == 1 and texts[0].isidentifier():
            return texts[0]
        if len(texts) > 1:
            return self.constant(
                "matrix", " @ ".join(t if t.isidentifier() else f"({t})" for t in texts)
            )
        if exprs[0].has(Transpose):  # rows that lie together are read faster
            return self.constant("matrix", f"np.ascontiguousarray({texts[0]})")
        return self.constant("matrix", texts[0])

    def constant(self, kind: str, text: str) -> str:
        """The name of an array that is made ahead of the chunks."""
        if text not in self._constant:
            self._constant[text] = self._namer.fresh(f"{kind}_{len(self._constant) + 1}")
        return self._constant[text]

    def stacked(self, kind: str, items: Sequence[str], axis: int) -> str:
        """The name of several arrays in one."""
        return self.constant(kind, f"np.stack(({', '.join(items)}), axis={axis})")

    def lines(self) -> list[str]:
        """All that was asked for, computed from the arrays that are given."""
        targets = {d.var for d in self._lines.values()}
        rows = {d.var for (_, _, varies), d in self._lines.items() if varies}
        own = set(self._cell.program.variables)
        program = stable(self._cell, self._lines.values())
        lines = needed((d for d in program if d.var not in own), targets)
        varying = self._varying | rows
        for d in lines:
            if is_varying(d.expr, varying):
                varying.add(d.var)
        presenter = Presenter.of(self._cell.program)
        words = Expressions(
            LIBRARY, presenter, self._namer, self._name_of, frozenset(varying), (COUNT,), "out", 1
        )
        body = words.lines(lines)
        self._words.sizes |= words.sizes
        used = variables_of(d.expr for d in lines) | set(self._read)
        read = [v for v in self._cell.program.variables if v in used]
        return [
            *(self._given(v) for v in read),
            *size_lines(self._words.sizes, self._known(read), self._namer),
            *body,
            *(
                line
                for text, name in self._constant.items()
                for line in listed(f"{name} = ", [text], "", 1)
            ),
        ]

    def _matrix_text(self, expr: Expr) -> str:
        self._read |= dict.fromkeys(sorted(variables_of(expr), key=str))
        return self._words.text(expr)

    def _name_of(self, var: Var) -> str:
        ours = any(d.var == var for d in self._lines.values())
        return str(var.name) if ours else self.name(var)

    def _given(self, var: Var) -> str:
        text = f'{GIVEN}["{var.name}"]'
        return f"{self.name(var)} = {f'rows({text})' if var in self._varying else text}"

    def _known(self, read: Iterable[Var]) -> list[tuple[str, Shape, int]]:
        """Arrays that tell sizes."""
        cell = self._cell
        found = [(self.name(v), v.shape, int(v in self._varying)) for v in read]
        found += [(f'{GIVEN}["{v.name}"]', v.shape, 2) for v in (*cell.states, *cell.inputs)]
        return found + [(f'{GIVEN}["{v.name}"]', v.shape, 0) for v in cell.params]


def stable(cell: Cell, lines: Iterable[Definition]) -> list[Definition]:
    """The cell's program and these lines, with ``1 - z`` from the argument of z, and the like.

    Args:
        cell: the cell.
        lines: over its variables.
    """
    own, lines = cell.program, tuple(lines)
    outputs = tuple(d.var for d in (*own, *lines))
    program = named(stable_gates(named(Program(own.inputs, (*own, *lines), outputs))))
    empty = Program((), (), ())
    varying = program.depending_on((*cell.inputs, *cell.states))
    scan = Scan(empty, program, (), empty, False, varying, own)
    return list(stable_slopes(scan, replace(scan, step=empty))[0].step)


OVER: Mapping[str, Sequence[str]] = {
    "softmax_over": (
        "def softmax_over(a: Array, axis: int) -> Array:",
        '    """exp(a) / sum(exp(a)), after the largest entry was subtracted."""',
        "    a = np.exp(a - a.real.max(axis=axis, keepdims=True))",
        "    return a / a.sum(axis=axis, keepdims=True)",
    ),
    "logsumexp_over": (
        "def logsumexp_over(a: Array, axis: int, keepdims: bool = False) -> Array:",
        '    """log(sum(exp(a))), with the largest entry taken out of the sum."""',
        "    top = a.real.max(axis=axis, keepdims=True)",
        "    value = np.log(np.exp(a - top).sum(axis=axis, keepdims=True)) + top",
        "    return value if keepdims else value.squeeze(axis=axis)",
    ),
}
"""Functions that the lines may call beside those of :mod:`~gru_sym.codegen.functions`."""


def _parted(array: str, blocks: Sequence[Dim], size: Callable[[Dim], str], axis: str) -> str:
    ends = [size(sum(blocks[:k], ())) for k in range(1, len(blocks))]
    last = f", axis={axis}" if axis else ""
    return f"np.split({array}, ({', '.join(ends)}{',' * (len(ends) == 1)}){last})"


def _no_sums_over_time(*_: object) -> tree.Node:
    raise AssertionError("a Jacobian is of one step")


LIBRARY = Library(
    name="np",
    functions=CALLS,
    axis="axis",
    keep="keepdims",
    concatenate="np.concatenate",
    softmax="softmax_over",
    logsumexp="logsumexp_over",
    summed=_no_sums_over_time,
    filled=lambda shape, number, like: f"np.full({shape}, {number}, {like}.dtype)",
    parted=_parted,
)
"""The words of NumPy, for arrays that nothing is written to."""
