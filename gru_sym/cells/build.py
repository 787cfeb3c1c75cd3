"""From a syntax tree and shapes to SymPy: equations become definitions of a Program.

Each activation with a compound argument gets that argument as a definition of its own: in the
definition of ``z`` it is called ``a_z`` (``a_z_1``, ``a_z_2`` in the order of the text where there
are several), so that every pre-activation, and later its cotangent, has a name.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dims, Shape, Size, Var, shape_of, size_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Outer, Slice, Softmax, Total, Transpose
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import RULES, apply
from gru_sym.errors import LimitError, Place, UnsupportedError

__all__ = ["ARGUMENT", "Builder", "lower"]

ARGUMENT = "a_"
"""Prefix of the name of an activation's argument."""

MAX_BITS = 4096
MAX_POWER = 64
MAX_ROOT_BITS = 1024
"""Bits of a number whose root is taken: SymPy looks for its factors."""
MAX_DEPTH = 64
"""Operations one in another, in a definition: SymPy differentiates them by recursion."""
MAX_SIZE = 20_000
"""Operations in all, what is shared counted again: ``hard_sigmoid`` has its argument twice."""
_LOWERED = frozenset(RULES) | {"hard_sigmoid", "softmax", "logsumexp"}


def lower(definition: tree.Definition) -> list[tree.Definition]:
    """The definition, preceded by the arguments of its activations as definitions.

    An argument that is a single name stays where it is (``tanh(c_next)``).
    """
    found = [node for node in _calls(definition.value) if not isinstance(node.args[0], tree.Name)]
    if not found:
        return [definition]
    name = ARGUMENT + definition.name
    outermost = found[-1] is definition.value
    inner = found[:-1] if outermost else found
    names = {id(call): f"{name}_{k}" for k, call in enumerate(inner, 1)}
    if len(found) == 1 or outermost:
        names[id(found[-1])] = name
    lines: list[tree.Definition] = []

    def change(old: tree.Node, new: tree.Node) -> tree.Node:
        if id(old) not in names or not isinstance(new, tree.Call):
            return new
        argument = names[id(old)]
        lines.append(tree.Definition(argument, new.args[0], new.place))
        return tree.Call(new.func, (tree.Name(argument, new.place),), new.place)

    value = tree.transform(definition.value, change)
    return [*lines, tree.Definition(definition.name, value, definition.place)]


def _calls(node: tree.Node) -> Iterator[tree.Call]:
    """Activations, innermost first and else in the order of the text."""
    return (n for n in tree.postorder(node) if isinstance(n, tree.Call) and n.func in _LOWERED)


class Builder:
    """Builds SymPy expressions over the variables (and sizes) that it is given.

    Raises:
        LimitError: a constant or an exponent is too large, or an expression too deep.
        UnsupportedError: an exponent that is not a number, or a value that is not real.
    """

    def __init__(self, variables: Mapping[str, Var | Size], source: str) -> None:
        self.variables = variables
        self.source = source
        self._measures: dict[sp.Basic, tuple[int, int]] = {}

    def definition(self, item: tree.Definition, shape: Shape) -> Definition:
        """``name = value`` as a definition."""
        expr = self.expression(item.value)
        depth, _ = self._measure(expr, item.place)
        if depth > MAX_DEPTH:
            raise LimitError(
                f"in the definition of `{item.name}` operations are nested deeper than {MAX_DEPTH}",
                mend="give the inner part a name on a line of its own",
                place=item.place,
                source=self.source,
            )
        if expr.has(sp.zoo, sp.nan, sp.I, sp.oo) or any(map(_complex, expr.atoms(sp.Pow))):
            raise UnsupportedError(
                f"the definition of `{item.name}` divides by zero or leaves the real numbers",
                mend="look for a denominator that is 0 and for a root of a negative number",
                place=item.place,
                source=self.source,
            )
        return Definition(Var(item.name, shape), expr, item)

    def expression(self, node: tree.Node) -> sp.Expr:
        """The SymPy expression of a tree whose shapes are known to fit."""
        try:
            return self._build(node)[0]
        except OverflowError:  # SymPy, on the way to the root of a number
            raise self._too_large(node.place) from None

    def _build(self, node: tree.Node) -> tuple[sp.Expr, Shape]:
        match node:
            case tree.Number(value, place):
                return self._number(value, place), ()
            case tree.Name(name):
                var = self.variables[name]
                return var, shape_of(var)
            case tree.Neg():
                sign = 1
                while isinstance(node, tree.Neg):
                    node, sign = node.arg, -sign
                expr, shape = self._build(node)
                return sign * expr, shape
            case tree.Binary():
                return self._binary(node)
            case tree.Transpose(arg):
                expr, shape = self._build(arg)
                return Transpose(self._matrix(expr, node.place)), shape[::-1]
            case tree.Concat(items):
                parts = [self._build(item) for item in items]
                shape = parts[0][1][:-1]
                if shape:
                    parts = [(self._matrix(e, node.place), s) for e, s in parts]
                blocks = tuple(s[-1] for _, s in parts)
                joined = tuple(name for dim in blocks for name in dim)
                return Concat(*(e for e, _ in parts), Dims(blocks)), (*shape, joined)
            case tree.Slice():
                return self._slice(node)
            case tree.Call():
                return self._call(node)

    def _binary(self, node: tree.Binary) -> tuple[sp.Expr, Shape]:
        spine = []
        left: tree.Node = node
        while isinstance(left, tree.Binary) and left.op != "**":
            spine.append(left)
            left = left.left
        if not spine:
            return self._power(node)
        value, shape = self._build(left)
        pending: list[sp.Expr] = [value]  # summands: one Add at the end, not one for each `+`
        for step in reversed(spine):
            right, other = self._build(step.right)
            if step.op in "+-":
                pending.append(right if step.op == "+" else -right)
                shape = shape or other
                continue
            value = sp.Add(*pending)
            if step.op == "@":
                value, shape = MatVec(self._matrix(value, step.place), right), (shape[0],)
            else:
                if step.op == "/" and right.is_zero:
                    raise UnsupportedError(
                        "division by zero",
                        mend="what stands right of `/` is 0 whatever its names stand for",
                        place=step.place,
                        source=self.source,
                    )
                value = value * right if step.op == "*" else value / right
                shape = shape or other
            self._bounded(value, step.place)
            pending = [value]
        return sp.Add(*pending), shape

    def _power(self, node: tree.Binary) -> tuple[sp.Expr, Shape]:
        base, shape = self._build(node.left)
        exponent = self.constant(node.right)
        if exponent is None:
            raise UnsupportedError(
                "the exponent of `**` is not a number",
                mend="write `exp(p * log(v))` for a power that is itself computed",
                place=node.place,
                source=self.source,
            )
        if abs(exponent) > MAX_POWER or exponent.denominator > MAX_POWER:
            raise LimitError(
                f"the exponent {exponent} is beyond ±{MAX_POWER}",
                mend="write the power as an exp of a log",
                place=node.place,
                source=self.source,
            )
        if exponent.denominator != 1:
            self._bounded(base, node.place, MAX_ROOT_BITS // abs(exponent.numerator))
        value = base ** self._number(exponent, node.place)
        return self._bounded(value, node.place), shape

    def constant(self, node: tree.Node) -> Fraction | None:
        """The value of a tree of numbers, or None."""
        sign = 1
        while isinstance(node, tree.Neg):
            node, sign = node.arg, -sign
        if isinstance(node, tree.Number):
            return sign * node.value
        if isinstance(node, tree.Binary) and node.op in {"+", "-", "*", "/"}:
            left, right = self.constant(node.left), self.constant(node.right)
            if left is None or right is None or (node.op == "/" and right == 0):
                return None
            return sign * _FOLD[node.op](left, right)
        if isinstance(node, tree.Binary) and node.op == "**":
            left, right = self.constant(node.left), self.constant(node.right)
            if left is None or right is None or right.denominator != 1:
                return None
            bits = max(left.numerator.bit_length(), left.denominator.bit_length())
            if bits * abs(right) > MAX_BITS or (left == 0 and right < 0):
                return None
            return sign * left ** int(right)
        return None

    def _matrix(self, expr: sp.Expr, place: Place) -> sp.Expr:
        """A matrix, or 0: one that is a number everywhere has no shape to tell its size by."""
        if expr.is_zero or len(shape_of(expr)) == 2:
            return expr
        raise UnsupportedError(
            "a matrix whose entries are all equal",
            mend="write `sum(v)` for the product of a matrix of ones with `v`",
            place=place,
            source=self.source,
        )

    def _slice(self, node: tree.Slice) -> tuple[sp.Expr, Shape]:
        expr, shape = self._build(node.arg)
        dim = shape[-1]
        start = _count(dim, node.start) if node.start is not None else 0
        stop = _count(dim, node.stop) if node.stop is not None else len(dim)
        return Slice(expr, Dims(shape), start, stop), (*shape[:-1], dim[start:stop])

    def _call(self, node: tree.Call) -> tuple[sp.Expr, Shape]:
        parts = [self._build(arg) for arg in node.args]
        expr, shape = parts[0]
        match node.func:
            case "outer":
                right, other = parts[1]
                return Outer(expr, right, (*shape, *other)), (*shape, *other)
            case "sum":
                return Total(expr, shape), ()
            case "mean":
                return Total(expr, shape) / size_of(shape), ()
            case "softmax":
                return Softmax(expr, shape), shape
            case "logsumexp":
                return LogSumExp(expr, shape), ()
            case name:
                value = apply(name, expr)
                self._measure(value, node.place)
                return value, shape

    def _number(self, value: Fraction, place: Place) -> sp.Expr:
        return self._bounded(sp.Rational(value.numerator, value.denominator), place)

    def _bounded(self, value: sp.Expr, place: Place, bits: int = MAX_BITS) -> sp.Expr:
        number = value.as_coeff_Mul(rational=True)[0]
        if max(abs(number.p), number.q).bit_length() > bits:
            raise self._too_large(place, bits)
        return value

    def _too_large(self, place: Place, bits: int = MAX_BITS) -> LimitError:
        return LimitError(
            f"a number of more than {bits} bits",
            mend="make it a parameter",
            place=place,
            source=self.source,
        )

    def _measure(self, expr: sp.Expr, place: Place) -> tuple[int, int]:
        """The depth of an expression and its size, in which what is shared counts again."""
        known, pending = self._measures, [expr]
        while pending:
            at = pending[-1]
            new = [arg for arg in at.args if arg not in known]
            if at not in known and not new:
                inner = [known[arg] for arg in at.args]
                known[at] = (
                    1 + max((depth for depth, _ in inner), default=-1),
                    1 + sum(size for _, size in inner),
                )
            pending = pending[:-1] if not new else pending + new
        depth, size = known[expr]
        if size > MAX_SIZE:
            raise LimitError(
                f"an expression of more than {MAX_SIZE:,} operations, written out",
                mend="give the inner part a name on a line of its own",
                place=place,
                source=self.source,
            )
        return depth, size


_FOLD: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _complex(power: sp.Pow) -> bool:
    """Whether this is a root of a negative number."""
    base, exponent = power.as_base_exp()
    return bool(base.is_Rational and base.is_negative and not exponent.is_Integer)


def _count(dim: tuple[str, ...], names: tuple[str, ...]) -> int:
    """How many parts of a dimension a bound stands for."""
    return next(k for k in range(len(dim) + 1) if sorted(dim[:k]) == sorted(names))
