"""Every document in derivations/ runs, is short, stands on the public API alone, and can fail."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gru_sym.latex.gallery import write_claims, write_index
from gru_sym.latex.pdf import compile_pdf, overfull
from tests.latex_tools import tex

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "derivations"
GOLDEN = Path(__file__).parent / "golden" / "derivations"
LONGEST = 150
DOCUMENTS = sorted(path for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)


def is_private(path: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in path.split("."))


def private_names(source: str) -> list[str]:
    """What a document takes from inside a package: an import of `a._b`, an attribute `._c`."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [each.name for each in names if is_private(each.name)]
            case ast.ImportFrom(module=str(module), names=names):
                paths = [f"{module}.{each.name}" for each in names]
                found += [path for path in paths if is_private(path)]
            case ast.Attribute(attr=name) if is_private(name):
                found.append(name)
    return found


def python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": paths, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@documents
def test_document_runs(document: Path, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """It goes through without a warning, and what it writes is what is expected, and no more."""
    shown = tmp_path / "shown"
    run = python("-W", "error", str(document), cwd=tmp_path, GRU_SYM_GALLERY=str(shown))
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(tmp_path.iterdir()) == [shown]
    written = sorted(path.name for path in shown.iterdir())
    assert f"{document.stem}.tex" in written
    for name in written:
        assert name in {f"{document.stem}.tex", f"{document.stem}.md"}
        golden(f"derivations/{name}", read(shown / name))


@documents
def test_document_is_short_and_public(document: Path) -> None:
    source = read(document)
    assert len(source.splitlines()) <= LONGEST
    assert private_names(source) == []


@documents
def test_document_says_what_it_shows(document: Path) -> None:
    """A title, a claim, what is assumed, a source; and steps with prose between."""
    cells = re.split(r"^# %%", read(document), flags=re.MULTILINE)
    assert cells[0] == ""
    assert cells[1].startswith(" [markdown]\n# # ")
    for heading in ("Claim", "Assumed", "Source"):
        assert re.search(rf"^# \*\*{heading}s?\.\*\* [\w$]", cells[1], re.MULTILINE), heading
    prose = [cell for cell in cells[1:] if cell.startswith(" [markdown]")]
    assert len(prose) >= 5
    # The last two are what the site replaces by the formulas themselves.
    assert cells[-2].strip() == "[markdown]\n# ## For the gallery"
    assert re.search(r"^(Part|write_page)\(", cells[-1], re.MULTILINE)
    assert not any("write(" in cell or "write_page(" in cell for cell in cells[1:-1])


# A sign that stands for mathematics, outside of `code`, $formulas$ and what a program prints.
UNSET = re.compile(r"[⊙∂‖ᵀ∇∏Σσδλεθφ∞≤≥√²₀₁₂ₜ̃̄̂]|\w['’](?= ?[=)⊙−+·]|$)")


@documents
def test_mathematics_in_the_text_is_typeset(document: Path) -> None:
    """Formulas stand between dollars; what a code block of the text holds is code."""
    for cell in re.split(r"^# %%", read(document), flags=re.MULTILINE)[1:]:
        if not cell.startswith(" [markdown]"):
            continue
        assert "\n#     " not in cell, cell
        text = re.sub(r"\$\$.*?\$\$|\$.*?\$|`.*?`", "", cell, flags=re.DOTALL)
        assert UNSET.findall(text) == [], text


@pytest.fixture(scope="module")
def derivation(peer: Callable[[str], ModuleType]) -> ModuleType:
    """The extension of the site that reads documents."""
    for name in ("jupytext", "sphinx", "nbformat"):
        if importlib.util.find_spec(name) is None:
            peer(name)
    place = ROOT / "docs" / "_ext" / "derivation.py"
    spec = importlib.util.spec_from_file_location("derivation", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


@documents
def test_a_page_ends_in_formulas(document: Path, derivation: ModuleType) -> None:
    """On the site the last cell shows them, and no cell shows a path or another bare value."""
    *cells, last = derivation.read(read(document)).cells
    assert last.metadata["tags"] == ["remove-input"]
    assert "Markdown(markdown(" in last.source.splitlines()[-1]
    assert "PosixPath" not in last.source
    for cell in cells:
        if cell.cell_type == "code":
            end = ast.parse(cell.source).body[-1]
            # What a cell ends in is shown, in another type than what is printed.
            assert not isinstance(end, ast.Expr) or ast.unparse(end).startswith("print("), (
                cell.source
            )
    (shown,) = [line for line in last.source.splitlines() if line.startswith("Markdown(markdown(")]
    if not document.stem.startswith("claims"):
        written = read(GOLDEN / f"{document.stem}.tex")
        assert "\\[" in written or "$" in written
    else:
        assert "$" in read(GOLDEN / f"{document.stem}.md")
        assert "table_of(" in shown


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        ("x = 1\nPart('a', x).write()", "x = 1\n\nfrom IPython"),
        (
            "x = [\n    1,\n]\nPart('a').write()\nwrite_page('a.md', t(x))",
            "Part('a').write()\n\nfrom",
        ),
    ],
)
def test_what_stands_before_the_last_statement_is_run(
    last: str, shown: str, derivation: ModuleType
) -> None:
    text = f"# %% [markdown]\n# # A\n\n# %% [markdown]\n# ## B\n\n# %%\n{last}\n"
    source = derivation.read(text).cells[-1].source
    assert shown in source
    assert source.startswith(last.rsplit("\n", 1)[0])
    assert source.rstrip().splitlines()[-1].startswith("Markdown(markdown(")


def test_a_document_is_listed_with_its_claim(derivation: ModuleType) -> None:
    text = "# %% [markdown]\n# # A $z$\n#\n# **Claim.** It is\n# so.\n#\n# **Source.** x\n"
    assert derivation.title_and_claim(text) == ("A $z$", "It is so.")
    with pytest.raises(derivation.ExtensionError, match="without a title or a claim"):
        derivation.title_and_claim("# %% [markdown]\n# # A\n")


@pytest.mark.parametrize(
    "source",
    ["import gru_sym._a", "from gru_sym.a import _b", "from gru_sym._a import b", "gru_sym.a._b()"],
)
def test_private_names_are_seen(source: str) -> None:
    assert len(private_names(source)) == 1
    assert private_names("from __future__ import annotations\nimport gru_sym\ngru_sym.cell") == []


WRONG = [
    # A gate's slope, the sign of the candidate, the transpose, what U_h saw, a missing line.
    ("01_gru_by_hand", "z_bar * z * (1 - z)", "z_bar * (1 - z)"),
    ("01_gru_by_hand", "h_next_bar * (h_tilde - h)", "h_next_bar * (h - h_tilde)"),
    ("01_gru_by_hand", "U_h.T @ a_h_tilde_bar\n", "U_h @ a_h_tilde_bar\n"),
    ("01_gru_by_hand", "outer(a_h_tilde_bar, r * h)", "outer(a_h_tilde_bar, h)"),
    ("01_gru_by_hand", "b_r_bar = a_r_bar\n", ""),
    ("02_bptt", "+ outer(a_h_mid_bar, h)", "+ outer(a_h_mid_bar, h_mid)"),
    ("02_bptt", "(J.T for J in steps[: t + 1])", "(J.T for J in steps[:t])"),
    ("03_jacobian_by_path", "skip      = (1 - z)", "skip      = z"),
    ("03_jacobian_by_path", '("skip", "h_tilde", "r")', '("skip", "z", "h_tilde", "r")'),
    ("04_conventions", '("W_z", "U_z", "b_z")', '("W_z", "U_z")'),
    ("04_conventions", "[U_{gate}, W_{gate}]", "[W_{gate}, U_{gate}]"),
    ("04_conventions", "r * (W_hn @ h + b_hn)", "r * (W_hn @ h) + b_hn"),
    ("04_conventions", '"r * (U_h @ h)").verdict', '"U_h @ (r * h)").verdict'),
    (
        "05_side_by_side",
        "c_bar            = c_next_bar_total * f",
        "c_bar            = c_next_bar_total * i",
    ),
    ("06_counts", "cells.lstm: 4", "cells.lstm: 3"),
    # A bound that is smaller than it may be, one that is larger, and what leads to them.
    ("07_what_the_sum_does", "Fraction(1, 2)", "Fraction(1, 20)"),
    ("07_what_the_sum_does", "Fraction(1, 2)", "Fraction(3, 5)"),
    ("07_what_the_sum_does", "Fraction(1, 4)", "Fraction(1, 100)"),
    ("07_what_the_sum_does", "UPDATE * U_z", "U_z / 20"),
    ("07_what_the_sum_does", "UPDATE * U_z", "U_z"),
    ("07_what_the_sum_does", "within * RESET * U_r", "within * U_r / 100"),
    ("07_what_the_sum_does", "within * r.max(), ", "within * r.max() / 2, "),
    ("07_what_the_sum_does", "values = (1 - z).max()", "values = (1 - z).max() / 2"),
    ("07_what_the_sum_does", "2 * (z - 1 / 2)**2", "2 * (z - 1 / 3)**2"),
    ("11_fixed_points", "(h_tilde - h) * z * (1 - z)", "(h_tilde - h) * z"),
    ("11_fixed_points", "np.diag(z) @ (M - one)", "(M - one)"),
    (
        "11_fixed_points",
        "(1 - M.sum(axis=1, keepdims=True)) / n",
        "(2 - M.sum(axis=1, keepdims=True)) / n",
    ),
    ("12_reset_order", '"U_r": np.eye(2)', '"U_r": np.ones((2, 2))'),
    ("12_reset_order", "(-2 * w_2) + w_2 * w_1", "(2 * w_2) + w_2 * w_1"),
    ("12_reset_order", "sigma(h_2) * h_2", "sigma(h_1) * h_2"),
    ("08_gates_at_the_ends", 'at("z = 1\\nr = 0", memoryless)', 'at("z = 1\\nr = 1", memoryless)'),
    ("08_gates_at_the_ends", "exp(-a) * sigmoid(a)", "exp(a) * sigmoid(a)"),
    ("09_smaller_cells", 'for gate in "zr" for', 'for gate in "z" for'),
    ("09_smaller_cells", "tanh({epsilon} * a) / {epsilon}", "tanh({epsilon} * a)"),
    ("10_second_order", 'own = name.startswith("a_")', 'own = name.startswith("z_")'),
    ("10_second_order", "vdot(a[name], b[name])", "vdot(a[name], a[name])"),
    ("claims_counts", "count(cell, k) == 3 * rnn for", "count(cell, k) == 4 * rnn for"),
    ("claims_counts", "positive(lstm - gru), 4 *", "positive(gru - lstm), 4 *"),
    (
        "claims_counts",
        "count(cell, k) for cell in (cells.rnn",
        "count(cell, 2) for cell in (cells.rnn",
    ),
    ("claims_counts", ".coeffs()) or None", ".coeffs())"),
    # Sizes at which Keras's GRU is the smaller one are no counterexample.
    ("claims_counts", "subs({H: 1, I: 1})", "subs({H: 2, I: 2})"),
    (
        "claims_equations",
        "    (prove_equivalent(alone, layer",
        "    (prove_equivalent(whole, layer",
    ),
    ("claims_equations", 'for name in ("W_z", "U_z", "b_z")', 'for name in ("W_z", "U_z")'),
    ("claims_measured", "> 3 * chance and np.mean(reset) < 0", "> -1"),
    ("claims_memory", "U_g @ (o * c)", "U_g @ (f * c)"),
    ("claims_memory", "reached.subs(a, 3) < sp.tanh(1)", "reached.subs(a, 1) < sp.tanh(1)"),
    ("claims_memory", "(1 - f) * (1 {s} g)", "f * (1 {s} g)"),
    ("claims_memory", "(p - (1 - s)) * (1 - z) + s * z", "(p - (1 - s)) * (1 - z) - s * z"),
    ("claims_memory", "h_next = h / 2 + 0", "h_next = h + 0"),
    ("claims_memory", 'skip == ["1 - z"]', 'skip == ["z"]'),
    ("claims_memory", "c_next = f * c + (1 - f) * g\n", "c_next = f * c + f * g\n"),
]
"""A document, what stands in it, and what would be wrong there."""


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG)
def test_a_wrong_document_fails(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    """It raises, and nothing of it gets into the gallery."""
    source = read(FOLDER / f"{name}.py")
    assert right in source
    document = tmp_path / f"{name}.py"
    document.write_text(source.replace(right, wrong), encoding="utf-8")
    shown = tmp_path / "shown"
    run = python("-W", "error", str(document), cwd=tmp_path, GRU_SYM_GALLERY=str(shown))
    assert run.returncode == 1
    assert re.search(r"^(AssertionError|gru_sym\.\S+Error)", run.stderr, re.MULTILINE), run.stderr
    assert not shown.exists()


def test_what_is_measured_is_told_from_what_is_proved() -> None:
    table = read(GOLDEN / "claims_measured.md")
    assert "**not found where it was measured**" in table
    assert "proved" not in table


# -- python -m derivations -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two documents, one of which fails, with a __main__ of their own."""
    place = tmp_path / "derivations"
    place.mkdir()
    (place / "__main__.py").write_text(read(FOLDER / "__main__.py"), encoding="utf-8")
    part = (
        "# # A\n#\n# **Claim.** It is\n# so.\n#\nfrom gru_sym.latex.gallery import Part\n"
        "Part('{}', 'A', claim='c', source='s', items=()).write()\n"
    )
    (place / "01_good.py").write_text(part.format("01_good"), encoding="utf-8")
    (place / "02_bad.py").write_text("raise SystemExit('it is not so')\n", encoding="utf-8")
    return place


def test_one_document_by_its_name(tmp_path: Path) -> None:
    for name in ("08", "8", "08_gates_at_the_ends.py", "derivations/08_gates_at_the_ends.py"):
        run = python("-m", "derivations", "-o", "out", name, cwd=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr
        line, ending, index = run.stdout.splitlines()
        assert re.fullmatch(r"08_gates_at_the_ends +ok +\d+\.\d s  With its gates at .*\.", line)
        assert ending == "1 of 1 documents went through"
        assert index.startswith(str(tmp_path / "out" / "index.tex"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "08_gates_at_the_ends.tex",
        "index.tex",
    ]


def test_a_number_is_one_document(folder: Path, tmp_path: Path) -> None:
    (folder / "10_tenth.py").write_bytes((folder / "02_bad.py").read_bytes())
    run = python(str(folder), "-o", str(tmp_path / "out"), "1", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 of 1 documents went through" in run.stdout


@pytest.mark.parametrize("name", ["11_unknown", "77", "gates", "", "_", "__main__"])
def test_unknown_name(name: str, tmp_path: Path) -> None:
    run = python("-m", "derivations", "-o", "out", name, cwd=tmp_path)
    assert run.returncode == 2
    assert f"there is no document {name!r}; there are 01_gru_by_hand, " in run.stderr
    assert not (tmp_path / "out").exists()


def test_failing_document(folder: Path, tmp_path: Path) -> None:
    """The others go on, the error is shown, and what was written before is gone."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "02_bad.tex").write_text("from an earlier run", encoding="utf-8")
    run = python(str(folder), "-o", str(out), cwd=tmp_path)
    assert run.returncode == 1
    assert re.search(r"^01_good +ok +\d+\.\d s  It is so\.$", run.stdout, re.MULTILINE)
    assert re.search(r"^02_bad +FAILED .* no claim\n    it is not so$", run.stdout, re.MULTILINE)
    assert "1 of 2 documents went through" in run.stdout
    assert sorted(path.name for path in out.iterdir()) == ["01_good.tex", "index.tex"]


def test_nothing_shown(folder: Path, tmp_path: Path) -> None:
    run = python(str(folder), "02", cwd=tmp_path, GRU_SYM_GALLERY=str(tmp_path / "out"))
    assert run.returncode == 1
    assert "0 of 1 documents went through" in run.stdout
    assert "there is no part of a gallery in" in run.stderr


# -- as a PDF --------------------------------------------------------------------------------------


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """What all documents have shown: :func:`test_document_runs` holds that it is this."""
    for path in GOLDEN.glob("*.tex"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_the_page_of_claims(gallery: Path, request: pytest.FixtureRequest) -> None:
    """derivations/claims.md, for readers on GitHub: the rows that the documents have written."""
    for path in GOLDEN.glob("*.md"):
        (gallery / path.name).write_bytes(path.read_bytes())
    page = write_claims(gallery)
    assert page is not None
    if request.config.getoption("--update-golden"):
        (FOLDER / "claims.md").write_bytes(page.read_bytes())
    assert read(FOLDER / "claims.md") == read(page)
    links = re.findall(r"\]\(([^\s)]+)\)", read(page))
    assert len(links) == sum(line.startswith("| ") for line in read(page).splitlines()) - 2
    assert all((FOLDER / link).is_file() for link in links)


def test_golden_files_are_those_of_the_documents() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {path.stem for path in DOCUMENTS}


def test_the_gallery_compiles(gallery: Path) -> None:
    tex()
    made = compile_pdf(read(write_index(gallery)))
    assert overfull(made.log) == []
    assert "undefined" not in made.log


def test_parts_need_amsmath_alone(gallery: Path) -> None:
    """They are there to be pasted into another document."""
    tex()
    parts = "\n".join(read(path) for path in sorted(gallery.glob("*.tex")))
    opening = "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n"
    assert compile_pdf(f"{opening}{parts}\\end{{document}}\n").content.startswith(b"%PDF")
