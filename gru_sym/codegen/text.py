"""Elementwise expressions as Python: the order and signs of a person, a backend's own words.

What is not elementwise (a product, a sum …) is written by whoever asks, as the text of an atom.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Expr, Node, Size, Var, nodes_of, variables_of
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.rules import RULES, Elementwise
from gru_sym.algebra.show import show
from gru_sym.errors import UnsupportedError

__all__ = ["Writer", "constants", "decimal", "in_sympy", "number_text", "python"]

_EXACT = 2**53


def decimal(number: Expr) -> str:
    """A constant as the nearest double.

    Raises:
        UnsupportedError: it is none: complex, or beyond the doubles.
    """
    try:
        if number.is_Rational:
            return _literal(Fraction(int(number.p), int(number.q)))
        return _literal(in_sympy(number).evalf(30))
    except (OverflowError, TypeError) as error:
        raise UnsupportedError(
            f"the constant {number} is not a real number in double precision",
            mend="make it a parameter",
        ) from error


def _literal(number: Fraction | Expr) -> str:
    """The nearest double as ruff writes it: ``1e20``, not ``1e+20``."""
    return repr(float(number)).replace("e+", "e")


def in_sympy(expr: Expr) -> Expr:
    """A constant in SymPy's own functions, which can be evaluated."""
    if not expr.args:
        return expr
    args = [in_sympy(arg) for arg in expr.args]
    if isinstance(expr, Elementwise):
        return RULES[expr.func.__name__].definition(args[0])
    return expr.func(*args)


def number_text(value: Fraction) -> str | None:
    """How Python writes a rational number; None: as the language of cells does."""
    if max(abs(value.numerator), value.denominator) > _EXACT:
        return _literal(value)
    return None


class Writer:
    """Writes expressions over variables in a backend's words.

    Args:
        variables: in the order in which a reader meets them.
        given: those that are not defined.
        functions: function of the language → what is called (``tanh`` → ``np.tanh``).
        constant: the text of a constant that is no rational number.
        number: the text of a rational number; None where the language's own will do.
    """

    def __init__(
        self,
        variables: Iterable[Var],
        given: Iterable[Var],
        functions: Mapping[str, str],
        constant: Callable[[Expr], str] = decimal,
        number: Callable[[Fraction], str | None] = number_text,
    ) -> None:
        self._presenter = Presenter(variables, given)
        self._functions = functions
        self._constant = constant
        self._number = number

    def text(
        self,
        expr: Expr,
        name: Callable[[Var | Size], str],
        node: Callable[[Node], str | tree.Node],
    ) -> str:
        """The Python text of an expression.

        Args:
            expr: any expression.
            name: variable or size → its text.
            node: node → its text, in brackets where it is no atom; or its tree, whose names are
                texts already.
        """
        texts: dict[str, str | tree.Node] = {}
        stand_in: dict[Expr, Expr] = {}
        for k, part in enumerate((*nodes_of(expr), *constants(expr))):
            shape = part.shape if isinstance(part, Node) else ()
            dummy = Var(f"part {k}", shape)
            texts[str(dummy.name)] = node(part) if isinstance(part, Node) else self._constant(part)
            stand_in[part] = dummy
        plain = expr.xreplace(stand_in)
        # In an order of their own: whoever asks may note what is asked for.
        for atom in sorted(plain.atoms(Var, Size), key=lambda atom: str(atom.name)):
            if str(atom.name) not in texts:
                texts[str(atom.name)] = name(atom)

        def change(_old: tree.Node, new: tree.Node) -> tree.Node:
            match new:
                case tree.Name(name=known):
                    text = texts[known]
                    return tree.Name(text) if isinstance(text, str) else text
                case tree.Call(func=func):
                    return tree.Call(self._functions[func], new.args)
                case tree.Number(value=value) if (written := self._number(value)) is not None:
                    return tree.Name(written)
            return new

        return python(tree.transform(self._presenter.expression(plain), change))


def python(node: tree.Node) -> str:
    """A tree as ruff writes it, ``-(x**2)`` and ``x ** (1 / 3)``; ``x`` for ``--x``."""

    def change(_old: tree.Node, new: tree.Node) -> tree.Node:
        match new:
            case tree.Neg(arg=tree.Binary(op="**") as power):
                return tree.Neg(tree.Name(f"({show(power)})"))
            case tree.Neg(arg=tree.Neg(arg=value)):
                return value
        return new

    return spaced(show(tree.transform(node, change)))


def spaced(text: str) -> str:
    """The text with spaces around powers where ruff wants them.

    >>> spaced("x**2 + x**(1 / 3) + f(x)**2")
    'x**2 + x ** (1 / 3) + f(x) ** 2'
    """
    return re.sub(r"(?<=[)\]])\*\*|\*\*(?=\()", " ** ", text)


def constants(expr: Expr) -> list[Expr]:
    """The largest parts without variables that are not rational: ``sqrt(2)``, ``sigmoid(2)``."""
    found: dict[Expr, None] = {}
    stack = [expr]
    while stack:
        item = stack.pop()
        if isinstance(item, Node) or item.is_Rational or not item.args:
            continue
        if not variables_of(item) and not item.atoms(Size):
            found[item] = None
            continue
        if isinstance(item, sp.Pow):
            stack.append(item.base)
        else:
            stack.extend(item.args[::-1])
    return list(found)
