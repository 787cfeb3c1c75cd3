"""The rules of the house that a test can hold; import-linter holds the direction of imports."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gru_sym"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))

FOLDERS = {"gru_sym", "derivations", "tests", "docs"}
FILES = {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"}
LONGEST = 400

# Data, in the form of classes without behaviour: the parser's tests exercise it.
WITHOUT_TESTS_OF_THEIR_OWN = {"gru_sym/cells/ast.py"}
# Rooms of one subject, tested as one: tests/test_<room>.py.
TESTED_AS_A_ROOM = {"experiments", "hand", "weights"}
# Runs the source that we generated ourselves, registered with linecache.
MAY_EXECUTE = {"gru_sym/codegen/compile.py"}
# Another program's kinds of network, and the implementations of single cells, have names.
MAY_NAME_A_CELL = ("gru_sym/weights", "gru_sym/hand/")

modules = pytest.mark.parametrize("module", MODULES)


def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def tracked() -> list[str]:
    """What git tracks; where there is no git, what lies there, less what tools leave behind."""
    git = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    if git.returncode == 0 and git.stdout:
        return git.stdout.splitlines()
    left_behind = re.compile(r"__pycache__|build|dist|gru_sym_demo|.*\.egg-info")
    tops = [path for path in ROOT.iterdir() if not left_behind.fullmatch(path.name)]
    return [f"{path.name}/" if path.is_dir() else path.name for path in tops]


def executes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield name


def sends_text_to_sympy(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="sympify" | "parse_expr" as name):
                yield name
            case ast.Attribute(attr="sympify" | "parse_expr" as name):
                yield name
            case ast.alias(name="sympify" | "parse_expr" as name):
                yield name
            case ast.Call(func=ast.Name(id="S") | ast.Attribute(attr="S")):
                yield "S(…)"


def cell_names() -> set[str]:
    return {"gru", "lstm"} | {path.stem for path in PACKAGE.glob("cells/library/*.cell")}


def compares_with(names: set[str], tree: ast.AST) -> Iterator[str]:
    """The names that decide something: in a comparison, a membership test, a match's case."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            for leaf in ast.walk(node):
                if isinstance(leaf, ast.Constant) and leaf.value in names:
                    yield str(leaf.value)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(name)):
                yield name


def test_top_level() -> None:
    names = tracked()
    folders = {name.split("/")[0] for name in names if "/" in name}
    files = {name for name in names if "/" not in name}
    assert {name for name in folders if not name.startswith(".")} <= FOLDERS
    assert {name for name in files if not name.startswith(".")} <= FILES


@modules
def test_module_keeps_the_rules(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert len(source.splitlines()) <= LONGEST
    assert Path(module).name not in {"utils.py", "helpers.py", "misc.py"}
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", source)
    assert list(sends_text_to_sympy(tree)) == []
    if module not in MAY_EXECUTE:
        assert list(executes(tree)) == []
    if not module.startswith(MAY_NAME_A_CELL):
        assert list(compares_with(cell_names(), tree)) == []


@modules
def test_module_has_its_test(module: str) -> None:
    path = Path(module)
    if path.name.startswith("__") or module in WITHOUT_TESTS_OF_THEIR_OWN:
        return
    stem = path.stem.removeprefix("_")
    candidates = {f"test_{stem}.py", f"test_{path.parent.name}_{stem}.py"}
    if path.parent.name in TESTED_AS_A_ROOM:
        candidates.add(f"test_{path.parent.name}.py")
    assert any((ROOT / "tests" / name).exists() for name in candidates), sorted(candidates)


def test_hand_is_an_island() -> None:
    """Nothing of ours, and of others only NumPy: not even the package's `__init__`."""
    for module in MODULES:
        if module.startswith("gru_sym/hand/"):
            for name in imports(tree_of(module)):
                top = name.split(".")[0]
                ours = name == "gru_sym.hand" or name.startswith("gru_sym.hand.")
                assert ours or top == "numpy" or top in sys.stdlib_module_names, (module, name)


def test_help_needs_no_heavy_library() -> None:
    script = (
        "import sys\n"
        "from gru_sym.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code\n"
        "heavy = {'sympy', 'torch', 'numpy', 'lark', 'matplotlib', 'joblib', 'dask', 'xarray'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported by --help: {sorted(heavy)}' if heavy else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr


def test_wrong_code_is_seen() -> None:
    """The rules themselves, fed with what they forbid."""
    assert list(executes(ast.parse("exec('x = 1')"))) == ["exec"]
    for source in ["sp.sympify(t)", "from sympy import parse_expr", "S('x')", "sp.S(text)"]:
        assert list(sends_text_to_sympy(ast.parse(source))) != []
    for source in ["name == 'gru'", "name in ('rnn', 'gru')", "match n:\n case 'gru': pass"]:
        assert list(compares_with({"gru"}, ast.parse(source))) == ["gru"]
    assert list(sends_text_to_sympy(ast.parse("sp.S.One + _sympify(x)"))) == []
    assert list(compares_with({"gru"}, ast.parse("cell('gru')"))) == []
