"""The product of Jacobians over time, and what bounds its norm."""

from collections.abc import Iterator
from fractions import Fraction

import sympy as sp

from gru_sym.algebra.expr import Shape, Var, shape_of, variables_of
from gru_sym.algebra.lines import Row
from gru_sym.algebra.present import product
from gru_sym.algebra.rules import Elementwise
from gru_sym.algebra.symbols import partial
from gru_sym.algebra.tree import Number
from gru_sym.algebra.typeset import dimension
from gru_sym.derive.bundles import diagonals
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Factor, Path, shapes_between
from gru_sym.derive.products import block_head
from gru_sym.documents.context import Context, joined, prose
from gru_sym.latex.blocks import Block, Math, Paragraph, Ref, Section, Spans

__all__ = ["product_section"]

_ONE = Number(Fraction(1))
_ALL = r"\mathbf{s}"
"""All states of a cell that has several, together."""

_MOST_PATHS = 16
"""A block with more has a bound that nobody reads, and that is too long for KaTeX."""

_AT_MOST_ONE = frozenset({"sigmoid", "tanh", "sin", "cos", "step"})


def product_section(context: Context, jacobian: Jacobian) -> Section:
    """The product of Jacobians, and bounds on its norm by those of the factors."""
    cell = context.cell
    before, now = _state(context, "t-1"), _state(context, "t")
    first, last = _state(context, "0"), _state(context, "T")
    blocks: list[Block] = []
    if len(cell.states) > 1:
        naming = context.printer.style.name_of
        states = r",\, ".join(naming.indexed(str(v.name), "t") for v in cell.states)
        text = "All states together are {}, and the blocks above make one matrix."
        blocks.append(Paragraph(prose(text, Math(rf"{now} = ({states})"))))
    turned = context.notation.in_rows
    order = r"J_{1}\,J_{2} \cdots J_{T}" if turned else r"J_{T} \cdots J_{2}\,J_{1}"
    blocks += [
        context.formula(
            ("product",),
            [Row(partial(last, first), rf"{order}, \quad J_{{t}} = {partial(now, before)}")],
            prose(
                "Chain rule over time: the state at $t$ depends on what came before by the state "
                "at $t - 1$ alone. Matrices do not commute, so the order counts."
            ),
        ),
        context.formula(
            ("norms",),
            [
                Row(
                    rf"\Bigl\lVert {partial(last, first)} \Bigr\rVert_{{2}}",
                    r"\prod_{t=1}^{T} \lVert J_{t} \rVert_{2}",
                    relation=r"\le",
                )
            ],
            prose(
                "The 2-norm of a product is at most the product of the norms, from {}.",
                context.ref(("product",)),
            ),
        ),
    ]
    known: Ref | None = None
    twice: set[tuple[Var, Var]] = set()
    for key, paths in (*jacobian.bundles.items(), *jacobian.blocks.items()):
        if len(paths) > _MOST_PATHS:
            text = (
                f"The norm of the block in {{}} is at most the sum of the norms of its {len(paths)}"
                " paths, each at most the product of the norms of its factors; the norm of a "
                "diagonal matrix is its largest entry."
            )
            blocks.append(Paragraph(prose(text, context.ref(("block", key)))))
        elif paths:
            bound, two = _block_bound(context, key, paths, known)
            blocks.append(bound)
            if two:
                twice.add(key)
                known = known or context.ref(("bound", key))
    blocks += _meaning(context, jacobian, twice)
    return Section("The product of Jacobians, and what bounds it", tuple(blocks))


def _state(context: Context, index: str) -> str:
    states = context.cell.states
    if len(states) > 1:
        return f"{_ALL}_{{{index}}}"
    return context.printer.style.name_of.indexed(str(states[0].name), index)


def _block_bound(
    context: Context, key: tuple[Var, Var], paths: tuple[Path, ...], known: Ref | None
) -> tuple[Block, bool]:
    """The bound of a block, and whether it has a second line, with numbers for activations.

    ``known`` is where it was said what these are.
    """
    exact = [_product_of_norms(context, key, path, known=False) for path in paths]
    coarse = [_product_of_norms(context, key, path, known=True) for path in paths]
    head = rf"\Bigl\lVert {block_head(key, context.printer)} \Bigr\rVert_{{2}}"
    rows = [Row(head, " + ".join(exact), relation=r"\le")]
    reason = prose(
        "Triangle inequality over the paths in {}; the norm of a diagonal matrix is the largest "
        "absolute value of its entries",
        context.ref(("block", key)),
    )
    if coarse != exact:
        rows.append(Row("{}", " + ".join(coarse), relation=r"\le"))
        said = prose("the bounds of {}", known) if known else _known(context)
        reason += prose("; then {}", said)
    return context.formula(("bound", key), rows, (*reason, ".")), len(rows) > 1


def _known(context: Context) -> Spans:
    """What is known of the activations that this cell has."""
    kinds = {
        type(part).__name__ for d in context.cell.program for part in d.expr.atoms(Elementwise)
    }
    kinds |= {"step"} if "relu" in kinds else set()
    words: list[Spans] = []
    if "sigmoid" in kinds:
        words.append(prose(r"$\sigma$ is at most 1 and $\sigma\,(1 - \sigma)$ at most 1/4"))
    if "tanh" in kinds:
        words.append(prose(r"$\tanh$ and $1 - \tanh^{2}$ are at most 1"))
    for kind in sorted(kinds & {"sin", "cos", "step"}):
        words.append((f"{kind} is at most 1",))
    return joined(words, last="; ")


def _product_of_norms(context: Context, key: tuple[Var, Var], path: Path, *, known: bool) -> str:
    """The norms of a path's factors, side by side; ``known`` puts numbers for what is bounded."""
    number: sp.Rational = sp.S.One
    shown: list[str] = []
    shapes = shapes_between(path.factors, *(v.shape for v in key))
    for factor, above, below in zip(path.factors, shapes[:-1], shapes[1:], strict=True):
        match factor.kind:
            case "embed" | "restrict":
                continue
            case "bundle":
                inner = partial(*(context.printer.expression(part) for part in factor.parts))
                shown.append(_norm(inner, "2"))
                continue
            case "matrix":
                shown.append(_norm(context.printer.expression(factor.parts[0], matrix=True), "2"))
                continue
        content, rest = _content(factor)
        number *= content
        if known:
            largest, rest = _without_bounded(context, rest)
            number *= largest
        sizes = sp.Mul(*(each for part in rest for each in part if not variables_of(each)))
        if sizes != 1:
            shown.append(context.printer.expression(sizes))
        kept = [sp.Mul(*filter(variables_of, part)) for part in rest]
        kept = [each for each in kept if each != 1]
        whole = sp.Mul(*kept)
        if whole != 1:
            presenter = context.printer.presenter
            inner = context.printer.node(product([presenter.expression(each) for each in kept]))
            size = r"\infty" if factor.kind == "diag" else "2"
            shown.append(_norm(inner, size if shape_of(whole) else ""))
        if factor.kind in {"column", "row"} and not shape_of(whole):
            long = _length(above if factor.kind == "column" else below)
            shown.append(rf"\sqrt{{{long}}}")
    if number != 1 or not shown:
        shown.insert(0, context.printer.expression(number).replace(r"\frac", r"\tfrac"))
    return r"\,".join(shown)


def _norm(inner: str, size: str) -> str:
    """A norm, or without a size the absolute value of a number; as tall as a fraction within."""
    left, right = (r"\Bigl", r"\Bigr") if r"\frac" in inner else ("", "")
    bar, below = ("Vert", f"_{{{size}}}") if size else ("vert", "")
    return rf"{left}\l{bar} {inner} {right}\r{bar}{below}"


def _length(shape: Shape) -> str:
    return " + ".join(map(dimension, shape[0])) if shape else ""


def _content(factor: Factor) -> tuple[sp.Rational, list[list[sp.Expr]]]:
    """The size of the number in front, and what each part of the factor multiplies."""
    number: sp.Rational = sp.S.One
    rest = []
    for part in factor.parts:
        split = [each.primitive() for each in sp.Mul.make_args(part)]
        number *= sp.Mul(*(content for content, _ in split))
        rest.append([inner for _, inner in split if inner not in {1, -1}])
    return number, rest


def _without_bounded(
    context: Context, parts: list[list[sp.Expr]]
) -> tuple[sp.Rational, list[list[sp.Expr]]]:
    """What is at most a number, as that number; and what is left."""
    values = {d.var: d.expr for d in context.cell.program}
    number: sp.Rational = sp.S.One
    factors = [each for part in parts for each in part]
    for bounded in sorted(_bounded(values, sp.Mul(*factors)), key=str):
        if _kind(values, bounded) == "sigmoid" and {bounded, 1 - bounded} <= set(factors):
            factors.remove(bounded)
            factors.remove(1 - bounded)
            number /= 4
        for small in _at_most_one(values, bounded):
            if small in factors:
                factors.remove(small)
    rest: list[list[sp.Expr]] = []
    for part in parts:
        rest.append([])
        for each in part:
            if each in factors:
                factors.remove(each)
                rest[-1].append(each)
    return number, rest


def _kind(values: dict[Var, sp.Expr], of: sp.Expr) -> str:
    """The activation that a variable is defined as, or that an expression is."""
    value = values.get(of, of) if isinstance(of, Var) else of
    return type(value).__name__ if isinstance(value, Elementwise) else ""


def _bounded(values: dict[Var, sp.Expr], expr: sp.Expr) -> Iterator[sp.Expr]:
    for part in {*expr.atoms(Var), *expr.atoms(Elementwise)}:
        if _kind(values, part) in _AT_MOST_ONE:
            yield part


def _at_most_one(values: dict[Var, sp.Expr], bounded: sp.Expr) -> Iterator[sp.Expr]:
    yield bounded
    if _kind(values, bounded) == "sigmoid":
        yield 1 - bounded
    if _kind(values, bounded) == "tanh":
        yield 1 - bounded**2


def _meaning(context: Context, jacobian: Jacobian, twice: set[tuple[Var, Var]]) -> Iterator[Block]:
    """What the bounds say; ``twice`` are the blocks whose bound has two lines."""
    bounded = [("bound", key) for key in jacobian.blocks if ("bound", key) in context.numbers]
    bounds = [context.ref(about) for about in bounded]
    if len(jacobian.blocks) > 1 and len(bounds) == sum(map(bool, jacobian.blocks.values())):
        yield Paragraph(
            prose(
                "The 2-norm of $J_{t}$ is at most that of the small matrix which has these bounds, "
                "one for each block, as its entries."
            )
        )
    if len(jacobian.blocks) == 1 and bounds:
        side = "the first right side" if twice & jacobian.blocks.keys() else "the right side"
        yield Paragraph(
            prose(
                f"Where {side} of {{}} stays below some number $c < 1$, the gradient vanishes at "
                "least as fast as $c^{T}$. Where it is above 1 the bound says nothing: neither "
                "that the gradient explodes, nor that it lives on.",
                bounds[0],
            )
        )
    kept = [
        (key[1], path, carried)
        for key, paths in jacobian.blocks.items()
        for path in paths
        for carried in diagonals(jacobian, path)
        if key[0] == context.cell.nexts[context.cell.states.index(key[1])]
    ]
    naming = context.printer.style.name_of
    for state, path, carried in kept:
        first, last = (Math(naming.indexed(str(state.name), index)) for index in "0T")
        numbered = path.name[-1:].isdigit()
        called = f"the path {path.name}" if numbered else f"the {path.name} path"
        parts = [context.printer.presenter.expression(part) for part in carried] or [_ONE]
        entry = "entry $i$ of " if any(map(shape_of, carried)) else ""
        which = ("unit $i$ of ", "that entry") if state.shape else ("", "it")
        yield Paragraph(
            prose(
                f"What {called} alone carries from {which[0]}{{}} to {which[0]}{{}} is the product "
                f"over time of {entry}{{}}. It needs no matrix, and lasts where "
                f"{which[1] if entry else 'it'} stays near 1.",
                *(first, last, Math(context.printer.node(product(parts)))),
            )
        )
    if not kept:
        text = "Within one step no state reaches itself entry by entry: there is no skip path."
        yield Paragraph((text,))
