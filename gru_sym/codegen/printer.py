"""Print Scans as a NumPy module: the loop over time, around elementwise functions.

Inside the loop a variable is a row for each sequence of the batch, (B, n); a scalar that varies is
(B, 1), so that it broadcasts; parameters keep their own shapes. After the loop the rows of all
steps stand below each other, (T·B, n), so that a sum over time is one product of matrices.
"""

import builtins
import inspect
import keyword
import re
from collections.abc import Iterable, Sequence

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
from gru_sym.algebra.program import Program, Scan
from gru_sym.codegen.elementwise import HELPERS, function_source, value_source
from gru_sym.codegen.schedule import ROWS, Apply, Block, Line, Scheduler, Statement
from gru_sym.derive.paths import Factor, Jacobian, Path

__all__ = ["NumpyPrinter", "quotable", "spell"]

_OURS = ("np", "values", "initial", "sizes", "dtype", "found", "last", "paths", "t", "T", "B")
_TAKEN = frozenset((*_OURS, *HELPERS, *dir(builtins), *keyword.kwlist))
_INDENT = "    "


def spell(name: str) -> str:
    """The name in generated code; no name of a cell ends with an underscore, so ours may."""
    return f"{name}_" if name in _TAKEN else name


def quotable(text: str) -> str:
    """The text as it may stand in a docstring, whatever is in it."""
    lines = text.replace("\\", "/").replace('"', "'").splitlines()
    return "\n".join("".join(c for c in line if c.isprintable()) for line in lines)


class NumpyPrinter:
    """Prints Scans and Jacobians as the functions of one module, then the module.

    Every function takes ``values`` (name → array: parameters as they are, what varies (T, B, n)),
    the numbers T and B of steps and sequences, ``sizes`` (dimension → number) and ``dtype``.
    """

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._elementwise: list[str] = []
        self._sizes: dict[str, None] = {}
        self._rows = "B"
        self._prefix = ""

    # -- a module ------------------------------------------------------------------------------

    def module(self, title: str, equations: str) -> str:
        """The module's source: all functions that were printed, and what they call."""
        body = "\n\n\n".join((*self._elementwise, *self._functions))
        called = set(re.findall(r"(?<![\w.])(\w+)\(", body))
        used = [source for name, source in _helper_sources().items() if name in called]
        head = f'"""{quotable(title)}.\n\n{quotable(equations)}\n"""\n\nimport numpy as np'
        return "\n\n\n".join((head, *used, body)) + "\n"

    # -- a Scan --------------------------------------------------------------------------------

    def scan(self, name: str, scan: Scan, keep: Iterable[Var]) -> None:
        """Print ``def name(values, initial, T, B, sizes, dtype)``.

        It returns two dictionaries: what was asked for (``keep``, of the step, for all t; and the
        outputs of ``after``), and the carried variables as they left the last turn.

        Args:
            name: of the function.
            scan: what to print; its ``before`` is empty, or computed by rows too.
            keep: the variables of the step whose values for all t are wanted.
        """
        self._sizes, self._prefix = {}, name
        keep = tuple(keep)
        enters = tuple(enter for enter, _ in scan.carry)
        stored = {v for v in scan.after.inputs if v in scan.step.variables or v in enters}
        stored = {v for v in (*keep, *stored) if v in scan.sequences}
        stored -= {v for v in scan.step.inputs if v not in enters}

        loop = Scheduler(scan.sequences, hoist=True)
        for d in scan.step:
            loop.define(d)
        self._rows = "B"
        ahead = self._statements(loop.before, loop.varying)
        turn = self._turn(scan, loop, stored)
        self._rows = "T * B"
        after = self._after(scan, stored)

        read = [v for v in scan.step.inputs if v in scan.sequences and v not in enters]
        fixed = dict.fromkeys(
            v
            for part in (scan.step, scan.after)
            for v in part.inputs
            if v not in scan.sequences and v not in scan.step.as_mapping
        )
        lines = [f"{spell(v.name)} = values[{v.name!r}]" for v in fixed]
        lines += [f"{_all(v)} = values[{v.name!r}]" for v in read]
        lines += [f"{_all(v)} = np.empty({self._stacked(v)}, dtype)" for v in _ordered(stored)]
        lines += [f"{spell(v.name)} = initial[{v.name!r}]" for v in enters]
        lines += ahead
        lines.append(f"for t in {'reversed(range(T))' if scan.reverse else 'range(T)'}:")
        lines += [_INDENT + line for line in turn or ["pass"]]
        lines += _dictionary("last", {o.name: spell(e.name) for e, o in scan.carry})
        lines += after
        found = {v.name: _all(v) if v in stored else spell(v.name) for v in keep}
        found |= {v.name: self._result(scan, v) for v in scan.after.outputs}
        lines += _dictionary("found", found)
        lines.append("return found, last")
        self._function(name, "values, initial, T, B, sizes, dtype", lines)

    def _turn(self, scan: Scan, loop: Scheduler, stored: set[Var]) -> list[str]:
        enters = {enter for enter, _ in scan.carry}
        lines = [
            f"{spell(v.name)} = {_all(v)}[t]"
            for v in scan.step.inputs
            if v in scan.sequences and v not in enters
        ]
        lines += [f"{_all(v)}[t] = {spell(v.name)}" for v in _ordered(stored & enters)]
        lines += self._statements(loop.body, loop.varying)
        lines += [f"{_all(v)}[t] = {spell(v.name)}" for v in _ordered(stored - enters)]
        for enter, leave in scan.carry:
            value = spell(leave.name)
            if leave not in loop.varying:
                value = f"{self._zeros(enter.shape, varies=True)} + {value}"
            lines.append(f"{spell(enter.name)} = {value}")
        return lines

    def _after(self, scan: Scan, stored: set[Var]) -> list[str]:
        if not scan.after.outputs:
            return []
        lines = ["# All steps at once: the rows of T steps and B sequences below each other."]
        for v in scan.after.inputs:
            if v in scan.sequences:
                source = _all(v) if v in stored or v in scan.step.inputs else f"values[{v.name!r}]"
                lines.append(f"{spell(v.name)} = {source}.reshape({self._flat(v.shape)})")
        rows = Scheduler(scan.sequences, hoist=False)
        for d in scan.after:
            rows.define(d)
        return lines + self._statements(rows.body, rows.varying)

    def _result(self, scan: Scan, var: Var) -> str:
        text = spell(var.name)
        return f"{text}.reshape({self._stacked(var)})" if var in scan.sequences else text

    # -- the Jacobian --------------------------------------------------------------------------

    def jacobian(self, jacobian: Jacobian, program: Program, varying: frozenset[Var]) -> None:
        """Print ``def jacobian_paths(values, T, B, sizes, dtype)``.

        It returns (next state, state, path) → (T, B, n, m).
        """
        self._sizes, self._prefix, self._rows = {}, "jacobian", "T * B"
        rows = Scheduler(varying, hoist=False)
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

    def _stacked(self, var: Var) -> str:
        return f"(T, B, {self._count(var.shape) or '1'})"

    def _zeros(self, shape: Shape, *, varies: bool) -> str:
        count = self._count(shape)
        if varies:
            return f"np.zeros(({self._rows}, {count or '1'}), dtype)"
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


def _all(var: Var) -> str:
    """The name of the array that holds a variable for all t."""
    return f"{var.name}_all_"


def _ordered(variables: Iterable[Var]) -> list[Var]:
    return sorted(variables, key=lambda v: str(v.name))


def _dictionary(name: str, items: dict[str, str]) -> list[str]:
    if not items:
        return [f"{name} = {{}}"]
    inside = [f"{_INDENT}{key!r}: {value}," for key, value in items.items()]
    if len(items) == 1:
        return [f"{name} = {{{inside[0].strip().rstrip(',')}}}"]
    return [f"{name} = {{", *inside, "}"]


def _helper_sources() -> dict[str, str]:
    return {
        name: inspect.getsource(helper).replace(": Array", "").replace(" -> Array", "").rstrip()
        for name, helper in HELPERS.items()
    }
