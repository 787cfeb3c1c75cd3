"""Files of generated modules: for libraries that keep compiled code there, and for tracebacks.

What is imported stands in the user's cache, under a name made from its text: the same text is the
same file in every process, and what was compiled for it is found again.
"""

import atexit
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType

from gru_sym.atomic import writing
from gru_sym.errors import DataError

__all__ = ["imported", "shown"]

_ONE_AT_A_TIME = Lock()


def imported(source: str, title: str) -> ModuleType:
    """The module of a text.

    Args:
        source: its text, which is executed: ours.
        title: what the text is, in words; they become a part of the module's name.
    """
    name = _name(source, title)
    with _ONE_AT_A_TIME:  # no thread gets a module that another is still making
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, _file(f"{name}.py", source))
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module  # compiled code is loaded for a module that is known
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]


def shown(source: str, title: str) -> str:
    """A file with a text, for tracebacks of this process; a name without one if there is no room.

    Python 3.12 and earlier print an error that nobody catches from the file alone.
    """
    name = _name(source, title)
    try:
        return str(_written(_temporary_folder() / f"{name}.py", source))
    except (OSError, DataError):
        return f"<{name}>"


def _name(source: str, title: str) -> str:
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    words = re.sub(r"\W+", "_", title).strip("_")
    return f"gru_sym_{words}_{digest}"


def _file(name: str, text: str) -> Path:
    """A file that holds a text: in the user's cache, or where that cannot be written, for now."""
    try:
        return _written(_cache_folder() / name, text)
    except (OSError, RuntimeError, DataError):
        return _written(_temporary_folder() / name, text)


def _written(path: Path, text: str) -> Path:
    """The path, with this text in its file; one that has it is left alone, its time too."""
    data = text.encode()
    if not (path.exists() and path.read_bytes() == data):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with writing(path) as file:
            file.write(data)
    return path


def _cache_folder() -> Path:
    """Where the XDG base directory specification has it; a relative path counts for nothing.

    Raises:
        RuntimeError: nobody knows where the user's home is.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"
    return base / "gru_sym" / "generated"


@cache
def _temporary_folder() -> Path:
    """A folder of this process, which nobody else can write to and which goes when it ends."""
    folder = tempfile.mkdtemp(prefix="gru_sym_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
