"""saving: a figure as a file: SVG, PDF or PNG, the same bytes at every run."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gru_sym.atomic import writing
from gru_sym.errors import DataError
from gru_sym.plots.style import context

__all__ = ["outlined", "save"]

# What would tell when, or by which version, a file was made.
_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


def save(drawn: Axes | Figure, path: str | Path) -> Path:
    """Write a figure at its printed size; maps and PNG at 300 dots an inch, text in SVG as text.

    Args:
        drawn: a figure, or axes of one.
        path: ``.svg``, ``.pdf`` or ``.png``. It is written whole or not at all.

    Returns:
        The path.

    Raises:
        DataError: the suffix is another one, or the file cannot be written.
    """
    out = Path(path)
    suffix = out.suffix.lower()
    if suffix not in _METADATA:
        raise DataError(
            f"cannot write a figure to {out}: its name does not end in a format for figures",
            mend="end it in .svg, .pdf or .png",
        )
    whole = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    assert isinstance(whole, Figure)
    content = _bytes(whole, suffix)
    with writing(out) as file:
        file.write(content)
    return out


def outlined(drawn: Figure) -> bytes:
    """A figure as SVG whose text is outlines, for a page: it looks alike whatever fonts there are.

    Args:
        drawn: the figure.
    """
    return _bytes(drawn, ".svg", {"svg.fonttype": "path"})


def _bytes(drawn: Figure, suffix: str, style: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    buffer = BytesIO()
    with context(), rc_context(dict(style)):
        drawn.savefig(buffer, format=suffix[1:], metadata=_METADATA[suffix])
    return buffer.getvalue()
