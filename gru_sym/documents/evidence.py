"""What else a document says is proved, too: local derivatives, that paths add up, tangents."""

from collections.abc import Callable, Collection
from dataclasses import replace

import sympy as sp

from gru_sym.algebra.expr import Dims, Shape, Var, variables_of
from gru_sym.algebra.monomials import Poly
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Total, Transpose
from gru_sym.algebra.normal import NormalForm, positions
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells.equations import Cell
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.jvp import tangent_of
from gru_sym.derive.local import local_derivatives
from gru_sym.derive.paths import Factor, Path, shapes_between
from gru_sym.derive.vjp import cotangent_of, vjp
from gru_sym.prove.equal import Equality, assumptions
from gru_sym.prove.result import Answer, Proof, Unproved
from gru_sym.prove.vjp import ASSUMED

__all__ = ["is_nothing", "prove_locals", "prove_paths", "prove_tangents", "without_nothing"]

Ends = tuple[Var, Var]


def prove_locals(cell: Cell) -> Proof:
    """Prove the local derivatives of a cell, each for all sizes.

    Each, transposed, is applied to arbitrary weights of what is defined; that has to be the
    derivative of the weighed definition, which is taken on normal forms, by none of the rules that
    made the local derivative.
    """
    answers = []
    for local in local_derivatives(cell.program):
        d = cell.program[str(local.of.name)]
        claim = f"the derivative of {local.of.name} by {local.by.name} in its own equation"
        weight = Var("weight of the claim", d.var.shape)
        alone = Jacobian(cell, {})
        factors = (
            _pulled(alone, Path("", (), product), weight, d.var.shape, local.by.shape)
            for product in local.products
        )
        equality = Equality([d])
        sides = _pull_backs(d, weight, local.by, sp.Add(*factors))
        answers.append(equality.settle(claim, sides, assumptions([d.expr])))
    words = f"the local derivatives of {cell.name} are right, for all sizes"
    return Proof(words, (("one by one:", tuple(answers)),), ASSUMED)


def _pull_backs(
    d: Definition, weight: Var, by: Var, pulled: sp.Expr
) -> Callable[[NormalForm], list[tuple[Poly, Poly]]]:
    """What comes back to each entry of a variable, and what should."""

    def pairs(form: NormalForm) -> list[tuple[Poly, Poly]]:
        value = form.of(_weighed(weight, d.expr))
        return [(form.of(pulled, at), form.derivative(value, by, at)) for at in positions(by.shape)]

    return pairs


def _weighed(weight: Var, expr: sp.Expr) -> sp.Expr:
    return Total(weight * expr, weight.shape) if weight.shape else weight * expr


def prove_paths(jacobian: Jacobian) -> Proof:
    """Prove that the paths of a Jacobian add up to the pull-back of one step, for all sizes.

    Each path, transposed, is applied to what is given for the next state; for each state the sum
    has to be its cotangent in the vjp.
    """
    cell = jacobian.cell
    claim = f"the paths of the Jacobian of {cell.name} add up to its gradient, for all sizes"
    if set(jacobian.blocks) != {(after, state) for after in cell.nexts for state in cell.states}:
        unfit = Unproved("each block is that of a next state and a state", "the blocks are others")
        return Proof(claim, (("the blocks:", (unfit,)),))
    # What is given for other outputs, such as a loss, does not come by way of the next state.
    other = {cotangent_of(v): sp.S.Zero for v in cell.extra}
    lines = [Definition(d.var, d.expr.xreplace(other)) for d in vjp(cell)]
    equality = Equality(lines)
    answers = []
    for state in cell.states:
        pulled = (
            _pulled(jacobian, path, cotangent_of(after), after.shape, state.shape)
            for (after, by), paths in jacobian.blocks.items()
            for path in paths
            if by == state
        )
        bar = cotangent_of(state)
        words = f"{bar.name} is the sum of all transposed paths, each times what is given"
        answers.append(equality.prove(bar, sp.Add(*pulled), claim=words, shape=state.shape))
    return Proof(claim, (("for each state:", tuple(answers)),), ASSUMED)


def without_nothing(jacobian: Jacobian) -> tuple[Jacobian, dict[Ends, tuple[Path, ...]]]:
    """A Jacobian without the paths that are proved to be zero always; and these, by block."""
    dropped = {
        ends: tuple(path for path in paths if is_nothing(jacobian, path, *ends))
        for ends, paths in (*jacobian.bundles.items(), *jacobian.blocks.items())
    }

    def kept(paths: dict[Ends, tuple[Path, ...]]) -> dict[Ends, tuple[Path, ...]]:
        return {
            ends: tuple(path for path in found if path not in dropped[ends])
            for ends, found in paths.items()
        }

    return replace(jacobian, blocks=kept(jacobian.blocks), bundles=kept(jacobian.bundles)), dropped


def is_nothing(jacobian: Jacobian, path: Path, of: Var, by: Var) -> bool:
    """Whether it is proved, by the cell's definitions, that a path is zero whatever the sizes."""
    # By a row or a column go means and sums, and the mean of what has none is zero.
    if not any(factor.kind in {"row", "column"} for factor in path.factors):
        return False
    given = cotangent_of(of)
    pulled = _pulled(jacobian, path, given, of.shape, by.shape)
    equality = Equality(jacobian.cell.program)
    claim = f"nothing comes from {of.name} to {by.name} by way of {path.name}"
    return equality.prove(pulled, sp.S.Zero, claim=claim, shape=by.shape).verdict == "proved"


def _pulled(jacobian: Jacobian, path: Path, value: sp.Expr, of: Shape, by: Shape) -> sp.Expr:
    """A transposed path times a cotangent of what it leads to."""
    shapes = shapes_between(path.factors, of, by)
    for factor, above, below in zip(path.factors, shapes[:-1], shapes[1:], strict=True):
        if factor.kind == "bundle":
            first, last = (part for part in factor.parts if isinstance(part, Var))
            inner = jacobian.bundles[first, last]
            value = sp.Add(*(_pulled(jacobian, each, value, above, below) for each in inner))
        else:
            value = _transposed(factor, value, above)
    return value


def _transposed(factor: Factor, value: sp.Expr, shape: Shape) -> sp.Expr:
    """A transposed factor times a vector of that shape; a number stands for equal entries."""
    match factor.kind:
        case "diag" | "row":
            return value * factor.expr
        case "matrix":
            return MatVec(Transpose(factor.parts[0]), value)
        case "column":
            return Total(value * factor.expr, shape)
        case "embed":
            return Slice(value, Dims((factor.whole,)), *factor.bounds)
        case "restrict":
            start, stop = factor.bounds
            whole = factor.whole
            parts = [(sp.S.Zero, whole[:start]), (value, whole[start:stop])]
            parts.append((sp.S.Zero, whole[stop:]))
            kept = [(item, dim) for item, dim in parts if dim]
            return Concat(*(item for item, _ in kept), Dims(tuple(dim for _, dim in kept)))
        case kind:
            raise AssertionError(f"no transpose of {kind}")


def prove_tangents(name: str, program: Program, lines: Program) -> Proof:
    """Prove the tangents of a program, line by line, for all sizes.

    A line is linear in the tangents on its right; what multiplies each of their entries has to be
    the derivative of the definition, which is taken on normal forms, by none of the rules that
    made the line.

    Args:
        name: of what the tangents are.
        program: the program.
        lines: its tangents, as :func:`~gru_sym.derive.jvp.jvp` and
            :func:`~gru_sym.derive.jvp.hvp` give them; a tangent without a line is zero.
    """
    equality = Equality(program)
    tangents = {tangent_of(v) for v in program.variables}
    known = {d.var: d.expr for d in lines if d.var in tangents}
    moving = {tangent_of(v) for v in program.inputs} | {*known}
    used = {v for d in program if tangent_of(d.var) in known for v in variables_of(d.expr)}
    answers: list[Answer] = []
    for d in program:
        dot = tangent_of(d.var)
        moved = known.get(dot, sp.S.Zero)
        assumed = assumptions([d.expr, moved])
        if dot in known:
            claim = f"{dot.name} is the derivative of {d.name} along the tangents"
            others = tangents - {tangent_of(v) for v in variables_of(d.expr)}
            if not others.isdisjoint(variables_of(moved)):
                answers.append(Unproved(claim, "it moves with what its definition does not use"))
            elif moved.xreplace(dict.fromkeys(tangents, sp.S.Zero)) != 0:
                answers.append(Unproved(claim, "it is not linear in the tangents"))
            else:
                answers.append(equality.settle(claim, _slopes(d, moved, moving), assumed))
        elif d.var in program.outputs and lines.outputs and dot not in lines.variables:
            answers.append(Unproved(f"{dot.name} has a line", "it has none"))
        elif d.var in used:
            # A tangent without a line is zero; or else nothing that has a line moves with it.
            still = equality.settle(f"{d.name} does not move", _slopes(d, moved, moving), assumed)
            if still.verdict == "proved":
                answers.append(still)
            else:
                moving.add(dot)
    return Proof(
        f"the tangents of {name} are right, for all sizes",
        (("line by line:", tuple(answers)),),
        ASSUMED,
    )


def _slopes(
    d: Definition, moved: sp.Expr, moving: Collection[Var]
) -> Callable[[NormalForm], list[tuple[Poly, Poly]]]:
    """For each variable of a definition: how its tangent enters the line, and its derivative."""
    weight = Var("weight of the claim", d.var.shape)

    def pairs(form: NormalForm) -> list[tuple[Poly, Poly]]:
        tangents, values = form.of(_weighed(weight, moved)), form.of(_weighed(weight, d.expr))
        return [
            (form.derivative(tangents, tangent_of(v), at), form.derivative(values, v, at))
            for v in sorted(variables_of(d.expr), key=str)
            if tangent_of(v) in moving
            for at in positions(v.shape)
        ]

    return pairs
