"""The paths that a Jacobian is a sum of, and how a path is written: for text and LaTeX alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var, shape_of
from gru_sym.algebra.present import Presenter, is_negative, product
from gru_sym.algebra.show import show

__all__ = [
    "IDENTITY",
    "Factor",
    "Path",
    "ShownFactor",
    "Term",
    "jacobian_lines",
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
            ``row`` (the transpose of one), ``embed`` (a block into a longer vector) or
            ``restrict`` (a block out of one).
        parts: expressions; a diag, column or row is their elementwise product, in this order.
        bounds: for ``embed`` and ``restrict``: first block, block after the last.
        whole: for ``embed`` and ``restrict``: the dimension of the longer vector.
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
        contents: list[list[tree.Node]] = []
        for factor in chain.from_iterable(map(_with_ones, path.factors)):
            minus, parts = _parts(factor, presenter)
            negative ^= minus
            scalar = factor.kind == "diag" and not shape_of(factor.expr)
            whole = bool(kinds) and contents[-1] != [_ONE]
            if scalar and whole and kinds[-1] in {"diag", "column", "scalar"}:
                contents[-1] += parts
            else:
                kinds.append("scalar" if scalar else factor.kind)
                contents.append(parts)
        ones = contents[1:2] == [[_ONE]]
        if kinds[:1] == ["scalar"] and kinds[1:2] in (["diag"], ["column"]) and not ones:
            kinds, contents = kinds[1:], [contents[0] + contents[1], *contents[2:]]
        factors = (
            ShownFactor(kind, product(_without_ones(parts)))
            for kind, parts in zip(kinds, contents, strict=True)
        )
        kept = tuple(f for f in factors if not (f.kind == "scalar" and f.content == _ONE))
        yield Term(path, negative, kept)


_ONE = tree.Number(Fraction(1))


def _with_ones(factor: Factor) -> tuple[Factor, ...]:
    """A column or a row of equal numbers as the number and the column or row of ones."""
    if factor.kind in {"column", "row"} and factor.expr != 1 and not shape_of(factor.expr):
        return Factor("diag", factor.parts), Factor(factor.kind, (sp.S.One,))
    return (factor,)


def _parts(factor: Factor, presenter: Presenter) -> tuple[bool, list[tree.Node]]:
    """The sign of a factor, and its parts without it."""
    if factor.kind in {"embed", "restrict"}:
        start, stop = factor.bounds
        columns = tree.Slice(
            tree.Name(IDENTITY),
            factor.whole[:start] or None,
            factor.whole[:stop] if stop < len(factor.whole) else None,
            columns=True,
        )
        return False, [columns if factor.kind == "embed" else tree.Transpose(columns)]
    negative, parts = False, []
    for part in factor.parts:
        minus = is_negative(part)
        negative ^= minus
        number, rest = (-part if minus else part).primitive()
        if number.q == 1 and number != 1:
            parts.append(presenter.expression(number))
        else:
            rest *= number
        parts.append(presenter.expression(rest))
    return negative, parts


def _without_ones(parts: list[tree.Node]) -> list[tree.Node]:
    return [part for part in parts if part != _ONE] or [_ONE]


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
