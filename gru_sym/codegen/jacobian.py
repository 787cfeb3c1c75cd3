"""The Jacobian of a step by path as a NumPy module: all steps and sequences at once.

The rows of T steps and B sequences stand below each other, (T·B, n); a scalar that varies is
(T·B, 1), so that it broadcasts; parameters keep their own shapes.
"""

from collections.abc import Sequence

import sympy as sp

from gru_sym.algebra.expr import Dim, Shape, Size, Var, shape_of, variables_of
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
from gru_sym.algebra.program import Program
from gru_sym.cells.equations import Cell
from gru_sym.codegen import functions
from gru_sym.codegen.backends.naming import RESERVED, quotable
from gru_sym.codegen.backends.numpy import helper_lines, import_lines
from gru_sym.codegen.elementwise import HELPERS, function_source, value_source
from gru_sym.codegen.schedule import ROWS, Apply, Block, Line, Scheduler, Statement
from gru_sym.derive.jacobian import Jacobian, jacobian
from gru_sym.derive.paths import Factor, Path

__all__ = ["jacobian_source"]

_OURS = ("np", "values", "sizes", "paths", "rows_", *functions.__all__)
_TAKEN = frozenset((*_OURS, *HELPERS, *RESERVED))
_INDENT = "    "


def jacobian_source(cell: Cell) -> str:
    """A module with ``jacobian_paths(values, T, B, sizes, dtype)``.

    ``values`` maps names to arrays: parameters as they are, what varies (T, B, n); ``sizes``
    dimensions to numbers. It returns (next state, state, path) → (T, B, n, m).

    Raises:
        UnsupportedError: the cell has too many paths.
    """
    title = cell.title or f"The cell {cell.name}"
    printer = _Printer()
    printer.jacobian(jacobian(cell), cell.program, cell.varying)
    return printer.module(f"{title}: the Jacobian, by path", cell.equations)


def spell(name: str) -> str:
    """The name in generated code; no name of a cell ends with an underscore, so ours may."""
    return f"{name}_" if name in _TAKEN else name


class _Printer:
    def __init__(self) -> None:
        self._functions: list[str] = []
        self._elementwise: list[str] = []
        self._sizes: dict[str, None] = {}
        self._prefix = ""

    def module(self, title: str, equations: str) -> str:
        """The module's source: all functions that were printed, and what they call."""
        body = "\n\n\n".join((*self._elementwise, *self._functions))
        lines = body.splitlines()
        head = f'"""{quotable(title)}.\n\n{quotable(equations)}\n"""\n'
        used = helper_lines(lines)
        return "\n".join([head, *import_lines([*used, *lines]), "", "", *used, *lines]) + "\n"

    # -- the Jacobian --------------------------------------------------------------------------

    def jacobian(self, jacobian: Jacobian, program: Program, varying: frozenset[Var]) -> None:
        """Print ``def jacobian_paths(values, T, B, sizes, dtype)``.

        It returns (next state, state, path) → (T, B, n, m).
        """
        self._sizes, self._prefix = {}, "jacobian"
        rows = Scheduler(varying)
        products: list[tuple[tuple[str, str, str], str, tuple[Dim, Dim]]] = []
        for (after, state), paths in jacobian.blocks.items():
            for path in paths:
                key = (str(after.name), str(state.name), path.name)
                ends = (after.shape[0], state.shape[0])
                products.append((key, self._product(path, rows, ends), ends))
        used = variables_of(f.expr for path in jacobian.paths for f in path.factors)
        lines = []
        for v in program.variables:
            if v in used:
                turn = f".reshape({self._flat(v.shape)})" if v in varying else ""
                lines.append(f"{spell(v.name)} = values[{v.name!r}]{turn}")
        lines += self._statements(rows.body, rows.varying)
        lines.append("paths = {}")
        for key, product, (n, m) in products:
            block = f"{self._count((n,))}, {self._count((m,))}"
            lines.append(f"_path = np.broadcast_to({product}, (T * B, {block}))")
            lines.append(f"paths[{key!r}] = _path.reshape(T, B, {block})")
        lines.append("return paths")
        self._function("jacobian_paths", "values, T, B, sizes, dtype", lines)

    def _product(self, path: Path, rows: Scheduler, ends: tuple[Dim, Dim]) -> str:
        """The product of a path's factors, for all rows at once: (T·B, n, m) or (n, m)."""
        scale, product = "", ""  # a diagonal that is still to be applied, the product so far
        width = ends[0]  # the dimension of the product's columns; () where it is one number
        for k, factor in enumerate(path.factors):
            if factor.kind == "diag":
                var = rows.operand(factor.expr, shape_of(factor.expr))
                if product:
                    product = f"({product} * {_axis(var, rows, row=True)})"
                else:
                    scale = _axis(var, rows, row=False)
                continue
            if factor.kind == "row" and width and product:
                product = f"{product}.sum(axis=-1, keepdims=True)"  # it was broadcast
            after = _first_dim(path.factors[k + 1 :], ends[1])
            matrix, width = self._matrix(factor, rows, width, after)
            if product:
                product = f"({product} @ {matrix})"
            else:
                product = f"({scale} * {matrix})" if scale else matrix
        if product:
            return product
        identity = f"np.eye({self._count((ends[0],))}, dtype=dtype)"
        return f"{scale} * {identity}" if scale else identity

    def _matrix(self, factor: Factor, rows: Scheduler, width: Dim, after: Dim) -> tuple[str, Dim]:
        """A factor that is no diagonal, as a matrix, and the dimension of its columns."""
        match factor.kind:
            case "matrix":
                n, m = shape_of(factor.expr)
                if isinstance(factor.expr, Transpose):
                    inner = rows.operand(factor.expr.args[0], (m, n))
                    return f"{spell(inner.name)}.T", m
                return spell(rows.operand(factor.expr, (n, m)).name), m
            case "column":
                return _axis(rows.operand(factor.expr, (width,)), rows, row=False), ()
            case "row":
                dim = shape_of(factor.expr)[0] if shape_of(factor.expr) else after
                var = rows.operand(factor.expr, (dim,))
                return _axis(var, rows, row=True), dim
        start, stop = (self._offset(factor.whole, bound) for bound in factor.bounds)
        identity = f"np.eye({self._count((factor.whole,))}, dtype=dtype)"
        if factor.kind == "embed":
            return f"{identity}[:, {start}:{stop}]", factor.whole[slice(*factor.bounds)]
        return f"{identity}[{start}:{stop}]", factor.whole

    # -- statements ----------------------------------------------------------------------------

    def _statements(self, statements: Sequence[Statement], varying: set[Var]) -> list[str]:
        lines: list[str] = []
        for statement in statements:
            if isinstance(statement, Apply):
                lines.append(f"{spell(statement.target.name)} = {self._node(statement, varying)}")
            else:
                lines += self._block(statement, varying)
        return lines

    def _block(self, block: Block, varying: set[Var]) -> list[str]:
        targets = [spell(line.target.name) for line in block.lines]
        plain = [self._symbolic(line) for line in block.lines]
        if all(expr.is_Symbol or expr.is_Rational for expr in plain):
            lines = [f"{t} = {value_source(e)}" for t, e in zip(targets, plain, strict=True)]
        else:
            name = f"_{self._prefix}_{self._number()}"
            text, args = function_source(name, dict(zip(targets, plain, strict=True)))
            self._elementwise.append(text)
            lines = [f"{', '.join(targets)} = {name}({', '.join(args)})"]
        for line, target in zip(block.lines, targets, strict=True):
            if line.fill:
                zeros = self._zeros(line.target.shape, varies=line.target in varying)
                lines.append(f"{target} = {zeros} + {target}")
        return lines

    def _number(self) -> int:
        start = f"def _{self._prefix}_"
        return 1 + sum(f"\n{start}" in f"\n{text}" for text in self._elementwise)

    def _symbolic(self, line: Line) -> sp.Expr:
        """The expression over plain symbols, called as in the generated code."""
        names: dict[sp.Basic, sp.Symbol] = {}
        for atom in line.expr.atoms(Var, Size):
            text = self._size(atom.name) if isinstance(atom, Size) else spell(atom.name)
            names[atom] = sp.Symbol(text)
        return line.expr.xreplace(names)

    def _node(self, apply: Apply, varying: set[Var]) -> str:
        texts = [spell(v.name) for v in apply.operands]
        moves = [v in varying for v in apply.operands]
        first = texts[0]
        match apply.node:
            case Transpose():
                return f"{first}.T"
            case MatVec(args=(matrix, _)):
                turned = isinstance(matrix, Transpose)
                if moves[1]:
                    return f"{texts[1]} @ {first}" + ("" if turned else ".T")
                return f"{first}{'.T' if turned else ''} @ {texts[1]}"
            case SumT(args=(Outer(),)):
                return f"{first}.T @ {texts[1]}"
            case SumT():
                return f"{first}.sum(axis=0)" if apply.node.shape else f"{first}.sum()"
            case Outer():
                return f"np.outer({first}, {texts[1]})"
            case Concat():
                return f"np.concatenate(({', '.join(texts)},), axis=-1)"
            case Slice():
                whole = apply.node.whole[-1]
                start, stop = (self._offset(whole, bound) for bound in apply.node.bounds)
                return f"{first}[..., {start}:{stop}]"
            case Total():
                return f"{first}.sum(axis=-1, keepdims=True)" if moves[0] else f"{first}.sum()"
            case Softmax():
                return f"softmax({first})"
            case LogSumExp():
                return f"logsumexp({first})" + ("" if moves[0] else "[0]")
        raise AssertionError(f"no print of {type(apply.node).__name__}")

    # -- shapes --------------------------------------------------------------------------------

    def _size(self, name: str) -> str:
        self._sizes[name] = None
        return spell(name)

    def _count(self, dims: Sequence[Dim]) -> str:
        return ", ".join(" + ".join(self._size(name) for name in dim) or "1" for dim in dims)

    def _offset(self, whole: Dim, bound: int) -> str:
        if bound in (0, len(whole)):
            return ""
        return " + ".join(self._size(name) for name in whole[:bound])

    def _flat(self, shape: Shape) -> str:
        return f"T * B, {self._count(shape) or '1'}"

    def _zeros(self, shape: Shape, *, varies: bool) -> str:
        count = self._count(shape)
        if varies:
            return f"np.zeros((T * B, {count or '1'}), dtype)"
        return f"np.zeros(({count}{',' if len(shape) == 1 else ''}), dtype)"

    def _function(self, name: str, args: str, lines: list[str]) -> None:
        unpack = [
            f"{ROWS} = T * B" if n == ROWS else f"{spell(n)} = sizes[{n!r}]" for n in self._sizes
        ]
        body = [*unpack, *lines]
        text = "\n".join(_INDENT + line for line in body)
        self._functions.append(f"def {name}({args}):\n{text}")


def _first_dim(factors: Sequence[Factor], last: Dim) -> Dim:
    """The dimension of the rows of a product of factors; ``last`` is that of its columns."""
    for factor in factors:
        shape = shape_of(factor.expr)
        if factor.kind == "embed":
            return factor.whole
        if factor.kind == "restrict":
            return factor.whole[slice(*factor.bounds)]
        if factor.kind == "row":
            return ()
        if shape:
            return shape[0]
    return last


def _axis(var: Var, rows: Scheduler, *, row: bool) -> str:
    """A vector as the diagonal that multiplies columns (``row``) or rows of a matrix."""
    text = spell(var.name)
    if var in rows.varying:
        return f"{text}[:, None, :]" if row else f"{text}[:, :, None]"
    if not var.shape:
        return text
    return f"{text}[None, :]" if row else f"{text}[:, None]"
