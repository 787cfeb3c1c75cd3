"""version: which code and which libraries a trial's numbers come from; nothing about the host."""

import importlib.metadata
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import gru_sym

__all__ = ["code_version", "differences", "versions"]

SOURCES = frozenset({".py", ".lark", ".cell"})
LIBRARIES = ("numpy", "sympy")
"""Those on which the numbers depend: SymPy orders the terms of the code that is generated."""


@cache
def code_version() -> str:
    """The package's version, and a digest of its source files as they are.

    >>> code_version().startswith(gru_sym.__version__ + "+")
    True
    """
    package = Path(gru_sym.__file__).parent
    digest = sha256()
    files = {
        path.relative_to(package).as_posix(): path
        for path in package.rglob("*")
        if path.suffix in SOURCES
    }
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return f"{gru_sym.__version__}+{digest.hexdigest()[:16]}"


@cache
def versions() -> Mapping[str, str]:
    """What the numbers depend on: name → version; and Python's, for the record."""
    found = {"gru_sym": code_version()}
    found |= {name: importlib.metadata.version(name) for name in LIBRARIES}
    return MappingProxyType(found | {"python": platform.python_version()})


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    """What may make other numbers, in words; Python's version doesn't.

    >>> differences({"numpy": "2.0.0", "python": "3.11.1"}, {"numpy": "2.1.0", "python": "3.12.0"})
    ('numpy is 2.0.0 there, and 2.1.0 here',)
    """
    names = [name for name in {**here, **there} if name != "python"]
    return tuple(
        f"{name} is {there.get(name)} there, and {here.get(name)} here"
        for name in names
        if there.get(name) != here.get(name)
    )
