"""The factors of a Jacobian's paths as a NumPy module: for all steps and sequences at once.

What is O(T·H) is computed ahead, in forms that keep their accuracy where gates saturate; the
products with matrices are left to whoever needs them, of vectors or of whole Jacobians.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gru_sym.algebra.expr import Expr, Var, shape_of, variables_of
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.cells.equations import Cell
from gru_sym.codegen import functions
from gru_sym.codegen.backends.expressions import Expressions
from gru_sym.codegen.backends.layout import indented, tidy
from gru_sym.codegen.backends.naming import Namer, quotable, size_lines
from gru_sym.codegen.backends.numpy import helper_lines, import_lines
from gru_sym.codegen.backends.statements import dictionary
from gru_sym.codegen.compile import loaded
from gru_sym.codegen.functions import Array
from gru_sym.codegen.jacobian_values import LIBRARY, OVER, stable
from gru_sym.codegen.passes.parts import Names, needed
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.bundles import bundled
from gru_sym.derive.families import Family, families
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Factor

__all__ = ["FactorCode", "Factors", "factor_code", "factors_of"]

_MADE = frozenset({"diag", "column", "row", "matrix"})
"""The kinds of factors that have a value; the others pick a block, or are made of paths."""


@dataclass(frozen=True)
class Factors:
    """A cell's Jacobian by families of paths, and the running code of its factors.

    Attributes:
        jacobian: the Jacobian by path, in bundles.
        families: its paths, grouped.
        code: the generated module.
        function: ``factors(params, trajectory)`` of that module.
    """

    jacobian: Jacobian
    families: tuple[Family, ...]
    code: "FactorCode"
    function: Callable[[Mapping[str, Array], Mapping[str, Array]], dict[str, Array]]

    def along(self, trajectory: Trajectory) -> dict[Expr, Array]:
        """The value of each factor at each step of a trajectory.

        What varies is (T, B, n), a number that varies (T, B, 1); what does not is as it is.
        """
        found = self.function(trajectory.stored, trajectory.stored)
        return {expr: found[name] for expr, name in self.code.names.items()}

    def varies(self, expr: Expr) -> bool:
        """Whether a factor has a value for each step and sequence."""
        return self.code.names[expr] in self.code.varying


@lru_cache(maxsize=128)
def factors_of(cell: Cell) -> Factors:
    """The families of a cell and the code of their factors, made once.

    Args:
        cell: any cell.

    Raises:
        UnsupportedError: the cell has more than 5,000 paths.
    """
    jacobian = bundled(cell)
    code = factor_code(cell, jacobian)
    function = loaded(code.source, f"{cell.name} factors")["factors"]
    return Factors(jacobian, families(cell, jacobian), code, function)


@dataclass(frozen=True)
class FactorCode:
    """A module with ``factors(params, trajectory)``, and what its results are called.

    Attributes:
        source: the module. ``params`` and ``trajectory`` map names to arrays: parameters as they
            are, what varies (T, B, n), a scalar that varies (T, B, 1); so do the results.
        names: the expression of a factor → the name of its value.
        varying: the names of what has a value for each step and sequence.
    """

    source: str
    names: Mapping[Expr, str]
    varying: frozenset[str]


def factor_code(cell: Cell, jacobian: Jacobian) -> FactorCode:
    """The code of all factors of a Jacobian's paths, bundles included.

    Args:
        cell: any cell.
        jacobian: its Jacobian by path.
    """
    exprs = list(dict.fromkeys(f.expr for f in _factors(jacobian)))
    program = cell.program
    names = Names(str(v.name) for v in program.variables)
    targets = {e: Var(names.fresh(f"factor_{k}"), shape_of(e)) for k, e in enumerate(exprs, 1)}
    lines = stable(cell, [Definition(var, e) for e, var in targets.items()])
    own = set(program.variables)  # what the trajectory holds
    lines = needed((d for d in lines if d.var not in own), targets.values())
    varying = set(cell.varying)
    for d in lines:
        if variables_of(d.expr) & varying:
            varying.add(d.var)
    source = _module(cell, lines, list(targets.values()), frozenset(varying))
    return FactorCode(
        source,
        {e: str(var.name) for e, var in targets.items()},
        frozenset(str(var.name) for var in targets.values() if var in varying),
    )


def _factors(jacobian: Jacobian) -> Iterator[Factor]:
    """Those of the paths between states, and of the bundles on them."""
    waiting = [path for paths in jacobian.blocks.values() for path in paths]
    opened = set()
    for path in waiting:
        for factor in path.factors:
            if factor.kind in _MADE:
                yield factor
            elif factor.kind == "bundle" and factor.parts not in opened:
                opened.add(factor.parts)
                of, by = (part for part in factor.parts if isinstance(part, Var))
                waiting += jacobian.bundles[of, by]


# -- the module ------------------------------------------------------------------------------------


_WORDS = ("np", "math", "Array", "Callable", "Mapping", "Any", "TypeAlias", "NDArray", "factors")
_OURS = (*_WORDS, *OVER)


def _module(
    cell: Cell, lines: Sequence[Definition], targets: Sequence[Var], varying: frozenset[Var]
) -> str:
    program = cell.program
    variables = [*program.variables, *(d.var for d in lines)]
    namer = Namer(variables, (*_OURS, *functions.__all__))

    def name(var: Var) -> str:
        return namer.plain(str(var.name))

    read = [v for v in program.variables if v in variables_of(d.expr for d in lines)]
    state = f'trajectory["{cell.states[0].name}"]'
    words = Expressions(LIBRARY, Presenter.of(program), namer, name, varying, ("T", "B"), state, 1)
    body = words.lines(lines)
    params = set(cell.params)
    known = [(name(v), v.shape, 2 if v in varying else 0) for v in read]
    known += [(f'trajectory["{v.name}"]', v.shape, 2) for v in (*cell.states, *cell.inputs)]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    head = [f'{name(v)} = {"params" if v in params else "trajectory"}["{v.name}"]' for v in read]
    lead = [f"T, B = {state}.shape[:2]"] if any("T, B" in line for line in body) else []
    sizes = size_lines(words.sizes, known, namer)
    found = dictionary("return ", {str(v.name): name(v) for v in targets})
    function = [
        "def factors(params: Mapping[str, Array], trajectory: Mapping[str, Array]) -> "
        "dict[str, Array]:",
        *indented(
            [
                '"""The factors of the Jacobian\'s paths, at each step and sequence."""',
                *head,
                *lead,
                *sizes,
                *body,
                *found,
            ]
        ),
    ]
    helpers = helper_lines(function)
    text = "\n".join(function)
    for called, source in OVER.items():
        helpers += [*source, "", ""] if f"{called}(" in text else []
    title = quotable(cell.title or f"The cell {cell.name}")
    head_lines = [f'"""{title}: the factors of its Jacobian.', "", *_quoted(cell), '"""', ""]
    return tidy([*head_lines, *import_lines([*helpers, *function]), "", "", *helpers, *function])


def _quoted(cell: Cell) -> list[str]:
    return [f"    {line}" for line in quotable(cell.equations).splitlines()]
