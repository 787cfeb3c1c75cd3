"""A cell and its backpropagation over a few steps, written out entry by entry in plain SymPy.

Each entry of each parameter, input, initial state and given cotangent is a symbol (``U_z[1,2]``,
``x@1[1]``, ``h@0[2]``, ``h_bar_up@1[1]``). Linear maps become sums of products of entries, and
activations what their definition says: SymPy can differentiate what is left. Nodes are evaluated as
they are in the search for counterexamples; no rule of a derivative has a part in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from gru_sym.algebra.expr import Shape, Var
from gru_sym.algebra.nodes import SumT
from gru_sym.algebra.program import Program, Scan
from gru_sym.algebra.rules import RULES
from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import up_of
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.prove.evaluate import evaluate, extent

__all__ = ["Entries", "Entry", "Scalars", "Unrolled", "parts"]

Entries = npt.NDArray[Any]  # scalar SymPy expressions


@dataclass(frozen=True)
class Scalars:
    """SymPy's own expressions as a kind of number: a :class:`~gru_sym.prove.evaluate.Field`."""

    def number(self, value: Fraction) -> sp.Expr:
        """The number itself."""
        return sp.Rational(value.numerator, value.denominator)

    def power(self, value: sp.Expr, exponent: Fraction) -> sp.Expr:
        """A rational power."""
        return value ** self.number(exponent)

    def apply(self, name: str, value: sp.Expr) -> sp.Expr:
        """An activation of the language, by its definition."""
        return RULES[name].definition(value)


@dataclass(frozen=True)
class Entry:
    """One entry of a gradient.

    Attributes:
        place: its index, from 0; the gradient of an input has the step in front.
        symbol: with respect to which the loss is differentiated.
        derived: what the scan computes.
    """

    place: tuple[int, ...]
    symbol: sp.Symbol
    derived: sp.Expr


class Unrolled:
    """A cell and its backpropagation over T steps of one sequence, entry by entry.

    Args:
        cell: the cell.
        scan: its backpropagation through time.
        sizes: dimension → number of entries.
        steps: T.

    Attributes:
        loss: ``L = Σ_t ⟨h_bar_up_t, h_t⟩``, with each extra output and its cotangent likewise.
        given: the symbols by name: parameters, initial states, and over T steps, time first, the
            inputs and the cotangents that the loss gives.
    """

    def __init__(self, cell: Cell, scan: Scan, sizes: Mapping[str, int], steps: int) -> None:
        self.cell, self.scan, self.sizes = cell, scan, sizes
        self.start = {s: self._symbols(s, 0) for s in cell.states}
        self.shared: dict[Var, Entries] = {p: self._symbols(p) for p in cell.params}
        self.at: list[dict[Var, Entries]] = []  # for each t, all that is known there
        ups = {up_of(s): n for s, n in zip(cell.states, cell.nexts, strict=True)}
        ups |= {cotangent_of(v): v for v in cell.extra}
        self.given = {v.name: symbols for v, symbols in (self.shared | self.start).items()}
        state, loss = dict(self.start), []
        for t in range(1, steps + 1):
            fresh = {v: self._symbols(v, t) for v in (*cell.inputs, *ups)}
            here = {**self.shared, **state, **fresh}
            self._define(cell.program, here)
            state = {s: here[n] for s, n in zip(cell.states, cell.nexts, strict=True)}
            for bar, value in ups.items():
                loss += [u * v for u, v in zip(here[bar].flat, here[value].flat, strict=True)]
            self.at.append(here)
            # A gate that depends on parameters alone has one value for all t.
            self.shared |= {d.var: here[d.var] for d in cell.program if d.var not in cell.varying}
        self.given |= {v.name: self._over_time(v) for v in (*cell.inputs, *ups)}
        self.loss = sp.Add(*loss)

    def values(self) -> Iterator[sp.Expr]:
        """Each entry of what the cell computes, step by step."""
        for here in self.at:
            for d in self.cell.program:
                yield from here[d.var].flat

    def gradients(self) -> dict[str, list[Entry]]:
        """What the scan computes: the entries of each gradient, by its name.

        Raises:
            DataError: the scan does not compute one of the gradients.
        """
        scan = self.scan
        self._define_all(scan.before)
        carry = {enters: self._zeros(enters.shape) for enters, _ in scan.carry}
        for here in self.at[::-1] if scan.reverse else self.at:
            here |= carry
            self._define(scan.step, here)
            carry = {enters: here[leaves] for enters, leaves in scan.carry}
        self._define_all(scan.after)
        last = self.at[0] if scan.reverse else self.at[-1]
        found = {}
        for var in (*self.cell.states, *self.cell.inputs, *self.cell.params):
            bar, moves = cotangent_of(var), var in self.cell.inputs
            sources = self.at if moves else [last if var in self.start else self.shared]
            if any(bar not in env for env in sources):
                raise DataError(f"the scan does not compute {bar.name}", mend="define it there")
            derived = np.stack([env[bar] for env in sources]) if moves else sources[0][bar]
            symbols = self.given[var.name]
            found[bar.name] = [Entry(k, s, derived[k]) for k, s in np.ndenumerate(symbols)]
        return found

    def _over_time(self, var: Var) -> Entries:
        return np.stack([here[var] for here in self.at])

    def _define(self, program: Program, env: dict[Var, Entries]) -> None:
        for d in program:
            env[d.var] = self._value(d.expr, d.var.shape, env)

    def _define_all(self, program: Program) -> None:
        """Definitions outside of the loop: at each t, or once, as the variable says."""
        for d in program:
            moves = d.var in self.scan.sequences
            for env in self.at if moves else [self.shared]:
                env[d.var] = self._value(d.expr, d.var.shape, env)
            if not moves:
                for here in self.at:
                    here[d.var] = self.shared[d.var]

    def _value(self, expr: sp.Expr, shape: Shape, env: Mapping[Var, Entries]) -> Entries:
        """The entries of an expression that stands in this shape."""
        sums = {node: Var(f"sum {k}", node.shape) for k, node in enumerate(expr.atoms(SumT))}
        known = dict(env)
        for node, var in sums.items():
            terms = [self._value(node.args[0], node.shape, here) for here in self.at]
            known[var] = np.asarray(reduce(add, terms), dtype=object)
        entries: Entries = evaluate(expr.xreplace(sums), shape, known, self.sizes, Scalars())
        return entries

    def _symbols(self, var: Var, t: int | None = None) -> Entries:
        when = "" if t is None else f"@{t}"
        out = self._zeros(var.shape)
        for index in np.ndindex(out.shape):
            where = f"[{','.join(str(i + 1) for i in index)}]" if index else ""
            out[index] = sp.Symbol(f"{var.name}{when}{where}", real=True)
        return out

    def _zeros(self, shape: Shape) -> Entries:
        return np.full([extent(dim, self.sizes) for dim in shape], sp.S.Zero, dtype=object)


def parts(expr: sp.Expr) -> int:
    """How many parts an expression has as a tree: what SymPy walks through."""
    counts: dict[sp.Expr, int] = {}

    def count(item: sp.Expr) -> int:
        if item not in counts:
            counts[item] = 1 + sum(count(arg) for arg in item.args)
        return counts[item]

    return count(expr)
