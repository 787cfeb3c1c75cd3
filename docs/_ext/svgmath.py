"""Formulas as inline SVG: the site needs no script, no font file and no other server to show them.

Whatever Sphinx takes for mathematics, in a page, a docstring or the output of a notebook, is set by
``gru_sym.latex.mathsvg`` in pure Python; its LaTeX stays in the ``aria-label``. A formula that
cannot be typeset is a warning, and thus an error of the build.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from gru_sym.errors import UnsupportedError
from gru_sym.latex.mathsvg import MathSvg, glyph_sheet, typeset

logger = logging.getLogger(__name__)

# A page holds the outline of each letter once, however many formulas use it.
_KEPT = "svgmath_formulas"


def drawable(latex: str) -> str:
    """What ziamath draws whole: it drops the name of an operator in the form that GitHub takes."""
    return re.sub(r"\\mathop\{\\mathrm\{([^{}]*)\}\}", r"\\operatorname{\1}", latex)


def _typeset(writer: Any, node: nodes.Element, *, display: bool) -> MathSvg | None:
    latex = drawable(node.astext().strip())
    try:
        formula = typeset(latex, display=display)
    except UnsupportedError as error:
        logger.warning("%s", error.message, location=node, type="svgmath")
        return None
    vars(writer.builder).setdefault(_KEPT, {}).setdefault(writer.docnames[-1], []).append(formula)
    return formula


def visit_inline(writer: Any, node: nodes.math) -> None:
    """``$…$`` in a line of text."""
    formula = _typeset(writer, node, display=False)
    if formula is not None:
        writer.body.append(formula.inline())
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """A displayed formula, in a box that scrolls where a phone is too narrow for it."""
    formula = _typeset(writer, node, display=True)
    if formula is not None:
        writer.body.append(f'<div class="formula">{formula.inline()}</div>\n')
    raise nodes.SkipNode


def add_glyphs(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Append the outlines of a page's letters to its body."""
    formulas = vars(app.builder).get(_KEPT, {}).pop(page, [])
    if formulas and "body" in context:
        context["body"] += glyph_sheet(formulas)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; ``html_math_renderer = "svg"`` chooses it."""
    app.add_html_math_renderer("svg", (visit_inline, None), (visit_block, None))
    app.connect("html-page-context", add_glyphs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
