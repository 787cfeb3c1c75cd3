r"""The rules by name, and why there is a transpose or a diag: the sentences of a derivation."""

from collections.abc import Iterator

import sympy as sp

from gru_sym.algebra.expr import Var, shape_of
from gru_sym.algebra.nodes import LogSumExp, Softmax
from gru_sym.algebra.rules import Elementwise
from gru_sym.algebra.tree import Transpose
from gru_sym.algebra.typeset import parenthesised
from gru_sym.derive.local import Local
from gru_sym.derive.paths import Factor
from gru_sym.documents.context import Context, prose
from gru_sym.latex.blocks import Math, Spans

__all__ = ["rules_of", "why_local", "why_outer", "why_transposed"]

_SLOPES = {
    "sigmoid": r"\sigma' = \sigma\,(1 - \sigma)",
    "tanh": r"\tanh' = 1 - \tanh^{2}",
    "exp": r"\exp' = \exp",
    "relu": r"\operatorname{relu}' = \operatorname{step}",
    "softplus": r"\operatorname{softplus}' = \sigma",
    "sin": r"\sin' = \cos",
    "cos": r"\cos' = -\sin",
}
_IN_OUTPUT = frozenset({"sigmoid", "tanh", "exp"})


def rules_of(context: Context, var: Var) -> Spans:
    """The rules by which a definition is differentiated, as a phrase without a full stop."""
    expr = context.cell.program[str(var.name)].expr
    if isinstance(expr, Elementwise):
        slope = _SLOPES.get(type(expr).__name__)
        if slope:
            said = ", written in its output" if type(expr).__name__ in _IN_OUTPUT else ""
            return prose(f"Derivative of the activation, {{}}{said}", Math(slope))
        return ("Derivative of the activation",)
    if isinstance(expr, Softmax | LogSumExp):
        return ("Derivative of a sum of exponentials",)
    rules = list(_rules(expr)) or ["the derivative of a variable by itself is the identity"]
    text = "; ".join(rules)
    return (text[0].upper() + text[1:],)


def _rules(expr: sp.Expr) -> Iterator[str]:
    parts = list(sp.preorder_traversal(expr))
    kinds = {type(part).__name__ for part in parts}
    if "Add" in kinds:
        yield "sum rule"
    if any(isinstance(p, sp.Mul) and sum(not a.is_number for a in p.args) > 1 for p in parts):
        yield "product rule"
    if "Pow" in kinds:
        yield "power rule"
    if "MatVec" in kinds:
        yield "a matrix times a vector is linear in the vector"
    if "Total" in kinds:
        yield "a sum over entries is linear"
    if kinds & {"Concat", "Slice"}:
        yield "each part of a vector for itself"
    if any(isinstance(p, Elementwise) for p in parts):
        yield "chain rule within the line"


# -- why -----------------------------------------------------------------------------------------


def why_transposed(context: Context) -> Spans:
    """Why the chain rule transposes at all."""
    rows = context.notation.in_rows
    return prose(
        "Why a transpose at all: let {}, and let entry $i$ of $g$ be the derivative of the loss by "
        "entry $i$ of $y$. The loss changes by {}. Each {} is a weighted sum of the {}; what "
        "multiplies {} in all of them together is entry $j$ of {}.",
        Math(r"\mathrm{d}y = \mathrm{d}x\,J" if rows else r"\mathrm{d}y = J\,\mathrm{d}x"),
        Math(r"\sum_{i} g_{i}\,\mathrm{d}y_{i}"),
        Math(r"\mathrm{d}y_{i}"),
        *(Math(r"\mathrm{d}x_{j}"), Math(r"\mathrm{d}x_{j}")),
        Math(r"g\,J^{\top}" if rows else r"J^{\top}\,g"),
    )


def why_local(context: Context, local: Local) -> Iterator[Spans]:
    """Why each transpose and each diag stands where a derivative pulls back."""
    found = (_why(context, local, f) for product in local.products for f in product)
    return (spans for spans in found if spans)


def _why(context: Context, local: Local, factor: Factor) -> Spans:
    printer, of, by = context.printer, context.symbol(local.of), context.symbol(local.by)
    match factor.kind:
        case "matrix":
            return _why_matrix(context, factor)
        case "diag" if shape_of(factor.expr):
            shown = printer.expression(factor.expr)
            slope = Math(_entry(shown, "i"))
            acts = prose("this factor takes entry $i$ to entry $i$ alone, times {}", slope)
            if local.products == ((factor,),):
                text = "entry $i$ of {} depends on entry $i$ of {} alone, with the slope {}"
                acts = prose(text, of, by, slope)
            return prose(
                "Why {}: {}. As a matrix that is zero off the diagonal; it is its own transpose, "
                "and multiplies entry by entry.",
                Math(rf"\operatorname{{diag}}{parenthesised(shown)}"),
                acts,
            )
        case "column":
            return ("Why a sum: one number enters every entry, and collects from all of them.",)
        case "row":
            return (
                "Why one number for all entries: they all enter one number, and what comes back to "
                "it comes back to each of them.",
            )
        case "embed" | "restrict":
            return prose(
                "Why a part: {} is a part of a longer vector, and what comes back to it is the "
                "same part of what comes back to the whole.",
                by,
            )
        case _:
            return ()


def _why_matrix(context: Context, factor: Factor) -> Spans:
    printer, rows = context.printer, context.notation.in_rows
    tree = printer.presenter.expression(factor.parts[0])
    matrix = printer.node(tree, matrix=True)
    turned = printer.node(Transpose(tree), matrix=True)
    return prose(
        "Why {}: entry $j$ of what {} multiplies reaches entry $i$ of the product with the weight "
        "{}. Back to entry $j$ comes the sum over $i$ of these weights, each times entry $i$ of "
        f"what comes back to the product: {'that times {}' if rows else '{} times that'}.",
        *(Math(turned), Math(matrix)),
        Math(_entry(matrix, "ji" if rows else "ij")),
        Math(turned),
    )


def _entry(symbol: str, index: str) -> str:
    return f"{parenthesised(symbol)}_{{{index}}}"


def why_outer(context: Context, weight: Var, operand: str) -> Spans:
    """Why the gradient of a matrix is an outer product."""
    matrix = context.printer.style.name_of(str(weight.name))
    return prose(
        "Why a transpose: {} multiplies entry $j$ of {} and adds to entry $i$ of the product, so "
        "its gradient is entry $i$ of what comes back to the product, times entry $j$ of {}. All "
        "of these make a column times a row.",
        Math(_entry(matrix, "ji" if context.notation.in_rows else "ij")),
        *(Math(operand), Math(operand)),
    )
