"""NumPy statements that compute in place: every result has its array, nothing is allocated.

A sum or product of several values becomes a line for each operation, ``np.multiply(z, h, out=…)``;
what it needs in between goes to arrays that all lines share.
"""

from collections.abc import Callable
from fractions import Fraction

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Shape, Size, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Slice, Softmax, Total, Transpose
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.text import decimal, number_text

__all__ = ["CALLS", "InPlace", "InPlaceRows"]

CALLS = {
    "abs": "absolute",
    "cos": "np.cos",
    "exp": "np.exp",
    "log": "np.log",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "sin": "np.sin",
    "softplus": "softplus",
    "sqrt": "np.sqrt",
    "step": "step",
    "tanh": "np.tanh",
    "tanh_slope": "tanh_slope",
}
"""Function → what is called; each takes ``out``."""


class InPlace:
    """Writes the lines that leave an expression's value in a given array.

    Args:
        name: variable or size → its text within the step.
        scratch: shape → the text of an array for one step that nobody else uses now.
        release: gives such an array back.
        matrix: (matrix, turned) → the text of what a row is multiplied by from the right.
        cut: (dimension, first block, block after the last) → the text of the slice of these.
        fixed: the text of a value that is the same at each step; None where it is not.
    """

    _with_work = frozenset({"logsumexp", "tanh_slope"})  # also need an array to compute in

    def __init__(
        self,
        name: Callable[[Var | Size], str],
        scratch: Callable[[Shape], str],
        release: Callable[[str], None],
        matrix: Callable[[Expr, bool], str],
        cut: Callable[[tuple[str, ...], int, int], str],
        fixed: Callable[[Expr], str | None],
    ) -> None:
        self._fixed = fixed
        self._name = name
        self._scratch = scratch
        self._release = release
        self._matrix = matrix
        self._cut = cut

    def lines(self, expr: Expr, out: str, shape: Shape, *, contiguous: bool) -> list[str]:
        """Lines that compute ``expr`` into the array ``out`` of this shape."""
        self._whole = {out} if contiguous else set()
        self._lines: list[str] = []
        self._into(expr, out, shape)
        return self._lines

    # -- values --------------------------------------------------------------------------------

    def _atom(self, expr: Expr) -> str | None:
        """The text of what needs no computing: a variable, a constant."""
        if isinstance(expr, Var | Size):
            return self._name(expr)
        if not expr.free_symbols:
            return _number(expr)
        sizes = not variables_of(expr)  # Python's integers: NumPy's 1 / n would be one, too
        return self._fixed(expr) if sizes or expr.atoms(Node) else None

    def _value(self, expr: Expr, shape: Shape) -> tuple[str, bool]:
        """The text of a value, and whether it is an array to be released."""
        atom = self._atom(expr)
        if atom is not None:
            return atom, False
        own = shape_of(expr) and shape
        array = self._scratch(own)
        self._whole.add(array)
        self._into(expr, array, own)
        return array, True

    def _into(self, expr: Expr, out: str, shape: Shape) -> None:
        atom = self._atom(expr)
        if atom is not None:
            if atom != out:
                self._lines.append(f"{out}[...] = {_bare(atom)}")
        elif shape and not shape_of(expr):  # one number for each row
            value, _ = self._value(expr, ())
            self._lines.append(f"{out}[...] = {_bare(value)}")
            self._release(value)
        elif isinstance(expr, Node):
            self._node(expr, out)
        elif isinstance(expr, sp.Add):
            self._sum(expr, out, shape)
        elif isinstance(expr, sp.Mul):
            self._product(expr, out, shape)
        elif isinstance(expr, sp.Pow):
            self._power(expr, out, shape)
        elif isinstance(expr, Elementwise):
            self._function(expr, out, shape)
        else:
            raise AssertionError(f"no way to write {type(expr).__name__}")

    def _function(self, expr: Expr, out: str, shape: Shape) -> None:
        arg, name = expr.args[0], expr.func.__name__
        if (text := self._atom(arg)) is None:
            self._into(arg, out, shape)
            text = out
        self._called(CALLS[name], text, out, shape)

    def _called(self, function: str, arg: str, out: str, shape: Shape) -> None:
        """A line that calls a function, with an array for what lies in between if it needs one."""
        if function not in self._with_work:
            self._lines.append(f"{function}({arg}, out={out})")
            return
        work = self._scratch(shape)
        self._lines.append(f"{function}({arg}, out={out}, work={work})")
        self._release(work)

    def _sum(self, expr: Expr, out: str, shape: Shape) -> None:
        terms = sorted(expr.args, key=self._sum_order(out))
        first, rest = terms[0], terms[1:]
        if self._atom(first) is None:
            self._into(first, out, shape)
        elif self._atom(first) != out:
            # Two that need no computing: one line for both.
            second = next(
                (t for t in rest if self._atom(t) is not None or self._atom(-t) is not None), None
            )
            if second is None:
                self._into(first, out, shape)
            else:
                rest.remove(second)
                minus = self._atom(second) is None or _negative_number(second)
                other = self._atom(-second if minus else second)
                op = "np.subtract" if minus else "np.add"
                self._lines.append(f"{op}({self._atom(first)}, {other}, out={out})")
        for term in rest:
            minus = bool(term.as_coeff_Mul()[0] < 0)
            value, mine = self._value(-term if minus else term, shape)
            self._lines.append(f"{out} {'-' if minus else '+'}= {_bare(value)}")
            if mine:
                self._release(value)

    def _sum_order(self, out: str) -> Callable[[Expr], tuple[int, ...]]:
        def key(term: Expr) -> tuple[int, ...]:
            atom = self._atom(term)
            if atom == out:
                return (0,)
            if isinstance(term, MatVec):
                return (1,)
            if atom is None and not term.as_coeff_Mul()[0] < 0 and shape_of(term):
                return (2,)
            return (3 if isinstance(term, Var) and shape_of(term) else 4,)

        return key

    def _product(self, expr: Expr, out: str, shape: Shape) -> None:
        number, rest = expr.as_coeff_Mul()
        over: list[Expr] = []
        under: list[Expr] = []
        for factor in sp.Mul.make_args(rest):
            inverse = isinstance(factor, sp.Pow) and factor.exp.is_Number and factor.exp < 0
            (under if inverse else over).append(1 / factor if inverse else factor)
        # What stands in the array already comes first, then what must be computed there.
        over.sort(key=lambda f: (self._atom(f) != out, self._atom(f) is not None, not shape_of(f)))
        if not over:
            over = [sp.S.One]
        first, rest = over[0], over[1:]
        used = False
        if self._atom(first) is None:
            self._into(first, out, shape)
        elif self._atom(first) == out:
            pass
        elif rest:
            other, mine = self._value(rest.pop(0), shape)
            self._lines.append(f"np.multiply({self._atom(first)}, {other}, out={out})")
            if mine:
                self._release(other)
        elif under:
            other, mine = self._value(under.pop(0), shape)
            self._lines.append(f"np.divide({self._atom(first)}, {other}, out={out})")
            if mine:
                self._release(other)
        elif number == -1:
            self._lines.append(f"np.negative({self._atom(first)}, out={out})")
            used = True
        else:
            self._lines.append(f"np.multiply({self._atom(first)}, {_number(number)}, out={out})")
            used = True
        for op, factors in (("*", rest), ("/", under)):
            for factor in factors:
                value, mine = self._value(factor, shape)
                self._lines.append(f"{out} {op}= {_bare(value)}")
                if mine:
                    self._release(value)
        if number == -1 and not used:
            self._lines.append(f"np.negative({out}, out={out})")
        elif number != 1 and not used:
            self._lines.append(f"{out} *= {_number(number)}")

    def _power(self, expr: Expr, out: str, shape: Shape) -> None:
        base, exponent = expr.args
        text = self._atom(base)
        if text is None:
            self._into(base, out, shape)
            text = out
        match exponent:
            case sp.Integer() if exponent == 2:
                self._lines.append(f"np.square({text}, out={out})")
            case sp.Integer() if exponent == -1:
                self._lines.append(f"np.reciprocal({text}, out={out})")
            case sp.Rational() if abs(exponent) == sp.Rational(1, 2):
                self._lines.append(f"np.sqrt({text}, out={out})")
                if exponent < 0:
                    self._lines.append(f"np.reciprocal({out}, out={out})")
            case _:
                self._lines.append(f"np.power({text}, {float(exponent)!r}, out={out})")

    # -- nodes ---------------------------------------------------------------------------------

    def _node(self, node: Node, out: str) -> None:
        match node:
            case MatVec():
                matrix, vector = node.args
                turned = isinstance(matrix, Transpose)
                held = matrix.args[0] if turned else matrix
                _, m = shape_of(matrix)
                row, mine = self._vector(vector, (m,))
                right = self._matrix(held, turned)
                if out in self._whole:
                    self._lines.append(self._dot(row, right, out))
                else:
                    array = self._scratch(node.shape)
                    self._lines.append(self._dot(row, right, array))
                    self._lines.append(f"{out}[...] = {array}")
                    self._release(array)
                if mine:
                    self._release(row)
            case Concat():
                at = 0
                for item, dim in zip(node.operands, node.blocks, strict=True):
                    cut = self._cut(node.shape[0], at, at + len(dim))
                    at += len(dim)
                    value, mine = self._value(item, (dim,))
                    self._lines.append(f"{out}[..., {cut}] = {_bare(value)}")
                    if mine:
                        self._release(value)
            case Slice():
                value, mine = self._value(node.args[0], node.whole)
                cut = self._cut(node.whole[0], *node.bounds)
                self._lines.append(f"{out}[...] = {value}[..., {cut}]")
                if mine:
                    self._release(value)
            case Total():
                value, mine = self._vector(node.args[0], node.summed)
                self._lines.append(f"np.sum({value}, axis=-1, keepdims=True, out={out})")
                if mine:
                    self._release(value)
            case Softmax() | LogSumExp():
                shape = node.shape if isinstance(node, Softmax) else node.summed
                value, mine = self._vector(node.args[0], shape)
                self._called(
                    "softmax" if isinstance(node, Softmax) else "logsumexp", value, out, shape
                )
                if mine:
                    self._release(value)
            case _:
                raise AssertionError(f"no {type(node).__name__} in a step")

    def _dot(self, row: str, matrix: str, out: str) -> str:
        """The line of a product."""
        return f"np.dot({row}, {matrix}, out={out})"

    def _vector(self, expr: Expr, shape: Shape) -> tuple[str, bool]:
        """A value as an array of the full shape, though it may be a broadcast scalar."""
        if isinstance(expr, Var) and expr.shape == shape:
            return self._name(expr), False
        array = self._scratch(shape)
        self._whole.add(array)
        self._into(expr, array, shape)
        return array, True


class InPlaceRows(InPlace):
    """The same for whole sequences: a product is one of T·B rows; it is done once, ahead."""

    _with_work = frozenset[str]()

    def _dot(self, row: str, matrix: str, out: str) -> str:
        return f"np.dot(rows({row}), {matrix}, out=rows({out}))"


def _number(expr: Expr) -> str:
    if expr.is_Integer:
        return number_text(Fraction(int(expr))) or str(expr)
    return decimal(expr)


def _bare(text: str) -> str:
    """The text without brackets around all of it."""
    depth = 0
    for k, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[1:-1] if k and k == len(text) - 1 else text
    return text


def _negative_number(expr: Expr) -> bool:
    return bool(expr.is_Number and expr < 0)
