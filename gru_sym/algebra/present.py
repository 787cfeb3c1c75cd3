"""The order and the signs that a person would write: SymPy expressions as syntax trees.

SymPy keeps no order; this module owns it. In a product the cotangent (or tangent) comes first,
then variables as they are met, then linear maps, then differences; in a sum the terms follow
reverse accumulation, or the text; a difference starts with its positive term, and ``1 - z`` stays
``1 - z``. The trees are printed as text by :mod:`~gru_sym.algebra.show`, as LaTeX by
:mod:`~gru_sym.algebra.typeset`, so that both read alike.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import singledispatchmethod
from typing import Any

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Node, Size, Var, variables_of
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
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import Elementwise

__all__ = ["Presenter", "is_linear", "product"]

_LINEAR = re.compile(r"_(bar|dot)(_|$)")
_LAST = 10**9


def is_linear(name: str) -> bool:
    """Whether the name is a cotangent's or a tangent's."""
    return _LINEAR.search(name) is not None


def product(factors: Sequence[tree.Node]) -> tree.Node:
    """The factors multiplied, in this order."""
    result = factors[0]
    for factor in factors[1:]:
        result = tree.Binary("*", result, factor)
    return result


class Presenter:
    """Writes expressions over the variables of a program."""

    def __init__(self, variables: Iterable[Var], given: Iterable[Var] = ()) -> None:
        self._position = {str(v.name): k for k, v in enumerate(variables)}
        self._given = {str(v.name) for v in given}

    @classmethod
    def of(cls, program: Program) -> "Presenter":
        """A presenter that follows the order of a program."""
        return cls(program.variables, program.inputs)

    def definition(self, d: Definition) -> tree.Definition:
        """The definition as a person wrote it, or else as one would."""
        if isinstance(d.tree, tree.Definition):
            return d.tree
        return tree.Definition(d.name, self.expression(d.expr))

    def expression(self, expr: sp.Expr) -> tree.Node:
        """The tree of an expression."""
        return self._tree(expr)

    # -- keys ----------------------------------------------------------------------------------

    def _at(self, name: str) -> int:
        return self._position.get(name, _LAST)

    def _reading(self, expr: sp.Expr) -> list[tuple[int, str]]:
        """Where a reader meets the variables, sorted; a tangent stands where its variable does."""
        names = (str(v.name) for v in variables_of(expr))
        return sorted((self._at(name.removesuffix("_dot")), name) for name in names)

    def _factor_key(self, factor: sp.Expr) -> tuple[Any, ...]:
        base = factor.base if isinstance(factor, sp.Pow) else factor
        if isinstance(base, Var):
            # Gates before states and inputs: r * h, f * c.
            kind = 0 if is_linear(base.name) else 2 if base.name in self._given else 1
        elif isinstance(base, sp.Add):
            kind = 4
        elif isinstance(base, Size):
            kind = -1
        else:
            kind = 3
        return (kind, self._reading(factor), str(factor))

    def _term_key(self, term: sp.Expr) -> tuple[Any, ...]:
        names = [str(v.name) for v in variables_of(term)]
        bars = sorted(self._at(n.removesuffix("_dot")) for n in names if "_bar" in n)
        plain = isinstance(term, Var) and bool(bars)
        return (not plain, bars[:1] or [-1], not names, self._reading(term), str(term))

    # -- trees ---------------------------------------------------------------------------------

    @singledispatchmethod
    def _tree(self, expr: Any) -> tree.Node:
        raise AssertionError(f"no way to write {type(expr).__name__}")

    @_tree.register
    def _(self, expr: sp.Symbol) -> tree.Node:
        return tree.Name(str(expr.name))

    @_tree.register
    def _(self, expr: sp.Rational) -> tree.Node:
        value = Fraction(int(expr.p), int(expr.q))
        return tree.Neg(tree.Number(-value)) if value < 0 else tree.Number(value)

    @_tree.register
    def _(self, expr: sp.Add) -> tree.Node:
        terms = sorted(sp.Add.make_args(expr), key=self._term_key)
        # Start with a positive term; 1 - z with its number, v + 1 with its variable.
        first = next((k for k, t in enumerate(terms) if not _is_negative(t)), 0)
        terms.insert(0, terms.pop(first))
        result = self._tree(terms[0])
        for term in terms[1:]:
            negative = _is_negative(term)
            result = tree.Binary(
                "-" if negative else "+", result, self._tree(-term if negative else term)
            )
        return result

    @_tree.register
    def _(self, expr: sp.Mul) -> tree.Node:
        number, rest = expr.as_coeff_Mul(rational=True)
        over = [f for f in sp.Mul.make_args(rest) if not _is_denominator(f)]
        under = [1 / f for f in sp.Mul.make_args(rest) if _is_denominator(f)]
        for k, factor in enumerate(over):
            if isinstance(factor, sp.Add):  # 2 * (q - mu), not (2 * q - 2 * mu)
                content, over[k] = factor.primitive()
                number *= content
        over, under = self._means(over, under)
        factors = [t if isinstance(t, tree.Call) else self._tree(t) for t in over]
        if abs(number.p) != 1 or not factors:
            factors.insert(0, tree.Number(Fraction(abs(int(number.p)))))
        if number < 0:
            factors[0] = tree.Neg(factors[0])
        result = product(factors)
        below = [self._tree(factor) for factor in sorted(under, key=self._factor_key)]
        if number.q != 1:
            below.insert(0, tree.Number(Fraction(int(number.q))))
        return tree.Binary("/", result, product(below)) if below else result

    def _means(self, over: list[sp.Expr], under: list[sp.Expr]) -> tuple[list[Any], list[sp.Expr]]:
        """Sort the numerator, and write ``sum(v) / H`` as ``mean(v)``."""
        written: list[Any] = []
        for factor in sorted(over, key=self._factor_key):
            sizes = [sp.Add(*(Size(n) for n in dim)) for dim in getattr(factor, "summed", ())]
            if isinstance(factor, Total) and all(size in under for size in sizes):
                for size in sizes:
                    under.remove(size)
                written.append(tree.Call("mean", (self._tree(factor.args[0]),)))
            else:
                written.append(factor)
        return written, under

    @_tree.register
    def _(self, expr: sp.Pow) -> tree.Node:
        base, exponent = expr.args
        if exponent < 0:
            return tree.Binary("/", tree.Number(Fraction(1)), self._tree(1 / expr))
        if exponent == sp.Rational(1, 2):
            return tree.Call("sqrt", (self._tree(base),))
        return tree.Binary("**", self._tree(base), self._tree(exponent))

    @_tree.register
    def _(self, expr: Elementwise) -> tree.Node:
        return tree.Call(expr.func.__name__, (self._tree(expr.args[0]),))

    @_tree.register(MatVec)
    def _(self, expr: Node) -> tree.Node:
        return tree.Binary("@", self._tree(expr.args[0]), self._tree(expr.args[1]))

    @_tree.register(Transpose)
    def _(self, expr: Node) -> tree.Node:
        return tree.Transpose(self._tree(expr.args[0]))

    @_tree.register(Outer)
    @_tree.register(Total)
    @_tree.register(Softmax)
    @_tree.register(LogSumExp)
    @_tree.register(SumT)
    def _(self, expr: Node) -> tree.Node:
        name = _CALLED[type(expr)]
        return tree.Call(name, tuple(self._tree(operand) for operand in expr.operands))

    @_tree.register
    def _(self, expr: Concat) -> tree.Node:
        return tree.Concat(tuple(self._tree(item) for item in expr.operands))

    @_tree.register
    def _(self, expr: Slice) -> tree.Node:
        dim, (start, stop) = expr.whole[-1], expr.bounds
        return tree.Slice(
            self._tree(expr.args[0]),
            dim[:start] or None,
            dim[:stop] if stop < len(dim) else None,
        )


_CALLED: dict[type[Node], str] = {
    Outer: "outer",
    Total: "sum",
    Softmax: "softmax",
    LogSumExp: "logsumexp",
    SumT: "sum_t",
}


def _is_negative(term: sp.Expr) -> bool:
    return bool(term.as_coeff_Mul(rational=True)[0] < 0)


def _is_denominator(factor: sp.Expr) -> bool:
    return isinstance(factor, sp.Pow) and bool(factor.exp < 0)
