r"""What the tests of documents share: the programs that read them, and a document to write."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gru_sym.latex.blocks import (
    Code,
    Document,
    Figure,
    Formula,
    Items,
    Listing,
    Math,
    Paragraph,
    Ref,
    Section,
    Spans,
    Status,
    Table,
)
from gru_sym.latex.graph import Curve, Drawing, Label, Node
from gru_sym.latex.html import plain

HOSTILE = r"</script>\write18{touch owned}<img src=x onerror=alert(1)>$x$ & 50 % #1 _a_ ^^M `b` ~{}"
"""A name that does something wherever it is not escaped."""

UNICODE = "σ ⊙ − ≤ ᵀ → é ñ Å ő ž ḍ h̃ ² ₁ ½ ℝ 𝐖 … – “q” ✓ ‖J‖ 中文 \u202e\u200b\x1b \t ﬁ ∞ 🙂"


def tex() -> None:
    """Go on where latexmk and pdflatex are; elsewhere skip, or fail under CI_REQUIRE_PEERS=1."""
    _need(bool(shutil.which("latexmk") and shutil.which("pdflatex")), "latexmk or pdflatex")


def ziamath() -> None:
    """Go on where ziamath is."""
    _need(importlib.util.find_spec("ziamath") is not None, "ziamath")


def chromium() -> str:
    """Chromium's path."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    _need(found is not None, "chromium")
    return found or ""


def node() -> str:
    """Node's path."""
    found = shutil.which("node") or shutil.which("nodejs")
    _need(found is not None, "node")
    return found or ""


def katex() -> Path:
    """The folder of KaTeX: GRU_SYM_KATEX, or where npm puts it."""
    given = os.environ.get("GRU_SYM_KATEX")
    folders = [Path(given)] if given else [Path("node_modules/katex")]
    if not given and shutil.which("npm"):
        root = subprocess.run(
            ["npm", "root", "--global"], capture_output=True, encoding="utf-8", check=False
        )
        folders.append(Path(root.stdout.strip()) / "katex")
    found = next((each.resolve() for each in folders if (each / "package.json").exists()), None)
    _need(found is not None, "KaTeX (set GRU_SYM_KATEX to its folder)")
    return found or Path()


def katex_errors(formulas: list[str]) -> list[str]:
    """What KaTeX says of each formula that it does not render, in its strictest mode."""
    return _errors(_KATEX, katex(), formulas)


def _errors(script: str, folder: Path, formulas: list[str]) -> list[str]:
    """What a script for Node, which finds its library in a folder, says of some formulas."""
    run = subprocess.run(
        [node(), "-e", script, str(folder)],
        input=json.dumps(formulas),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    return [str(each) for each in json.loads(run.stdout)]


_KATEX = """
const katex = require(process.argv[1]);
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
const errors = [];
for (const formula of formulas) {
  try {
    katex.renderToString(formula, {displayMode: true, throwOnError: true, strict: "error"});
  } catch (error) {
    errors.push(formula + ": " + error.message);
  }
}
console.log(JSON.stringify(errors));
"""


def mathjax() -> Path:
    """The folder of MathJax: GRU_SYM_MATHJAX, or beside KaTeX, where npm puts it."""
    given = os.environ.get("GRU_SYM_MATHJAX")
    found = Path(given).resolve() if given else katex().with_name("mathjax-full")
    _need((found / "package.json").exists(), "MathJax (set GRU_SYM_MATHJAX to mathjax-full)")
    return found


def mathjax_errors(formulas: list[str]) -> list[str]:
    """What MathJax says of each formula that it does not render, with LaTeX's and AMS's commands.

    A page's MathJax shows a command that it does not know in red; here it is an error.
    """
    return _errors(_MATHJAX, mathjax(), formulas)


_MATHJAX = """
const js = process.argv[1] + "/js/";
const {mathjax} = require(js + "mathjax.js");
const {TeX} = require(js + "input/tex.js");
const {STATE} = require(js + "core/MathItem.js");
const {SerializedMmlVisitor} = require(js + "core/MmlTree/SerializedMmlVisitor.js");
const {liteAdaptor} = require(js + "adaptors/liteAdaptor.js");
const {RegisterHTMLHandler} = require(js + "handlers/html.js");
for (const name of ["base", "ams", "newcommand"]) {
  require(`${js}input/tex/${name}/${name[0].toUpperCase() + name.slice(1)}Configuration.js`);
}
RegisterHTMLHandler(liteAdaptor());
const page = mathjax.document("", {InputJax: new TeX({packages: ["base", "ams", "newcommand"]})});
const written = new SerializedMmlVisitor();
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
const errors = [];
for (const formula of formulas) {
  try {
    // What it reads is a tree of MathML, with an error in the place of what it cannot read.
    const tree = page.convert(formula, {display: true, end: STATE.CONVERT});
    const shown = written.visitTree(tree);
    const said = shown.match(/data-mjx-error="([^"]*)"/);
    if (said || shown.includes("<merror")) errors.push(formula + ": " + (said || ["", "?"])[1]);
  } catch (error) {
    errors.push(formula + ": " + error.message);
  }
}
console.log(JSON.stringify(errors));
"""


def formulas_of(document: Document) -> list[str]:
    """Every formula of a document, displayed ones with their number as a tag."""
    found: list[str] = []

    def spans_of(spans: Spans) -> None:
        found.extend(span.latex for span in spans if isinstance(span, Math))

    for block in [*document.opening, *(b for s in document.sections for b in s.blocks)]:
        match block:
            case Paragraph() | Status():
                spans_of(block.spans)
            case Formula():
                tag = "" if block.number is None else rf" \tag{{{block.number}}}"
                found.append(block.latex + tag)
                spans_of(block.reason)
            case Items():
                for item in block.items:
                    spans_of(item)
            case Table():
                for row in (block.head, *block.rows):
                    for cell in row:
                        spans_of(cell)
            case Figure():
                spans_of(block.caption)
                found.extend(node.latex for node in block.drawing.nodes)
                found.extend(label.block for label in block.drawing.legend if label.block)
            case Listing():
                pass
    return found


def section_of(document: Document, title: str) -> tuple[list[str], list[str]]:
    """The displayed formulas of a section, without their rows' ends, and all that it says."""
    (section,) = (each for each in document.sections if each.title.startswith(title))
    shown: list[str] = []
    said: list[str] = []
    for block in section.blocks:
        match block:
            case Formula():
                shown.append(" ".join(block.latex.split("\n")[1:-1]).replace(r" \\", ""))
                said.append(plain(block.reason))
            case Paragraph() | Status():
                said.append(plain(block.spans))
            case Items():
                said += [plain(item) for item in block.items]
            case Table():
                said += [" | ".join(map(plain, row)) for row in block.rows]
            case Figure():
                said.append(plain(block.caption))
    return shown, said


def browse(page: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Chromium, without a window, on a file."""
    return subprocess.run(
        [
            chromium(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={page.parent / 'profile'}",
            *arguments,
            page.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )


def pdf_text(content: bytes, folder: Path) -> str:
    """The text of a PDF, as a reader would copy it; empty where there is no pdftotext."""
    if not shutil.which("pdftotext"):
        return ""
    (folder / "shown.pdf").write_bytes(content)
    run = subprocess.run(
        ["pdftotext", "-layout", "shown.pdf", "-"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


def _need(found: bool, what: str) -> None:
    if found:
        return
    reason = f"{what} is not installed"
    if os.environ.get("CI_REQUIRE_PEERS") == "1":
        pytest.fail(f"CI_REQUIRE_PEERS=1, but {reason}")
    pytest.skip(reason)


DRAWING = Drawing(
    nodes=(
        Node("h_{t-1}", (0.0, 1.0), (1.0, 0.6), "state"),
        Node(r"\tilde{h}_{t}", (2.5, 0.0), (1.0, 0.6), "definition"),
        Node("h_{t}", (5.0, 1.0), (1.0, 0.6), "next"),
    ),
    curves=(
        Curve(((0.5, 1.0), (1.5, 1.0), (1.5, 0.0), (2.0, 0.0))),
        Curve(((3.0, 0.0), (3.6, 0.0), (3.8, 1.0), (4.5, 1.0))),
        Curve(((4.5, 1.3), (3.0, 2.0), (1.6, 2.0), (0.5, 1.3)), path=0),
    ),
    legend=(Label(0, f"skip {HOSTILE}"),),
    size=(6.0, 3.0),
)

SAMPLE = Document(
    title=f"A cell {HOSTILE}",
    subtitle=f"Somebody, {UNICODE}",
    opening=(
        Paragraph(("The gradients of ", Code("my_cell"), f" for every size. {HOSTILE}")),
        Status("proved", ("For all sizes, with ", Math(r"h_{0} \neq 0"), ", by ", Ref(1), ".")),
    ),
    sections=(
        Section(
            f"The cell {HOSTILE}",
            (
                Formula(
                    r"\begin{aligned} z_{t} &= \sigma(W_{z}\,x_{t} + b_{z}) \\"
                    "\n"
                    r"h_{t} &= (1 - z_{t}) \odot h_{t-1} + z_{t} \odot \tilde{h}_{t} "
                    r"&& \text{[skip]} \end{aligned}",
                    1,
                    ("The product rule, from ", Ref(1), f", {UNICODE}"),
                ),
                Formula(
                    r"\frac{\partial L}{\partial W} = \sum_{t=1}^{T} \bar{a}_{t}\,x_{t}^{\top}"
                ),
                Table(
                    (("name",), ("shape",), ("role | part",)),
                    (
                        ((Math("W_{z}"),), (Math(r"\mathbb{R}^{H \times I}"),), (HOSTILE,)),
                        (("a | b",), (Code("a|b`c"),), (UNICODE,)),
                        (("short row",),),
                    ),
                ),
                Items((("first ", Math("a < b")), (HOSTILE, " and ", Code(HOSTILE)))),
            ),
        ),
        Section("The graph", (Figure(DRAWING, ("From ", Math("h_{t-1}"), f": {HOSTILE}")),)),
        Section("What bounds it", (Status("refuted", ("no",)), Status("unproved", (UNICODE,)))),
        Section(
            "The text",
            (
                Listing(f"# {HOSTILE}\nz = sigmoid(W_z @ x)  # {UNICODE}\n\\end{{verbatim}}\n"),
                Listing("\n```\n" + "x" * 300 + "\n  a -- b '' << ,, \"q\" " + "word " * 60),
            ),
        ),
    ),
)
"""Every block and span, with names and texts that do harm where they are not escaped."""
