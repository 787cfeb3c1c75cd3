"""prove_vjp: the gradients of a cell are right, for every size and every sequence length.

The argument is Lagrange's. Write the step as constraints v = f_v(…), one for each definition, and
give each a multiplier v̄. The gradients are right exactly when, for every variable u,

    ū = (what is given for u) + ∂/∂u Σ_v ⟨v̄, f_v⟩ .

Each of these equations is a claim about one line of the derivation. The derivative on its right is
taken entry by entry on normal forms, where activations are written in exp and log: none of the
rules that derived the line takes part. Sequences follow by induction on T.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import sympy as sp

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.functions import UndefinedError
from gru_sym.algebra.monomials import Poly
from gru_sym.algebra.nodes import SumT, Total
from gru_sym.algebra.normal import At, NormalForm, positions
from gru_sym.algebra.poly import TooLargeError
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.show import show_definition
from gru_sym.cells.equations import UNNAMED, Cell
from gru_sym.cells.network import Network
from gru_sym.derive.bptt import bptt, later_of, up_of
from gru_sym.derive.vjp import BAR, TOTAL, cotangent_of, total_of, vjp
from gru_sym.prove.equal import Equality, assumptions
from gru_sym.prove.result import Answer, Proof, Unproved

__all__ = ["Stationarity", "prove_scan", "prove_step", "prove_vjp"]

ASSUMED = ("all arrays are real and have the shapes that the cell gives them, of any size",)


def prove_vjp(cell: Cell | Network) -> Proof:
    """Prove the derived gradients of a cell: the step for all sizes, then any T by induction.

    Of a network, the gradients of each pass over the sequence are proved.

    The parts of the proof are the step, the base of the induction (T = 1) and its step (T → T + 1:
    the pull-back of the composition of two steps is the composition of their pull-backs, with the
    parameters' gradients added).

    Source: LeCun 1988, A theoretical framework for back-propagation, for the argument by Lagrange's
    multipliers.

    Args:
        cell: any cell, or a network.

    Returns:
        A proof with a claim for each line; ``proved`` only if all are.
    """
    if isinstance(cell, Network):
        passes = [each for layer in cell.named for each in layer.passes]
        proofs = [prove_vjp(each) for each in passes]
        return Proof(
            f"the gradients of each pass of {cell.name} are right for all sizes and every "
            "sequence length",
            tuple(
                (f"{', '.join(str(s.name) for s in each.states)}: {heading}", answers)
                for each, proof in zip(passes, proofs, strict=True)
                for heading, answers in proof.parts
            ),
            tuple(dict.fromkeys(words for proof in proofs for words in proof.assumed)),
        )
    step = prove_step(cell, vjp(cell))
    sequence = prove_scan(cell, bptt(cell))
    name = f" of {cell.name}" if cell.name != UNNAMED else ""
    return Proof(
        f"the gradients{name} are right for all sizes and every sequence length",
        (*step.parts, *sequence.parts),
        step.assumed,
    )


def prove_step(cell: Cell, derivation: Program) -> Proof:
    """Prove a derivation of one step: a program that holds the cell's and its cotangent lines."""
    forward = cell.program.definitions
    defined = {d.var for d in forward}
    lines = [d for d in derivation.definitions if d.var not in defined]
    given = {out: cotangent_of(out) for out in cell.program.outputs}
    system = Stationarity(forward, cell.program.inputs, lines, given)
    return Proof(
        "the gradients of one step are right for all sizes",
        (
            *_restated(cell, derivation.definitions),
            ("one step, for all sizes:", tuple(system.answers())),
        ),
        (*ASSUMED, *assumptions(d.expr for d in forward)),
    )


def _restated(
    cell: Cell, lines: Iterable[Definition]
) -> tuple[tuple[str, tuple[Answer, ...]], ...]:
    """Where a derivation's own definitions are written otherwise than the cell's: equal or not."""
    own = cell.program.as_mapping
    equality = Equality(cell.program.definitions)
    answers = tuple(
        equality.prove(d.expr, own[d.var], claim=f"{d.name} is the cell's", shape=d.var.shape)
        for d in lines
        if d.var in own and d.expr != own[d.var]
    )
    return (("the cell's own definitions:", answers),) if answers else ()


def prove_scan(cell: Cell, scan: Scan) -> Proof:
    """Prove backprop through time for any T: base and step of an induction on T.

    A scan that runs forward in time, that computes something ahead of its loop, or whose results
    are not sums over t, is another argument than this one: it is never proved.
    """
    claim = "the gradients of a sequence are right for every T"
    if not scan.reverse or scan.before.definitions:
        why = "the induction is on a loop that runs back in time, with nothing before it"
        return Proof(claim, (("any T by induction:", (Unproved(claim, why),)),), ASSUMED)
    base = _unrolled(cell, scan, 1)
    two = _unrolled(cell, scan, 2)
    later = ", ".join(str(later_of(s).name) for s in cell.states)
    return Proof(
        claim,
        (
            *_restated(cell, (*scan.step.definitions, *scan.after.definitions)),
            ("any T, by induction. T = 1:", tuple(base.answers())),
            (
                f"from T to T + 1 (what comes later enters as its cotangent, {later}):",
                (*two.answers(), *_no_sums(scan)),
            ),
        ),
        (*ASSUMED, *assumptions(d.expr for d in cell.program)),
    )


def _no_sums(scan: Scan) -> tuple[Answer, ...]:
    if _adds_up(scan):
        return ()
    why = "the results are not sums over t, to which T + 1 steps add one term more"
    return (Unproved("the results add up over t", why),)


def _adds_up(scan: Scan) -> bool:
    """Whether what comes after the loop is linear in sums over t of what varies.

    Two such results that agree for T = 1 and go on alike from there agree for every T; of a
    polynomial in T or a product of sums that would not be true.
    """
    sums: dict[sp.Expr, Var] = {}
    for d in scan.after:
        if d.var in scan.sequences:
            continue
        for node in d.expr.atoms(SumT):
            if not variables_of(node) & scan.sequences:
                return False
            sums[node] = Var(f"sum {len(sums)}", node.shape)
    summed = {*sums.values(), *(d.var for d in scan.after if d.var not in scan.sequences)}
    for d in scan.after:
        for term in sp.Add.make_args(sp.expand(d.expr.xreplace(sums))):
            inside = variables_of(term) & summed
            bent = {f for f in term.atoms(sp.Pow, sp.Function) if variables_of(f) & summed}
            if len(inside) > 1 or bent or (inside and d.var in scan.sequences):
                return False
    return True


@dataclass(frozen=True)
class Stationarity:
    """The equations that make cotangents right, for one system of definitions.

    Attributes:
        forward: the definitions v = f_v.
        inputs: what the forward definitions start from.
        lines: the cotangent lines; that of ``v`` is called ``v_bar`` (or ``v_bar_total``).
        given: for some variables, the cotangent that comes from outside.
    """

    forward: tuple[Definition, ...]
    inputs: tuple[Var, ...]
    lines: list[Definition]
    given: Mapping[Var, sp.Expr]

    def answers(self) -> Iterator[Answer]:
        """One answer for each variable, in the order of the lines."""
        by_name = {d.name: d for d in self.lines}
        lines = {v: self._line(v, by_name) for v in self._variables()}
        bars = {v: self._multiplier(v, line) for v, line in lines.items()}
        equality = Equality([*self.forward, *self.lines])
        order = {d.name: k for k, d in enumerate(self.lines)}
        presenter = Presenter(
            [
                *self.inputs,
                *sorted(variables_of(self.given.values()), key=lambda v: v.name),
                *(d.var for d in (*self.forward, *self.lines)),
            ],
            self.inputs,
        )
        claims = sorted(
            lines.items(), key=lambda item: order.get(item[1].name, -1) if item[1] else -1
        )
        moving: frozenset[Var] | None = None
        for var, line in claims:
            if line is None and (var not in self.given or self._used(var)):
                moving = self._moving() if moving is None else moving
                if var not in moving:
                    continue  # as good as a constant: nobody asks for its cotangent
            if line is None and var in self.given:
                line = Definition(Var(_bar(var), var.shape), self.given[var])
                if not self._used(var):
                    continue
            value = line.expr if line else sp.S.Zero
            shown = line or Definition(Var(_bar(var), var.shape), value)
            claim = show_definition(presenter.definition(shown))
            if shown.var.shape != var.shape:
                yield Unproved(claim, f"it has another shape than {var.name}")
                continue
            expected = partial(self._expected, bars, var)
            yield equality.prove_polynomials(expected, value, var.shape, claim)

    def _variables(self) -> list[Var]:
        return [*self.inputs, *(d.var for d in self.forward)]

    def _moving(self) -> frozenset[Var]:
        """What moves when the inputs do: it has a slope, and so does what it depends on."""
        form = NormalForm()
        moving = set(self.inputs)
        for d in self.forward:
            weighted = Total(Var(_bar(d.var), d.var.shape) * d.expr, d.var.shape)
            if any(_has_slope(form, weighted, var) for var in variables_of(d.expr) & moving):
                moving.add(d.var)
        return frozenset(moving)

    def _used(self, var: Var) -> bool:
        return any(var in variables_of(d.expr) for d in self.forward)

    def _line(self, var: Var, by_name: Mapping[str, Definition]) -> Definition | None:
        bar = _bar(var)
        for name in (_total(bar), bar) if var in self.given else (bar,):
            if name in by_name:
                return by_name[name]
        return None

    def _multiplier(self, var: Var, line: Definition | None) -> sp.Expr:
        if line is not None and line.var.shape == var.shape:
            return line.var
        return self.given.get(var, sp.S.Zero)

    def _expected(self, bars: Mapping[Var, sp.Expr], var: Var, form: NormalForm, at: At) -> Poly:
        """What is given for a variable plus ∂/∂var Σ_v ⟨v̄, f_v⟩, at one position."""
        total = form.of(self.given.get(var, sp.S.Zero), at)
        for d in self.forward:
            if var in variables_of(d.expr) and bars[d.var] != 0:
                paired = (
                    Total(bars[d.var] * d.expr, d.var.shape)
                    if d.var.shape
                    else (bars[d.var] * d.expr)
                )
                total = form.ring.add(total, form.derivative(form.of(paired), var, at))
        return total


def _has_slope(form: NormalForm, scalar: sp.Expr, var: Var) -> bool:
    """Whether a derivative is not seen to be zero."""
    form.ring.allow()
    try:
        poly = form.of(scalar)
        return any(form.derivative(poly, var, at) for at in positions(var.shape))
    except (TooLargeError, RecursionError, UndefinedError):
        return True


def _bar(var: Var) -> str:
    """The name of the cotangent, also of a variable with a time: ``z[1]`` → ``z_bar[1]``."""
    name, bracket, time = str(var.name).partition("[")
    return f"{name}{BAR}{bracket}{time}"


def _total(bar: str) -> str:
    """The name of the line that adds what comes through the cell: also with a time, ``[1]``."""
    name, bracket, time = bar.partition("[")
    return f"{name}{TOTAL}{bracket}{time}"


# -- the sequence ------------------------------------------------------------------------------


def _timed(var: Var, t: int) -> Var:
    return Var(f"{var.name}[{t}]", var.shape)


def _unrolled(cell: Cell, scan: Scan, steps: int) -> Stationarity:
    """Forward definitions and lines of ``steps`` steps, each variable that varies with its time.

    What comes after the last step enters as ``h_bar_later``, an arbitrary vector: that is the
    hypothesis of the induction.
    """
    moving = cell.varying | scan.sequences
    fixed = [d for d in cell.program if d.var not in moving]
    forward = list(fixed)
    times = range(1, steps + 1)
    for t in times:
        to = {v: _timed(v, t) for v in moving}
        if t > 1:
            forward += [
                Definition(_timed(s, t), _timed(n, t - 1) if n in moving else n)
                for s, n in zip(cell.states, cell.nexts, strict=True)
            ]
        forward += [
            Definition(to[d.var], d.expr.xreplace(to)) for d in cell.program if d.var in moving
        ]
    inputs = [v for v in cell.program.inputs if v not in moving]
    inputs += [_timed(s, 1) for s in cell.states]
    inputs += [_timed(x, t) for t in times for x in cell.inputs]

    own = cell.program.as_mapping
    step, after = ([d for d in part if d.var not in own] for part in (scan.step, scan.after))
    lines: list[Definition] = []
    for t in reversed(times):
        to = {v: _timed(v, t) for v in moving}
        for entering, leaving in scan.carry:
            to[entering] = _timed(leaving, t + 1) if t < steps else entering
        lines += [Definition(to[d.var], d.expr.xreplace(to)) for d in step]
        lines += [Definition(to[d.var], d.expr.xreplace(to)) for d in after if d.var in moving]
    reached = cell.program.depending_on(cell.program.inputs)
    for state, n in zip(cell.states, cell.nexts, strict=True):
        if n in reached and n not in moving and all(d.var != total_of(n) for d in after):
            # The same at each step, and of no use inside of it: what reaches it comes from the
            # loss, from later, and from the states that it becomes.
            reaching = [_timed(up_of(state), t) for t in times]
            reaching += [_timed(cotangent_of(state), t) for t in times if t > 1]
            lines.append(Definition(cotangent_of(n), sp.Add(later_of(state), *reaching)))
    lines += [
        Definition(d.var, _added(d.expr, moving, times)) for d in after if d.var not in moving
    ]

    given: dict[Var, sp.Expr] = {}

    def give(output: Var, t: int, value: sp.Expr) -> None:
        key = _timed(output, t) if output in moving else output
        given[key] = given.get(key, sp.S.Zero) + value

    for t in times:
        for state, n in zip(cell.states, cell.nexts, strict=True):
            later = later_of(state) if t == steps else sp.S.Zero
            give(n, t, _timed(up_of(state), t) + later)
        for extra in cell.extra:
            give(extra, t, _timed(cotangent_of(extra), t))
    return Stationarity(tuple(forward), tuple(inputs), lines, given)


def _added(expr: sp.Expr, moving: frozenset[Var], times: Iterable[int]) -> sp.Expr:
    """Write a sum over t out."""
    to = {
        node: sp.Add(*(node.args[0].xreplace({v: _timed(v, t) for v in moving}) for t in times))
        for node in expr.atoms(SumT)
    }
    return expr.xreplace(to)
