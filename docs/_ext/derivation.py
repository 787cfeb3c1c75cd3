"""A document of derivations/ as a page: a notebook whose last cell shows the formulas.

Such a document ends by writing its part of the gallery, a ``Part``, as LaTeX into a file. On the
page the part is shown in its place: the words, and the formulas typeset. The pages about what
people say are collected into one, and ``{derivations}`` lists all documents with their claims.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
from docutils import nodes
from docutils.statemachine import StringList
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from gru_sym.latex.blocks import Code, Math, Ref
from gru_sym.latex.gallery import write_claims

HEADING = "## What is shown"
FOLDER = "gallery"
CLAIMS = "claims"

# Run in the document's own kernel, in the place of its last statement.
_SHOWN = """
from IPython.display import Markdown
from derivation import markdown
Markdown(markdown({part}))
"""

# Below the table: the pages of the documents, in the tree and not in the text.
_TREE = """
```{{toctree}}
:hidden:

{names}
```
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
    shown = _shown(last.source) if last.cell_type == "code" else None
    if shown is not None:
        last.source = shown
        last.metadata["tags"] = ["remove-input"]
        before = notebook.cells[-2]
        if before.cell_type == "markdown":
            before.source = HEADING
    return notebook


def _shown(source: str) -> str | None:
    """A last cell that shows what it would write; None where it does not end in writing."""
    statements = ast.parse(source).body
    part = _written(statements[-1]) if statements else None
    if part is None:
        return None
    lead = source.splitlines()[: statements[-1].lineno - 1]
    return "\n".join([*lead, _SHOWN.format(part=part)])


def _written(statement: ast.stmt) -> str | None:
    """``Part(…)`` of ``Part(…).write()``, ``text`` of ``write_page("name.md", text)``."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Call() as part, "write"))):
            return ast.unparse(part)
        case ast.Expr(ast.Call(ast.Name("write_page"), [ast.Constant(str(name)), text])) if (
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


def title_and_claim(text: str) -> tuple[str, str]:
    """What a document is called, and its paragraph after **Claim.**, in one line each."""
    opening = jupytext.reads(text, fmt="py:percent").cells[0].source
    title = re.match(r"# (.+)", opening)
    claim = re.search(r"\*\*Claim\.\*\* (.+?)\n\n", opening, re.DOTALL)
    if title is None or claim is None:
        raise ExtensionError(f"a document without a title or a claim begins: {opening[:60]!r}")
    return title[1], " ".join(claim[1].split())


class Derivations(SphinxDirective):
    """A list of the documents whose names match a pattern, each with what it claims."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The list."""
        lines = []
        for path in sorted(Path(self.env.srcdir, FOLDER).glob(f"{self.arguments[0]}.py")):
            self.env.note_dependency(str(path))
            title, claim = title_and_claim(path.read_text(encoding="utf-8"))
            lines.append(f"- **[{title}]({FOLDER}/{path.name})**. {claim}")
        box = nodes.Element()
        self.state.nested_parse(StringList(lines, source=FOLDER), self.content_offset, box)
        return box.children


def collect_claims(app: Sphinx) -> None:
    """Run the documents about what people say, and make one page of their tables."""
    folder = Path(app.srcdir, FOLDER)
    names = sorted(path.stem for path in folder.glob(f"{CLAIMS}_*.py"))
    if not names:
        return
    with TemporaryDirectory() as made:
        run = subprocess.run(
            [sys.executable, "-m", "derivations", "-o", made, *names],
            cwd=Path(app.srcdir).parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        page = write_claims(Path(made))
        if run.returncode or page is None:
            raise ExtensionError(f"a document about claims failed:\n{run.stdout}{run.stderr}")
        text = page.read_text(encoding="utf-8") + _TREE.format(names="\n".join(names))
    (folder / f"{CLAIMS}.md").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the list of documents, and the page of claims."""
    app.add_directive("derivations", Derivations)
    app.connect("builder-inited", collect_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
