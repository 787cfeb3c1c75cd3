"""The helpers of a generated Numba module: the text of what its code calls, and no more.

Their modules are read, not imported: a module can be printed where Numba is not installed.
"""

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["helper_names", "helper_parts"]

_HERE = "gru_sym.codegen.backends"
_MODULES = ("helpers_numba", "helpers_numba_products")
_MORE = {"Mapping": "collections.abc", "np": "numpy", "math": "math", "Any": "typing"}


@dataclass(frozen=True, slots=True)
class _Helper:
    """A statement of a module of helpers."""

    names: tuple[str, ...]
    text: str
    function: bool
    mentions: frozenset[str]


def helper_names() -> frozenset[str]:
    """Every name that a generated module may use beside those of its cell."""
    helpers, imported = _parts()
    return frozenset((*imported, *_MORE, *(name for h in helpers for name in h.names)))


def helper_parts(code: str) -> tuple[list[str], list[str]]:
    """Imports with the constants that follow them, and functions, as lines.

    Args:
        code: the text that uses them.
    """
    helpers, imported = _parts()
    used: set[str] = set()
    waiting = set(_mentioned(ast.parse(code)))
    while waiting:
        used |= waiting
        found = {n for h in helpers if used & set(h.names) for n in h.mentions}
        waiting = found - used
    chosen = [h for h in helpers if used & set(h.names)]
    first = next((k for k, h in enumerate(chosen) if h.function), len(chosen))
    head = [line for h in chosen[:first] for line in h.text.split("\n")]
    body: list[str] = []
    for before, helper in zip([None, *chosen[first:]], chosen[first:], strict=False):
        close = before is None or not (helper.function or before.function)
        body += [*([] if close else ["", ""]), *helper.text.split("\n")]
    imports = _import_lines({n: m for n, m in imported.items() if n in used})
    return [*imports, "", *head], [*body, "", ""]


def _mentioned(node: ast.AST) -> frozenset[str]:
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))


@cache
def _parts() -> tuple[list[_Helper], Mapping[str, str]]:
    """What the modules define, in order, and what they import, name → module."""
    helpers: list[_Helper] = []
    imported = dict(_MORE)
    for module in _MODULES:
        text = files(_HERE).joinpath(f"{module}.py").read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            match node:
                case ast.ImportFrom(module=str(source), names=names):
                    if not source.startswith("gru_sym"):
                        imported |= {alias.name: source for alias in names}
                case ast.FunctionDef(name=name):
                    first = min((d.lineno for d in node.decorator_list), default=node.lineno)
                    own = "\n".join(lines[first - 1 : node.end_lineno])
                    helpers.append(_Helper((name,), own, True, _mentioned(node)))
                case ast.Assign() | ast.AnnAssign():
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    first = node.lineno
                    while lines[first - 2].startswith("# "):
                        first -= 1
                    own = "\n".join(lines[first - 1 : node.end_lineno])
                    held = tuple(n for t in targets for n in sorted(_mentioned(t)))
                    if "__all__" not in held:
                        helpers.append(_Helper(held, own, False, _mentioned(node)))
    return helpers, imported


def _import_lines(imported: Mapping[str, str]) -> list[str]:
    """Import statements, sorted; those of the standard library first."""
    groups: list[list[str]] = []
    for standard in (True, False):
        chosen = {
            name: module
            for name, module in imported.items()
            if (module.split(".")[0] in sys.stdlib_module_names) == standard
        }
        lines = sorted(f"import {m}" for n, m in chosen.items() if n == m)
        lines += [f"import {m} as {n}" for n, m in chosen.items() if n == "np"]
        taken = {n: m for n, m in chosen.items() if n not in {m, "np"}}
        for module in sorted(set(taken.values())):
            names = ", ".join(sorted(n for n, m in taken.items() if m == module))
            lines.append(f"from {module} import {names}")
        groups.append(lines)
    return [*groups[0], "", *groups[1]]
