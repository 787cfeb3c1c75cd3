"""The imports and helpers of a generated module: those that its code uses, and no others.

Helpers are functions of modules of ours that generated code gets a copy of, so that it needs none
of ours. Their text is read, not imported: a library that is not installed does no harm.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from gru_sym.codegen.backends.layout import WIDTH

__all__ = ["names_in", "provided", "sources"]

_HERE = "gru_sym.codegen.backends"


def names_in(text: str) -> set[str]:
    """The names that a text of Python mentions."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def sources(
    modules: Iterable[str], code: str, more: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The imports, names for types among them, and the helpers that code uses, as lines.

    Args:
        modules: the modules of helpers by name; of two with one name, the first has it.
        code: the text that uses them.
        more: name → the module that it is imported from, beside what the helpers import; a module
            imported as such stands for itself.
    """
    imported: dict[str, str] = dict(more)
    defined: dict[str, str] = {}
    for module in modules:
        ours, theirs = _parts(module)
        defined = {**ours, **defined}
        imported = {**theirs, **imported}
    used: set[str] = set()
    waiting = names_in(code)
    while waiting:
        used |= waiting
        found = (names_in(defined[name]) for name in waiting if name in defined)
        waiting = {name for names in found for name in names} - used
    own = [text for name, text in defined.items() if name in used]
    types = [text for text in own if not text.startswith("def ")]
    functions = [line for text in own if text not in types for line in (*text.split("\n"), "", "")]
    lines = _import_lines({n: m for n, m in imported.items() if n in used and n not in defined})
    return [*lines, *([""] if types else []), *types], functions


@cache
def _parts(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a module defines, name → text, and what it imports, name → module."""
    text = files(_HERE).joinpath(f"{module}.py").read_text(encoding="utf-8")
    defined: dict[str, str] = {}
    imported: dict[str, str] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.Import(names=names):
                imported |= {alias.name: alias.name for alias in names}
            case ast.ImportFrom(module=str(source), names=names):
                if not source.startswith("gru_sym"):
                    imported |= {alias.name: source for alias in names}
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                defined[name] = ast.get_source_segment(text, node) or ""
    return defined, imported


def _import_lines(imported: Mapping[str, str]) -> list[str]:
    """Import statements, sorted; those of the standard library first."""
    groups: list[list[str]] = []
    for standard in (True, False):
        chosen = {
            name: module
            for name, module in imported.items()
            if (module.split(".")[0] in sys.stdlib_module_names) == standard
        }
        lines = sorted(f"import {name}" for name, module in chosen.items() if name == module)
        for module in sorted({m for n, m in chosen.items() if n != m}):
            names = sorted(name for name, m in chosen.items() if m == module and name != m)
            lines += _import_from(module, names)
        groups.append(lines)
    return [*groups[0], *([""] if all(groups) else []), *groups[1]]


def _import_from(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def provided(modules: Iterable[str]) -> set[str]:
    """The names that modules of helpers define or import."""
    return {name for module in modules for names in _parts(module) for name in names}
