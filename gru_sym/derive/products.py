r"""The Jacobian as a sum of products: a line for each path, in columns or in rows.

With row vectors the Jacobian is the transpose: the factors stand in reverse order, from the state
on the left to the next state on the right.
"""

from collections.abc import Iterable
from fractions import Fraction

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import Row
from gru_sym.algebra.rows import transposed
from gru_sym.algebra.symbols import escape_text, partial
from gru_sym.algebra.tree import Binary, Call, Number, Transpose
from gru_sym.algebra.typeset import parenthesised
from gru_sym.derive.paths import Path, ShownFactor, Term, terms_of

__all__ = ["block_head", "block_rows", "factors", "label", "product"]

_IDENTITY = r"\mathbf{I}"
_ONES = r"\mathbf{1}"
_ONE = Number(Fraction(1))


def block_head(key: tuple[Var, Var], printer: Printer) -> str:
    """The left side of a block: ∂h_t / ∂h_{t-1}."""
    after, state = key
    name_of = printer.style.name_of
    return partial(name_of(str(after.name)), name_of(str(state.name)))


def block_rows(key: tuple[Var, Var], paths: Iterable[Path], printer: Printer) -> list[Row]:
    """A block of the Jacobian, a line for each path with the path's name at its end."""
    head, paths = block_head(key, printer), tuple(paths)
    if not paths:
        return [Row(head, "0")]
    rows = []
    for k, term in enumerate(terms_of(paths, printer.presenter)):
        sign = "-" if term.negative else ""
        if k:
            sign = "- " if term.negative else "+ "
        shown = sign + product(term, printer, is_array=bool(key[1].shape))
        rows.append(Row("" if k else head, shown, label(term.path, printer)))
    return rows


def label(path: Path, printer: Printer) -> str:
    """The name of a path in parentheses: roles as text, names as symbols."""
    words = [
        printer.style.name_of(word) if word in path.through else rf"\text{{{escape_text(word)}}}"
        for word in path.name.split(" → ")
    ]
    if words == [rf"\text{{{escape_text(path.name)}}}"]:
        return rf"\text{{({escape_text(path.name)})}}"
    return "(" + r" \to ".join(words) + ")"


def product(term: Term, printer: Printer, *, is_array: bool) -> str:
    """A path as a product, without its sign."""
    shown = factors(term, printer)
    if is_array and all(factor.kind == "scalar" for factor in term.factors):
        shown.append(_IDENTITY)
    return r"\,".join(shown) or "1"


def factors(term: Term, printer: Printer) -> list[str]:
    """The factors of a path, in the order in which they are written."""
    order = reversed(term.factors) if printer.in_rows else term.factors
    shown = [(_factor(factor, printer), factor.kind) for factor in order]
    # A number stands in front, whatever the order.
    return [text for text, kind in sorted(shown, key=lambda item: item[1] != "scalar")]


_TURNED = {"column": "row", "row": "column"}


def _factor(factor: ShownFactor, printer: Printer) -> str:
    content, kind = factor.content, factor.kind
    if printer.in_rows:
        # The transpose of a column is the row itself, where vectors are rows.
        kind = _TURNED.get(kind, kind)
    if content == _ONE and kind in {"column", "row"}:
        upright = kind == ("row" if printer.in_rows else "column")
        return _ONES if upright else rf"{_ONES}^{{\top}}"
    match kind:
        case "diag":
            content = Call("diag", (content,))
        case "row" if not printer.in_rows:
            content = Transpose(content)
        case "column" if printer.in_rows:
            content = Transpose(content)
        case "bundle" if isinstance(content, Call):
            of, by = map(printer.node, content.args)
            return partial(of, by)
        case "row" | "column" if isinstance(content, Binary) and content.op != "/":
            return parenthesised(printer.node(content))
        case "embed" | "restrict" if printer.in_rows:
            content = transposed(content)
        case _ if isinstance(content, Binary) and content.op in {"+", "-"}:
            return parenthesised(printer.node(content, matrix=kind == "matrix"))
    return printer.node(content, matrix=kind == "matrix")
