"""A document of derivations/ as a page: a notebook whose last cell shows the formulas.

Such a document ends by writing its part of the gallery, a ``Part``, as LaTeX into a file. On the
page the part is shown in its place: the words, and the formulas typeset.
"""

import ast
from typing import Any

import jupytext
from nbformat import NotebookNode

from gru_sym.latex.blocks import Code, Math, Ref

HEADING = "## What is shown"

# Run in the document's own kernel, in the place of its last cell.
_SHOWN = """
from IPython.display import Markdown
from derivation import markdown
Markdown(markdown({part}))
"""


def read(text: str) -> NotebookNode:
    """The notebook of a document; for ``nb_custom_formats``."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python",
        "language": "python",
    }
    notebook.metadata["file_format"] = "mystnb"
    last = notebook.cells[-1]
    part = _written(last.source) if last.cell_type == "code" else None
    if part is not None:
        last.source = _SHOWN.format(part=part)
        last.metadata["tags"] = ["remove-input"]
        before = notebook.cells[-2]
        if before.cell_type == "markdown":
            before.source = HEADING
    return notebook


def _written(source: str) -> str | None:
    """``Part(…)`` of a cell ``Part(…).write()``, ``text`` of ``write_page("name.md", text)``."""
    match ast.parse(source).body:
        case [ast.Expr(ast.Call(ast.Attribute(ast.Call() as part, "write")))]:
            return ast.unparse(part)
        case [ast.Expr(ast.Call(ast.Name("write_page"), [ast.Constant(str(name)), text]))] if (
            name.endswith(".md")
        ):
            return ast.unparse(text)
    return None


def markdown(part: Any) -> str:
    """A part of the gallery in MyST's Markdown; what is Markdown already, as it is."""
    if isinstance(part, str):
        return part
    blocks = [f"*{_words(part.claim)}*"]
    for words, latex in part.items:
        blocks.append(_words(words))
        if latex:
            blocks.append(f"$$\n{latex.strip()}\n$$")
    blocks.append(f"Source: {_words(part.source)}.")
    return "\n\n".join(blocks)


def _words(words: Any) -> str:
    spans = (words,) if isinstance(words, str) else words
    return "".join(_span(span) for span in spans)


def _span(span: Any) -> str:
    match span:
        case Math(latex):
            return f"${latex}$"
        case Code(text):
            return f"`{text}`"
        case Ref(number):
            return f"({number})"
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#$|" else c for c in " ".join(span.split("\n")))
