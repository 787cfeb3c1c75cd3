"""The site builds without a warning, describes every public name, and needs no other server."""

import html
import importlib
import os
import re
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

import gru_sym
from gru_sym import cells, write_document
from tests.latex_tools import pdf_text, tex, ziamath
from tests.test_readme import blocks_of, run_page

pytestmark = pytest.mark.xdist_group("site")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "myst_nb", "furo", "numpydoc", "jupytext", "ipykernel", "ziamath")
FIGURE = DOCS / "gradients.svg"

# What a browser would fetch by itself; a link that somebody may follow is no request.
REQUESTS = (
    r"<(?:script|img|iframe|source|object|embed|video|audio)\b[^>]*\s(?:src|data)=[\"']?(?:https?:)?//",
    r"<link\b[^>]*\shref=[\"']?(?:https?:)?//",
    r"url\(\s*[\"']?(?:https?:)?//",
    r"@import\s",
)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    flags = ["-n", "-W", "-T", "--keep-going", "-q", "-d", str(out.with_name("doctrees"))]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *flags, "-b", "html", str(source), str(out)],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def needed(peer: Callable[[str], ModuleType]) -> None:
    """What builds the site; imported by itself, for the libraries' own warnings are not ours."""
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            peer(name)


@pytest.fixture(scope="module")
def site(needed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "html"
    made = build(DOCS, out)
    assert made.returncode == 0, made.stdout
    return out


def entries(site: Path) -> set[str]:
    """The names in the site's inventory."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}


def requests(text: str) -> list[str]:
    return [found[0] for pattern in REQUESTS for found in re.finditer(pattern, text)]


@pytest.mark.slow
def test_every_public_name_is_on_the_page(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in gru_sym.__all__:
        assert f'id="gru_sym.{name}"' in page or f"gru_sym.{name}</span>" in page, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "room",
    [
        *("cells", "codegen", "diagnose", "errors", "experiments", "flow", "latex", "learning"),
        *("plots", "sweep", "training", "weights"),
    ],
)
def test_every_name_of_a_module_has_an_entry(site: Path, room: str) -> None:
    known = entries(site)
    module = importlib.import_module(f"gru_sym.{room}")
    things = {id(getattr(gru_sym, name)) for name in gru_sym.__all__}
    for name in module.__all__:
        # What `gru_sym` offers too has its entry there.
        assert (
            f"gru_sym.{room}.{name}" in known
            or id(getattr(module, name)) in things
            or any(
                entry.startswith(f"gru_sym.{room}.") and entry.endswith(f".{name}")
                for entry in known
            )
        ), name


@pytest.mark.slow
def test_every_page_is_reached(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.stem == "index" or f'href="{page.stem}.html"' in index, page.name
    gallery = (site / "gallery.html").read_text(encoding="utf-8")
    for document in (ROOT / "derivations").glob("[!_]*.py"):
        assert f'href="gallery/{document.stem}.html"' in gallery, document.name


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in (*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.svg")):
        assert requests(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.slow
def test_every_formula_is_typeset(site: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its font is found in a way that Python deprecates
        read = importlib.import_module("ziamath").tex.tex2mml
    count = 0
    for path in site.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert 'class="math notranslate' not in page, path.name
        drawn = re.findall(r'<svg class="math" role="img" aria-label="([^"]+)"', page)
        for formula in drawn:
            # A command that ziamath does not know would stand in the drawing as it was written.
            commands = re.findall(r">\\([A-Za-z]+)<", read(html.unescape(formula)))
            assert set(commands) <= {"lVert", "rVert", "lvert", "rvert"}, formula
            assert r"\mathop" not in html.unescape(formula)  # it would draw nothing of it
        used = set(re.findall(r'<use href="#(g\w+)"', page))
        assert used <= set(re.findall(r'<path id="(g\w+)"', page)), path.name
        count += len(drawn)
    assert count > 20


class Links(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.targets.add(value)
            elif name in {"href", "src"} and value:
                self.links.append(value)


def broken(site: Path) -> list[str]:
    """The links within a site that lead nowhere, to no file or to no place in a page."""
    pages = {
        path.resolve(): Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (
                place and target in pages and place not in pages[target].targets
            ):
                found.append(f"{path.name}: {link}")
    return found


@pytest.mark.slow
def test_every_link_has_its_target(site: Path) -> None:
    assert broken(site) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a id="one" href="b.html#two">b</a> <a href="#one">a</a>')
    (tmp_path / "b.html").write_text('<p id="two"><img src="c.svg"><a href="a.html#two">a</a>')
    assert broken(tmp_path) == ["b.html: c.svg", "b.html: a.html#two"]


@pytest.mark.slow
def test_entries_say_what_a_reader_asks(site: Path) -> None:
    for path in site.glob("api*.html"):
        page = path.read_text(encoding="utf-8")
        assert "_SupportsArray" not in page, path.name  # an ArrayLike, written out
        # What an error's constructor returns.
        assert not re.search(r">Return type<.*?</dt>\s*<dd[^>]*><p>(?:<[^>]*>)*None<", page), (
            path.name
        )


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/mathjax.js">',
        "<script async src='//cdn.example/a.js'>",
        '<link rel="stylesheet" href="https://fonts.example/css">',
        "@font-face { src: url(https://fonts.example/a.woff2) }",
        "@import 'a.css';",
    ],
)
def test_a_request_is_seen(text: str) -> None:
    assert requests(text) != []
    assert requests('<a href="https://example.org">a link</a> <script src="_static/a.js">') == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "right"),
    [
        (r"A gate, :math:`z_{t} \odot (1 - z_{t})`.", True),
        (r"A gate, :math:`z_t_s`.", False),
        (".. public:: gru_sym.errors", True),
        (".. autofunction:: gru_sym.no_such_name", False),
        (":func:`gru_sym.no_such_name`", False),
    ],
)
def test_a_wrong_page_stops_the_build(needed: None, text: str, right: bool, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.rst").write_text(f"Page\n====\n\n{text}\n", encoding="utf-8")
    (pages / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(DOCS / '_ext')!r})\n"
        "extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'public', 'svgmath']\n"
        "html_math_renderer = 'svg'\n",
        encoding="utf-8",
    )
    made = build(pages, tmp_path / "html")
    assert (made.returncode == 0) is right, made.stdout


PROSE = """\
# %% [markdown]
# # A title
#
# **Claim.** One.

# %%
x = 1

# %% [markdown]
# ## Last
"""


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        ('Part("a", "A", claim="c", source="s", items=()).write()', "Markdown(markdown(Part('a', "),
        ('write_page("claims.md", "\\n".join(rows))', "Markdown(markdown('\\n'.join(rows)))"),
        ("print(x)", ""),
    ],
)
def test_a_derivation_ends_in_its_formulas(
    needed: None, last: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = importlib.import_module("derivation").read(f"{PROSE}\n# %%\n{last}\n")
    assert shown in notebook.cells[-1].source
    assert (notebook.cells[-1].source == last) is (shown == "")
    assert (notebook.cells[-2].source == "## What is shown") is (shown != "")


def test_an_operator_is_drawn_with_its_name(needed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    drawable = importlib.import_module("svgmath").drawable
    assert drawable(r"\mathop{\mathrm{diag}}(z)\,U") == r"\operatorname{diag}(z)\,U"


def test_the_comparison_with_pytorch_is_as_close_as_it_says(
    torch: ModuleType, tmp_path: Path
) -> None:
    """The script of docs/how_checkpoint.md, which needs PyTorch."""
    blocks = blocks_of((DOCS / "how_checkpoint.md").read_text(encoding="utf-8"))
    (script,) = (block.text for block in blocks if block.file == "compare.py")
    (tmp_path / "compare.py").write_text(script, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "compare.py"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    errors = dict(line.split() for line in run.stdout.splitlines())
    assert len(errors) == 6
    assert all(float(error) <= 1e-15 for error in errors.values()), errors


def curves(svg: str) -> list[np.ndarray]:
    """The long polylines of a drawing: what was plotted, and not its frame or its letters."""
    paths = [re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", d) for d in re.findall(r'\bd="([^"]*)"', svg)]
    return [np.array(points, dtype=float) for points in paths if len(points) > 30]


@pytest.mark.slow
def test_the_tutorials_figure_is_what_it_draws(
    peer: Callable[[str], ModuleType],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """docs/gradients.svg is the figure that the page's code saves; --update-golden rewrites it."""
    peer("matplotlib")
    monkeypatch.chdir(tmp_path)
    run_page((DOCS / "tutorial.md").read_text(encoding="utf-8"), "docs/tutorial.md", tmp_path)
    drawn = (tmp_path / FIGURE.name).read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        FIGURE.write_text(drawn, encoding="utf-8")
    expected = curves(FIGURE.read_text(encoding="utf-8"))
    assert len(expected) == len(curves(drawn)) == 3
    for ours, theirs in zip(curves(drawn), expected, strict=True):
        # Of the drawing's extent: letters of another size move the frame a little.
        assert np.abs(ours - theirs).max() <= 0.005 * np.ptp(theirs, axis=0).max()


def test_the_example_is_what_is_written(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The GRU's derivation that the pages lead to, word by word, and its figure."""
    tex()
    ziamath()
    made = write_document(cells.gru, tmp_path / "gru.pdf", steps="full")[0].read_bytes()
    figure = write_document(cells.gru, tmp_path / "gru.md")[1]
    if request.config.getoption("--update-golden"):
        (DOCS / "gru.pdf").write_bytes(made)
        (DOCS / figure.name).write_bytes(figure.read_bytes())
    shown = pdf_text((DOCS / "gru.pdf").read_bytes(), tmp_path)
    assert "Backpropagation through time" in shown
    assert pdf_text(made, tmp_path) == shown
    assert figure.read_text(encoding="utf-8") == (DOCS / figure.name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_derivation_shows_formulas(site: Path) -> None:
    pages = list((site / "gallery").glob("*.html"))
    documents = list((ROOT / "derivations").glob("[!_]*.py"))
    assert {page.stem for page in pages} == {"claims", *(path.stem for path in documents)}
    for page in pages:
        assert '<svg class="math"' in page.read_text(encoding="utf-8"), page.name
    for page in site.rglob("*.html"):
        if "_modules" not in page.parts:
            assert "PosixPath" not in page.read_text(encoding="utf-8"), page.name
    claims = (site / "gallery" / "claims.html").read_text(encoding="utf-8")
    assert "<table" in claims
    assert 'class="cell_input' not in claims
