r"""The rules by name, and why there is a transpose or a diag: the sentences of a derivation."""

from collections.abc import Iterator

import sympy as sp

from gru_sym.algebra.expr import Var
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


def rules_of(context: Context, var: Var) -> Spans:
    """The rules by which a definition is differentiated, as a phrase without a full stop."""
    expr = context.cell.program[str(var.name)].expr
    if isinstance(expr, Elementwise):
        slope = _SLOPES.get(type(expr).__name__)
        if slope:
            return prose("Derivative of the activation, {}, written in its output", Math(slope))
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
    moves = r"\mathrm{d}y = \mathrm{d}x\,J" if rows else r"\mathrm{d}y = J\,\mathrm{d}x"
    pulled = r"\bar{y}\,J^{\top}" if rows else r"J^{\top}\,\bar{y}"
    return prose(
        "Why a transpose at all: let {}, and let {} be the derivatives of the loss by the entries "
        "of $y$. The loss changes by {}. Each {} is a weighted sum of the {}; what multiplies {} "
        "in all of them together is entry $j$ of {}.",
        Math(moves),
        Math(r"\bar{y}_{i}"),
        Math(r"\sum_{i} \bar{y}_{i}\,\mathrm{d}y_{i}"),
        Math(r"\mathrm{d}y_{i}"),
        *(Math(r"\mathrm{d}x_{j}"), Math(r"\mathrm{d}x_{j}")),
        Math(pulled),
    )


def why_local(context: Context, local: Local) -> Iterator[Spans]:
    """Why each transpose and each diag stands where a derivative pulls back."""
    found = (_why(context, local, f) for product in local.products for f in product)
    return (spans for spans in found if spans)


def _why(context: Context, local: Local, factor: Factor) -> Spans:
    printer, of, by = context.printer, context.symbol(local.of), context.symbol(local.by)
    match factor.kind:
        case "matrix":
            return _why_matrix(context, local, factor)
        case "diag" if factor.expr.free_symbols:
            shown = printer.expression(factor.expr)
            matrix, slope = Math(rf"\operatorname{{diag}}({shown})"), Math(_entry(shown, "i"))
            acts = (
                prose(
                    "entry $i$ of {} depends on entry $i$ of {} alone, with the slope {}",
                    of,
                    by,
                    slope,
                )
                if local.products == ((factor,),)
                else prose("this factor takes entry $i$ to entry $i$ alone, times {}", slope)
            )
            return prose(
                "Why {}: {}. As a matrix that is zero off the diagonal; it is its own transpose, "
                "and multiplies entry by entry.",
                matrix,
                acts,
            )
        case "column":
            return prose(
                "Why a sum: the number {} enters every entry of {}, and collects from all of them.",
                by,
                of,
            )
        case "row":
            return prose(
                "Why the same number for all entries: each entry of {} enters the one number {}.",
                by,
                of,
            )
        case "embed" | "restrict":
            return prose(
                "Why a part: {} is a part of a longer vector, and what comes back to it is the "
                "same part of what comes back to the whole.",
                by,
            )
        case _:
            return ()


def _why_matrix(context: Context, local: Local, factor: Factor) -> Spans:
    printer, rows = context.printer, context.notation.in_rows
    delta = printer.style.name_of(f"{local.of.name}_bar")
    tree = printer.presenter.expression(factor.parts[0])
    matrix = printer.node(tree, matrix=True)
    turned = printer.node(Transpose(tree), matrix=True)
    weight = _entry(matrix, "ji" if rows else "ij")
    return prose(
        "Why {}: entry $j$ of what {} multiplies reaches entry $i$ of {} with the weight {}. From "
        "all entries together comes back {}, entry $j$ of {}.",
        *(Math(turned), Math(matrix), context.symbol(local.of), Math(weight)),
        Math(rf"\sum_{{i}} {weight}\,{_entry(delta, 'i')}"),
        Math(rf"{delta}\,{turned}" if rows else rf"{turned}\,{delta}"),
    )


def _entry(symbol: str, index: str) -> str:
    return f"{parenthesised(symbol)}_{{{index}}}"


def why_outer(context: Context, weight: Var, of: Var, operand: str) -> Spans:
    """Why the gradient of a matrix is an outer product."""
    name_of, rows = context.printer.style.name_of, context.notation.in_rows
    delta, matrix = name_of(f"{of.name}_bar"), name_of(str(weight.name))
    return prose(
        "Why a transpose: {} multiplies entry $j$ of {} and adds to entry $i$ of {}, so its "
        "gradient is {}. The matrix of all these products is a column times a row.",
        *(Math(_entry(matrix, "ji" if rows else "ij")), Math(operand), context.symbol(of)),
        Math(rf"{_entry(delta, 'i')}\,{_entry(operand, 'j')}"),
    )
