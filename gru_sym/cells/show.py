"""A whole text of equations, with its header, as text again."""

from gru_sym.algebra.show import aligned_lines
from gru_sym.algebra.tree import Document, Header
from gru_sym.cells.header import TEXTS, reads_as_title

__all__ = ["show_document", "show_equations"]


def show_document(document: Document) -> str:
    """The header and the definitions, with their ``=`` one below the other."""
    return "\n".join([*_header_lines(document.header), show_equations(document)]) + "\n"


def show_equations(document: Document) -> str:
    """The definitions alone."""
    return "\n".join(aligned_lines(document.definitions))


def _header_lines(header: Header) -> list[str]:
    lines = []
    for key in TEXTS:
        value = getattr(header, key)
        if key == "title" and value and reads_as_title(value):
            lines.append(f"# {value}")
        elif value:
            lines.append(f"# {key}: {value}")
    shapes = dict(header.shapes)
    if header.roles:
        lines.append(f"# roles: {', '.join(f'{name} = {role}' for name, role in header.roles)}")
    for key in ("inputs", "params", "states"):
        names = getattr(header, key)
        if names is not None:
            items = (
                f"{name}({', '.join(shapes[name])})" if name in shapes else name for name in names
            )
            lines.append(f"# {key}: {', '.join(items)}".rstrip())
    if header.outputs:
        lines.append(f"# outputs: {', '.join(header.outputs)}")
    if header.output:
        lines.append(f"# output: {header.output}")
    return lines
