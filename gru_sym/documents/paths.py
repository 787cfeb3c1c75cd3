"""The Jacobian as a sum of paths, with a sentence for each."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells.build import ARGUMENT
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Path, Term, terms_of
from gru_sym.derive.products import block_rows, product
from gru_sym.documents.context import Context, joined, prose, refs
from gru_sym.latex.blocks import Block, Items, Math, Paragraph, Section, Spans

__all__ = ["jacobian_section"]

Key = tuple[Var, Var]


def jacobian_section(
    context: Context, jacobian: Jacobian, nothing: Mapping[Key, Sequence[Path]]
) -> Section:
    """Each block of the Jacobian as a sum of paths, and a sentence for each path.

    ``nothing`` are the paths that were found to be zero always.
    """
    printer = context.printer
    opening = (
        "Put the local derivatives one into the other, from the next state back to the state. "
        "Each way through the equations gives one product, a path; the Jacobian is their sum."
    )
    blocks: list[Block] = [Paragraph((opening,))]
    if jacobian.bundles:
        blocks.append(Paragraph(_BUNDLES))
    closes = False
    for key, paths in (*jacobian.bundles.items(), *jacobian.blocks.items()):
        rows = block_rows(key, paths, printer)
        cited = _cited(context, (*paths, *nothing[key]), key)
        reason = prose("Chain rule, by path, from {}.", cited) if cited else ("Chain rule.",)
        if not paths and not nothing[key]:
            reason = ("No equation leads from the one to the other.",)
        blocks.append(context.formula(("block", key), rows, reason))
        terms = list(terms_of(paths, printer.presenter))
        closes |= any(True for term in terms for _ in _conditions(context, term))
        sentences = [_sentence(context, key, term) for term in terms]
        text = "{}: nothing comes by this way. It is proved to be zero always, and left out above."
        sentences += [prose(text, _name(context, path)) for path in nothing[key]]
        if sentences:
            blocks.append(Items(tuple(sentences)))
    kinds = {type(c).__name__ for d in context.cell.program for c in d.expr.atoms(Elementwise)}
    limits = _LIMITS.get(frozenset(kinds & {"sigmoid", "tanh"}))
    if closes and limits:
        blocks.append(Paragraph((f"{limits} in the limit alone.",)))
    return Section("The Jacobian, by path", tuple(blocks))


_POSITIVE = frozenset({"exp", "softplus"})
_LIMITS = {
    frozenset({"sigmoid", "tanh"}): "A sigmoid reaches 0 and 1, and a tanh −1 and 1,",
    frozenset({"sigmoid"}): "A sigmoid reaches 0 and 1",
    frozenset({"tanh"}): "A tanh reaches −1 and 1",
}
_BUNDLES = (
    "Where ways part and meet again before any gate, as they do in a norm, they are added first: "
    "their sum is one derivative, and one factor of the paths that come by. (The figure draws each "
    "way.)",
)


def _cited(context: Context, paths: Sequence[Path], key: Key) -> Spans:
    """The local derivatives that the paths are made of, and the bundles."""
    bundles = {f.parts for path in paths for f in path.factors if f.kind == "bundle"}
    names = {str(key[0].name), *(name for path in paths for name in path.through)}
    # A path is silent about the arguments of activations.
    names |= {f"{ARGUMENT}{name}" for name in names}
    within = {end for end, _ in bundles}
    moving = context.cell.program.depending_on([key[1]])
    about = [("local", d.var) for d in context.cell.program if d.name in names and d.var in moving]
    keys: list[tuple[object, ...]] = [("block", bundle) for bundle in bundles]
    keys += [each for each in about if each[1] not in within]
    return refs(context.numbers[key] for key in keys if key in context.numbers)


def _name(context: Context, path: Path) -> Spans:
    """A path's name at the beginning of a sentence: roles as words, variables as symbols."""
    words: list[Spans] = []
    for k, word in enumerate(path.name.split(" → ")):
        if word in path.through:
            words.append((context.symbol(context.cell.program.variable(word)),))
        else:
            words.append((word if k else f"{word[0].upper()}{word[1:]}",))
    spans = words[0]
    for each in words[1:]:
        spans += (" → ", *each)
    return spans


def _sentence(context: Context, key: Key, term: Term) -> Spans:
    path = term.path
    after, state = (context.symbol(v) for v in key)
    name = _name(context, path)
    if path.is_diagonal:
        shown = _bare(term, context.printer)
        scale = Math(("-" if term.negative else "") + shown)
        factor = prose("times {}", scale) if path.factors else ("unchanged",)
        text = "{}: unit $i$ of {} reaches unit $i$ of {} and no other, {}"
        spans = prose(text, name, state, after, factor)
    else:
        way = joined(context.symbol(context.cell.program.variable(n)) for n in path.through)
        by_way = prose(" by way of {}", way) if way else ()
        spans = prose("{}: from {}{} to {}", name, state, by_way, after)
    matrices = [
        Math(context.printer.expression(f.parts[0], matrix=True))
        for f in path.factors
        if f.kind == "matrix"
    ]
    if matrices:
        spans += prose(", and the units are mixed by {}", joined(dict.fromkeys(matrices)))
    closed = dict.fromkeys(_conditions(context, term))
    if closed:
        return (*spans, *prose(". It is closed where {}.", joined(closed, last=" or ")))
    return (*spans, ".")


def _bare(term: Term, printer: Printer) -> str:
    """What a path without a matrix multiplies entries by: the vector of its diagonal."""
    if len(term.factors) == 1:
        return printer.node(term.factors[0].content)
    return product(term, printer, is_array=False)


def _conditions(context: Context, term: Term) -> Iterator[Math]:
    """Where a path is zero: ``z = 0``, ``z = 1``."""
    positive = {d.name for d in context.cell.program if type(d.expr).__name__ in _POSITIVE}
    for factor in term.factors:
        if factor.kind not in {"diag", "column", "scalar"}:
            continue
        for node in _multiplied(factor.content):
            match node:
                case tree.Number() | tree.Call(func="exp" | "softplus" | "sigmoid"):
                    continue  # never 0
                case tree.Name(name=name) if name in positive:
                    continue
                case tree.Binary(op="-", left=tree.Number() as number, right=right):
                    left, right = right, number
                case tree.Binary(op="-", left=left, right=right):
                    pass
                case _:
                    left, right = node, tree.Number(Fraction(0))
            yield Math(f"{context.printer.node(left)} = {context.printer.node(right)}")


def _multiplied(node: tree.Node) -> list[tree.Node]:
    """The factors of a product, from left to right; what divides is left out."""
    found: list[tree.Node] = []
    while isinstance(node, tree.Binary) and node.op in {"*", "/"}:
        if node.op == "*":
            found.append(node.right)
        node = node.left
    return [node, *reversed(found)]
