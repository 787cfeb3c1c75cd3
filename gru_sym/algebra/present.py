"""The order and the signs that a person would write: SymPy expressions as syntax trees.

SymPy keeps no order; this module owns it. In a product the cotangent comes first, then scalars,
a tangent, gates, states and inputs, linear maps, differences; in a sum the terms follow reverse
accumulation, or the text, and the product rule (``f_dot * c + c_dot * f``); a difference starts
with its positive term, and ``1 - z`` stays ``1 - z``. The trees are printed as text by
:mod:`~gru_sym.algebra.show`, as LaTeX by :mod:`~gru_sym.algebra.typeset`, so that both read alike.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce, singledispatchmethod
from typing import Any, Protocol

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
from gru_sym.algebra.rules import Elementwise

__all__ = [
    "Equation",
    "Equations",
    "Presenter",
    "is_linear",
    "is_negative",
    "product",
    "reading_order",
]

_LINEAR = re.compile(r"_(bar|dot)(_|$)")
_BAR = re.compile(r"_bar(_|$)")
_DOT = "_dot"
_LAST = 10**9
_ONE = tree.Number(Fraction(1))


def is_linear(name: str) -> bool:
    """Whether the name is a cotangent's or a tangent's."""
    return _LINEAR.search(name) is not None


class Equation(Protocol):
    """What is needed of one definition ``var = expr``."""

    @property
    def var(self) -> Var:
        """The variable that is defined."""

    @property
    def expr(self) -> sp.Expr:
        """What it is."""

    @property
    def tree(self) -> Any:
        """The definition as it was written, or None."""


class Equations(Protocol):
    """What is needed of a program: what is given, and definitions in order."""

    @property
    def inputs(self) -> tuple[Var, ...]:
        """The free variables."""

    @property
    def definitions(self) -> Sequence[Equation]:
        """The definitions; this module stands below :mod:`~gru_sym.algebra.program`."""


def reading_order(program: Equations) -> tuple[Var, ...]:
    """All variables of a program in the order in which a reader of its text meets them."""
    known = {str(v.name): v for v in program.inputs}
    place = {v: k for k, v in enumerate(program.inputs)}
    order: dict[Var, None] = {}
    for d in program.definitions:
        if isinstance(d.tree, tree.Definition):
            names = (n.name for n in tree.postorder(d.tree.value) if isinstance(n, tree.Name))
            met = [known[name] for name in names if name in known]
        else:
            met = sorted((v for v in variables_of(d.expr) if v in place), key=place.__getitem__)
        order |= dict.fromkeys((*met, d.var))
        known[str(d.var.name)] = d.var
    return tuple(order | dict.fromkeys(program.inputs))


def product(factors: Sequence[tree.Node]) -> tree.Node:
    """The factors multiplied, in this order; what divides goes below one line at the end."""
    over: list[tree.Node] = []
    under: list[tree.Node] = []
    for factor in factors:
        spine: list[tuple[str, tree.Node]] = []
        while isinstance(factor, tree.Binary) and factor.op in {"*", "/"}:
            spine.append((factor.op, factor.right))
            factor = factor.left
        over.append(factor)
        for op, right in reversed(spine):
            (over if op == "*" else under).append(right)
    over = [each for each in over if each != _ONE] or [_ONE]
    result = reduce(_times, over)
    return tree.Binary("/", result, product(under)) if under else result


def _times(left: tree.Node, right: tree.Node) -> tree.Node:
    return tree.Binary("*", left, right)


class Presenter:
    """Writes expressions over the variables of a program.

    Args:
        variables: all variables, in the order in which a reader meets them.
        given: those of them that are not defined: states, inputs, parameters.
    """

    def __init__(self, variables: Iterable[Var], given: Iterable[Var] = ()) -> None:
        self._position = {str(v.name): k for k, v in enumerate(variables)}
        self._given = {str(v.name) for v in given}

    @classmethod
    def of(cls, program: Equations) -> "Presenter":
        """A presenter that follows the order of a program."""
        return cls(reading_order(program), program.inputs)

    def definition(self, d: Equation) -> tree.Definition:
        """The definition as a person wrote it, or else as one would."""
        if isinstance(d.tree, tree.Definition):
            return d.tree
        return tree.Definition(str(d.var.name), self.expression(d.expr))

    def expression(self, expr: sp.Expr) -> tree.Node:
        """The tree of an expression."""
        return self._tree(expr)

    # -- keys ----------------------------------------------------------------------------------

    def _at(self, name: str) -> int:
        return self._position.get(name, _LAST)

    def _reading(self, expr: sp.Expr) -> list[int]:
        """Where a reader meets the variables, sorted; a tangent stands where its variable does."""
        return sorted({self._at(str(v.name).removesuffix(_DOT)) for v in variables_of(expr)})

    def _factor_key(self, factor: sp.Expr) -> tuple[Any, ...]:
        base = factor.base if isinstance(factor, sp.Pow) else factor
        return (self._kind(base), self._reading(factor), str(factor))

    def _kind(self, base: sp.Expr) -> int:
        if isinstance(base, Size):
            return 0
        if isinstance(base, Var):
            if is_linear(base.name):
                return 1 if _BAR.search(base.name) else 3
            if not base.shape:
                return 2
            # Gates before states and inputs: r * h, f * c.
            return 5 if base.name in self._given else 4
        return 7 if isinstance(base, sp.Add) else 6

    def _term_key(self, term: sp.Expr) -> tuple[Any, ...]:
        names = [str(v.name) for v in variables_of(term)]
        bars = sorted(self._at(n.removesuffix(_DOT)) for n in names if _BAR.search(n))
        plain = isinstance(term, Var) and bool(bars)
        rule = self._moving(term)
        return (not plain, bars[:1] or [-1], not names, self._reading(term), rule, str(term))

    def _moving(self, term: sp.Expr) -> list[int]:
        """Which factor of a product carries the tangent: the first goes first."""
        dots = {v: str(v.name) for v in variables_of(term) if v.name.endswith(_DOT)}
        if not dots:
            return []
        bare = {v: Var(name.removesuffix(_DOT), v.shape) for v, name in dots.items()}
        still = {str(v.name) for v in bare.values()}
        nodes = tree.postorder(self._tree(term.xreplace(bare)))
        names = [node.name for node in nodes if isinstance(node, tree.Name)]
        return [k for k, name in enumerate(names) if name in still]

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
        expr = _over_one(expr)
        expr = _gather(expr) if isinstance(expr, sp.Add) else expr
        if not isinstance(expr, sp.Add):
            return self._tree(expr)
        content, primitive = expr.primitive()
        shared = all(t.as_coeff_Mul(rational=True)[0].q != 1 for t in expr.args)
        if content != 1 and (content.q == 1 or shared):  # (1 - y**2) / 10, but v + 0.1
            factors = [tree.Number(Fraction(int(content.p)))] if content.p != 1 else []
            whole = product([*factors, self._tree(primitive)])
            below = tree.Number(Fraction(int(content.q)))
            return tree.Binary("/", whole, below) if content.q != 1 else whole
        terms = sorted(expr.args, key=self._term_key)
        # Start with a positive term; 1 - z with its number, v + 1 with its variable.
        first = next((k for k, t in enumerate(terms) if not is_negative(t)), 0)
        terms.insert(0, terms.pop(first))
        result = self._tree(terms[0])
        for term in terms[1:]:
            negative = is_negative(term)
            result = tree.Binary(
                "-" if negative else "+", result, self._tree(-term if negative else term)
            )
        return result

    @_tree.register
    def _(self, expr: sp.Mul) -> tree.Node:
        expr = sp.Mul(*(_share(factor) for factor in sp.Mul.make_args(expr)))
        if not isinstance(expr, sp.Mul):
            return self._tree(expr)
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
            columns=len(expr.whole) == 2,
        )


_CALLED: dict[type[Node], str] = {
    Outer: "outer",
    Total: "sum",
    Softmax: "softmax",
    LogSumExp: "logsumexp",
    SumT: "sum_t",
}


def is_negative(term: sp.Expr) -> bool:
    """Whether the term is written with a minus sign in front."""
    return bool(term.as_coeff_Mul(rational=True)[0] < 0)


def _is_denominator(factor: sp.Expr) -> bool:
    return isinstance(factor, sp.Pow) and bool(factor.exp < 0)


def _share(factor: sp.Expr) -> sp.Expr:
    """``z_bar * (1 - z) - z_bar * z`` as ``z_bar * (1 - 2 * z)``."""
    factor = _over_one(factor)
    if not isinstance(factor, sp.Add):
        return factor
    linear = [
        {f for f in sp.Mul.make_args(term) if isinstance(f, Var) and is_linear(f.name)}
        for term in factor.args
    ]
    shared = sp.Mul(*set.intersection(*linear))
    return shared * sp.Add(*(term / shared for term in factor.args))


def _over_one(expr: sp.Expr) -> sp.Expr:
    """``1 / (f + i) - f / (f + i)**2`` as ``i / (f + i)**2``, where one term is left of a sum."""
    if not isinstance(expr, sp.Add):
        return expr
    powers = [dict(f.as_base_exp() for f in sp.Mul.make_args(term)) for term in expr.args]
    for base in {b for found in powers for b, e in found.items() if b.is_Add and e.is_integer}:
        least = [found.get(base, sp.S.Zero) for found in powers]
        if max(least) < 0 and len({*least}) > 1:
            above = sp.expand(sp.Add(*(term * base ** -min(least) for term in expr.args)))
            if not isinstance(above, sp.Add):
                return above * base ** min(least)
    return expr


def _gather(expr: sp.Add) -> sp.Expr:
    """``u * a_dot - u * b_dot`` as ``u * (a_dot - b_dot)``: the tangent of a difference."""
    groups: dict[sp.Expr, list[sp.Expr]] = {}
    for term in expr.args:
        number, rest = term.as_coeff_Mul(rational=True)
        dots = [f for f in sp.Mul.make_args(rest) if isinstance(f, Var) and f.name.endswith(_DOT)]
        if len(dots) == 1 and rest != dots[0]:
            groups.setdefault(abs(number) * rest / dots[0], []).append(term)
    joined = {
        common: sp.Add(*(term / common for term in terms))
        for common, terms in groups.items()
        if len(terms) > 1
    }
    gathered = {term for common in joined for term in groups[common]}
    alone = (term for term in expr.args if term not in gathered)
    return sp.Add(*alone, *(common * inner for common, inner in joined.items()))
