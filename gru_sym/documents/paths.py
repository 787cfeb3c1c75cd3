"""The Jacobian as a sum of paths, with a sentence for each."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.cells.build import ARGUMENT
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Path, Term, terms_of
from gru_sym.derive.products import block_rows, product
from gru_sym.documents.context import Context, joined, prose
from gru_sym.latex.blocks import Block, Items, Math, Paragraph, Ref, Section, Spans

__all__ = ["jacobian_section"]

Key = tuple[Var, Var]


def jacobian_section(context: Context, jacobian: Jacobian) -> Section:
    """Each block of the Jacobian as a sum of paths, and a sentence for each path."""
    printer = context.printer
    opening = (
        "Put the local derivatives one into the other, from the next state back to the state. "
        "Each way through the equations gives one product, a path; the Jacobian is their sum."
    )
    blocks: list[Block] = [Paragraph((opening,))]
    closes = False
    for key, paths in jacobian.blocks.items():
        rows = block_rows(key, paths, printer)
        cited = _cited(context, paths)
        reason = prose("Chain rule, by path, from {}.", cited) if cited else ("Chain rule.",)
        if not paths:
            reason = ("No equation leads from the one to the other.",)
        blocks.append(context.formula(("block", key), rows, reason))
        terms = list(terms_of(paths, printer.presenter))
        closes |= any(True for term in terms for _ in _conditions(context, term))
        sentences = tuple(_sentence(context, key, term) for term in terms)
        if sentences:
            blocks.append(Items(sentences))
    bounded = {type(d.expr).__name__ for d in context.cell.program} & {"sigmoid", "tanh"}
    if closes and bounded:
        blocks.append(
            Paragraph(("A sigmoid reaches 0 and 1, and a tanh −1 and 1, in the limit alone.",))
        )
    return Section("The Jacobian, by path", tuple(blocks))


def _cited(context: Context, paths: Sequence[Path]) -> Spans:
    """The local derivatives that the paths are made of."""
    names = {name for path in paths for name in path.through}
    names |= {f"{ARGUMENT}{name}" for name in (*names, *(str(v.name) for v in context.cell.nexts))}
    variables = [d.var for d in context.cell.program if d.name in names]
    nexts = [v for v in context.cell.nexts if ("local", v) in context.numbers]
    cited = [v for v in dict.fromkeys((*variables, *nexts)) if ("local", v) in context.numbers]
    refs = sorted({context.numbers["local", v] for v in cited})
    return joined(Ref(number) for number in refs)


def _sentence(context: Context, key: Key, term: Term) -> Spans:
    path = term.path
    after, state = (context.symbol(v) for v in key)
    name = f"{path.name[0].upper()}{path.name[1:]}"
    if path.is_diagonal:
        shown = product(term, context.printer, is_array=False)
        scale = Math(("-" if term.negative else "") + _bare(shown))
        factor = prose("times {}", scale) if path.factors else ("unchanged",)
        text = "{}: unit $i$ of {} reaches unit $i$ of {} and no other, {}"
        spans = prose(text, name, state, after, factor)
    else:
        way = joined((context.symbol(context.cell.program.variable(n)) for n in path.through), ", ")
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


def _bare(shown: str) -> str:
    r"""The vector of a single ``\operatorname{diag}(v)``."""
    start = r"\operatorname{diag}("
    if shown.startswith(start) and shown.count(start) == 1:
        return shown.removeprefix(start).removesuffix(")")
    return shown.removeprefix(r"\operatorname{diag}")


def _conditions(context: Context, term: Term) -> Iterator[Math]:
    """Where a path is zero: ``z = 0``, ``z = 1``."""
    for factor in term.factors:
        if factor.kind not in {"diag", "column", "scalar"}:
            continue
        for node in _multiplied(factor.content):
            match node:
                case tree.Number() | tree.Call(func="exp" | "softplus" | "sigmoid"):
                    continue  # never 0
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
