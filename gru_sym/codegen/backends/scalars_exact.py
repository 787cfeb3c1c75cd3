"""Elementwise expressions as Python over numbers of any precision.

No number passes through a float: ``1 / 3`` is a quotient of exact numbers, as is ``0.00001``, and a
constant like ``sqrt(2)`` is computed at the precision of the moment, once.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Expr, Size, Var, variables_of
from gru_sym.algebra.present import Presenter
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.schedule import ROWS
from gru_sym.codegen.text import constants, python

__all__ = ["Exact"]

_SHORT = 10**12
"""The language of cells writes larger integers with an e, which would make floats of them."""


class Exact:
    """Writes expressions.

    Args:
        number: what makes an exact number of an integer.
        power: what raises to a positive integer; empty: the operator does.
        namer: the identifiers.
        presenter: the order of a reader.
        use: called with each size that is mentioned.
    """

    def __init__(
        self,
        number: str,
        power: str,
        namer: Namer,
        presenter: Presenter,
        use: Callable[[str], object],
    ) -> None:
        self._number = number
        self._power = power
        self._namer = namer
        self._presenter = presenter
        self._use = use
        self._constants: dict[str, str] = {}

    @property
    def constants(self) -> list[str]:
        """Lines that define the constants of all that was written."""
        return [f"{name} = {text}" for text, name in self._constants.items()]

    def text(self, expr: Expr, entry: Callable[[Var], str]) -> str:
        """The text of an expression without nodes; ``entry`` gives that of a variable."""
        fixed = {item: Var(f"constant {k}") for k, item in enumerate(constants(expr))}
        texts = {str(v.name): self._constant(item) for item, v in fixed.items()}
        plain = expr.xreplace(fixed)
        texts |= {str(v.name): entry(v) for v in variables_of(plain) if str(v.name) not in texts}
        return self._shown(plain, texts)

    def _constant(self, expr: Expr) -> str:
        """The name of a constant."""
        text = self._shown(expr, {})
        if text not in self._constants:
            self._constants[text] = self._namer.fresh("constant")
        return self._constants[text]

    def _shown(self, expr: Expr, texts: Mapping[str, str]) -> str:
        """The text, in which no quotient, root or function of integers is left to Python."""
        integers = {self._size(size) for size in expr.atoms(Size)}

        def whole(node: tree.Node) -> bool:
            match node:
                case tree.Number(value=value):
                    return value.denominator == 1
                case tree.Name(name=name):
                    return name in integers or name.isdecimal()
                case tree.Neg(arg=arg):
                    return whole(arg)
                case tree.Binary(op="+" | "-" | "*", left=left, right=right):
                    return whole(left) and whole(right)
            return False

        def exact(node: tree.Node) -> tree.Node:
            return tree.Call(self._number, (node,)) if whole(node) else node

        def integer(value: int) -> tree.Node:
            return tree.Number(Fraction(value)) if value < _SHORT else tree.Name(str(value))

        def change(_old: tree.Node, new: tree.Node) -> tree.Node:
            match new:
                case tree.Name(name=name):
                    return tree.Name(texts.get(name) or self._size(Size(name)))
                case tree.Number(value=Fraction(numerator=above, denominator=below)):
                    over = integer(above)
                    return over if below == 1 else tree.Binary("/", exact(over), integer(below))
                case tree.Call(func=func, args=args):
                    return tree.Call(func, tuple(map(exact, args)))
                case tree.Binary(op="/", left=left, right=right) if whole(right):
                    return tree.Binary("/", exact(left), right)
                case tree.Binary(op="**", left=left, right=right):
                    if self._power and whole(right):
                        return tree.Call(self._power, (exact(left), right))
                    return tree.Binary("**", exact(left), right)
            return new

        return python(exact(tree.transform(self._presenter.expression(expr), change)))

    def _size(self, size: Size) -> str:
        if size.name == ROWS:
            return "(T * B)"
        self._use(str(size.name))
        return self._namer.size(str(size.name))
