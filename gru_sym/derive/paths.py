"""The paths that a Jacobian is a sum of, and how a path is written: for text and LaTeX alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape, Size, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Total
from gru_sym.algebra.present import Presenter, is_negative, product
from gru_sym.algebra.show import show

__all__ = [
    "IDENTITY",
    "Factor",
    "Path",
    "ShownFactor",
    "Term",
    "jacobian_lines",
    "shapes_between",
    "show_term",
    "terms_of",
]

IDENTITY = "identity"
"""How the identity matrix is called in a path that is one, or that picks a part of a vector."""

_LONGEST_ALIGNED = 80
"""A path that is longer does not push the names of the others to the right."""


@dataclass(frozen=True)
class Factor:
    """One factor of a path, read from the left.

    Attributes:
        kind: ``diag`` (diag of the vector, or a scalar), ``matrix``, ``column`` (a vector as n×1),
            ``row`` (the transpose of one), ``embed`` (a block into a longer vector),
            ``restrict`` (a block out of one) or ``bundle`` (the derivative of one variable by
            another, by all ways between them).
        parts: expressions; a diag, column or row is their elementwise product, in this order;
            of a bundle the variable, and that by which it is differentiated.
        bounds: for ``embed`` and ``restrict``: first block, block after the last.
        whole: for ``embed`` and ``restrict``: the dimension of the longer vector; for a column or
            a row of equal numbers, its own.
    """

    kind: str
    parts: tuple[sp.Expr, ...] = ()
    bounds: tuple[int, int] = (0, 0)
    whole: tuple[str, ...] = ()

    @property
    def expr(self) -> sp.Expr:
        """The product of the parts."""
        return sp.Mul(*self.parts)


@dataclass(frozen=True)
class Path:
    """One way of the gradient from a state to a next state.

    Attributes:
        name: the role of the variable that it goes through, ``skip`` where it goes through none
            and no matrix, ``direct`` where it goes through none.
        through: the definitions that it goes through, from the state on.
        factors: their product is the path's matrix; no factor is the identity.
    """

    name: str
    through: tuple[str, ...]
    factors: tuple[Factor, ...]

    @property
    def is_diagonal(self) -> bool:
        """Whether no matrix, and no sum, is on the way."""
        return all(f.kind == "diag" for f in self.factors)


def shapes_between(factors: Sequence[Factor], of: Shape, by: Shape) -> list[Shape]:
    """The shapes of what stands between the factors of a path, from what it leads to on.

    A diagonal, a column or a row of equal numbers is as long as what is beside it.
    """
    found: list[Shape | None] = [of, *[None] * (len(factors) - 1), by][: len(factors) + 1]
    for k, factor in enumerate(factors):
        for at, side in zip((k, k + 1), _sides(factor), strict=True):
            found[at] = side if found[at] is None else found[at]
    for order in (range(len(factors)), reversed(range(len(factors)))):
        for k in order:
            if factors[k].kind == "diag":
                found[k] = found[k + 1] if found[k] is None else found[k]
                found[k + 1] = found[k] if found[k + 1] is None else found[k + 1]
    return [shape or () for shape in found]


def _sides(factor: Factor) -> tuple[Shape | None, Shape | None]:
    """The shapes of what a factor gives and takes; None where the factor does not know."""
    match factor.kind:
        case "matrix":
            rows, columns = shape_of(factor.parts[0])
            return (rows,), (columns,)
        case "bundle":
            return shape_of(factor.parts[0]), shape_of(factor.parts[1])
        case "embed" | "restrict":
            sides = (factor.whole,), (factor.whole[slice(*factor.bounds)],)
            return sides if factor.kind == "embed" else sides[::-1]
    shape = shape_of(factor.expr) or ((factor.whole,) if factor.whole else None)
    match factor.kind:
        case "column":
            return shape, ()
        case "row":
            return (), shape
        case _:
            return shape, shape


@dataclass(frozen=True)
class ShownFactor:
    """A factor of a path: its kind (see :class:`~.jacobian.Factor`, or ``scalar``), its content."""

    kind: str
    content: tree.Node


@dataclass(frozen=True)
class Term:
    """A path as it is written: a sign and factors."""

    path: Path
    negative: bool
    factors: tuple[ShownFactor, ...]


def terms_of(paths: Iterable[Path], presenter: Presenter) -> Iterator[Term]:
    """Each path of a block as a sign and a product, its scalars within its vectors."""
    for path in paths:
        negative = False
        kinds: list[str] = []
        contents: list[list[sp.Expr]] = []
        blocks: list[Factor] = []
        for factor in chain.from_iterable(map(_with_ones, path.factors)):
            scalar = factor.kind == "diag" and not shape_of(factor.expr)
            whole = bool(kinds) and contents[-1] != [sp.S.One]
            if scalar and whole and kinds[-1] in {"diag", "column", "scalar"}:
                contents[-1] += factor.parts
            else:
                kinds.append("scalar" if scalar else factor.kind)
                contents.append(list(factor.parts))
                blocks.append(factor)
        ones = contents[1:2] == [[sp.S.One]]
        if kinds[:1] == ["scalar"] and kinds[1:2] in (["diag"], ["column"]) and not ones:
            kinds, contents = kinds[1:], [contents[0] + contents[1], *contents[2:]]
            blocks = blocks[1:]
        factors = []
        for kind, parts, factor in zip(kinds, contents, blocks, strict=True):
            if kind in {"embed", "restrict", "bundle"}:
                factors.append(ShownFactor(kind, _block(factor)))
                continue
            minus, content = _multiplied(parts, presenter)
            negative ^= minus
            if (kind, content) != ("scalar", _ONE):
                factors.append(ShownFactor(kind, content))
        yield Term(path, negative, tuple(factors))


_ONE = tree.Number(Fraction(1))


def _with_ones(factor: Factor) -> tuple[Factor, ...]:
    """A row as a number and the rest; a column of equal numbers as the number and one of ones."""
    if factor.kind == "column" and factor.expr != 1 and not shape_of(factor.expr):
        return Factor("diag", factor.parts), Factor(factor.kind, (sp.S.One,))
    if factor.kind == "row":
        split = [f.primitive() for part in factor.parts for f in sp.Mul.make_args(part)]
        numbers = [*(number for number, _ in split), *(r for _, r in split if not shape_of(r))]
        scalars = tuple(number for number in numbers if number != 1)
        if scalars:
            rest = tuple(r for _, r in split if shape_of(r))
            return Factor("diag", scalars), Factor("row", rest or (sp.S.One,))
    return (factor,)


def _block(factor: Factor) -> tree.Node:
    """The columns of the identity; for a bundle ``d(a, q)``, the derivative of a by q."""
    if factor.kind == "bundle":
        return tree.Call("d", tuple(tree.Name(str(part.name)) for part in factor.parts))
    start, stop = factor.bounds
    columns = tree.Slice(
        tree.Name(IDENTITY),
        factor.whole[:start] or None,
        factor.whole[:stop] if stop < len(factor.whole) else None,
        columns=True,
    )
    return columns if factor.kind == "embed" else tree.Transpose(columns)


def _multiplied(parts: Iterable[sp.Expr], presenter: Presenter) -> tuple[bool, tree.Node]:
    """The sign of a product and the rest of it: numbers and sizes first, then part by part."""
    negative, constant, below = False, sp.S.One, sp.S.One
    written = []
    for part in parts:
        negative ^= is_negative(part)
        number, rest = (-part if is_negative(part) else part).primitive()
        sizes = [] if rest.has(Total) else [f for f in sp.Mul.make_args(rest) if _is_size(f)]
        constant *= number
        below *= sp.Mul(*sizes)
        written.append(presenter.expression(sp.Mul(rest, *(1 / size for size in sizes))))
    over, under = (tree.Number(Fraction(int(n))) for n in (constant.p, constant.q))
    numbers = [tree.Binary("/", over, under) if under != _ONE else over]
    return negative, product([*numbers, presenter.expression(below), *written])


def _is_size(factor: sp.Expr) -> bool:
    return bool(factor.atoms(Size)) and not variables_of(factor)


def jacobian_lines(
    blocks: Mapping[tuple[Var, Var], Sequence[Path]], presenter: Presenter
) -> list[str]:
    """The blocks one after another, a path a line with its name in brackets."""
    found: list[str] = []
    for (after, state), paths in blocks.items():
        head = f"d{after.name}/d{state.name}"
        if not paths:
            found.append(f"{head} = 0")
            continue
        terms = list(terms_of(paths, presenter))
        texts = [show_term(term, bool(state.shape)) for term in terms]
        width = max((len(t) for t in texts if len(t) <= _LONGEST_ALIGNED), default=0)
        for k, (term, shown) in enumerate(zip(terms, texts, strict=True)):
            start = f"{head} = " if k == 0 else " " * (len(head) + 1)
            sign = "-" if term.negative else ""
            if k:
                sign = "- " if term.negative else "+ "
            pad = width + 2 - (len(sign) if k == 0 else 0)
            found.append(f"{start}{sign}{shown:<{pad}}  [{term.path.name}]")
    return found


def show_term(term: Term, is_array: bool = True) -> str:
    """The product of a path, without its sign, in the language of cells.

    ``diag(v)`` is the diagonal matrix; a column times a row is ``outer``; ``identity[:, :H]`` are
    the first columns of the identity.
    """
    chain: list[tree.Node] = []
    scalars = [factor.content for factor in term.factors if factor.kind == "scalar"]
    factors = [factor for factor in term.factors if factor.kind != "scalar"]
    while factors:
        factor = factors.pop(0)
        if factor.kind == "column" and factors and factors[0].kind == "row":
            chain.append(tree.Call("outer", (factor.content, factors.pop(0).content)))
        elif factor.kind in {"diag", "column", "row"}:
            chain.append(tree.Call(factor.kind, (factor.content,)))
        else:
            chain.append(factor.content)
    if not chain and is_array:
        chain = [tree.Name(IDENTITY)]
    if not chain:
        return show(product(scalars or [_ONE]))
    matrix = chain[0]
    for factor_tree in chain[1:]:
        matrix = tree.Binary("@", matrix, factor_tree)
    return show(tree.Binary("*", product(scalars), matrix) if scalars else matrix)
